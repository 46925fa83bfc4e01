// SPDX-License-Identifier: BSD-2-Clause
#include "http/paths.h"

#include <catch2/catch.hpp>

#include "http/host.h"
#include "http/reasons.h"

using namespace http;

TEST_CASE("the match form sees through disguises") {
  CHECK(match_form("/") == "/");
  CHECK(match_form("") == "/");
  CHECK(match_form("//a///./b%2Fc/") == "/a/b/c");
  CHECK(match_form("/%6danage") == "/manage");
  CHECK(match_form("/a%252fb") == "/a%2fb");  // once
  CHECK(match_form("/%2e/a") == "/a");
  CHECK(match_form("/a/%2F%2F/b") == "/a/b");
  CHECK(match_form("/++api++/@@x;y") == "/++api++/@@x;y");
  CHECK(match_form("/%56irtualHostBase/http%2fx") == "/VirtualHostBase/http/x");
}

TEST_CASE("normalising targets") {
  const auto normal = [](std::string_view target) {
    const auto out = normalise_target(target);
    if (!out) return std::string(out.error().reason.row->name);
    return out->empty() ? std::string(target) : *out;
  };
  CHECK(normal("/a/b") == "/a/b");
  CHECK(normal("/./a") == "/./a");
  CHECK(normal("/a/.") == "/a/.");
  CHECK(normal("/a/..?b=/../c") == "/?b=/../c");
  CHECK(normal("/a/b/../../c/./d") == "/c/d");
  CHECK(normal("/a//../b") == "/a/b");
  CHECK(normal("/a/...") == "/a/...");
  CHECK(normal("/../a") == "target-above-root");
  CHECK(normal("a") == "target-form");
  CHECK(normal("") == "target-form");
  CHECK(normal("/a b") == "target-byte");
  CHECK(normal("/..%2f..%2fmanage_main") == "target-hidden-dots");
  CHECK(normal("/x/%2E%2e") == "target-hidden-dots");
  CHECK(normal("/x%2f..") == "target-hidden-dots");
  CHECK(normal("/x%2f.") == "/x%2f.");
  CHECK(normal("/x/../%2e%2e/y") == "target-hidden-dots");
}

TEST_CASE("canonical form") {
  CHECK(canonical_form("/%7Ea%2fb%2D") == "/~a%2Fb-");
  CHECK(canonical_form("/a?b=%41%3d") == "/a?b=A%3D");
  CHECK(canonical_form("/a?b=%4") == "/a?b=%4");
}

TEST_CASE("hosts") {
  CHECK(normal_host("WWW.Example.org.:80", "http") == "www.example.org");
  CHECK(normal_host("example.org:443", "https") == "example.org");
  CHECK(normal_host("example.org:443", "http") == "example.org:443");
  CHECK(normal_host("[::1]:8080", "http") == "[::1]:8080");
  CHECK(normal_host("bad host", "http").empty());
  CHECK(same_authority("A:80", "a", "http"));
  CHECK_FALSE(same_authority("a:80", "a", "https"));
  CHECK(parse_host("h:0")->port == 0);
}
