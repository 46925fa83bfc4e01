// SPDX-License-Identifier: BSD-2-Clause
// An HTTP/2 session over memory: after the preface a client sends any bytes, in frames and in pieces that the input decides, and the
// upstream answers. What reaches the upstream is strictly well-formed HTTP/1.1, and when everybody has left nothing is held.
// Input: steps of a byte "what", a byte "size" and as many bytes. What: modulo 8, 0 to 3 a frame (type, flags, stream, then its
// payload; its length is right), 4 raw bytes, 5 the upstream sends an answer with these bytes, 6 it sends the bytes, 7 time passes.
#include "../unit/http/engine_harness.h"
#include "fuzz/fuzz.h"
#include "fuzz/strict_reader.h"
#include "http2/session.h"

namespace {

using engine_test::Bench;

std::string_view take(std::string_view& rest, std::size_t n) {
  const auto out = rest.substr(0, n);
  rest.remove_prefix(out.size());
  return out;
}

std::string frame_of(std::string_view text) {
  const auto type = take(text, 1), flags = take(text, 1), stream = take(text, 1);
  std::string out{'\0', '\0', static_cast<char>(text.size())};
  out += type.empty() ? std::string_view("\x04") : type;
  out += flags.empty() ? std::string_view("\0", 1) : flags;
  out += std::string_view("\0\0\0", 3);
  out += stream.empty() ? std::string_view("\0", 1) : stream;
  return out.append(text);
}

void check_upstream(const std::string& received) {
  fuzz::StrictReader reader(received);
  fuzz::StrictMessage message;
  while (!reader.rest().empty()) {
    const auto verdict = reader.request(message);
    MUST(verdict != fuzz::StrictReader::Verdict::bad);
    if (verdict == fuzz::StrictReader::Verdict::more || message.upgrade) return;
  }
}

void play(Bench& bench, engine_test::Wire& client, std::string_view rest) {
  for (int steps = 0; steps < 64 && !rest.empty(); ++steps) {
    const auto head = take(rest, 2);
    const auto what = static_cast<unsigned char>(head[0]) % 8;
    const auto bytes = take(rest, head.size() < 2 ? 0 : static_cast<unsigned char>(head[1]));
    auto* server = bench.servers.empty() ? nullptr : bench.servers.back().get();
    if (what < 4) client.send(frame_of(bytes));
    else if (what == 4) client.send(bytes);
    else if (what == 5 && server) server->send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n" + std::string(bytes));
    else if (what == 6 && server) server->send(bytes);
    else if (what == 7) bench.pass(std::chrono::seconds(1 + bytes.size()));
    bench.settle();
    client.take();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bench bench;
  bench.listener.http1 = false;
  bench.listener.http2 = true;
  bench.connections.set_http2(http2::session_factory());
  auto client = bench.client();
  client->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  client->send(frame_of(""));
  bench.settle();
  play(bench, *client, fuzz::Input(data, size).rest());
  for (auto& server : bench.servers) check_upstream(server->received());
  client.reset();
  bench.settle();
  for (auto& server : bench.servers) server->finish();
  for (int i = 0; i < 40; ++i) bench.pass(std::chrono::minutes(10));
  MUST(bench.proxy.slots == 0);
  return 0;
}
