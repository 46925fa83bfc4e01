// SPDX-License-Identifier: BSD-2-Clause
// CacheExchange: answers from the store, from a growing body, from a fetch that could not be shared, and of our own.
#include <charconv>

#include "cachenode/answer_head.h"
#include "cachenode/cache_exchange.h"
#include "cachenode/own_answer.h"
#include "http/conditionals.h"
#include "http/engine_reasons.h"
#include "http/hop_by_hop.h"
#include "http/via.h"

namespace cachenode {

namespace {

// Pieces up to this size are copied behind the head; larger ones are sent from where they are stored.
constexpr std::size_t copied_piece = 2048;

const char* own_version(int minor) { return minor == 0 ? "1.0" : "1.1"; }

// What a 304 repeats of the stored head (RFC 9110 15.4.5).
http::ResponseHead not_modified_head(const http::ResponseHead& stored) {
  http::ResponseHead head(304);
  for (const auto& field : stored.fields()) {
    switch (field.token) {
      case http::Token::cache_control:
      case http::Token::content_location:
      case http::Token::date:
      case http::Token::etag:
      case http::Token::expires:
      case http::Token::vary:
      case http::Token::cdn_cache_control:
      case http::Token::cache_status: head.add(field.token, stored.value(field)); break;
      // Where there is no entity tag, caches need it.
      case http::Token::last_modified:
        if (!stored.has(http::Token::etag)) head.add(field.token, stored.value(field));
        break;
      default: break;
    }
  }
  return head;
}

}  // namespace

void CacheExchange::dress(http::ResponseHead& head, const CacheStatus& status, std::optional<Seconds> age) {
  const Compiled& shared = config();
  if (age) {
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, *age).ptr;
    head.add(http::Token::age, std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  if (!shared.headers.cache_status.empty()) {
    base::RecycledString text;
    text.reserve(96);
    if (const auto before = head.get(http::Token::cache_status)) {
      text = head.joined(http::Token::cache_status);
      text += ", ";
      head.remove(http::Token::cache_status);
    }
    render_cache_status(status, shared.headers.cache_status, text);
    head.add(http::Token::cache_status, text);
  }
  if (shared.headers.x_cache) {
    if (head.has(http::Token::x_cache)) head.remove(http::Token::x_cache);
    head.add(http::Token::x_cache, status.hit ? "HIT" : "MISS");
  }
  http::append_via(head, own_version(head.minor_version()), shared.policy.via_name);
}

bool CacheExchange::answer_condition(const http::ResponseHead& stored, const CacheStatus& status, Seconds age) {
  if (stored.status() != 200 || !http::has_preconditions(stream_.head)) return false;
  const auto outcome = http::evaluate_preconditions(stream_.head, http::validators_of(stored), loop().clock().unix_seconds());
  if (outcome == http::Precondition::proceed) return false;
  http::ResponseHead head = not_modified_head(stored);
  if (outcome == http::Precondition::failed) head = http::ResponseHead(412);
  dress(head, status, age);
  facts_.status = head.status();
  if (outcome == http::Precondition::failed) stream_.sink->head(std::move(head), 0);
  else stream_.sink->head(std::move(head), std::nullopt);
  stream_.sink->end();
  go(State::settle);
  return true;
}

// False: the body takes no newcomers.
bool CacheExchange::deliver(store::Ref<store::Head> object, CacheStatus status) {
  const http::ResponseHead& stored = object->response;
  const Seconds age = shown_age(object->freshness, now());
  const store::Body& body = *object->body;
  std::optional<std::uint64_t> length = object->length;
  if (body.end() == store::Body::End::complete) length = body.published();
  std::uint64_t from = 0, to = UINT64_MAX;
  const bool get = stream_.head.method() == http::Method::get;
  http::RangeRequest ranges;
  if (get && stored.status() == 200 && length && stream_.head.has(http::Token::range) &&
      http::if_range_holds(stream_.head, http::validators_of(stored), loop().clock().unix_seconds()))
    ranges = http::requested_ranges(stream_.head, *length);
  const bool partial = ranges.kind == http::RangeRequest::Kind::ranges && ranges.ranges.size() == 1;
  if (partial) {
    from = ranges.ranges[0].first;
    to = from + ranges.ranges[0].length;
  }
  // Before anything is sent: a window cannot be joined.
  if (get && !reader_.attach(object->body, from, to, service_.worker(), *this)) return false;
  object_ = std::move(object);
  if (answer_condition(stored, status, age)) {
    reader_.detach();
    return true;
  }
  http::ResponseHead head = stored.copy_to_edit();
  if (partial) {
    head.set_status(206);
    head.set("Content-Range", http::content_range(ranges.ranges[0], *length));
    length = ranges.ranges[0].length;
  } else if (ranges.kind == http::RangeRequest::Kind::unsatisfiable) {
    head = http::ResponseHead(416);
    head.set("Content-Range", http::unsatisfied_range(*length));
    length = 0;
    reader_.detach();
  }
  dress(head, status, age);
  facts_.status = head.status();
  const bool nothing = !get || length == std::uint64_t{0} || head.status() == 204;
  stream_.sink->head(std::move(head), length);
  go(State::stream);
  if (!nothing) return true;
  reader_.detach();
  stream_.sink->end();
  go(State::settle);
  return true;
}

CacheExchange::Next CacheExchange::run_stream() {
  http::ResponseSink& sink = *stream_.sink;
  for (std::size_t room = sink.writable(); room > 0; room = sink.writable()) {
    const store::BodyReader::Next next = reader_.next(room);
    if (next.state == store::BodyReader::State::wait) return Next::wait;
    if (next.state == store::BodyReader::State::span) {
      if (next.bytes.size() <= copied_piece) {
        sink.copy(next.bytes);
        continue;
      }
      net::Buffer piece;
      piece.append_shared(next.bytes, *next.owner);
      sink.data(piece);
      continue;
    }
    if (next.state == store::BodyReader::State::broken) {
      // What is incomplete must not look complete.
      end_ = {&reasons::body_broken};
      sink.abort();
    } else {
      sink.end();
    }
    reader_.detach();
    leave_flight();
    return go(State::settle);
  }
  return Next::wait;
}

CacheExchange::Next CacheExchange::run_handed() {
  Fetch* fetch = service_.fetches().find(fetch_);
  if (!fetch || !fetch->handed()) {
    if (stream_.sink->committed()) {
      end_ = {&reasons::body_broken};
      stream_.sink->abort();
      return go(State::settle);
    }
    answer_own({{&reasons::fetch_gone}, base::Side::upstream});
    return Next::go_on;
  }
  http::ResponseSink& sink = *stream_.sink;
  if (!sink.committed()) {
    if (flight_->ask_again && plan_.identity.has_credentials) {
      leave_flight();
      passed_back_ = true;
      return begin_pass(forward_ ? forward_ : "bypass");
    }
    http::ResponseHead head = fetch->take_answer();
    const auto length = http::answer_length(fetch->lease(), head, http::Method::get);
    http::remove_hop_by_hop(head);
    client_head(config().policy, head);
    CacheStatus status;
    status.forward = miss_ == &reasons::miss_vary ? "vary-miss" : miss_ == &reasons::miss_stale ? "stale" : "uri-miss";
    status.detail = facts_.detail;
    facts_.outcome = Outcome::miss;
    facts_.cache_word = "MISS";
    if (answer_condition(head, status, 0)) {
      leave_flight();
      return Next::go_on;
    }
    dress(head, status, std::nullopt);
    facts_.status = head.status();
    sink.head(std::move(head), length);
  }
  const auto outcome = relay_.pump(stream_, fetch->lease());
  if (outcome == http::Relay::Outcome::flowing) return Next::wait;
  if (outcome != http::Relay::Outcome::answered) {
    end_ = outcome == http::Relay::Outcome::client_gone ? base::Reason{&http::reasons::client_left} : base::Reason{&reasons::body_broken};
    sink.abort();
  }
  leave_flight();
  return go(State::settle);
}

void CacheExchange::answer_own(const base::Error& error) {
  clear_deadline();
  end_ = base::Reason{error.reason.row, error.reason.a, error.reason.b};
  const bool upstream = error.side == base::Side::upstream;
  OwnAnswer answer = own_answer(error, upstream ? std::string_view(config().origin) : std::string_view{});
  CacheStatus status;
  if (upstream) status.forward = forward_ ? forward_ : "uri-miss";
  status.detail = base::Reason{error.reason.row};
  dress(answer.head, status, std::nullopt);
  facts_.status = answer.head.status();
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.body.size());
  if (stream_.head.method() != http::Method::head) stream_.sink->copy(answer.body);
  stream_.sink->end();
  go(State::settle);
}

}  // namespace cachenode
