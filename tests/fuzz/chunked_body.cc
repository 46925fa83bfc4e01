// SPDX-License-Identifier: BSD-2-Clause
// Bodies: fed in pieces of any sizes, and taken in pieces of any sizes, they give what they give at once; what is written of
// them is read the same again. Input: flags, how much to take at once, the count of pieces' sizes, the sizes, the bytes.
#include <vector>

#include "fuzz/heads.h"
#include "http/body_decoder.h"
#include "http/http1_writer.h"

namespace {

using namespace http;

struct Outcome {
  bool refused = false;
  bool complete = false;
  std::string body;
  std::size_t taken = 0;  // bytes of the connection that belong to the body
  std::string left;
};

struct Plan {
  Framing framing;
  BodyLimits limits;
  std::size_t most = SIZE_MAX;
  std::vector<std::size_t> sizes;  // of pieces, in turn; none: all at once
};

Plan plan_of(fuzz::Input& input) {
  Plan plan;
  const auto flags = input.byte();
  plan.framing.kind = (flags & 6) == 6 ? Framing::Kind::length : (flags & 6) == 4 ? Framing::Kind::until_close : Framing::Kind::chunked;
  if (plan.framing.kind == Framing::Kind::length) plan.framing.length = flags >> 3;
  if ((flags & 1) != 0) {
    plan.limits.chunk_line = 16;
    plan.limits.extensions = 32;
    plan.limits.trailers = {64, 3, 0, 16};
  }
  plan.most = 1 + input.byte();
  for (auto count = input.byte() % 8; count > 0; --count) plan.sizes.push_back(1 + input.byte());
  return plan;
}

// Decodes what has come so far; false when there is no use in going on.
bool drain(BodyDecoder& decoder, net::Buffer& input, std::size_t most, Outcome& outcome) {
  for (;;) {
    const auto before = input.size();
    net::Buffer body;
    const auto done = decoder.decode(input, body, most);
    MUST(body.size() <= most);
    outcome.body += body.text();
    outcome.refused = !done;
    outcome.complete = done && *done;
    if (outcome.refused || outcome.complete) return false;
    if (input.size() == before || input.empty()) return true;
  }
}

Outcome decode(BodyDecoder& decoder, std::string_view text, const Plan& plan, bool in_pieces) {
  Outcome outcome;
  decoder.start(plan.framing, plan.limits);
  net::Buffer input;
  std::size_t fed = 0, turn = 0;
  bool more = true;
  while (more && fed < text.size()) {
    const auto piece = in_pieces && !plan.sizes.empty() ? plan.sizes[turn++ % plan.sizes.size()] : text.size();
    const auto now = text.substr(fed, piece);
    input.append(now);
    fed += now.size();
    more = drain(decoder, input, in_pieces ? plan.most : SIZE_MAX, outcome);
  }
  outcome.taken = fed - input.size();
  outcome.left = input.text();
  outcome.complete = decoder.complete();  // an empty one is so before anything came
  MUST(decoder.received() == outcome.body.size());
  return outcome;
}

// In pieces, a line is judged when its end is there.
void must_refuse_at_line_end(BodyDecoder& decoder, const Outcome& so_far) {
  net::Buffer input, body;
  input.append(so_far.left + "\r\n");
  MUST(!decoder.decode(input, body, SIZE_MAX));
}

void write_and_decode_again(const std::string& body, const Head& trailers, std::size_t chunk) {
  net::Buffer content, wire;
  content.append(body);
  while (!content.empty()) write_chunk(wire, content, chunk);
  write_last_chunk(wire, &trailers);
  Plan plan;
  plan.framing.kind = Framing::Kind::chunked;
  BodyDecoder again;
  const auto outcome = decode(again, wire.text(), plan, false);
  MUST(outcome.complete && outcome.taken == wire.size() && outcome.body == body);
  fuzz::must_have_same_fields(trailers, again.trailers(), false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Plan plan = plan_of(input);
  BodyDecoder whole, pieces;
  const auto a = decode(whole, input.rest(), plan, false);
  const auto b = decode(pieces, input.rest(), plan, true);
  MUST(a.refused || !b.refused);
  MUST(a.complete == b.complete);
  MUST(a.complete == whole.complete());
  if (a.refused) {
    if (!b.refused) must_refuse_at_line_end(pieces, b);
    return 0;
  }
  MUST(a.body == b.body);
  if (!a.complete) {
    MUST(whole.finish_at_eof().has_value() == (plan.framing.kind == Framing::Kind::until_close));
    return 0;
  }
  MUST(a.taken == b.taken);
  fuzz::must_have_same_fields(whole.trailers(), pieces.trailers(), false);
  if (plan.framing.kind == Framing::Kind::length) MUST(a.body.size() == plan.framing.length);
  if (plan.framing.kind == Framing::Kind::chunked) write_and_decode_again(a.body, whole.trailers(), plan.most);
  return 0;
}
