// SPDX-License-Identifier: BSD-2-Clause
// Commands of the admin socket whose answer comes later: by line and by HTTP, in order, with a limit, without the one who asked.
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "net/mailbox.h"
#include "process/control_server.h"

using namespace process;
using namespace std::chrono_literals;

namespace {

// Never reads a system's clock: time passes when a test says so.
class StillClock final : public base::Clock {
 public:
  StillClock() { now_ = base::TimePoint{} + 1h; }
  void refresh() override {}
  void pass(base::Duration time) { now_ += time; }
};

struct Server {
  std::string directory;
  StillClock clock;
  net::EventLoop loop{clock};
  AdminRegistry commands;
  std::vector<std::shared_ptr<LaterReply>> asked;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<ControlServer> server;

  explicit Server(AdminLevel level = AdminLevel::admin) {
    char name[] = "/tmp/admin_later_XXXXXX";
    directory = ::mkdtemp(name);
    commands.add("wait", "", "answers later", AdminLevel::user, [this](AdminArguments, Reply& reply) { asked.push_back(reply.later(30s)); });
    commands.add("change", "", "changes", AdminLevel::operation, [](AdminArguments words, Reply& reply) { reply.line("changed " + AdminRegistry::join(words)); });
    commands.add("now", "", "answers at once", AdminLevel::user, [](AdminArguments words, Reply& reply) { reply.line("now " + AdminRegistry::join(words)); });
    listener = net::Listener::open(net::Address::parse("unix:" + directory + "/admin").value(), 1, {}).value();
    server = std::make_unique<ControlServer>(loop, commands);
    server->serve_admin(*listener, level);
  }
  ~Server() {
    server.reset();
    listener.reset();
    std::filesystem::remove_all(directory);
  }
};

struct Client {
  Server& server;
  int fd;
  std::string got;
  bool ended = false;

  Client(Server& to, const std::string& text) : server(to), fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const net::Address address = to.listener->address();
    REQUIRE(::connect(fd, address.get(), address.length()) == 0);
    REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  ~Client() { leave(); }
  void leave() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  // What came by now.
  const std::string& look() {
    server.loop.drain();
    char part[4096];
    for (;;) {
      const ssize_t n = ::recv(fd, part, sizeof part, 0);
      if (n == 0) ended = true;
      if (n <= 0) return got;
      got.append(part, static_cast<std::size_t>(n));
    }
  }
};

}  // namespace

TEST_CASE("a later answer keeps its place in the line of commands") {
  Server server;
  Client client(server, "now 1; wait; now 2\n");
  CHECK(client.look() == "now 1\n\n");
  REQUIRE(server.asked.size() == 1);
  CHECK_FALSE(client.ended);
  server.asked[0]->reply.line("late");
  CHECK(client.look() == "now 1\n\n");  // filled in, but not finished
  server.asked[0]->finish();
  CHECK(client.look() == "now 1\n\nlate\n\nnow 2\n\n");
  CHECK(client.ended);
}

TEST_CASE("a client that has sent all may wait, too") {
  Server server;
  Client client(server, "wait\n");
  ::shutdown(client.fd, SHUT_WR);
  CHECK(client.look().empty());
  CHECK_FALSE(client.ended);
  server.asked[0]->reply.line("late");
  server.asked[0]->finish();
  CHECK(client.look() == "late\n\n");
  CHECK(client.ended);
}

TEST_CASE("an interactive session goes on after a later answer") {
  Server server;
  Client client(server, "prompt\nwait\nnow\n");
  CHECK(client.look() == "> ");
  server.clock.pass(20s);
  server.asked[0]->reply.line("late");
  server.asked[0]->finish();
  CHECK(client.look() == "> late\n\n> now \n\n> ");
  server.clock.pass(9min);
  CHECK_FALSE((client.look(), client.ended));
}

TEST_CASE("HTTP waits for a later answer, and says when it was an error") {
  Server server;
  Client get(server, "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  Client post(server, "POST /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwait");
  CHECK(get.look().empty());
  CHECK(post.look().empty());
  REQUIRE(server.asked.size() == 2);
  server.asked[0]->reply.json = "[1]";
  server.asked[0]->finish();
  server.asked[1]->reply.error("no");
  server.asked[1]->finish();
  CHECK(get.look().starts_with("HTTP/1.1 200 "));
  CHECK(get.got.ends_with("\r\n\r\n{\"ok\": true, \"value\": [1]}\n"));
  CHECK(post.look().starts_with("HTTP/1.1 400 "));
  CHECK(post.got.ends_with("\r\n\r\nno\n"));
}

TEST_CASE("who waits too long is told so, and the answer that comes after it is nobody's") {
  Server server;
  Client line(server, "wait\n"), http(server, "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  line.look();
  http.look();
  server.clock.pass(29s);
  CHECK(line.look().empty());
  CHECK(http.look().empty());
  server.clock.pass(2s);
  CHECK(line.look() == "no answer within 30s; the command may still be at work\n\n");
  CHECK(http.look().find("no answer within 30s") != std::string::npos);
  for (const auto& one : server.asked) {
    one->reply.line("too late");
    one->finish();
  }
  CHECK(line.look().find("too late") == std::string::npos);
  CHECK(line.ended);
}

TEST_CASE("the one who asked may leave before the answer") {
  Server server;
  Client line(server, "wait\n"), http(server, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  line.look();
  http.look();
  line.leave();
  http.leave();
  server.loop.drain();
  for (const auto& one : server.asked) {
    one->reply.line("anybody?");
    one->finish();
    one->finish();
  }
  server.loop.drain();
  Client other(server, "now\n");
  CHECK(other.look() == "now \n\n");
}

TEST_CASE("the server may end before the answer") {
  std::vector<std::shared_ptr<LaterReply>> kept;
  {
    Server server;
    Client line(server, "wait\n"), http(server, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    line.look();
    http.look();
    kept = server.asked;
  }
  for (const auto& one : kept) one->finish();
}

TEST_CASE("a door's level limits lines and HTTP alike") {
  Server user(AdminLevel::user);
  CHECK(Client(user, "change\n").look() == "Permission denied\n\n");
  CHECK(Client(user, "now\n").look() == "now \n\n");
  CHECK(Client(user, "POST /change HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().starts_with("HTTP/1.1 403 "));
  CHECK(Client(user, "GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().starts_with("HTTP/1.1 200 "));
  Server operation(AdminLevel::operation);
  CHECK(Client(operation, "change\n").look() == "changed \n\n");
  CHECK(Client(operation, "GET /change HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().starts_with("HTTP/1.1 405 "));
  CHECK(Client(operation, "POST /change HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().starts_with("HTTP/1.1 200 "));
  CHECK(Client(operation, "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().starts_with("HTTP/1.1 404 "));
}

TEST_CASE("arguments stand in the path, the query or the body") {
  Server server;
  CHECK(Client(server, "GET /now/a%20b?c%20'd%20e' HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").look().ends_with("[\"now \\\"a b\\\" c \\\"d e\\\"\"]}\n"));
  CHECK(Client(server, "POST /change HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nx y").look().ends_with("[\"changed x y\"]}\n"));
}

TEST_CASE("a listener may go while the server serves another, and pages survive their door") {
  Server server;
  auto pages = net::Listener::open(net::Address::parse("unix:" + server.directory + "/pages").value(), 1, {}).value();
  std::shared_ptr<LaterReply> later;
  server.server->serve_pages(*pages, [&later](const PageRequest&) {
    Reply reply;
    Page page;
    page.later = later = reply.later();
    page.render = [](const Reply& answer) -> Page { return {200, "text/plain", answer.text, {}}; };
    return page;
  });
  CHECK(server.server->serves(*pages));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, pages->address().get(), pages->address().length()) == 0);
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  server.loop.drain();
  REQUIRE(later);
  server.server->stop_serving(*pages);
  CHECK_FALSE(server.server->serves(*pages));
  CHECK(server.server->serves(*server.listener));
  pages.reset();
  later->reply.text = "survived";
  later->finish();
  server.loop.drain();
  char part[4096];
  const ssize_t n = ::recv(fd, part, sizeof part, 0);
  CHECK(std::string_view(part, n > 0 ? static_cast<std::size_t>(n) : 0).ends_with("\r\n\r\nsurvived"));
  ::close(fd);
  CHECK(Client(server, "now\n").look() == "now \n\n");
}
