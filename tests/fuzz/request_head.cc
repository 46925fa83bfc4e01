// SPDX-License-Identifier: BSD-2-Clause
// Request heads: a parser fed byte by byte agrees with one fed whole, and what is written of a head is read the same again.
// Input: a flag byte, then the bytes of a connection.
#include "fuzz/heads.h"
#include "http/hop_by_hop.h"
#include "http/http1_parser.h"
#include "http/http1_writer.h"

namespace {

using namespace http;

constexpr HeadLimits small{256, 6, 64, 24};
constexpr HeadLimits wide{1 << 20, 1000, 1 << 20, 60000};

void must_be_same(const RequestHeadParser& a, const RequestHeadParser& b) {
  MUST(a.framing().kind == b.framing().kind);
  MUST(a.framing().length == b.framing().length);
  MUST(a.close() == b.close());
  MUST(a.expect_continue() == b.expect_continue());
  MUST(a.upgrade_websocket() == b.upgrade_websocket());
}

void must_be_same(const RequestHead& a, const RequestHead& b) {
  MUST(a.method() == b.method());
  MUST(a.method_name() == b.method_name());
  MUST(a.target() == b.target());
}

// How much the parser took when it is given one byte more at a time; 0: it refused or wants more.
std::size_t parse_bytewise(std::string_view text, const HeadLimits& limits, RequestHeadParser& parser, RequestHead& head, bool& refused) {
  for (std::size_t n = 1; n <= text.size(); ++n) {
    const auto size = parser.parse(text.substr(0, n), limits, head);
    refused = !size;
    if (refused) return 0;
    MUST(*size == 0 || *size == n);
    if (*size != 0) return n;
  }
  return 0;
}

void write_and_parse_again(RequestHead& head, const Framing& framing) {
  remove_hop_by_hop(head);
  // The next tier would refuse what HTTP/1.0 permits; the daemons add Host and settle Expect before they forward.
  if (!head.has(Token::host) || (head.minor_version() == 0 && head.has(Token::expect))) return;
  net::Buffer out;
  write_request_head(out, head, framing, ConnectionField::none);
  const std::string first = out.text();
  RequestHeadParser parser;
  RequestHead again;
  const auto size = parser.parse(first, wide, again);
  MUST(size && *size == first.size());
  must_be_same(head, again);
  fuzz::must_have_same_fields(head, again);
  if (framing.kind != Framing::Kind::none || parser.framing().kind != Framing::Kind::length) MUST(parser.framing().kind == framing.kind);
  MUST(parser.framing().length == framing.length);
  out.clear();
  write_request_head(out, again, parser.framing(), ConnectionField::none);
  MUST(out.text() == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const HeadLimits limits = (input.byte() & 1) != 0 ? small : HeadLimits{};
  const auto text = input.rest();
  RequestHeadParser whole, bytewise;
  RequestHead head, same;
  const auto taken = whole.parse(text, limits, head);
  bool refused = false;
  const auto step = parse_bytewise(text, limits, bytewise, same, refused);
  MUST(!refused || !taken);
  if (!taken) {
    // In parts, a line is judged when its end is there.
    if (!refused) MUST(step == 0 && !bytewise.parse(std::string(text) + "\r\n", limits, same));
    MUST(taken.error().reason.row != nullptr && taken.error().reason.row->status >= 400);
    return 0;
  }
  MUST(*taken == step && step <= text.size());
  if (step == 0) return 0;
  must_be_same(whole, bytewise);
  must_be_same(head, same);
  MUST(head.minor_version() == same.minor_version());
  fuzz::must_have_same_fields(head, same, false);
  MUST(head.target() == "*" || head.target().starts_with('/'));
  MUST(head.count(Token::host) <= 1);
  write_and_parse_again(head, whole.framing());
  return 0;
}
