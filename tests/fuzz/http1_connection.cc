// SPDX-License-Identifier: BSD-2-Clause
// Whole HTTP/1.1 connections over memory with a simulated clock: a client and an upstream that send anything in any order. What
// reaches the upstream is strictly well-formed, and when everybody has left nothing is held. Input: steps, each a line: who and
// what by its first letter (c client, s upstream: the rest of the line is sent, "\r", "\n" and "\\" written so; C, S: sends no
// more; x: the client leaves and another comes; t: time passes, the longer the line; n: one more client).
#include "../unit/http/engine_harness.h"
#include "fuzz/fuzz.h"
#include "fuzz/strict_reader.h"

namespace {

using engine_test::Bench;
using engine_test::Wire;

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) out += text[i];
    else if (text[++i] == 'r') out += '\r';
    else if (text[i] == 'n') out += '\n';
    else out += text[i];
  }
  return out;
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

struct Play {
  Bench bench;
  std::deque<std::unique_ptr<Wire>> clients;

  void step(char what, std::string_view text) {
    Wire* client = clients.back().get();
    Wire* server = bench.servers.empty() ? nullptr : bench.servers.back().get();
    switch (what) {
      case 'c': client->send(unescaped(text)); break;
      case 'C': client->finish(); break;
      case 'x': leave_client(); break;
      case 's': if (server) server->send(unescaped(text)); break;
      case 'S': if (server) server->finish(); break;
      case 'n': if (clients.size() < 4) clients.push_back(bench.client()); break;
      case 't': bench.pass(std::chrono::seconds(1 + text.size() * 7)); break;
      default: break;
    }
    bench.settle();
  }
  void leave_client() {
    clients.pop_back();
    bench.settle();
    clients.push_back(bench.client());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Play play;
  play.clients.push_back(play.bench.client());
  for (int steps = 0; steps < 64 && !input.rest().empty(); ++steps) {
    const auto line = input.line();
    if (!line.empty()) play.step(line.front(), line.substr(1));
  }
  for (auto& server : play.bench.servers) check_upstream(server->received());
  play.clients.clear();
  play.bench.settle();
  for (auto& server : play.bench.servers) server->finish();
  for (int i = 0; i < 40; ++i) play.bench.pass(std::chrono::minutes(10));
  MUST(play.bench.proxy.slots == 0);
  return 0;
}
