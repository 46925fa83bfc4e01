// SPDX-License-Identifier: BSD-2-Clause
#include "observe/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <limits>
#include <utility>

#include "base/check.h"
#include "observe/log_record.h"

namespace observe {
namespace {

constexpr auto pause = std::chrono::milliseconds(100);  // between rounds; a ring that is half full ends it early
constexpr std::size_t batch = 256 * 1024;               // bytes a write
constexpr std::size_t pipe_step = 4096;                 // what a pipe that polls writable takes without blocking (pipe(7))
constexpr int pipe_patience = 500;                      // milliseconds for a reader of standard output that stands still

int connect_syslog(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

bool is_regular(int fd) {
  struct stat info{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

bool same_file(int one, int other) {
  struct stat a{}, b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// What an earlier process left, when the disk was full. Not known if we may not read.
bool ends_inside_line(int fd, const std::string& path) {
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (reader < 0) return false;
  struct stat info{};
  char last = '\n';
  const bool known = same_file(fd, reader) && ::fstat(reader, &info) == 0 && info.st_size > 0 && ::pread(reader, &last, 1, info.st_size - 1) == 1;
  ::close(reader);
  return known && last != '\n';
}

std::string syslog_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm tm{};
  ::localtime_r(&now, &tm);
  char out[32];
  std::strftime(out, sizeof out, "%b %e %H:%M:%S", &tm);
  return out;
}

}  // namespace

LogSpec LogSpec::parse(std::string_view text, std::string_view tag) {
  LogSpec out;
  out.tag = std::string(tag);
  if (text == "-" || text == "stdout")
    out.kind = Kind::standard_output;
  else if (text == "stderr")
    out.kind = Kind::standard_error;
  else if (text.starts_with("syslog:")) {
    out.kind = Kind::syslog;
    out.path = std::string(text.substr(7));
  } else {
    out.path = std::string(text);
  }
  return out;
}

LogWriter::LogWriter() = default;

LogWriter::~LogWriter() {
  stop();
  for (const auto& target : targets_)
    if (target && target->fd > 2) ::close(target->fd);
}

int LogWriter::open_file(const std::string& path) const {
  if (opener_) return opener_(path);
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

LogWriter::Target* LogWriter::find(const LogSpec& spec, LogTarget& number) {
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    if (!targets_[i]) continue;
    const LogSpec& other = targets_[i]->spec;
    if (other.kind != spec.kind || other.path != spec.path || other.tag != spec.tag || other.facility != spec.facility) continue;
    number = static_cast<LogTarget>(i);
    return targets_[i].get();
  }
  return nullptr;
}

std::expected<LogTarget, std::string> LogWriter::add(const LogSpec& spec, std::unique_ptr<Target> target) {
  target->spec = spec;
  target->regular = is_regular(target->fd);
  target->torn = target->regular && ends_inside_line(target->fd, spec.path);
  const int fd = target->fd;
  const auto number = enter(std::move(target));
  // Not taken: it was open, or there are too many.
  if (target && fd > 2) ::close(fd);
  return number;
}

std::expected<LogTarget, std::string> LogWriter::enter(std::unique_ptr<Target>&& target) {
  std::lock_guard lock(mutex_);
  LogTarget number = 0;
  if (Target* known = find(target->spec, number)) {
    known->closing = false;
    return number;
  }
  const auto free = std::find(targets_.begin(), targets_.end(), nullptr);
  if (free == targets_.end() && targets_.size() > std::numeric_limits<LogTarget>::max()) return std::unexpected("too many logs");
  number = static_cast<LogTarget>(free - targets_.begin());
  if (free == targets_.end()) targets_.push_back(std::move(target));
  else *free = std::move(target);
  return number;
}

std::expected<LogTarget, std::string> LogWriter::open(const LogSpec& spec) {
  {
    std::lock_guard lock(mutex_);
    LogTarget number = 0;
    if (Target* known = find(spec, number)) {
      known->closing = false;
      return number;
    }
  }
  auto target = std::make_unique<Target>();
  switch (spec.kind) {
    case LogSpec::Kind::standard_output: target->fd = STDOUT_FILENO; break;
    case LogSpec::Kind::standard_error: target->fd = STDERR_FILENO; break;
    case LogSpec::Kind::syslog: target->fd = connect_syslog(spec.path); break;
    case LogSpec::Kind::file:
      target->fd = open_file(spec.path);
      if (target->fd < 0) return std::unexpected("cannot open log " + spec.path + ": " + std::strerror(errno));
  }
  return add(spec, std::move(target));
}

std::expected<LogTarget, std::string> LogWriter::open(const LogSpec& spec, int descriptor) {
  auto target = std::make_unique<Target>();
  target->fd = descriptor;
  return add(spec, std::move(target));
}

void LogWriter::close(LogTarget target) {
  std::lock_guard lock(mutex_);
  if (target < targets_.size() && targets_[target]) targets_[target]->closing = true;
}

bool LogWriter::is_open(LogTarget number) const {
  std::lock_guard lock(mutex_);
  return number < targets_.size() && targets_[number];
}

// Writer's thread, after the round that began when they were to be closed. Those that were opened again since stay.
void LogWriter::close_those(const std::vector<LogTarget>& closing) {
  std::vector<std::unique_ptr<Target>> closed;
  {
    std::lock_guard lock(mutex_);
    for (const LogTarget number : closing)
      if (targets_[number]->closing) closed.push_back(std::move(targets_[number]));
  }
  for (const auto& target : closed)
    if (target->fd > 2) ::close(target->fd);
}

LogRing& LogWriter::add_ring(std::size_t capacity) {
  std::lock_guard lock(mutex_);
  rings_.emplace_back(new LogRing(*this, capacity));
  return *rings_.back();
}

void LogWriter::start() {
  CHECK(!thread_.joinable());
  stopping_ = false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "log");
    serve();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LogWriter::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LogWriter::reopen() {
  {
    std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  wake_.notify_all();
}

void LogWriter::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t mine = ++asked_;
  wake_.notify_all();
  done_.wait(lock, [&] { return served_ >= mine || !thread_.joinable(); });
}

std::uint64_t LogWriter::dropped() const {
  std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->dropped();
  return sum;
}

void LogWriter::flush_then(std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    after_flush_.push_back(std::move(done));
    ++asked_;
  }
  wake_.notify_all();
}

// Producers call this when a ring is half full: once a round, and without the lock, because a lost wake-up costs a pause at most.
void LogWriter::wake() {
  if (!awake_.exchange(true, std::memory_order_relaxed)) wake_.notify_one();
}

void LogWriter::serve() {
  std::vector<LogTarget> closing;
  std::vector<std::function<void()>> after;
  for (bool last = false; !last;) {
    bool reopening = false;
    std::uint64_t flushed = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, pause, [this] { return stopping_ || reopen_ || asked_ > served_ || awake_.load(std::memory_order_relaxed); });
      awake_.store(false, std::memory_order_relaxed);
      last = stopping_;
      reopening = std::exchange(reopen_, false);
      flushed = asked_;
      after = std::exchange(after_flush_, {});
      seen_targets_.clear();
      closing.clear();
      for (const auto& target : targets_) {
        if (target && target->closing) closing.push_back(static_cast<LogTarget>(seen_targets_.size()));
        seen_targets_.push_back(target.get());
      }
      seen_rings_.clear();
      for (const auto& ring : rings_) seen_rings_.push_back(ring.get());
    }
    round(reopening);
    if (!closing.empty()) close_those(closing);
    {
      std::lock_guard lock(mutex_);
      served_ = flushed;
    }
    done_.notify_all();
    for (const auto& done : after) done();
  }
}

void LogWriter::round(bool reopening) {
  stamp_.clear();
  for (LogRing* ring : seen_rings_) drain(*ring);
  for (Target* target : seen_targets_) {
    if (!target) continue;
    write_pending(*target);
    if (reopening) reopen_target(*target);
  }
}

void LogWriter::drain(LogRing& ring) {
  std::size_t at = ring.tail_.load(std::memory_order_relaxed);
  const std::size_t end = ring.head_.load(std::memory_order_acquire);
  std::size_t unreported = 0;
  while (at != end) {
    LogRecord record;
    char bytes[sizeof record];
    ring.copy_out(at, bytes, sizeof record);
    std::memcpy(&record, bytes, sizeof record);
    Target* target = record.target < seen_targets_.size() ? seen_targets_[record.target] : nullptr;
    // A target opened after this round's look at the list: its lines wait for the next round. One that is closed gets none.
    if (!target && is_open(record.target)) break;
    if (target) add_line(*target, record.severity, record.length, ring, at + sizeof record);
    else lost_.fetch_add(1, std::memory_order_relaxed);
    at += sizeof record + record.length;
    unreported += sizeof record + record.length;
    if (unreported > 64 * 1024) {
      ring.tail_.store(at, std::memory_order_release);
      unreported = 0;
    }
  }
  ring.tail_.store(at, std::memory_order_release);
}

void LogWriter::add_line(Target& target, std::uint8_t severity, std::size_t length, const LogRing& ring, std::size_t at) {
  lines_.fetch_add(1, std::memory_order_relaxed);
  std::string& pending = target.pending;
  if (target.spec.kind == LogSpec::Kind::syslog) {
    if (stamp_.empty()) stamp_ = syslog_stamp();
    pending = '<' + std::to_string(target.spec.facility * 8 + severity) + '>' + stamp_ + ' ' + target.spec.tag + '[' +
              std::to_string(::getpid()) + "]: ";
  }
  const std::size_t before = pending.size();
  pending.resize(before + length);
  ring.copy_out(at, pending.data() + before, length);
  if (target.spec.kind == LogSpec::Kind::syslog) {
    send_syslog(target, pending);
    pending.clear();
    return;
  }
  pending += '\n';
  if (pending.size() >= batch) write_pending(target);
}

void LogWriter::send_syslog(Target& target, std::string_view datagram) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (target.fd < 0) target.fd = connect_syslog(target.spec.path);
    if (target.fd < 0) break;
    if (::send(target.fd, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return;
    if (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS) break;
    ::close(target.fd);  // the daemon was restarted: once more on a new socket
    target.fd = -1;
  }
  lost_.fetch_add(1, std::memory_order_relaxed);
}

void LogWriter::write_pending(Target& target) {
  if (target.pending.empty()) return;
  if (target.torn) target.pending.insert(target.pending.begin(), '\n');
  write_stream(target);
  target.pending.clear();
  if (target.pending.capacity() > 2 * batch) target.pending.shrink_to_fit();
}

void LogWriter::write_stream(Target& target) {
  std::string_view left = target.pending;
  while (!left.empty()) {
    std::size_t step = left.size();
    if (!target.regular) {
      pollfd p{target.fd, POLLOUT, 0};
      if (::poll(&p, 1, pipe_patience) <= 0) break;
      step = std::min(step, pipe_step);
    }
    const ssize_t n = ::write(target.fd, left.data(), step);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  const std::size_t written = target.pending.size() - left.size();
  if (written > 0) target.torn = target.pending[written - 1] != '\n';
  if (left.empty()) return;
  // Where only the end of a line is missing, the line is there: the next write ends it.
  const auto lines = std::count(left.begin(), left.end(), '\n') - (left.starts_with('\n') ? 1 : 0);
  lost_.fetch_add(static_cast<std::uint64_t>(lines), std::memory_order_relaxed);
}

void LogWriter::reopen_target(Target& target) {
  if (target.spec.kind != LogSpec::Kind::file) return;
  const int fd = open_file(target.spec.path);
  if (fd < 0) {
    reopen_failures_.fetch_add(1, std::memory_order_relaxed);  // goes on in the old file
    return;
  }
  if (!same_file(fd, target.fd)) target.torn = is_regular(fd) && ends_inside_line(fd, target.spec.path);
  ::close(target.fd);
  target.fd = fd;
  target.regular = is_regular(fd);
}

}  // namespace observe
