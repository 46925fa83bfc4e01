// SPDX-License-Identifier: BSD-2-Clause
#include "http/head.h"

#include <algorithm>
#include <functional>

#include "base/bytes.h"
#include "base/check.h"
#include "base/pen.h"

namespace http {

Method method_from(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return Method::get;
      if (name == "PUT") return Method::put;
      if (name == "BAN") return Method::ban;
      break;
    case 4:
      if (name == "HEAD") return Method::head;
      if (name == "POST") return Method::post;
      break;
    case 5:
      if (name == "PATCH") return Method::patch;
      if (name == "PURGE") return Method::purge;
      if (name == "TRACE") return Method::trace;
      break;
    case 6:
      if (name == "DELETE") return Method::delete_;
      break;
    case 7:
      if (name == "OPTIONS") return Method::options;
      if (name == "CONNECT") return Method::connect;
      break;
    default: break;
  }
  return Method::other;
}

const Head::Field* Head::find(Token token) const {
  for (const auto& f : fields_)
    if (f.token == token) return &f;
  return nullptr;
}

const Head::Field* Head::find(std::string_view wanted) const {
  const Token token = field_token(wanted);
  if (token != Token::other) return find(token);
  for (const auto& f : fields_)
    if (f.token == Token::other && base::iequals(name(f), wanted)) return &f;
  return nullptr;
}

std::optional<std::string_view> Head::get(Token token) const {
  const auto* f = find(token);
  if (f == nullptr) return std::nullopt;
  return value(*f);
}

std::optional<std::string_view> Head::get(std::string_view wanted) const {
  const auto* f = find(wanted);
  if (f == nullptr) return std::nullopt;
  return value(*f);
}

std::string Head::joined(Token token, std::string_view separator) const {
  std::string out;
  bool first = true;
  for (const auto& f : fields_) {
    if (f.token != token) continue;
    if (!first) out += separator;
    first = false;
    out += value(f);
  }
  return out;
}

std::size_t Head::count(Token token) const {
  return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [token](const Field& f) { return f.token == token; }));
}

std::uint32_t Head::store(std::string_view bytes) {
  const auto at = static_cast<std::uint32_t>(block_.size());
  block_.append(bytes);
  return at;
}

namespace {

// True if `bytes` lie within the block: appending them could move what they refer to.
bool within(std::string_view block, std::string_view bytes) {
  return !bytes.empty() && std::less_equal<>{}(block.data(), bytes.data()) && std::less<>{}(bytes.data(), block.data() + block.size());
}

}  // namespace

// Lines are stored as they are written, so that the writer can copy runs of them. A block that is too small stays as it is until
// the line is there: parts may be views of it.
void Head::append_line(std::string_view field, Token token, std::span<const std::string_view> parts, Field& into) {
  CHECK(field.size() <= UINT16_MAX);
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  const std::size_t before = block_.size(), total = field.size() + size + 4;
  base::RecycledString grown;
  const bool grows = block_.capacity() - before < total;
  if (grows) {
    grown.reserve(std::max(before + total, 2 * block_.capacity()));
    grown = block_;
  }
  into = {static_cast<std::uint32_t>(before), static_cast<std::uint32_t>(before + field.size() + 2), static_cast<std::uint32_t>(size),
          static_cast<std::uint16_t>(field.size()), token, true};
  base::append_with_pen(grows ? grown : block_, total, [&](base::Pen& pen) {
    pen.text(field);
    pen.put(':');
    pen.put(' ');
    for (const std::string_view part : parts) pen.text(part);
    pen.put('\r');
    pen.put('\n');
  });
  if (grows) block_ = std::move(grown);
}

void Head::add(std::string_view field, std::string_view content) {
  append_line(field, field_token(field), {&content, 1}, fields_.emplace_back());
}

void Head::add(Token token, std::string_view content) { add(token, {content}); }

void Head::add(Token token, std::initializer_list<std::string_view> parts) {
  append_line(field_name(token), token, parts, fields_.emplace_back());
}

void Head::set(Token token, std::string_view content) { set(token, {content}); }

void Head::set(Token token, std::initializer_list<std::string_view> parts) {
  auto first = std::find_if(fields_.begin(), fields_.end(), [token](const Field& f) { return f.token == token; });
  if (first == fields_.end()) return add(token, parts);
  append_line(field_name(token), token, parts, *first);
  fields_.erase(std::remove_if(first + 1, fields_.end(), [token](const Field& f) { return f.token == token; }), fields_.end());
}

void Head::set(std::string_view field, std::string_view content) {
  const Token token = field_token(field);
  if (token != Token::other) {
    set(token, content);
    return;
  }
  const auto same = [&](const Field& f) { return f.token == Token::other && base::iequals(name(f), field); };
  auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) {
    add(field, content);
    return;
  }
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
  append_line(field, Token::other, {&content, 1}, *first);
}

void Head::remove(Token token) {
  std::erase_if(fields_, [token](const Field& f) { return f.token == token; });
}

void Head::remove(std::string_view field) {
  const Token token = field_token(field);
  if (token != Token::other) {
    remove(token);
    return;
  }
  std::erase_if(fields_, [&](const Field& f) { return f.token == Token::other && base::iequals(name(f), field); });
}

void Head::clear_head() {
  block_.clear();
  fields_.clear();
  minor_version_ = 1;
}

void RequestHead::set_method(std::string_view method) {
  if (within(block_, method)) {
    set_method(std::string(method));
    return;
  }
  method_ = method_from(method);
  method_at_ = store(method);
  method_size_ = static_cast<std::uint32_t>(method.size());
}

void RequestHead::set_target(std::string_view new_target) {
  if (within(block_, new_target)) {
    set_target(std::string(new_target));
    return;
  }
  target_at_ = store(new_target);
  target_size_ = static_cast<std::uint32_t>(new_target.size());
}

std::string_view RequestHead::path() const {
  const auto whole = target();
  return whole.substr(0, whole.find('?'));
}

std::string_view RequestHead::query() const {
  const auto whole = target();
  const auto at = whole.find('?');
  return at == std::string_view::npos ? std::string_view{} : whole.substr(at + 1);
}

void RequestHead::set_scheme(std::string_view new_scheme) {
  if (within(block_, new_scheme)) {
    set_scheme(std::string(new_scheme));
    return;
  }
  scheme_at_ = store(new_scheme);
  scheme_size_ = static_cast<std::uint32_t>(new_scheme.size());
}

void RequestHead::clear() {
  clear_head();
  method_ = Method::other;
  method_at_ = method_size_ = target_at_ = target_size_ = scheme_at_ = scheme_size_ = 0;
}

void Head::copy_to(Head& other) const {
  other.block_.reserve(block_.size() + edit_room);
  other.block_.assign(block_);
  other.fields_.reserve(fields_.size() + edit_fields);
  other.fields_.assign(fields_.begin(), fields_.end());
  other.minor_version_ = minor_version_;
}

ResponseHead ResponseHead::copy_to_edit() const {
  ResponseHead copy(status_);
  copy_to(copy);
  return copy;
}

void ResponseHead::clear() {
  clear_head();
  status_ = 0;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 510: return "Not Extended";
    case 511: return "Network Authentication Required";
    default: return "";
  }
}

}  // namespace http
