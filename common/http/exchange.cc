// SPDX-License-Identifier: BSD-2-Clause
#include "http/exchange.h"

#include <unistd.h>

#include <cstdio>

#include "base/check.h"
#include "base/check_text.h"
#include "http/test_hooks.h"
#include "http/trace.h"

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

Exchange::Exchange(net::EventLoop& loop, net::TaskOwner& owner, Stream stream) : Task(loop, owner), stream_(std::move(stream)) {
  if (stream_.connection) request_number_ = stream_.connection->requests + 1;
}

Exchange::~Exchange() {
  if (!end_recorded()) {
    describe(STDERR_FILENO);
    CHECK_MSG(end_recorded(), "an exchange ended without record_end");
  }
}

void Exchange::note(const char* state) {
  history_.add(state, now());
  test_hooks::at_state(stream_.head, state);
}

void Exchange::record_end(base::Reason reason) {
  CHECK_MSG(!end_recorded(), "record_end twice");
  CHECK(reason.row != nullptr);
  end_reason_ = reason;
  if (TraceRings* rings = TraceRings::of_this_thread(); rings && stream_.connection)
    rings->add(stream_, request_number_, history_, end_reason_, request_name_, now());
}

void Exchange::describe(int fd) const noexcept {
  const auto microseconds = [](base::Duration time) { return std::chrono::duration_cast<std::chrono::microseconds>(time).count(); };
  base::CheckText out(fd);
  out.text("exchange ");
  if (stream_.connection) out.number(static_cast<std::int64_t>(stream_.connection->serial)).text(".").number(request_number_).text(" ");
  out.text(stream_.head.method_name()).text(" ").text(stream_.head.host()).text(stream_.head.target());
  if (stream_.sink && stream_.sink->status()) out.text(", status ").number(stream_.sink->status());
  out.text(":");
  for (const History::Entry& entry : history_.entries()) out.text(" ").text(entry.state).text(" +").milliseconds(microseconds(entry.when - stream_.began));
  out.text(" now +").milliseconds(microseconds(now() - stream_.began));
  if (end_reason_) out.text(", ended: ").text(end_reason_.row->name);
  out.line();
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
