// SPDX-License-Identifier: BSD-2-Clause
#include "process/control_server.h"

#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"
#include "process/admin_connection.h"

namespace process {
namespace {

constexpr std::size_t most_connections = 256;  // of those for commands, and again of those for pages

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

Page rendered(const Reply& reply, bool plain, int failure) {
  const int status = reply.failed ? failure : 200;
  if (plain) return {status, "text/plain; charset=utf-8", reply.text, {}};
  return {status, "application/json", json_answer(reply), {}};
}

}  // namespace

// Connections share it: it may have stopped serving before they end.
class ControlServer::PageDoor final : public net::AcceptHandler, public std::enable_shared_from_this<PageDoor> {
 public:
  PageDoor(ControlServer& server, PageHandler handler) : server_(server), handler_(std::move(handler)) {
    info_.name = "pages";
    info_.owner = &handler_;
  }
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    if (server_.refuse(fd, server_.connections_.count())) return;
    server_.connections_.adopt(net::make_plain_transport(server_.loop_, fd, remote, local), info_, shared_from_this());
  }

 private:
  ControlServer& server_;
  PageHandler handler_;
  http::ListenerInfo info_;
};

class ControlServer::AdminDoor final : public net::AcceptHandler {
 public:
  AdminDoor(ControlServer& server, AdminLevel level) : server_(server), level_(level) {}
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    if (server_.refuse(fd, server_.admin_connections_.size())) return;
    auto connection = std::make_unique<AdminConnection>(server_.loop_, server_, net::make_plain_transport(server_.loop_, fd, remote, local), level_);
    net::Task* key = connection.get();
    server_.admin_connections_.emplace(key, std::move(connection));
  }

 private:
  ControlServer& server_;
  AdminLevel level_;
};

ControlServer::ControlServer(net::EventLoop& loop, const AdminRegistry& commands)
    : loop_(loop), commands_(commands), service_(loop), connections_(loop, service_, page_options()) {
  for (std::size_t i = 0; i < admin_pages_.size(); ++i) {
    admin_pages_[i].handler = [this, level = static_cast<AdminLevel>(i)](const PageRequest& request) { return admin_page(request, level); };
    admin_pages_[i].info.name = "admin";
    admin_pages_[i].info.owner = &admin_pages_[i].handler;
  }
}

// Exchanges may still wait for later answers; their connections end only by the loop, which runs nowhere any more.
ControlServer::~ControlServer() {
  accepters_.clear();
  connections_.close_all();
  for (int turns = 0; turns < 32 && connections_.count() > 0; ++turns) loop_.turn(false);
}

void ControlServer::serve_pages(net::Listener& listener, PageHandler handler) {
  accept(listener, std::make_shared<PageDoor>(*this, std::move(handler)));
}

void ControlServer::serve_admin(net::Listener& listener, AdminLevel level) {
  accept(listener, std::make_shared<AdminDoor>(*this, level));
}

// Whether `fd` was closed because `open` of its kind are too many already.
bool ControlServer::refuse(int fd, std::size_t open) {
  if (open < most_connections) return false;
  ++refused_;
  ::close(fd);
  return true;
}

void ControlServer::accept(net::Listener& listener, std::shared_ptr<net::AcceptHandler> door) {
  auto accepter = std::make_unique<net::Accepter>(loop_, *this, listener.fd(0), *door);
  net::Task* key = accepter.get();
  serving_.push_back({&listener, key, std::move(door)});
  accepters_.emplace(key, std::move(accepter));
}

bool ControlServer::serves(const net::Listener& listener) const {
  return std::any_of(serving_.begin(), serving_.end(), [&](const Serving& one) { return one.listener == &listener; });
}

void ControlServer::stop_serving(const net::Listener& listener) {
  for (const Serving& one : serving_)
    if (one.listener == &listener) accepters_.erase(one.accepter);
  std::erase_if(serving_, [&](const Serving& one) { return one.listener == &listener; });
}

void ControlServer::stop() {
  for (auto& [key, accepter] : accepters_) accepter->stop();
  connections_.drain();
}

void ControlServer::reap(net::Task& child) {
  if (accepters_.erase(&child) == 0) admin_connections_.erase(&child);
}

void ControlServer::continue_as_http(std::unique_ptr<net::Transport> transport, net::Buffer already_read, AdminLevel level) {
  http::ConnectionInfo info;
  info.peer = &transport->peer();
  info.listener = &admin_pages_[static_cast<std::size_t>(level)].info;
  info.accepted = loop_.now();
  connections_.established(std::move(transport), std::move(already_read), std::move(info), false);
}

// GET /show/stat asks; POST may also change things. The command is the path's words and then those of the query (percent-coded) or of
// the body; POST / and /text take it from the body alone. /text answers without JSON.
Page ControlServer::admin_page(const PageRequest& request, AdminLevel level) const {
  const bool post = request.method == http::Method::post;
  if (!post && request.method != http::Method::get && request.method != http::Method::head)
    return {405, "application/json", "{\"ok\": false}\n", {{"Allow", "GET, HEAD, POST"}}};
  std::vector<std::string> words;
  const bool plain = post && request.path == "/text";
  if (!plain)
    base::split(request.path, '/', [&](std::string_view part) {
      if (!part.empty()) words.push_back(decoded(part));
    });
  for (std::string& word : AdminRegistry::split(decoded(request.query))) words.push_back(std::move(word));
  if (post)
    for (std::string& word : AdminRegistry::split(request.body)) words.push_back(std::move(word));
  if (words.empty()) words = {"help"};
  const auto needed = commands_.needs(words);
  const bool permitted = needed && needed->level <= level;
  if (!permitted || (!post && needed->effect == AdminRegistry::Effect::changes)) {
    Reply refused;
    if (permitted) refused.error("Permission denied: this command changes something, which takes POST");
    else commands_.run(words, level, refused);
    Page page = rendered(refused, plain, !needed ? 404 : !permitted ? 403 : 405);
    if (page.status == 405) page.headers.emplace_back("Allow", "POST");
    return page;
  }
  Reply reply;
  commands_.run(words, level, reply);
  Page page = rendered(reply, plain, 400);
  page.later = reply.pending();
  page.render = [plain](const Reply& answer) { return rendered(answer, plain, 400); };
  return page;
}

}  // namespace process
