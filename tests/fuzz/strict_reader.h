// SPDX-License-Identifier: BSD-2-Clause
// A small reader of HTTP/1.1 messages that accepts only what we may write: no leniency, no limits, nothing shared with the
// parsers that are tested. For whole texts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

struct StrictMessage {
  std::string method, target;  // of a request
  int status = 0;              // of an answer
  std::vector<std::pair<std::string, std::string>> fields, trailers;  // names in lower case
  std::string body;
  bool upgrade = false;        // what follows is no HTTP/1.1
  bool until_close = false;

  std::vector<std::string> all(std::string_view name) const {
    std::vector<std::string> out;
    for (const auto& [n, v] : fields)
      if (n == name) out.push_back(v);
    return out;
  }
};

class StrictReader {
 public:
  enum class Verdict : std::uint8_t { complete, more, bad };
  explicit StrictReader(std::string_view text) : rest_(text) {}
  std::string_view rest() const { return rest_; }

  Verdict request(StrictMessage& out) {
    out = {};
    std::string_view line;
    if (const auto v = take_line(line); v != Verdict::complete) return v;
    const auto first = line.find(' '), last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || line.substr(last + 1) != "HTTP/1.1") return Verdict::bad;
    out.method = line.substr(0, first);
    out.target = line.substr(first + 1, last - first - 1);
    if (!is_name(out.method) || !is_target(out.target)) return Verdict::bad;
    if (const auto v = take_fields(out.fields); v != Verdict::complete) return v;
    if (out.all("host").size() != 1) return Verdict::bad;
    out.upgrade = !out.all("upgrade").empty();
    return take_body(out, true, false);
  }

  // `head`: the request was HEAD.
  Verdict response(StrictMessage& out, bool head) {
    out = {};
    std::string_view line;
    if (const auto v = take_line(line); v != Verdict::complete) return v;
    if (line.size() < 13 || line.substr(0, 9) != "HTTP/1.1 " || line[12] != ' ') return Verdict::bad;
    for (const char c : line.substr(9, 3)) {
      if (c < '0' || c > '9') return Verdict::bad;
      out.status = out.status * 10 + (c - '0');
    }
    if (out.status < 100 || !is_text(line.substr(13))) return Verdict::bad;
    if (const auto v = take_fields(out.fields); v != Verdict::complete) return v;
    out.upgrade = out.status == 101;
    const bool never = out.status < 200 || out.status == 204;
    if (never && (!out.all("content-length").empty() || !out.all("transfer-encoding").empty())) return Verdict::bad;
    return take_body(out, false, head || never || out.status == 304);
  }

 private:
  static bool is_name(std::string_view text) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != std::string_view::npos;
    });
  }
  static bool is_target(std::string_view text) {
    if (text != "*" && (text.empty() || text.front() != '/')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
  }
  static bool is_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
      const auto u = static_cast<unsigned char>(c);
      return u == '\t' || (u >= ' ' && u != 0x7f);
    });
  }

  Verdict take_line(std::string_view& line) {
    const auto end = rest_.find("\r\n");
    const auto text = rest_.substr(0, end);
    if (text.find('\n') != std::string_view::npos || text.find('\0') != std::string_view::npos) return Verdict::bad;
    if (end == std::string_view::npos) return Verdict::more;
    if (text.find('\r') != std::string_view::npos) return Verdict::bad;
    line = text;
    rest_.remove_prefix(end + 2);
    return Verdict::complete;
  }

  Verdict take_fields(std::vector<std::pair<std::string, std::string>>& out) {
    for (;;) {
      std::string_view line;
      if (const auto v = take_line(line); v != Verdict::complete) return v;
      if (line.empty()) return Verdict::complete;
      const auto colon = line.find(':');
      if (colon == std::string_view::npos || !is_name(line.substr(0, colon))) return Verdict::bad;
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
      auto value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
      if (!is_text(value)) return Verdict::bad;
      out.emplace_back(std::move(name), value);
    }
  }

  Verdict take_body(StrictMessage& out, bool request, bool none) {
    const auto lengths = out.all("content-length"), codings = out.all("transfer-encoding");
    if (lengths.size() + codings.size() > 1) return Verdict::bad;
    if (!codings.empty() && codings[0] != "chunked") return Verdict::bad;
    std::uint64_t length = 0;
    if (!lengths.empty() && !number(lengths[0], 10, length)) return Verdict::bad;
    if (none) return Verdict::complete;
    if (!codings.empty()) return take_chunks(out);
    if (lengths.empty() && !request) {
      out.until_close = true;
      return take(rest_.size(), out.body);
    }
    return take(length, out.body);
  }

  Verdict take_chunks(StrictMessage& out) {
    for (;;) {
      std::string_view line;
      std::uint64_t size = 0;
      if (const auto v = take_line(line); v != Verdict::complete) return v;
      if (!number(line, 16, size)) return Verdict::bad;
      if (size == 0) return take_fields(out.trailers);
      if (const auto v = take(size, out.body); v != Verdict::complete) return v;
      if (rest_.size() < 2) return Verdict::more;
      if (rest_.substr(0, 2) != "\r\n") return Verdict::bad;
      rest_.remove_prefix(2);
    }
  }

  Verdict take(std::uint64_t size, std::string& out) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(size, rest_.size()));
    out += rest_.substr(0, n);
    rest_.remove_prefix(n);
    return n == size ? Verdict::complete : Verdict::more;
  }

  static bool number(std::string_view text, unsigned base, std::uint64_t& out) {
    if (text.empty() || text.size() > (base == 16 ? 16U : 20U)) return false;
    out = 0;
    for (const char c : text) {
      unsigned digit = 99;
      if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
      if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
      if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
      if (digit >= base || out > (UINT64_MAX - digit) / base) return false;
      out = out * base + digit;
    }
    return true;
  }

  std::string_view rest_;
};

}  // namespace fuzz
