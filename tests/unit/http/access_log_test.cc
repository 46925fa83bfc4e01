// SPDX-License-Identifier: BSD-2-Clause
#include "http/access_log.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

#include "http/http1_parser.h"
#include "http/log_text.h"

using namespace http;
using namespace std::chrono_literals;

namespace {

RequestHead request(std::string_view target, std::string_view agent) {
  RequestHead head;
  head.set_method("GET");
  head.set_target(target);
  head.add("Host", "www.example.org");
  head.add("Referer", "https://r/");
  head.add("User-Agent", agent);
  head.add("Cookie", "a=1; serverid=s2");
  head.add("X-Mine", "m");
  return head;
}

std::string line(std::string_view format, const AccessRecord& record) {
  AccessFormat compiled;
  std::string problem, out;
  REQUIRE(AccessFormat::compile(format, compiled, problem));
  compiled.append(out, record);
  return out;
}

struct UtcZone {
  UtcZone() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

}  // namespace

TEST_CASE("access log formats") {
  UtcZone zone;
  const auto head = request("/a?b=\"c", "Agent \"x\"\\\x1b[0m");
  ResponseHead answer(200);
  answer.add("Content-Type", "text/html");
  AccessRecord r;
  r.remote_addr = "192.0.2.1";
  r.remote_port = 4711;
  r.request = &head;
  r.response = &answer;
  r.status = 200;
  r.bytes_sent = 1500;
  r.body_bytes_sent = 1234;
  r.began = base::WallTime(std::chrono::milliseconds(971211336042));
  r.total = 42ms;
  r.received = 1ms;
  r.queued = 2ms;
  r.upstream_connect = 0ms;
  r.upstream_header = 30ms;
  r.frontend = "in";
  r.backend = "app";
  r.server = "s1";
  r.retries = 1;
  r.redispatched = true;
  CHECK(line("combined", r) ==
        R"(192.0.2.1 - - [10/Oct/2000:20:55:36 +0000] "GET /a?b=\x22c HTTP/1.1" 200 1234 "https://r/" "Agent \x22x\x22\x5C\x1B[0m")");
  CHECK(line("common", r) == R"(192.0.2.1 - - [10/Oct/2000:20:55:36 +0000] "GET /a?b=\x22c HTTP/1.1" 200 1234)");
  CHECK(line("httplog", r) == R"(192.0.2.1:4711 [10/Oct/2000:20:55:36.042] in app/s1 1/2/0/30/42 200 1500 - - ---- 0/0/0/0/+1 0/0 "GET /a?b=#22c HTTP/1.1")");
  CHECK(line("$request_time ${msec}x $http_x_mine $sent_http_content_type $cookie_serverid $uri $args $upstream_response_time $time_iso8601", r) ==
        "0.042 971211336.042x m text/html s2 /a b=\\x22c - 2000-10-10T20:55:36+00:00");
  const auto json = line("json", r);
  CHECK(json.find(R"("request_uri":"/a?b=\"c")") != std::string::npos);
  CHECK(json.find(R"("http_user_agent":"Agent \"x\"\\\u001B[0m")") != std::string::npos);
  CHECK(json.find(R"("status":200)") != std::string::npos);
  CHECK(json.find(R"("upstream_response_time":null)") != std::string::npos);
  CHECK(json.find(R"("request_time":0.042)") != std::string::npos);
  CHECK(json.front() == '{');
  CHECK(json.back() == '}');
}

TEST_CASE("a request that never became one") {
  AccessRecord r;
  r.remote_addr = "::1";
  r.request_line = "G\nET / \x80";
  r.status = 400;
  CHECK(line("$request $status $http_referer", r) == "G\\x0AET / \\x80 400 -");
  CHECK(line("httplog", r).ends_with("\"G#0AET / #80\""));
  r.request_line = {};
  CHECK(line("httplog", r).find("- -/<NOSRV> -1/-1/-1/-1/-1 400 0 - - ---- 0/0/0/0/0 0/0 \"<BADREQ>\"") != std::string::npos);
}

// The line is written without looking where its room ends.
TEST_CASE("httplog has room for the longest of everything") {
  RequestHead head;
  head.set_method(std::string(100, '"'));
  head.set_target("/" + std::string(60'000, '\x80'));
  AccessRecord r;
  r.request = &head;
  // Each much longer than what the numbers leave.
  const std::string name(1000, 'n');
  r.protocol = r.remote_addr = r.frontend = r.backend = r.server = r.termination = name;
  r.remote_port = 65535;
  r.scheme = "https";
  r.began = base::WallTime::max();
  r.total = r.received = r.queued = r.upstream_connect = r.upstream_header = base::Duration::max();
  r.status = INT32_MAX;
  r.bytes_sent = UINT64_MAX;
  r.active = r.frontend_connections = r.backend_connections = r.server_connections = r.retries = r.server_queue = r.backend_queue = UINT32_MAX;
  r.redispatched = true;
  const std::string longest = line("httplog", r);
  CHECK(longest.find(" 18446744073709551615 - - " + name + " 4294967295/") != std::string::npos);
  CHECK(longest.ends_with("#80#80 " + name + "\""));
  const std::string original = "/" + std::string(60'000, '"');
  r.original_target = original;
  CHECK(line("httplog", r).ends_with("#22#22 " + name + "\""));
  r.request = nullptr;
  r.request_line = original;
  CHECK(line("httplog", r).ends_with("#22#22\""));
}

TEST_CASE("no byte of a peer can end a line or a quote") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string out;
  log_text::append_escaped(out, all);
  CHECK(out.find_first_of("\"\n\r") == std::string::npos);
  out.clear();
  base::append_with_pen(out, log_text::hash_escape * all.size(), [&](base::Pen& pen) { log_text::hash_escaped(pen, all); });
  CHECK(out.find_first_of("\"\n\r") == std::string::npos);
  out.clear();
  log_text::append_json(out, all + "gr\xc3\xbc\xc3\x9f \xed\xa0\x80 \xc0\xaf");
  CHECK(out.find_first_of("\n\r") == std::string::npos);
  CHECK(out.find("gr\xc3\xbc\xc3\x9f \\u00ED\\u00A0\\u0080 \\u00C0\\u00AF") != std::string::npos);
}

TEST_CASE("formats that cannot be compiled") {
  AccessFormat format;
  std::string problem;
  CHECK_FALSE(AccessFormat::compile("combine", format, problem));
  CHECK_FALSE(AccessFormat::compile("$nothing", format, problem));
  CHECK(problem == "unknown variable \"$nothing\"");
  CHECK_FALSE(AccessFormat::compile("$http_", format, problem));
  CHECK_FALSE(AccessFormat::compile("${status", format, problem));
}
