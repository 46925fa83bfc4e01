// SPDX-License-Identifier: BSD-2-Clause
// Response heads: a parser fed byte by byte agrees with one fed whole, and what is written of a head is read the same again.
// Input: a flag byte (limits, method of the request), then the bytes of a connection.
#include "fuzz/heads.h"
#include "http/hop_by_hop.h"
#include "http/http1_parser.h"
#include "http/http1_writer.h"

namespace {

using namespace http;

constexpr HeadLimits small{256, 6, 0, 24};
constexpr HeadLimits wide{1 << 20, 1000, 0, 60000};

std::size_t parse_bytewise(std::string_view text, const HeadLimits& limits, Method method, ResponseHeadParser& parser, ResponseHead& head, bool& refused) {
  for (std::size_t n = 1; n <= text.size(); ++n) {
    const auto size = parser.parse(text.substr(0, n), limits, method, head);
    refused = !size;
    if (refused) return 0;
    MUST(*size == 0 || *size == n);
    if (*size != 0) return n;
  }
  return 0;
}

void write_and_parse_again(ResponseHead& head, Method method, const Framing& framing) {
  remove_hop_by_hop(head);
  net::Buffer out;
  write_response_head(out, head, framing, ConnectionField::none);
  const std::string first = out.text();
  ResponseHeadParser parser;
  ResponseHead again;
  const auto size = parser.parse(first, wide, method, again);
  MUST(size && *size == first.size());
  MUST(again.status() == head.status());
  fuzz::must_have_same_fields(head, again);
  MUST(parser.framing().kind == framing.kind && parser.framing().length == framing.length);
  out.clear();
  write_response_head(out, again, parser.framing(), ConnectionField::none);
  MUST(out.text() == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto flags = input.byte();
  const HeadLimits limits = (flags & 1) != 0 ? small : HeadLimits{};
  const Method method = (flags & 2) != 0 ? Method::head : Method::get;
  const auto text = input.rest();
  ResponseHeadParser whole, bytewise;
  ResponseHead head, same;
  const auto taken = whole.parse(text, limits, method, head);
  bool refused = false;
  const auto step = parse_bytewise(text, limits, method, bytewise, same, refused);
  MUST(!refused || !taken);
  if (!taken) {
    // In parts, a line is judged when its end is there.
    if (!refused) MUST(step == 0 && !bytewise.parse(std::string(text) + "\r\n", limits, method, same));
    MUST(taken.error().side == base::Side::upstream && taken.error().reason.row != nullptr);
    return 0;
  }
  MUST(*taken == step);
  if (step == 0) return 0;
  MUST(head.status() >= 100 && head.status() <= 999 && head.status() == same.status());
  MUST(whole.framing().kind == bytewise.framing().kind && whole.framing().length == bytewise.framing().length);
  MUST(whole.close() == bytewise.close() && whole.switching() == bytewise.switching());
  MUST(whole.keep_alive_timeout() == bytewise.keep_alive_timeout());
  fuzz::must_have_same_fields(head, same, false);
  MUST(head.count(Token::date) <= 1 && head.count(Token::content_length) <= 1);
  write_and_parse_again(head, method, whole.framing());
  return 0;
}
