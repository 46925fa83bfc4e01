// SPDX-License-Identifier: BSD-2-Clause
#include "process/handover_predecessor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace process {
namespace {

using namespace std::chrono_literals;
constexpr base::Duration patience = 20s;       // for the old process's next word
constexpr base::Duration interval = 50ms;      // tickets that no server takes are tried again

bool is_pair_of_sockets(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

// systemd's watchdog is told the process that it is for; that is this one from now on.
void take_watchdog() {
  const char* pid = std::getenv("WATCHDOG_PID");
  if (pid && std::to_string(::getppid()) == pid) ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
}

}  // namespace

class Predecessor::Watch final : public net::Task, public net::TaskOwner {
 public:
  Watch(Predecessor& of, net::EventLoop& loop) : Task(loop, *this), of_(of) {
    CHECK(ready_.register_fd(loop, of.link_.fd(), *this));  // at start: the process before goes on without us
    ring();
  }
  ~Watch() override { ready_.unregister(); }
  void reap(net::Task&) override {}
  void linger() {
    ready_.unregister();
    set_deadline_after(std::chrono::seconds(1));
  }
  void stop() { clear_deadline(); }

 protected:
  Step run() override {
    ready_.readable = false;
    if (of_.over() && !deadline_passed()) return Step::wait;
    if (!of_.over()) set_deadline_after(interval);
    of_.run(now());
    return Step::wait;
  }

 private:
  Predecessor& of_;
  net::Readiness ready_;
};

std::unique_ptr<Predecessor> Predecessor::from_environment() {
  const char* text = std::getenv("TRIVET_HANDOVER");
  if (!text) return nullptr;
  char* rest = nullptr;
  const long fd = std::strtol(text, &rest, 10);
  const bool number = rest != text && *rest == 0 && fd > 2 && fd < 1 << 20;
  ::unsetenv("TRIVET_HANDOVER");
  if (!number || !is_pair_of_sockets(static_cast<int>(fd))) return nullptr;
  ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
  take_watchdog();
  return std::make_unique<Predecessor>(net::Descriptor(static_cast<int>(fd)));
}

Predecessor::Predecessor(net::Descriptor fd) : link_(std::move(fd)) {}

Predecessor::~Predecessor() { end(); }

std::optional<std::string> Predecessor::receive() {
  while (!offered_) {
    auto message = link_.await(patience);
    if (!message) return link_.ended() ? "the process that hands over has ended" : "the process that hands over says nothing";
    if (!read(*message)) return "the process that hands over says what this one does not understand";
  }
  return std::nullopt;
}

bool Predecessor::read(wire::Message& message) {
  wire::Reader in(message.bytes);
  const auto what = static_cast<Handed>(in.number());
  switch (what) {
    case Handed::hello: {
      const std::int64_t version = in.number(), workers = in.number(), well = in.number(), failed = in.number();
      if (!in.complete() || version != handover_version || workers < 1 || workers > 4096) return false;
      workers_ = static_cast<std::uint32_t>(workers);
      well_ = static_cast<std::uint64_t>(well);
      failed_ = static_cast<std::uint64_t>(failed);
      return true;
    }
    case Handed::listener: return read_listener(in, message);
    case Handed::state: state_ += in.text(); return in.complete();
    case Handed::opener:
      if (message.descriptors.size() != 1) return false;
      opener_ = std::move(message.descriptors.front());
      return true;
    case Handed::offered: offered_ = true; return workers_ > 0;
    case Handed::all_lent: all_lent_ = true; return true;
    case Handed::lent:
    case Handed::returned:
    case Handed::want: return slots_ && slots_->handle(what, in, desk_->now());
    default: return true;  // of a later version, and not needed
  }
}

bool Predecessor::read_listener(wire::Reader& in, wire::Message& message) {
  const std::int64_t kind = in.number();
  const std::string key = in.text();
  const bool file = in.number() != 0;
  if (!in.complete() || kind < 0 || kind > 1 || message.descriptors.empty()) return false;
  const auto is = static_cast<Kind>(kind);
  if (listeners_.empty() || listeners_.back().kind != is || listeners_.back().key != key) listeners_.push_back({is, key, file, {}});
  for (net::Descriptor& fd : message.descriptors) listeners_.back().descriptors.push_back(std::move(fd));
  return true;
}

std::unique_ptr<net::Listener> Predecessor::take(Kind kind, const std::string& key) {
  const auto at = std::find_if(listeners_.begin(), listeners_.end(), [&](const Offered& one) { return one.kind == kind && one.key == key; });
  if (at == listeners_.end()) return nullptr;
  std::vector<int> descriptors;
  for (net::Descriptor& fd : at->descriptors) descriptors.push_back(fd.release());
  taken_.emplace_back(kind, key);
  if (at->file) files_.emplace_back(kind, key);
  listeners_.erase(at);
  return std::make_unique<net::Listener>(std::move(descriptors));
}

bool Predecessor::owns_file(Kind kind, const std::string& key) const {
  return std::find(files_.begin(), files_.end(), std::pair(kind, key)) != files_.end();
}

void Predecessor::failed(const std::string& why) {
  wire::Writer out = handed(Handed::failed);
  link_.send(out.text(why.substr(0, 4000)));
}

void Predecessor::take_slots(HandoverBooks books, net::EventLoop& loop) {
  desk_ = std::make_unique<http::LoopDesk>(loop);
  watch_ = std::make_unique<Watch>(*this, loop);
  slots_ = std::make_unique<LentSlots>(std::move(books), *desk_, watch_.get(), [this](const wire::Writer& message) { link_.send(message); });
  link_.send(handed(Handed::take));
  // The old process dies, or says nothing: it uses nothing that anybody could wait for.
  while (!all_lent_) {
    auto message = link_.await(patience);
    if (!message || !read(*message)) return;
  }
}

void Predecessor::serving(std::function<void()> over) {
  on_over_ = std::move(over);
  wire::Writer out = handed(Handed::serving);
  out.number(static_cast<std::int64_t>(taken_.size()));
  for (const auto& [kind, key] : taken_) out.number(static_cast<std::int64_t>(kind)).text(key);
  link_.send(out);
  watch_->ring();
}

void Predecessor::run(base::TimePoint now) {
  if (over()) {
    // A slot may have been on its way to a ticket that is gone.
    if (desk_->undelivered() == 0) slots_.reset();
    return watch_->stop();
  }
  link_.flush();
  bool sense = true;
  while (sense) {
    auto message = link_.next();
    if (!message) break;
    sense = read(*message);
  }
  if (sense && !link_.ended()) return slots_->look(now);
  slots_->end(now);
  watch_->linger();
  link_.close();
  if (on_over_) std::exchange(on_over_, {})();
}

void Predecessor::end() {
  if (slots_) slots_->end(desk_->now());
  if (desk_) desk_->lose();
  slots_.reset();
  watch_.reset();
  desk_.reset();
  link_.close();
}

}  // namespace process
