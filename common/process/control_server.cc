// SPDX-License-Identifier: BSD-2-Clause
#include "process/control_server.h"

#include <unistd.h>

#include "base/bytes.h"
#include "process/admin_connection.h"

namespace process {
namespace {

http::ServerOptions page_options() {
  http::ServerOptions options;
  options.body_size = 64 * 1024;
  options.response_buffer = 4 * 1024 * 1024;
  return options;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && base::hex_value(text[i + 1]) >= 0 && base::hex_value(text[i + 2]) >= 0;
    if (!coded) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string json_answer(const Reply& reply) {
  std::string out = std::string("{\"ok\": ") + (reply.failed ? "false" : "true");
  if (!reply.json.empty()) return out + ", \"value\": " + reply.json + "}\n";
  out += ", \"lines\": [";
  bool first = true;
  std::string_view text = reply.text;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.empty())
    base::split(text, '\n', [&](std::string_view line) {
      out += (first ? "" : ", ") + json_string(line);
      first = false;
    });
  return out + "]}\n";
}

}  // namespace

class ControlServer::PageDoor final : public net::AcceptHandler {
 public:
  PageDoor(ControlServer& server, PageHandler handler) : server_(server), handler_(std::move(handler)) {
    info_.name = "pages";
    info_.owner = &handler_;
  }
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    server_.connections_.adopt(net::make_plain_transport(server_.loop_, fd, remote, local), info_);
  }

 private:
  ControlServer& server_;
  PageHandler handler_;
  http::ListenerInfo info_;
};

class ControlServer::AdminDoor final : public net::AcceptHandler {
 public:
  explicit AdminDoor(ControlServer& server) : server_(server) {}
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    if (server_.admin_connections_.size() >= limit) {
      ::close(fd);
      return;
    }
    auto connection = std::make_unique<AdminConnection>(server_.loop_, server_, net::make_plain_transport(server_.loop_, fd, remote, local));
    net::Task* key = connection.get();
    server_.admin_connections_.emplace(key, std::move(connection));
  }

 private:
  static constexpr std::size_t limit = 256;
  ControlServer& server_;
};

ControlServer::ControlServer(net::EventLoop& loop, const AdminRegistry& commands)
    : loop_(loop), commands_(commands), service_(loop), connections_(loop, service_, page_options()) {
  admin_handler_ = [this](const PageRequest& request) { return admin_page(request); };
  admin_info_.name = "admin";
  admin_info_.owner = &admin_handler_;
}

ControlServer::~ControlServer() = default;

void ControlServer::serve_pages(net::Listener& listener, PageHandler handler) {
  accept(listener, std::make_shared<PageDoor>(*this, std::move(handler)));
}

void ControlServer::serve_admin(net::Listener& listener) {
  accept(listener, std::make_shared<AdminDoor>(*this));
}

void ControlServer::accept(net::Listener& listener, std::shared_ptr<net::AcceptHandler> door) {
  auto accepter = std::make_unique<net::Accepter>(loop_, *this, listener.fd(0), *door);
  doors_.push_back(std::move(door));
  net::Task* key = accepter.get();
  accepters_.emplace(key, std::move(accepter));
}

void ControlServer::stop() {
  for (auto& [key, accepter] : accepters_) accepter->stop();
  connections_.drain();
}

void ControlServer::reap(net::Task& child) {
  if (accepters_.erase(&child) == 0) admin_connections_.erase(&child);
}

void ControlServer::continue_as_http(std::unique_ptr<net::Transport> transport, net::Buffer already_read) {
  http::ConnectionInfo info;
  info.peer = transport->peer();
  info.listener = &admin_info_;
  info.accepted = loop_.now();
  connections_.established(std::move(transport), std::move(already_read), std::move(info), false);
}

// GET /show/stat asks; POST may also change things, its body being a line of commands. /text answers without JSON.
Page ControlServer::admin_page(const PageRequest& request) const {
  const bool post = request.method == http::Method::post;
  if (!post && request.method != http::Method::get && request.method != http::Method::head)
    return {405, "application/json", "{\"ok\": false}\n", {{"Allow", "GET, HEAD, POST"}}};
  std::vector<std::string> words;
  const bool plain = request.path == "/text";
  if (post && (plain || request.path == "/")) {
    words = AdminRegistry::split(request.body);
  } else {
    base::split(request.path, '/', [&](std::string_view part) {
      if (!part.empty()) words.push_back(decoded(part));
    });
  }
  if (words.empty()) words = {"help"};
  Reply reply;
  const int failure = commands_.knows(words) ? 400 : 404;
  commands_.run(words, post ? AdminLevel::admin : AdminLevel::user, reply);
  const int status = reply.failed ? failure : 200;
  if (plain) return {status, "text/plain; charset=utf-8", reply.text, {}};
  return {status, "application/json", json_answer(reply), {}};
}

}  // namespace process
