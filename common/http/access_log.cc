// SPDX-License-Identifier: BSD-2-Clause
#include "http/access_log.h"

#include "base/bytes.h"
#include "http/log_text.h"
#include "http/log_variables.h"

namespace http {

namespace {

constexpr std::string_view common_format = R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent)";
constexpr std::string_view combined_format =
    R"($remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent")";

bool is_name_byte(char c) { return base::is_alpha(c) || base::is_digit(c) || c == '_'; }

// Keys as they are written: `{"first":`, `,"second":` … and the opening quote of texts.
struct JsonKey {
  std::string text;
  const LogVariable* variable;
};
const std::vector<JsonKey>& json_keys() {
  static const std::vector<JsonKey> keys = [] {
    std::vector<JsonKey> out;
    for (std::size_t i = 1; i < log_variable_count; ++i) {
      const auto& variable = log_variables[i];
      if (!variable.in_json) continue;
      out.push_back({(out.empty() ? "{\"" : ",\"") + std::string(variable.name) + (variable.numeric ? "\":" : "\":\""), &variable});
    }
    return out;
  }();
  return keys;
}

void append_json_line(std::string& out, const AccessRecord& record) {
  std::string scratch;
  for (const auto& key : json_keys()) {
    out += key.text;
    scratch.clear();
    const auto value = key.variable->write(record, {}, Token::other, scratch);
    if (value.kind == LogValue::Kind::number) log_text::append_number(out, value.number);
    else if (!key.variable->numeric) log_text::append_json(out, value.text);
    else if (value.kind == LogValue::Kind::none) out += "null";
    else out += value.text;
    if (!key.variable->numeric) out += '"';
  }
  out += '}';
}

std::string_view name_or(std::string_view name, std::string_view otherwise) { return name.empty() ? otherwise : name; }

void write_ms(base::Pen& pen, base::Duration d) {
  pen.number(d < base::Duration::zero() ? -1 : std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

void write_counts(base::Pen& pen, const AccessRecord& r) {
  for (const auto n : {r.active, r.frontend_connections, r.backend_connections, r.server_connections}) {
    pen.number(n);
    pen.put('/');
  }
  if (r.redispatched) pen.put('+');
  pen.number(r.retries);
  pen.put(' ');
  pen.number(r.server_queue);
  pen.put('/');
  pen.number(r.backend_queue);
}

// %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %{+Q}r
void write_httplog(base::Pen& pen, const AccessRecord& r, std::string_view backend, std::string_view target) {
  pen.text(name_or(r.remote_addr, "-"));
  pen.put(':');
  pen.number(r.remote_port);
  pen.text(" [");
  log_text::time_haproxy(pen, r.began);
  pen.text("] ");
  pen.text(name_or(r.frontend, "-"));
  if (r.scheme == "https") pen.put('~');
  pen.put(' ');
  pen.text(backend);
  pen.put('/');
  pen.text(name_or(r.server, "<NOSRV>"));
  pen.put(' ');
  for (const auto d : {r.received, r.queued, r.upstream_connect, r.upstream_header}) {
    write_ms(pen, d);
    pen.put('/');
  }
  write_ms(pen, r.total);
  pen.put(' ');
  pen.number(r.status > 0 ? r.status : -1);
  pen.put(' ');
  pen.number(r.bytes_sent);
  pen.text(" - - ");
  pen.text(name_or(r.termination, "----"));
  pen.put(' ');
  write_counts(pen, r);
  pen.text(" \"");
  if (r.request != nullptr) {
    log_text::hash_escaped(pen, r.request->method_name());
    pen.put(' ');
    log_text::hash_escaped(pen, target);
    pen.put(' ');
    pen.text(r.protocol);
  } else if (target.empty()) {
    pen.text("<BADREQ>");
  } else {
    log_text::hash_escaped(pen, target);
  }
  pen.put('"');
}

void append_httplog(std::string& out, const AccessRecord& r) {
  constexpr std::size_t numbers = 16, fixed = 64;  // fixed: separators and the words for what there is not
  const std::string_view backend = name_or(r.backend, name_or(r.frontend, "-"));
  const std::string_view target = r.request == nullptr ? r.request_line : name_or(r.original_target, r.request->target());
  const std::size_t escaped = target.size() + (r.request != nullptr ? r.request->method_name().size() : 0);
  const std::size_t room = r.remote_addr.size() + r.frontend.size() + backend.size() + r.server.size() + r.termination.size() + r.protocol.size() +
                           log_text::time_haproxy_room + numbers * base::Pen::number_room + fixed + log_text::hash_escape * escaped;
  base::append_with_pen(out, room, [&](base::Pen& pen) { write_httplog(pen, r, backend, target); });
}

}  // namespace

bool AccessFormat::compile(std::string_view format, AccessFormat& out, std::string& problem) {
  out = AccessFormat();
  if (format == "json") {
    out.kind_ = Kind::json;
    return true;
  }
  if (format == "httplog") {
    out.kind_ = Kind::httplog;
    return true;
  }
  if (format == "combined" || format == "ncsa") return compile_custom(combined_format, out, problem);
  if (format == "common") return compile_custom(common_format, out, problem);
  if (format.find('$') == std::string_view::npos) {
    problem = "no format \"" + std::string(format) + "\": combined, common, json, httplog or a text with $variables";
    return false;
  }
  return compile_custom(format, out, problem);
}

bool AccessFormat::compile_custom(std::string_view format, AccessFormat& out, std::string& problem) {
  std::string text;
  const auto flush = [&] {
    if (!text.empty()) out.parts_.push_back({0, text, Token::other});
    text.clear();
  };
  for (std::size_t i = 0; i < format.size();) {
    const char c = format[i];
    if (c != '$') {
      text += c == '\n' || c == '\r' ? ' ' : c;  // one line a request, whatever the format says
      ++i;
      continue;
    }
    const bool braces = i + 1 < format.size() && format[i + 1] == '{';
    std::size_t end = i + (braces ? 2 : 1);
    const std::size_t begin = end;
    while (end < format.size() && is_name_byte(format[end])) ++end;
    const auto name = format.substr(begin, end - begin);
    std::string rest;
    const auto row = find_log_variable(name, rest);
    if (row == 0 || (braces && (end == format.size() || format[end] != '}'))) {
      problem = "unknown variable \"$" + std::string(name) + "\"";
      return false;
    }
    flush();
    const Token token = field_token(rest);
    out.parts_.push_back({static_cast<std::uint8_t>(row), std::move(rest), token});
    i = end + (braces ? 1 : 0);
  }
  flush();
  return true;
}

void AccessFormat::append_custom(std::string& out, const AccessRecord& record) const {
  for (const auto& part : parts_) {
    if (part.variable == 0) {
      out += part.text;
      continue;
    }
    const std::size_t before = out.size();
    const auto value = log_variables[part.variable].write(record, part.text, part.token, out);
    switch (value.kind) {
      case LogValue::Kind::none: out += '-'; break;
      case LogValue::Kind::text:
        if (out.size() == before) log_text::append_escaped(out, value.text);
        else log_text::escape_from(out, before);
        break;
      case LogValue::Kind::written: break;  // it is there
      case LogValue::Kind::number: log_text::append_number(out, value.number); break;
    }
  }
}

void AccessFormat::append(std::string& out, const AccessRecord& record) const {
  switch (kind_) {
    case Kind::custom: append_custom(out, record); break;
    case Kind::json: append_json_line(out, record); break;
    case Kind::httplog: append_httplog(out, record); break;
  }
}

}  // namespace http
