// SPDX-License-Identifier: BSD-2-Clause
// What the store's tests share: doors without threads, a task that counts its rings, an asker of fixed answers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cachenode/store/store.h"
#include "net/event_loop.h"

namespace cachenode::store {

// Keeps the mail of other workers till it is delivered by hand.
class TestDoors final : public Doors {
 public:
  explicit TestDoors(unsigned workers = 2) : workers_(workers) {}
  unsigned workers() const override { return workers_; }
  void post(unsigned worker, net::Message message) override { mail_.emplace_back(worker, std::move(message)); }
  std::size_t waiting() const { return mail_.size(); }
  void deliver() {
    auto mail = std::move(mail_);
    mail_.clear();
    for (auto& [worker, message] : mail) message();
  }

 private:
  unsigned workers_;
  std::vector<std::pair<unsigned, net::Message>> mail_;
};

struct TestOwner final : net::TaskOwner {
  void reap(net::Task&) override {}
};

class CountingTask final : public net::Task {
 public:
  CountingTask(net::EventLoop& loop, net::TaskOwner& owner) : net::Task(loop, owner) {}
  int runs = 0;

 protected:
  Step run() override {
    ++runs;
    return Step::wait;
  }
};

struct TestAsker final : Asker {
  std::map<std::string, std::string> values;
  base::TimePoint now{};
  bool fails = false;
  void selecting(std::string_view names, std::string& out) const override {
    out.clear();
    base::split(names, ',', [&](std::string_view name) {
      const auto at = values.find(std::string(name));
      out += at == values.end() ? std::string("-") : at->second;
      out += '\n';
    });
  }
  Use judge(const Freshness& freshness, bool just_failed) const override {
    observe::LastReason why;
    return use_stored(UseView{freshness, now, fails || just_failed}, why);
  }
};

struct StoreFixture {
  base::FakeClock clock;
  net::EventLoop loop{clock};
  TestOwner owner;
  TestDoors doors;
  Store store;
  TestAsker asker;
  explicit StoreFixture(std::uint64_t memory = 16 << 20) : store({memory}, doors) { asker.now = clock.now(); }

  static KeyParts key(std::string_view name) { return {name, name, "www.example.org", {}, false}; }
  Found ask(std::string_view name, Intent intent = Intent::fetch) {
    asker.now = clock.now();
    return store.look_up(key(name), asker, intent, clock.now());
  }
  // Carries a flight out: a head that is fresh for `lifetime` seconds over `text`. Null head: no room.
  Ref<Head> head_for(Flight& flight, std::string_view text, Seconds lifetime, std::string_view vary = {}) {
    http::ResponseHead response(200);
    response.add("Content-Type", "text/plain");
    Ref<Head> head = store.new_head(response, 0);
    if (!head) return head;
    head->body = store.new_body(text.size());
    head->freshness.received = clock.now();
    head->freshness.lifetime = lifetime;
    head->vary_names = vary;
    asker.selecting(vary, head->vary_values);
    if (vary.empty()) head->vary_values.clear();
    if (flight.settle_until != base::TimePoint{}) head->freshness.kept_until = flight.settle_until;
    return head;
  }
  const base::ReasonRow* fill(Flight& flight, std::string_view text, Seconds lifetime, std::string_view vary = {}) {
    Ref<Head> head = head_for(flight, text, lifetime, vary);
    if (!head) {
      store.uncacheable(flight, reasons::keep_no_memory, {}, clock.now(), 0);
      return &reasons::keep_no_memory;
    }
    store.streaming(flight, head, 0);
    if (head->body->append(text, 0) < text.size()) {
      head->body->break_off(0);
      store.fail(flight, {&reasons::keep_no_memory}, 0, clock.now(), 0);
      return &reasons::keep_no_memory;
    }
    head->body->complete(0);
    return store.publish(flight, clock.now(), 0);
  }
  std::string read(Ref<Body> body, net::Task& task) {
    BodyReader reader;
    std::string out;
    if (!reader.attach(std::move(body), 0, UINT64_MAX, 0, task)) return "refused";
    for (;;) {
      const auto next = reader.next(SIZE_MAX);
      if (next.state == BodyReader::State::wait) return out + "|wait";
      if (next.state == BodyReader::State::broken) return out + "|broken";
      if (next.state == BodyReader::State::end) return out;
      out += next.bytes;
    }
  }
};

}  // namespace cachenode::store
