// SPDX-License-Identifier: BSD-2-Clause
// A small daemon of its own for tests of the frame, run in a child process and spoken to over its sockets.
#pragma once

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "http/engine_reasons.h"
#include "process/control_client.h"
#include "process/run_daemon.h"
#include "process/sections/limit_options.h"

namespace {

struct Root {
  process::ProcessOptions process;
  process::LogOptions log;
  process::LimitOptions limits;
  std::vector<process::Address> listen;
  std::string text = "hello";
};

struct HelloGeneration final : process::Generation {
  std::string text;
};

// Answers with the generation's text; to /held it says 103 at once, and answers when the request's body is whole.
class HelloExchange final : public http::Exchange {
 public:
  HelloExchange(net::EventLoop& loop, net::TaskOwner& owner, http::Stream stream, process::Pin generation)
      : Exchange(loop, owner, std::move(stream)), generation_(std::move(generation)) {
    if (stream_.head.path() == "/held") stream_.sink->informational(http::ResponseHead(103));
    ring();
  }

 protected:
  Step run() override {
    if (stream_.sink->gone()) {
      record_end({&http::reasons::client_left});
      return Step::closed;
    }
    net::Buffer body;
    stream_.body->pull(body, SIZE_MAX);
    body.clear();
    if (stream_.body->state() == http::RequestBody::State::open) return Step::wait;
    const std::string& text = static_cast<const HelloGeneration&>(*generation_).text;
    body.append(text);
    stream_.sink->head(http::ResponseHead(200), text.size());
    stream_.sink->data(body);
    stream_.sink->end();
    record_end({&http::reasons::finished});
    return Step::closed;
  }

 private:
  process::Pin generation_;
};

class HelloService final : public process::WorkerService {
 public:
  HelloService(net::EventLoop& loop, process::Generations& generations) : loop_(loop), generations_(generations) {}
  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override {
    return std::make_unique<HelloExchange>(loop_, owner, std::move(stream), generations_.pin());
  }
  void rejected(const http::Rejected&) override {}
  void noticed(const base::Reason&, const http::ConnectionInfo&) override {}

 private:
  net::EventLoop& loop_;
  process::Generations& generations_;
};

class HelloDaemon final : public process::DaemonWith<Root> {
 public:
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void explain(process::AdminArguments arguments, process::Reply& reply) override { reply.line("because of " + process::AdminRegistry::join(arguments)); }
  std::vector<process::ListenerSpec> listeners() override {
    std::vector<process::ListenerSpec> out;
    for (const auto& address : root_.listen) out.push_back({address, {address.text}, nullptr});
    return out;
  }
  http::ServerOptions server_options() const override { return process::server_options(root_.limits, std::chrono::seconds(60)); }
  base::Result<void> start(process::Runtime&) override { return {}; }
  base::Result<std::unique_ptr<process::Generation>> prepare(process::Daemon& from, const process::Generation*) override {
    auto out = std::make_unique<HelloGeneration>();
    out->text = static_cast<HelloDaemon&>(from).root_.text;
    return out;
  }
  void commit(process::Daemon& from, process::Generation&) override {
    if (&from != this) root_ = static_cast<HelloDaemon&>(from).root_;
  }
  void settled(const process::Generation&, const process::Generation&) override {}
  std::unique_ptr<process::WorkerService> make_service(process::Runtime&, net::Thread& worker, process::Generations& generations) override {
    return std::make_unique<HelloService>(worker.loop(), generations);
  }
  void append_metrics(std::string& out) override { out += "hello_own 1\n"; }
};

const process::DaemonDefinition definition{"hello", [] { return std::make_unique<HelloDaemon>(); }};

}  // namespace

template <>
inline const config::Table<Root>& config::table_of<Root>() {
  static const Table<Root> table("Root.", {
    embed(&Root::process),
    option("log", &Root::log, "Logs."),
    option("limits", &Root::limits, "Limits."),
    option("listen", &Root::listen, "Listeners."),
    option("text", &Root::text, "The answer."),
  });
  return table;
}

namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Waits for a condition, at most 20 s.
template <class F>
bool await(F&& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

struct Running {
  std::string directory;
  std::map<std::string, std::string> addresses;
  pid_t pid = -1;

  explicit Running(const std::string& more, const std::string& workers = "2") {
    char name[] = "/tmp/life_test_XXXXXX";
    directory = ::mkdtemp(name);
    write(more, {}, workers);
    pid = ::fork();
    if (pid == 0) {
      const std::string config = directory + "/c.toml", ready = directory + "/ready";
      const char* arguments[] = {"hello", "-c", config.c_str(), "--ready", ready.c_str()};
      ::_exit(process::run_daemon(5, arguments, definition));
    }
    REQUIRE(await([&] { return std::filesystem::exists(directory + "/ready"); }));
    read_ready();
  }
  // `listeners`: further ones, each with a comma behind it.
  void write(const std::string& more, const std::string& listeners = {}, const std::string& workers = {}, const std::string& log_file = "/error.log") {
    if (!workers.empty()) workers_ = workers;
    std::ofstream(directory + "/c.toml") << "workers = " << workers_ << "\nadmin = \"unix:" << directory << "/admin\"\nmetrics = \"127.0.0.1:0\"\nlisten = [" << listeners
                                          << "\"127.0.0.1:0\", \"unix:" << directory << "/sock\"]\n" << more << "\n[log]\nerror = { file = \"" << directory << log_file
                                          << "\" }\n";
  }
  void read_ready() {
    std::ifstream in(directory + "/ready");
    std::string label, address;
    while (in >> label >> address) addresses[label] = address;
  }
  ~Running() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::filesystem::remove_all(directory);
  }
  std::string workers_;
  int wait() {
    int status = 0;
    REQUIRE(await([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }));
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  std::string log() const { return read_all(directory + "/error.log"); }
};

int connect_to(const std::string& text) {
  const auto address = net::Address::parse(text).value();
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, address.get(), address.length()) == 0) return fd;
  ::close(fd);
  return -1;
}
void send_text(int fd, const std::string& text) { REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())); }
// A request to /held that is being served when this returns; `x` lets it end.
int held(const std::string& address) {
  const int fd = connect_to(address);
  REQUIRE(fd >= 0);
  send_text(fd, "POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
  std::string interim;
  for (char byte; !interim.ends_with("\r\n\r\n") && ::recv(fd, &byte, 1, 0) == 1;) interim += byte;
  REQUIRE(interim.starts_with("HTTP/1.1 103 "));
  return fd;
}
std::string receive_until_end(int fd) {
  std::string out;
  char part[4096];
  for (ssize_t n; (n = ::recv(fd, part, sizeof part, 0)) > 0;) out.append(part, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}
std::string talk(const std::string& address, const std::string& text) {
  const int fd = connect_to(address);
  REQUIRE(fd >= 0);
  send_text(fd, text);
  return receive_until_end(fd);
}
std::string get(const std::string& address, const std::string& path) {
  return talk(address, "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

}  // namespace
