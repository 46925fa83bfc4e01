// SPDX-License-Identifier: BSD-2-Clause
// The frame as a whole: serving, admin socket, signals, command line.
#include "hello_daemon.h"

TEST_CASE("it serves on every listener and names them in the ready file") {
  for (const char* workers : {"1", "2"}) {
    Running running("", workers);
    CHECK(running.addresses.size() == 4);
    const std::string tcp = running.addresses["127.0.0.1:0"];
    CHECK(tcp.starts_with("127.0.0.1:"));
    CHECK(tcp != "127.0.0.1:0");
    CHECK(running.addresses["unix:" + running.directory + "/sock"] == "unix:" + running.directory + "/sock");
    for (int i = 0; i < 8; ++i) {
      CHECK(get(tcp, "/").ends_with("\r\n\r\nhello"));
      CHECK(get(running.addresses["unix:" + running.directory + "/sock"], "/").ends_with("\r\n\r\nhello"));
    }
    ::kill(running.pid, SIGTERM);
    CHECK(running.wait() == 0);
    CHECK_FALSE(std::filesystem::exists(running.directory + "/sock"));
  }
}

TEST_CASE("the admin socket speaks lines and HTTP") {
  Running running("");
  const std::string admin = running.addresses["admin"];
  CHECK((std::filesystem::status(running.directory + "/admin").permissions() & std::filesystem::perms::all) == std::filesystem::perms(0660));
  const std::string status = talk(admin, "status\n");
  CHECK(status.find("workers: 2\n") != std::string::npos);
  CHECK(status.ends_with("\n\n"));
  CHECK(talk(admin, "version; explain /x\n") == "hello 0.1.0\n\nbecause of /x\n\n");
  CHECK(talk(admin, "version\nversion\n") == "hello 0.1.0\n\n");  // one line without prompt
  CHECK(talk(admin, "prompt\nversion\nversion\nquit\n") == "> hello 0.1.0\n\n> hello 0.1.0\n\n> ");
  CHECK(talk(admin, "nonsense\n").starts_with("Unknown command: nonsense."));
  CHECK(talk(admin, "\n") == "");
  CHECK(get(admin, "/status").find("\"workers\": 2") != std::string::npos);
  CHECK(get(admin, "/version").ends_with("{\"ok\": true, \"lines\": [\"hello 0.1.0\"]}\n"));
  CHECK(get(admin, "/nonsense").starts_with("HTTP/1.1 404 "));
  CHECK(get(admin, "/stop").find("Permission denied") != std::string::npos);  // asking changes nothing
  const auto answer = process::ask(net::Address::parse(admin).value(), "explain \"a b\"");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->text == "because of \"a b\"\n");
  CHECK(process::ask(net::Address::parse(admin).value(), "nonsense")->status == 404);
  const std::string metrics = get(running.addresses["metrics"], "/metrics");
  CHECK(metrics.find("hello_workers 2\n") != std::string::npos);
  CHECK(metrics.find("hello_own 1\n") != std::string::npos);
  CHECK(get(running.addresses["metrics"], "/").starts_with("HTTP/1.1 404 "));
  CHECK(process::ask(net::Address::parse(admin).value(), "stop")->status == 200);
  CHECK(running.wait() == 0);
}

TEST_CASE("SIGTERM lets what is running finish") {
  Running running("", "1");
  const std::string tcp = running.addresses["127.0.0.1:0"];
  const int busy = held(tcp), idle = connect_to(tcp);
  send_text(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  char part[4096];
  REQUIRE(::recv(idle, part, sizeof part, 0) > 0);  // both are being served now
  ::kill(running.pid, SIGTERM);
  CHECK(receive_until_end(idle) == "");  // so the worker knows
  send_text(busy, "x");
  const std::string answer = receive_until_end(busy);
  CHECK(answer.ends_with("\r\n\r\nhello"));
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(running.wait() == 0);
  CHECK(connect_to(tcp) == -1);
  CHECK(running.log().find("SIGTERM") != std::string::npos);
}

TEST_CASE("a second SIGTERM, SIGINT and the limit stop at once") {
  for (int how : {0, 1, 2}) {
    Running running(how == 2 ? "shutdown_timeout = \"100ms\"" : "");
    const int busy = held(running.addresses["127.0.0.1:0"]);
    ::kill(running.pid, how == 1 ? SIGINT : SIGTERM);
    if (how == 0) {
      REQUIRE(await([&] { return running.log().find("may finish") != std::string::npos; }));
      ::kill(running.pid, SIGTERM);
    }
    CHECK(receive_until_end(busy) == "");
    CHECK(running.wait() == 0);
  }
}

TEST_CASE("SIGUSR1 opens the logs again") {
  Running running("");
  const std::string log = running.directory + "/error.log";
  REQUIRE(await([&] { return std::filesystem::exists(log); }));
  std::filesystem::rename(log, log + ".1");
  ::kill(running.pid, SIGUSR1);
  REQUIRE(await([&] { return std::filesystem::exists(log); }));
  std::filesystem::rename(log, log + ".2");
  CHECK(talk(running.addresses["admin"], "reopen\n") == "logs are open again\n\n");
  CHECK(std::filesystem::exists(log));
}

namespace {
// Runs the command line in a child; standard output and error come back together.
std::string run(std::vector<std::string> arguments, int& code) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    std::vector<const char*> argv{"hello"};
    for (const auto& one : arguments) argv.push_back(one.c_str());
    const int result = process::run_daemon(static_cast<int>(argv.size()), argv.data(), definition);
    std::fflush(nullptr);
    ::_exit(result);
  }
  ::close(ends[1]);
  std::string out;
  char part[4096];
  for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) out.append(part, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  code = WEXITSTATUS(status);
  return out;
}
}  // namespace

TEST_CASE("-t, -T, explain without a daemon, and exit codes") {
  char name[] = "/tmp/life_test_XXXXXX";
  const std::string directory = ::mkdtemp(name), good = directory + "/good.toml", bad = directory + "/bad.toml", torn = directory + "/torn.toml";
  std::ofstream(good) << "workers = 1\nadmin = \"unix:" << directory << "/none\"\n";
  std::ofstream(bad) << "workres = 1\n";
  std::ofstream(torn) << "workers = \n";
  int code = 0;
  CHECK(run({"-t", "-c", good}, code) == "configuration file " + good + " syntax is ok\nconfiguration file " + good + " test is successful\n");
  CHECK(code == 0);
  CHECK(run({"-tq", "-c", good}, code) == "");
  CHECK(run({"-t", "-c", bad}, code) == bad + ":1:1: unknown option \"workres\"\n    workres = 1\n    did you mean \"workers\"?\nconfiguration file " + bad +
                                            " syntax is ok\nconfiguration file " + bad + " test failed\n");
  CHECK(code == 1);
  const std::string text = run({"-t", "-c", torn}, code);
  CHECK(text.find("syntax is ok") == std::string::npos);
  CHECK(text.find(torn + ":1:") == 0);
  CHECK(code == 1);
  CHECK(run({"-c", bad}, code).find("test failed") != std::string::npos);
  CHECK(code == 1);
  CHECK(run({"-T", "-c", good}, code).find("\nworkers = 1\n") != std::string::npos);
  CHECK(run({"-c", good, "explain", "-X", "GET", "/a"}, code) == "because of -X GET /a\n");
  CHECK(code == 0);
  CHECK(run({"-c", good, "status"}, code).find("no daemon answers at unix:" + directory + "/none") != std::string::npos);
  CHECK(code == 1);
  run({"-x"}, code);
  CHECK(code == 2);
  CHECK(run({"-v"}, code) == "hello 0.1.0\n");
  CHECK(run({"--reference"}, code).starts_with("# hello: all options\n"));
  std::filesystem::remove_all(directory);
}

TEST_CASE("an address in use ends the start with a sentence") {
  Running running("");
  int code = 0;
  const std::string config = running.directory + "/second.toml";
  std::ofstream(config) << "workers = 1\nlisten = \"" << running.addresses["127.0.0.1:0"] << "\"\n[log]\nerror = { file = \"" << running.directory << "/second.log\" }\n";
  const std::string said = run({"-c", config, "--ready", running.directory + "/second.ready"}, code);
  CHECK(code == 1);
  CHECK(said.find("address " + running.addresses["127.0.0.1:0"] + " is in use") != std::string::npos);
  CHECK(read_all(running.directory + "/second.log").find("is in use") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(running.directory + "/second.ready"));
}
