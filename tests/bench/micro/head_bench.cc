// SPDX-License-Identifier: BSD-2-Clause
// What a head costs: parsed, passed on, written; and a line of the access log. Google Benchmark.
#include <benchmark/benchmark.h>

#include "http/access_log.h"
#include "http/hop_by_hop.h"
#include "http/http1_parser.h"
#include "http/http1_writer.h"
#include "http/via.h"

namespace {

constexpr std::string_view browser =
    "GET /news/2024/an-article-of-some-length?page=2 HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://www.example.org/news\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: I18N_LANGUAGE=en; _ga=GA1.2.123456789.1700000000\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "\r\n";

void parse(benchmark::State& state) {
  http::RequestHead head;
  for (auto _ : state) {
    http::RequestHeadParser parser;
    auto size = parser.parse(browser, {}, head);
    benchmark::DoNotOptimize(size);
  }
}
BENCHMARK(parse);

// A fresh head each time, as a connection has it.
void parse_and_write(benchmark::State& state) {
  net::Buffer out;
  for (auto _ : state) {
    http::RequestHead head;
    http::RequestHeadParser parser;
    auto size = parser.parse(browser, {}, head);
    benchmark::DoNotOptimize(size);
    http::write_request_head(out, head, parser.framing(), http::ConnectionField::none);
    out.consume(out.size());
  }
}
BENCHMARK(parse_and_write);

void parse_edit_and_write(benchmark::State& state) {
  net::Buffer out;
  for (auto _ : state) {
    http::RequestHead head;
    http::RequestHeadParser parser;
    auto size = parser.parse(browser, {}, head);
    benchmark::DoNotOptimize(size);
    http::remove_hop_by_hop(head);
    http::append_via(head, "1.1", "webfront-1a2b3c");
    http::write_request_head(out, head, parser.framing(), http::ConnectionField::none);
    out.consume(out.size());
  }
}
BENCHMARK(parse_edit_and_write);

void parse_response(benchmark::State& state) {
  static constexpr std::string_view answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\nContent-Type: text/html;charset=utf-8\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "Cache-Control: max-age=0, s-maxage=86400, must-revalidate\r\nServer: waitress\r\nVia: waitress\r\nX-Frame-Options: SAMEORIGIN\r\n\r\n";
  for (auto _ : state) {
    http::ResponseHead head;
    http::ResponseHeadParser parser;
    auto size = parser.parse(answer, {64 * 1024, 200, 0, 256}, http::Method::get, head);
    benchmark::DoNotOptimize(size);
  }
}
BENCHMARK(parse_response);

void log_line(benchmark::State& state, const char* name) {
  http::RequestHead head;
  http::RequestHeadParser parser;
  static_cast<void>(parser.parse(browser, {}, head));
  http::AccessFormat format;
  std::string problem, out;
  http::AccessFormat::compile(name, format, problem);
  http::AccessRecord record;
  record.remote_addr = "192.0.2.1";
  record.request = &head;
  record.status = 200;
  for (auto _ : state) {
    out.clear();
    format.append(out, record);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK_CAPTURE(log_line, combined, "combined");
BENCHMARK_CAPTURE(log_line, json, "json");
BENCHMARK_CAPTURE(log_line, httplog, "httplog");

}  // namespace

BENCHMARK_MAIN();
