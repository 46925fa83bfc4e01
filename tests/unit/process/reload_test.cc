// SPDX-License-Identifier: BSD-2-Clause
// Reload in place, as the frame does it.
#include "hello_daemon.h"

namespace {

// One kept-alive connection.
struct Client {
  explicit Client(int connected) : fd(connected) { REQUIRE(fd >= 0); }
  explicit Client(const std::string& address) : Client(connect_to(address)) {}
  ~Client() { ::close(fd); }
  void ask(const std::string& path) const { send_text(fd, "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"); }
  // One answer with its head; empty when the connection ended.
  std::string answer() const {
    std::string out;
    char byte;
    std::size_t end = std::string::npos, length = 0;
    while (end == std::string::npos || out.size() < end + 4 + length) {
      if (::recv(fd, &byte, 1, 0) != 1) return {};
      out += byte;
      if (end != std::string::npos || (end = out.find("\r\n\r\n")) == std::string::npos) continue;
      const auto at = out.find("Content-Length: ");
      length = at == std::string::npos ? 0 : std::stoul(out.substr(at + 16));
    }
    return out;
  }
  std::string get(const std::string& path) const {
    ask(path);
    return answer();
  }
  int fd;
};

std::string reload(Running& running, const std::string& arguments = {}) {
  return process::ask(net::Address::parse(running.addresses["admin"]).value(), "reload" + arguments).value().text;
}

std::size_t descriptors(pid_t pid) {
  std::size_t out = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) out += !entry.path().empty();
  return out;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a reload changes what is answered, and closes no connection") {
  for (const char* workers : {"1", "2"}) {
    Running running("", workers);
    Client tcp(running.addresses["127.0.0.1:0"]), unix_socket("unix:" + running.directory + "/sock"), busy(held(running.addresses["127.0.0.1:0"]));
    CHECK(tcp.get("/").ends_with("\r\n\r\nhello"));
    CHECK(unix_socket.get("/").ends_with("\r\n\r\nhello"));
    running.write("text = \"other\"\n");
    const std::string dry = reload(running, " --dry-run");
    CHECK(contains(dry, "dry run"));
    CHECK(contains(dry, "changed text: hello -> other") + contains(dry, "changed text: \"hello\" -> \"other\"") == 1);
    CHECK(tcp.get("/").ends_with("hello"));
    const std::string said = reload(running);
    CHECK(contains(said, "generation 2"));
    CHECK(contains(said, "listeners: 2 kept, 0 added, 0 removed"));
    CHECK(tcp.get("/").ends_with("\r\n\r\nother"));
    CHECK(unix_socket.get("/").ends_with("\r\n\r\nother"));
    // What was in progress ends under the configuration it began with.
    send_text(busy.fd, "x");
    CHECK(busy.answer().ends_with("\r\n\r\nhello"));
    CHECK(busy.get("/").ends_with("\r\n\r\nother"));
    CHECK(await([&] { return contains(talk(running.addresses["admin"], "status\n"), "generations: 1\n"); }));
  }
}

TEST_CASE("a configuration that is not well is kept out whole") {
  Running running("");
  Client client(running.addresses["127.0.0.1:0"]);
  CHECK(client.get("/").ends_with("hello"));
  running.write("text = \"other\"\nnonsense = 1\n");
  const auto answer = process::ask(net::Address::parse(running.addresses["admin"]).value(), "reload").value();
  CHECK(answer.status == 400);
  CHECK(contains(answer.text, "nonsense"));
  CHECK(contains(answer.text, "c.toml:"));
  CHECK(client.get("/").ends_with("hello"));
  // An address that somebody else has.
  const std::string taken = running.addresses["metrics"];
  running.write("text = \"other\"\n", "\"" + taken + "\", ");
  ::kill(running.pid, SIGHUP);
  CHECK(await([&] { return contains(running.log(), taken) && contains(running.log(), "reload refused"); }));
  CHECK(client.get("/").ends_with("hello"));
  CHECK(contains(get(running.addresses["metrics"], "/metrics"), "hello_reloads_total{result=\"refused\"} 2\n"));
}

TEST_CASE("listeners come and go, and nothing is left behind") {
  for (const char* workers : {"1", "2"}) {
    Running running("", workers);
    const std::string more = running.directory + "/more";
    Client kept(running.addresses["127.0.0.1:0"]);
    CHECK(kept.get("/").ends_with("hello"));
    const std::size_t before = descriptors(running.pid);
    for (int round = 0; round < 10; ++round) {
      running.write("text = \"other\"\n", "\"unix:" + more + "\", \"[::1]:0\", ");
      const std::string added = reload(running);
      REQUIRE(contains(added, "listeners: 2 kept, 2 added, 0 removed"));
      running.read_ready();
      Client leaving("unix:" + more), busy(held(running.addresses["[::1]:0"]));
      CHECK(leaving.get("/").ends_with("other"));
      CHECK(kept.get("/").ends_with("other"));
      running.write("");
      REQUIRE(contains(reload(running), "listeners: 2 kept, 0 added, 2 removed"));
      CHECK(connect_to("unix:" + more) == -1);
      CHECK(connect_to(running.addresses["[::1]:0"]) == -1);
      send_text(busy.fd, "x");
      const std::string last = busy.answer();
      CHECK(last.ends_with("other"));
      CHECK(contains(last, "Connection: close\r\n"));
      CHECK(leaving.answer().empty());
      CHECK(kept.get("/").ends_with("hello"));
    }
    CHECK(await([&] { return descriptors(running.pid) == before; }));
    CHECK(await([&] { return contains(talk(running.addresses["admin"], "status\n"), "generations: 1\n"); }));
  }
}

TEST_CASE("what needs a restart is said and not half applied") {
  Running running("", "2");
  running.write("shutdown_timeout = \"7s\"\n", {}, "1");
  const std::string said = reload(running);
  CHECK(contains(said, "changed workers: 2 -> 1  (needs a restart; the old value stays till then)"));
  CHECK(contains(said, "changed shutdown_timeout"));
  const std::string status = talk(running.addresses["admin"], "status\n");
  CHECK(contains(status, "workers: 2\n"));
  CHECK(contains(status, "waits for a restart: workers\n"));
}

TEST_CASE("logs and pages follow a reload") {
  Running running("");
  running.write("", {}, "2", "/other.log");
  const std::string before = running.addresses["metrics"];
  const std::size_t open = descriptors(running.pid);
  CHECK(contains(reload(running, " --dry-run"), "changed log.error.file"));
  CHECK(await([&] { return descriptors(running.pid) == open; }));  // what a dry run opens it closes
  CHECK(contains(reload(running), "changed log.error.file"));
  CHECK(await([&] { return contains(read_all(running.directory + "/other.log"), "serves by the new configuration"); }));
  CHECK(contains(get(before, "/metrics"), "hello_workers 2\n"));
}
