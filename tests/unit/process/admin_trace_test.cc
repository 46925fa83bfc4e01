// SPDX-License-Identifier: BSD-2-Clause
// The command `trace`: what it understands, what it prints, and workers that do not answer.
#include "process/admin_trace.h"

#include <catch2/catch.hpp>

#include <future>

#include "http/engine_reasons.h"
#include "http/exchange.h"

using namespace process;
using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using What = TraceQuestion::What;

namespace {

TraceQuestion parsed(const Words& words) {
  TraceQuestion out;
  REQUIRE(parse_trace(words, out));
  return out;
}

http::TraceRecord record(std::uint64_t connection, base::Duration ended, const char* target = "/a") {
  http::TraceRecord r{};
  r.began = base::WallTime(1'700'000'000s + ended - 30ms);
  r.total = 30ms;
  r.connection = connection;
  r.request = 2;
  r.bytes = 1234;
  r.status = 200;
  r.protocol = http::Protocol::http1_1;
  r.states = 2;
  r.state_names = {"route", "answer"};
  r.state_times = {100, 10'000};
  r.reason = &http::reasons::finished;
  r.method.set("GET");
  r.host.set("www.example");
  r.target.set(target);
  return r;
}

// A thread whose loop stands still until it is let go.
struct Stuck {
  net::Thread thread;
  std::promise<void> gate;
  explicit Stuck(std::uint32_t id) : thread("stuck", id) {
    thread.start([future = std::make_shared<std::future<void>>(gate.get_future())] { future->wait(); });
  }
  void let_go() { gate.set_value(); }
};

}  // namespace

TEST_CASE("words of trace") {
  CHECK(parsed({}).what == What::recent);
  CHECK(parsed({}).limit == 20);
  CHECK(parsed({"5"}).limit == 5);
  CHECK(parsed({"slow"}).what == What::slow);
  CHECK(parsed({"failed", "3"}).what == What::failed);
  CHECK(parsed({"failed", "3"}).limit == 3);
  CHECK(parsed({"1099511627777.1"}).id == "1099511627777.1");
  CHECK(parsed({"0123456789abcdef0123456789abcdef"}).what == What::one);
  TraceQuestion out;
  CHECK_FALSE(parse_trace(Words{"slow", "x"}, out));
  CHECK_FALSE(parse_trace(Words{"a", "b"}, out));
  CHECK_FALSE(parse_trace(Words{"a", "b", "c"}, out));
}

TEST_CASE("a list is of all workers, newest first, and cut") {
  Reply reply;
  trace_answer({What::recent, 2, {}}, {record(1, 1s), record(2, 3s, "/b c"), record(3, 2s)}, "", reply);
  CHECK(reply.text == "2023-11-14T22:13:23.000Z 2.2 200 1234 30.0ms finished unix: GET www.example/b c\n"
                      "2023-11-14T22:13:22.000Z 3.2 200 1234 30.0ms finished unix: GET www.example/a\n");
  CHECK(reply.json.find("\"target\": \"/b c\"") != std::string::npos);
  CHECK(reply.json.ends_with("\"workers_missing\": []}"));
  CHECK_FALSE(reply.failed);
}

TEST_CASE("what was slow, or else the slowest") {
  const TraceQuestion question{What::slow, 2, {}};
  http::TraceRecord slow = record(1, 1s, "/slow"), quick = record(2, 9s, "/quick"), quicker = record(3, 9s, "/quicker");
  slow.total = 1500ms;
  quicker.total = 1ms;
  Reply some, none;
  trace_answer(question, {quick, slow, quicker}, "", some);
  CHECK(some.text.find("/slow") != std::string::npos);
  CHECK(some.text.find("/quick") == std::string::npos);
  trace_answer(question, {quicker, quick}, "", none);
  CHECK(none.text.find("/quick\n") < none.text.find("/quicker\n"));
}

TEST_CASE("one exchange is shown with its states") {
  Reply reply;
  trace_answer({What::one, 20, "1.2"}, {record(1, 1s)}, "", reply);
  CHECK(reply.text.find("  +0.1ms route for 9.9ms\n  +10.0ms answer for 20.0ms\n") != std::string::npos);
  CHECK(reply.text.find("end: finished: answered completely\n") != std::string::npos);
  CHECK(reply.json.find("\"states\": [{\"state\": \"route\", \"milliseconds\": 0.100}, {\"state\": \"answer\", \"milliseconds\": 10.000}]") != std::string::npos);
  Reply none;
  trace_answer({What::one, 20, "x\n"}, {}, "", none);
  CHECK(none.failed);
  CHECK(none.text == "no exchange that ended is remembered as x\\x0A\n");
}

TEST_CASE("a worker that does not answer is named, and what others know is told") {
  net::Thread control("control", 9);
  net::Thread well("well", 0);
  well.start();
  Stuck stuck(1);
  AdminTrace trace(control, {&well, &stuck.thread});
  Reply reply;
  trace.ask({}, reply);
  REQUIRE(reply.pending());
  const auto later = reply.pending();
  later->on_done([&] { control.loop().stop(); });
  control.run_here();
  CHECK(later->reply.text == "no answer from worker 1, which has not been through its loop since\n");
  CHECK(later->reply.json == "{\"exchanges\": [], \"workers_missing\": [1]}");
  // Its answer comes to nobody.
  stuck.let_go();
  stuck.thread.stop();
  stuck.thread.join();
  control.loop().drain();
  well.stop();
  well.join();
}

TEST_CASE("all workers answer") {
  net::Thread control("control", 9);
  net::Thread one("one", 0), two("two", 1);
  one.start();
  two.start();
  AdminTrace trace(control, {&one, &two});
  Reply reply, wrong;
  trace.ask(Words{"a", "b"}, wrong);
  CHECK(wrong.failed);
  CHECK_FALSE(wrong.pending());
  const Words words{"nothing.1"};
  trace.ask(words, reply);
  const auto later = reply.pending();
  REQUIRE(later);
  later->on_done([&] { control.loop().stop(); });
  control.run_here();
  CHECK(later->reply.failed);
  CHECK(later->reply.text == "no exchange that ended is remembered as nothing.1\n");
  for (net::Thread* thread : {&one, &two}) {
    thread->stop();
    thread->join();
  }
}
