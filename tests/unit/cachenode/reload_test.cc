// SPDX-License-Identifier: BSD-2-Clause
// One configuration after another: what keeps its state, what does not.
#include <catch2/catch.hpp>

#include "../process/fake_runtime.h"
#include "cachenode/daemon.h"

using namespace cachenode;
using Serving = process_test::Serving<CachenodeDaemon, Generation>;

namespace {

const std::string listening = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
const std::string first = listening + "[origin.app]\naddress = \"127.0.0.1:1\"\nmax_connections = 7\n[storage]\nmemory = \"8m\"\n";
const std::string other_rules = first + "[defaults]\nttl = \"10s\"\n[[rule]]\nname = \"r\"\nmatch = { prefix = \"/x\" }\nttl = \"1h\"\n";
const std::string other_time = listening + "[origin.app]\naddress = \"127.0.0.1:1\"\nmax_connections = 3\ntimeout = { connect = \"9s\" }\n[storage]\nmemory = \"4m\"\n";
const std::string other_origin = listening + "[origin.balancer]\naddress = \"127.0.0.1:1\"\n[storage]\nmemory = \"8m\"\n";

std::string with_probe(const std::string& more) {
  return listening + "[origin.app]\naddress = \"unix:/nowhere/at/all\"\nprobe = { interval = \"10ms\"" + more + " }\n";
}

}  // namespace

TEST_CASE("from A to B and back: origin and endpoint are the same objects while they say the same") {
  Serving serving(first);
  const auto origin = serving.now().origin;
  const auto endpoint = serving.now().endpoint;
  const Generation& rules = serving.reload(other_rules);
  CHECK(rules.compiled->policy.rules.size() == 1);
  CHECK(rules.origin == origin);
  CHECK(rules.endpoint == endpoint);
  CHECK(rules.gone == nullptr);

  const Generation& time = serving.reload(other_time);
  CHECK(time.origin == origin);
  CHECK(time.endpoint != endpoint);
  CHECK(time.gone == endpoint);
  CHECK(origin->book.copy_rows()[0].limit() == 3);
  CHECK(serving.runtime.graves.empty());

  const Generation& back = serving.reload(first);
  CHECK(back.origin == origin);
  CHECK(back.gone == time.endpoint);
  CHECK(origin->book.copy_rows()[0].limit() == 7);
}

TEST_CASE("an origin of another name has a book of its own, the old one goes when nobody uses it") {
  Serving serving(first);
  const std::weak_ptr<Origin> before = serving.now().origin;
  serving.reload(other_origin);
  CHECK(serving.now().origin != before.lock());
  REQUIRE(serving.runtime.buried(before.lock().get()));
  CHECK_FALSE(serving.runtime.graves[0].in_use());
  serving.generations.erase(serving.generations.begin());
  serving.runtime.graves.clear();
  CHECK(before.expired());
}

TEST_CASE("what was prepared and thrown away leaves nothing behind") {
  Serving serving(first);
  const auto origin = serving.now().origin;
  {
    CachenodeDaemon next;
    Serving::read(next, other_time);
    REQUIRE(serving.daemon.prepare(next, &serving.now()));
  }
  CHECK(origin->book.copy_rows()[0].limit() == 7);
  CHECK(serving.reload(first).origin == origin);
  CHECK(serving.now().gone == nullptr);
}

TEST_CASE("the bound of the store follows") {
  Serving serving(first);
  const auto limit = [&] {
    const std::string text = serving.runtime.metrics().text();
    const auto at = text.find("\ncachenode_store_limit_bytes ");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + 29));
  };
  CHECK(limit() == 8 << 20);
  serving.reload(other_time);
  CHECK(limit() == 4 << 20);
  serving.reload(first);
  CHECK(limit() == 8 << 20);
}

TEST_CASE("the probe keeps its verdict while only other things change") {
  base::FakeClock clock;
  net::EventLoop loop(clock);
  observe::ErrorLog log{{observe::Level::emerg, {}, 10, std::chrono::seconds(10), {}}};
  State state;
  const auto generation = [&](const std::string& text, const Generation* before) {
    config::Context context;
    Options options;
    config::load_text(context, "test.toml", text);
    REQUIRE(config::read_root(context, options));
    return state.bind(compile(options, nullptr, "via"), before);
  };
  const auto wait = [&](int questions) {
    for (int i = 0; i < questions; ++i) {
      loop.drain();
      clock.advance(std::chrono::milliseconds(10));
      loop.turn(false);
      loop.drain();
    }
  };
  ProbeOwner owner(loop, log);
  const auto a = generation(with_probe(""), nullptr);
  owner.use(*a);
  const Probe* probe = owner.probe();
  wait(4);
  CHECK_FALSE(a->origin->sick);
  wait(6);
  REQUIRE(a->origin->sick);

  const auto b = generation(with_probe("") + "[defaults]\nttl = \"10s\"\n", a.get());
  owner.use(*b);
  CHECK(owner.probe() == probe);
  CHECK(b->origin->sick);

  // What was answered counts by the new numbers.
  const auto c = generation(with_probe(", window = 64, threshold = 3"), b.get());
  owner.use(*c);
  CHECK(owner.probe() == probe);
  CHECK_FALSE(c->origin->sick);
  owner.use(*b);
  CHECK(b->origin->sick);

  // Another way to the origin: nobody has asked there yet.
  const auto d = generation(listening + "[origin.app]\naddress = \"unix:/nowhere/else\"\nprobe = { interval = \"10ms\" }\n", b.get());
  owner.use(*d);
  CHECK(d->origin == b->origin);
  CHECK_FALSE(d->origin->sick);
  const auto none = generation(listening + "[origin.app]\naddress = \"unix:/nowhere/else\"\n", d.get());
  wait(10);
  REQUIRE(d->origin->sick);
  owner.use(*none);
  CHECK_FALSE(none->origin->sick);
  CHECK(owner.probe() == nullptr);
}

TEST_CASE("explain follows the configuration, and needs nothing that serves") {
  const auto explained = [](CachenodeDaemon& daemon) {
    process::Reply reply;
    const std::vector<std::string> words{"-H", "Authorization: x", "http://h/x/y"};
    daemon.explain(words, reply);
    return reply.text;
  };
  CachenodeDaemon alone;
  Serving::read(alone, first + "[key.query]\nremove = [\"utm_*\"]\n");
  CHECK(explained(alone).find("from the configuration alone") != std::string::npos);
  Serving serving(first);
  const std::string before = explained(serving.daemon);
  serving.reload(first + "[headers]\ncache_status = \"edge\"\n");
  CHECK(explained(serving.daemon) != before);
  CHECK(explained(serving.daemon).find("Cache-Status: edge") != std::string::npos);
}
