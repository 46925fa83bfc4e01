// SPDX-License-Identifier: BSD-2-Clause
#include "process/handover_upgrade.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "process/handover_predecessor.h"
#include "process/life.h"

namespace process {
namespace {

using namespace std::chrono_literals;
using observe::Level;
constexpr base::Duration patience = 60s;    // from its start until the new process serves
constexpr base::Duration interval = 10ms;   // slots that nobody uses go back
constexpr int child_fd = 3;                 // of the link, in the new process
constexpr const char* variable = "TRIVET_HANDOVER";

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != '\n' && (c != ' ' || !out.ends_with(' '))) out += c;
    else if (c == '\n') out += "; ";
  }
  return out;
}

std::string how_it_ended(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("it ended with exit code {}", info.si_status);
  return fmt::format("it was ended by signal {}", info.si_status);
}

}  // namespace

std::string program_path(const std::string& argument) {
  char here[4096];
  if (argument.starts_with('/')) return argument;
  if (argument.find('/') != std::string::npos) return ::getcwd(here, sizeof here) ? std::string(here) + "/" + argument : argument;
  std::string_view path = std::getenv("PATH") ? std::getenv("PATH") : "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin";
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    const std::string file = std::string(folder) + "/" + argument;
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return program_path(file);
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
  }
  return {};
}

Upgrade::Upgrade(Life& life, UpgradeDone done) : Task(life.control_.loop(), life), life_(life), done_(std::move(done)) {}

Upgrade::~Upgrade() {
  ready_.unregister();
  child_ready_.unregister();
}

bool Upgrade::begin() {
  give_up_ = now() + patience;
  if (!spawn()) return false;
  slots_ = std::make_unique<BorrowedSlots>(life_.daemon_.books(), [this](const wire::Writer& message) { link_.send(message); });
  offer();
  life_.error_log().write(Level::notice, fmt::format("upgrade: {} was started as process {}", life_.start_.program.path, pid_));
  ring();
  return true;
}

bool Upgrade::spawn() {
  const auto cannot = [this](const std::string& what, int error) {
    result_ = {false, "cannot start " + what + ": " + std::strerror(error), -1};
    return false;
  };
  const Program& program = life_.start_.program;
  int pair[2];
  if (program.path.empty()) return cannot("what is not known", ENOENT);
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return cannot(program.path, errno);
  link_ = HandoverLink(net::Descriptor(pair[0]));
  const net::Descriptor theirs(pair[1]);
  std::vector<char*> arguments, environment;
  for (const std::string& one : program.arguments) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  std::string own = std::string(variable) + "=" + std::to_string(child_fd);
  for (char** one = environ; *one; ++one)
    if (!std::string_view(*one).starts_with(std::string(variable) + "=")) environment.push_back(*one);
  environment.push_back(own.data());
  environment.push_back(nullptr);
  // Everything is close-on-exec but this one: a descriptor that is dup'ed, even to itself, is not.
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, theirs.get(), child_fd);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawn(&pid_, program.path.c_str(), &files, &attributes, arguments.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error) return cannot(program.path, error);
  child_ = net::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  const int why = child_.get() < 0 ? errno : ENOMEM;
  if (child_.get() >= 0 && ready_.register_fd(loop(), link_.fd(), *this) && child_ready_.register_fd(loop(), child_.get(), *this)) return true;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  return cannot(program.path, why);
}

void Upgrade::offer() {
  const UpgradeCounts& counts = life_.upgrade_counts_;
  link_.send(handed(Handed::hello).number(handover_version).number(life_.workers()).number(static_cast<std::int64_t>(counts.well)).number(static_cast<std::int64_t>(counts.failed)));
  offer_listeners();
  const std::string state = life_.daemon_.handover_state();
  constexpr std::size_t piece = wire::longest / 2;
  for (std::size_t at = 0; at < state.size(); at += piece) link_.send(handed(Handed::state).text(std::string_view(state).substr(at, piece)));
  if (const net::Descriptor opener = life_.start_.access->new_channel(); opener.get() >= 0) {
    const int fd[] = {opener.get()};
    link_.send(handed(Handed::opener), fd);
  }
  link_.send(handed(Handed::offered));
}

void Upgrade::offer_listeners() {
  for (const auto& setting : life_.listeners_.settings())
    offer_listener(static_cast<std::int64_t>(Predecessor::Kind::clients), setting->open->key, *setting->open->listener);
  life_.pages_.each([this](const std::string& key, net::Listener& listener) { offer_listener(static_cast<std::int64_t>(Predecessor::Kind::control), key, listener); });
}

void Upgrade::offer_listener(std::int64_t kind, const std::string& key, const net::Listener& listener) {
  for (std::size_t at = 0; at < listener.size(); at += wire::most_descriptors) {
    std::vector<int> some;
    for (std::size_t i = at; i < std::min(listener.size(), at + wire::most_descriptors); ++i) some.push_back(listener.fd(i));
    link_.send(handed(Handed::listener).number(kind).text(key).number(listener.removes_file()), some);
  }
}

net::Task::Step Upgrade::run() {
  ready_.readable = false;
  if (state_ == State::over) return Step::wait;
  link_.flush();
  read();
  look_at_child();
  if (state_ == State::over) return Step::wait;
  if (link_.ended()) return hung_up();
  if (state_ != State::served && now() >= give_up_) {
    fail(fmt::format("the new process did not serve within {} s", std::chrono::duration_cast<std::chrono::seconds>(patience).count()));
    return Step::wait;
  }
  if (state_ != State::offered) slots_->look(now());
  set_deadline_after(state_ == State::offered && !link_.waits() ? base::Duration(100ms) : interval);
  return Step::wait;
}

// It has ended, or will in a moment: how is a better answer.
net::Task::Step Upgrade::hung_up() {
  slots_->end(now());
  clear_deadline();
  if (state_ == State::served) return Step::wait;
  if (state_ != State::hung_up) give_up_ = now() + 2s;
  state_ = State::hung_up;
  if (now() >= give_up_) fail("the new process hung up before it served");
  else set_deadline(give_up_);
  return Step::wait;
}

void Upgrade::read() {
  while (auto message = link_.next()) {
    if (handle(*message)) continue;
    // Of no use: it will not come to serve, or is of no use to a process that drains already.
    if (state_ != State::served) return fail("the new process says what this one does not understand");
  }
}

bool Upgrade::handle(wire::Message& message) {
  wire::Reader in(message.bytes);
  const auto what = static_cast<Handed>(in.number());
  switch (what) {
    case Handed::failed:
      said_ = in.text();
      return in.complete();
    case Handed::take:
      if (state_ != State::offered) return false;
      state_ = State::lent;
      slots_->begin();
      return true;
    case Handed::serving: return state_ == State::lent && serving(in);
    case Handed::lifted:
    case Handed::granted: return state_ >= State::lent && slots_->handle(what, in, now());
    default: return false;
  }
}

bool Upgrade::serving(wire::Reader& in) {
  std::vector<std::pair<std::int64_t, std::string>> taken;
  const std::int64_t count = in.number();
  for (std::int64_t i = 0; i < count && in.well(); ++i) {
    const std::int64_t kind = in.number();
    taken.emplace_back(kind, in.text());
  }
  if (!in.complete()) return false;
  state_ = State::served;
  ++life_.upgrade_counts_.well;
  result_ = {true, fmt::format("process {} serves; process {} ends when what it is doing is done", pid_, ::getpid()), pid_};
  life_.error_log().write(Level::notice, "upgrade: " + result_.text);
  life_.notifier_.main_pid(pid_);
  life_.hand_over(taken, [this] { finish(); });
  return true;
}

void Upgrade::look_at_child() {
  if (child_.get() < 0) return;
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(child_.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
  child_ready_.unregister();
  child_.reset();
  // Its last words may have come between.
  read();
  if (state_ == State::served) {
    life_.error_log().write(Level::error, fmt::format("upgrade: the new process is gone, {}", how_it_ended(info)));
    return;
  }
  if (state_ != State::over) fail((said_.empty() ? "the new process did not come to serve" : said_) + " (" + how_it_ended(info) + ")");
}

void Upgrade::cancel(const std::string& why) {
  if (state_ == State::served || state_ == State::over) return;
  fail(why);
}

// The books are ours again, and everything else never was another's.
void Upgrade::fail(const std::string& why) {
  if (child_.get() >= 0) {
    ::kill(pid_, SIGKILL);
    child_ready_.unregister();
    ::waitpid(pid_, nullptr, 0);
    child_.reset();
  }
  state_ = State::over;
  ready_.unregister();
  clear_deadline();
  slots_->end(now());
  link_.close();
  result_ = {false, why, -1};
  finish();
}

void Upgrade::finish() {
  if (done_) std::exchange(done_, {})(result_);
}

// --- Life's part ---

void Life::take_over() {
  Predecessor* before = start_.before.get();
  if (!before) return;
  upgrade_counts_ = {before->upgrades_well() + 1, before->upgrades_failed()};
  daemon_.take_handover_state(before->state());
  listeners_.adopt_from([before](const std::string& key) { return before->take(Predecessor::Kind::clients, key); });
  pages_.adopt_from([before](const std::string& key) { return before->take(Predecessor::Kind::control, key); });
  const std::uint32_t wanted = daemon_.process_options().worker_count();
  if (wanted != workers())
    error_log().write(Level::warn, fmt::format("workers = {} waits for a restart: the sockets that were handed over are made for {}", wanted, workers()), "workers");
}

// When every worker accepts.
void Life::tell_predecessor() {
  listeners_.adopt_from({});
  pages_.adopt_from({});
  start_.before->close_rest();
  workers_.tell([](WorkerFrame&) {}, [this] {
    for (const auto& setting : listeners_.settings())
      if (start_.before->owns_file(Predecessor::Kind::clients, setting->open->key)) setting->open->listener->take_file();
    pages_.each([this](const std::string& key, net::Listener& listener) {
      if (start_.before->owns_file(Predecessor::Kind::control, key)) listener.take_file();
    });
    start_.before->serving([this] { tell_ready(); });
  });
}

void Life::upgrade(UpgradeDone done) {
  if (draining()) return done({false, "the process is ending", -1});
  if (upgrade_ || upgrade_waits_) return done({false, "an upgrade goes on already", -1});
  upgrade_waits_ = std::move(done);
  next_upgrade();
}

// Not while a reload goes on: what is handed over is one configuration's.
void Life::next_upgrade() {
  if (!upgrade_waits_ || reload_) return;
  UpgradeDone done = std::exchange(upgrade_waits_, {});
  if (draining()) return done({false, "the process is ending", -1});
  auto ended = [this, done](const UpgradeResult& result) {
    if (result.well) {
      next_reload();  // those that waited are told
    } else {
      ++upgrade_counts_.failed;
      error_log().write(Level::error, "upgrade failed, process " + std::to_string(::getpid()) + " goes on: " + one_line(result.text));
      // Not destroyed while it calls.
      control_.post([this] {
        upgrade_.reset();
        next_reload();
      });
    }
    done(result);
  };
  upgrade_ = std::make_unique<Upgrade>(*this, ended);
  if (!upgrade_->begin()) ended(upgrade_->result());
}

void Life::hand_over(const std::vector<std::pair<std::int64_t, std::string>>& taken, std::function<void()> done) {
  const auto is_taken = [&](Predecessor::Kind kind, const std::string& key) {
    return std::find(taken.begin(), taken.end(), std::pair(static_cast<std::int64_t>(kind), key)) != taken.end();
  };
  std::vector<std::uint32_t> handed;
  for (const auto& setting : listeners_.settings()) {
    if (!is_taken(Predecessor::Kind::clients, setting->open->key)) continue;
    setting->open->listener->keep_file();
    handed.push_back(setting->open->id);
  }
  pages_.each([&](const std::string& key, net::Listener& listener) {
    if (is_taken(Predecessor::Kind::control, key)) listener.keep_file();
    control_server_->stop_serving(listener);
  });
  workers_.tell([handed](WorkerFrame& frame) { frame.leave(handed); }, std::move(done));
  begin_drain("another process serves");
}

}  // namespace process
