// SPDX-License-Identifier: BSD-2-Clause
// When changed certificate files are loaded, and what is said when they cannot be used. Files and time are simulated.
#include <catch2/catch.hpp>

#include <map>

#include "../net/tls_support.h"
#include "net/event_loop.h"
#include "process/certificate_watch.h"

using process::TlsMaterial;

namespace {

struct Bench {
  struct File {
    std::string text;
    process::FileState state;
    int error = 0;
  };
  base::FakeClock clock;
  net::EventLoop loop{clock};
  std::map<std::string, File> files;
  std::uint64_t changes = 0;
  std::size_t reads = 0;
  std::vector<std::shared_ptr<const TlsMaterial>> fresh;
  std::vector<std::string> failures;
  process::ReadFile read = [this](const std::string& path) -> std::expected<std::string, int> {
    ++reads;
    const File& file = files[path];
    if (file.error) return std::unexpected(file.error);
    return file.text;
  };
  process::CertificateWatch watch{loop,
                                  {read,
                                   [this](const std::string& path) -> std::expected<process::FileState, int> {
                                     if (files[path].error) return std::unexpected(files[path].error);
                                     return files[path].state;
                                   }},
                                  {[this](const TlsMaterial& old, std::shared_ptr<const TlsMaterial> made) {
                                     CHECK(old.context != made->context);
                                     fresh.push_back(std::move(made));
                                   },
                                   [this](const std::string& why) { failures.push_back(why); }}};

  void put(const std::string& path, const std::string& text) {
    files[path].text = text;
    files[path].state.changed = static_cast<std::int64_t>(++changes);
    files[path].error = 0;
  }
  void fail(const std::string& path, int error) {
    files[path].error = error;
    files[path].state.changed = static_cast<std::int64_t>(++changes);
  }
  std::shared_ptr<const TlsMaterial> load(bool watched = true, std::vector<std::string> alpn = {"h2"}) {
    process::TlsOptions options;
    options.watch = watched;
    options.certificates.push_back({{}, "a.pem", "a.key"});
    auto made = process::load_tls(options, std::move(alpn), nullptr, read, {});
    REQUIRE(made);
    return *made;
  }
  void pass(base::Duration time) {
    const base::TimePoint until = clock.now() + time;
    while (clock.now() < until) {
      clock.advance(std::chrono::milliseconds(100));
      loop.turn(false);
      loop.drain();
    }
  }
};

const net_test::Pem one = net_test::make_pem({"a.example"});
const net_test::Pem two = net_test::make_pem({"a.example"});

}  // namespace

using namespace std::chrono_literals;

TEST_CASE("files that change are loaded, files that stay are not even read") {
  Bench b;
  b.put("a.pem", one.cert);
  b.put("a.key", one.key);
  const auto first = b.load();
  b.watch.watch({first, nullptr});
  CHECK(b.watch.size() == 1);
  b.pass(3s);
  CHECK(b.fresh.empty());
  const std::size_t reads = b.reads;
  b.pass(60s);
  CHECK(b.reads == reads);
  b.put("a.pem", two.cert);
  b.put("a.key", two.key);
  b.pass(1100ms);
  REQUIRE(b.fresh.size() == 1);
  CHECK_FALSE(b.fresh[0]->certificates[0]->same_as(*first->certificates[0]));
  // Touched only: read, but nothing new.
  b.put("a.pem", two.cert);
  b.pass(5s);
  CHECK(b.fresh.size() == 1);
  CHECK(b.failures.empty());
}

TEST_CASE("what changed between the reading of the configuration and the first look is seen") {
  Bench b;
  b.put("a.pem", one.cert);
  b.put("a.key", one.key);
  const auto first = b.load();
  b.put("a.pem", two.cert);
  b.put("a.key", two.key);
  b.watch.watch({first});
  b.loop.drain();
  CHECK(b.fresh.size() == 1);
}

TEST_CASE("a pair of which one half is new is no news for two seconds") {
  Bench b;
  b.put("a.pem", one.cert);
  b.put("a.key", one.key);
  b.watch.watch({b.load()});
  b.pass(1s);
  b.put("a.key", two.key);
  b.pass(1900ms);
  CHECK(b.failures.empty());
  SECTION("the other half comes") {
    b.put("a.pem", two.cert);
    b.pass(3s);
    CHECK(b.fresh.size() == 1);
    CHECK(b.failures.empty());
  }
  SECTION("it does not: said once") {
    b.pass(30s);
    CHECK(b.failures == std::vector<std::string>{"a.key: the private key does not belong to the certificate"});
    CHECK(b.fresh.empty());
    b.put("a.pem", two.cert);
    b.pass(1100ms);
    CHECK(b.fresh.size() == 1);
  }
  SECTION("what was there comes back") {
    b.put("a.key", one.key);
    b.pass(30s);
    CHECK(b.fresh.empty());
    CHECK(b.failures.empty());
  }
}

TEST_CASE("files that are away or cannot be read; two contexts of the same files complain once") {
  Bench b;
  b.put("a.pem", one.cert);
  b.put("a.key", one.key);
  const auto h2 = b.load();
  const auto h1 = b.load(true, {"http/1.1"});
  b.watch.watch({h2, h1, h2});
  CHECK(b.watch.size() == 2);
  b.pass(1s);
  b.fail("a.pem", ENOENT);
  b.pass(30s);
  CHECK(b.failures == std::vector<std::string>{"cannot read a.pem: No such file or directory"});
  b.put("a.pem", one.cert);
  b.pass(5s);
  CHECK(b.fresh.empty());
  b.put("a.pem", two.cert);
  b.put("a.key", two.key);
  b.pass(2s);
  CHECK(b.fresh.size() == 2);
}

TEST_CASE("another configuration: what it does not name is not watched any more") {
  Bench b;
  b.put("a.pem", one.cert);
  b.put("a.key", one.key);
  const auto watched = b.load();
  b.watch.watch({watched});
  b.pass(1s);
  const std::size_t reads = b.reads;
  b.watch.watch({watched});
  b.pass(2s);
  CHECK(b.reads == reads);  // it is known already
  b.watch.watch({b.load(false)});
  CHECK(b.watch.size() == 0);
  b.put("a.pem", two.cert);
  b.put("a.key", two.key);
  b.pass(5s);
  CHECK(b.fresh.empty());
}
