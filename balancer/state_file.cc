// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace balancer {
namespace {

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

WriteOutcome write_state(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) return {"create", errno};
  WriteOutcome out;
  if (const int error = write_all(fd, text)) out = {"write", error};
  else if (::fsync(fd) != 0) out = {"sync", errno};
  ::close(fd);
  if (out.error == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) out = {"replace", errno};
  if (out.error) {
    ::unlink(fresh.c_str());
    return out;
  }
  // The name, too, should survive a crash of the machine; where a folder cannot be synced nothing is wrong.
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (const int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); at >= 0) {
    ::fsync(at);
    ::close(at);
  }
  return out;
}

Overrides load_state(const std::string& path, observe::ErrorLog& log) {
  std::string problem;
  {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
      if (errno == ENOENT) return {};
      problem = std::strerror(errno);
    } else if (auto read = parse_overrides(std::string(std::istreambuf_iterator<char>(in), {}))) {
      return std::move(*read);
    } else {
      problem = read.error();
    }
  }
  const std::string aside = path + ".bad";
  const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
  log.write(observe::Level::error, "the state file " + path + " cannot be used: " + problem + "; " +
                                       (moved ? "it was set aside as " + aside : std::string("it could not be set aside: ") + std::strerror(errno)) +
                                       "; every server is as configured");
  return {};
}

StateFile::StateFile(std::string path, net::Offload& pool, net::EventLoop& loop, observe::ErrorLog& log, observe::Metrics& metrics, std::size_t cell)
    : path_(std::move(path)), client_(pool, loop), log_(log),
      failures_(metrics.counter("balancer_state_write_failures_total", "Times the state file could not be written.")), cell_(cell) {}

StateFile::~StateFile() {
  if (unsaved_) place_->write(path_, *unsaved_, ++numbers_);
}

WriteOutcome StateFile::Place::write(const std::string& path, const std::string& text, std::uint64_t number) {
  std::lock_guard lock(mutex);
  if (number < last) return {};
  last = number;
  return write_state(path, text);
}

void StateFile::keep(std::string text) {
  unsaved_ = std::move(text);
  if (!writing_) write();
}

void StateFile::write() {
  writing_ = true;
  auto text = std::make_shared<const std::string>(*unsaved_);
  const auto job = client_.submit([place = place_, path = path_, text, number = ++numbers_] { return place->write(path, *text, number); },
                                  [this, text](const WriteOutcome& outcome) { written(*text, outcome); });
  if (!job) written(*text, place_->write(path_, *text, ++numbers_));
}

void StateFile::written(const std::string& text, const WriteOutcome& outcome) {
  writing_ = false;
  const bool latest = unsaved_ && *unsaved_ == text;
  if (outcome.error) {
    failures_.cell(cell_).add();
    log_.write(observe::Level::error, std::string("cannot ") + outcome.step + " the state file " + path_ + ": " + std::strerror(outcome.error) +
                                          "; what commands changed would be lost by a restart", "state-file");
  } else if (latest) {
    unsaved_.reset();
  }
  if (unsaved_ && !latest) write();  // a failed text is tried again with the next change, and at the end
}

}  // namespace balancer
