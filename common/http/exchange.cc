// SPDX-License-Identifier: BSD-2-Clause
#include "http/exchange.h"

#include <cstdio>

#include "base/check.h"

namespace http {

void History::add(const char* state, base::TimePoint when) {
  // The first entries tell how it began, the last one where it is.
  if (count_ == entries_.size()) entries_[entries_.size() - 1] = {state, when};
  else entries_[count_++] = {state, when};
}

std::string History::text() const {
  std::string out;
  for (std::size_t i = 0; i < count_; ++i) {
    if (i > 0) out += ' ';
    out += entries_[i].state;
    if (i == 0) continue;
    char time[32];
    const double ms = std::chrono::duration<double, std::milli>(entries_[i].when - entries_[0].when).count();
    std::snprintf(time, sizeof time, " +%.1fms", ms);
    out += time;
  }
  return out;
}

Exchange::Exchange(net::EventLoop& loop, net::TaskOwner& owner, Stream stream) : Task(loop, owner), stream_(std::move(stream)) {}

Exchange::~Exchange() {
  if (!end_recorded()) {
    std::fprintf(stderr, "exchange without an end: %s\n", history_.text().c_str());
    CHECK_MSG(end_recorded(), "an exchange ended without record_end");
  }
}

void Exchange::record_end(base::Reason reason) {
  CHECK_MSG(!end_recorded(), "record_end twice");
  CHECK(reason.row != nullptr);
  end_reason_ = reason;
}

void Service::error_answer(const base::Error& error, ResponseHead& head, std::string& body) {
  const int status = error.reason.row->status ? error.reason.row->status : 500;
  const std::string_view phrase = reason_phrase(status);
  head.set_status(status);
  head.set(Token::content_type, "text/html; charset=utf-8");
  head.set(Token::cache_control, "no-store");
  body = "<!DOCTYPE html>\n<title>" + std::to_string(status) + " " + std::string(phrase) + "</title>\n<h1>" + std::to_string(status) + " " +
         std::string(phrase) + "</h1>\n";
}

}  // namespace http
