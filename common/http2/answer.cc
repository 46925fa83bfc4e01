// SPDX-License-Identifier: BSD-2-Clause
#include "http2/answer.h"

#include <charconv>

#include "base/bytes.h"
#include "base/pen.h"
#include "http/dates.h"

namespace http2 {

namespace {

bool connection_specific(const http::Head& head, const http::Head::Field& field) {
  switch (field.token) {
    case http::Token::connection:
    case http::Token::keep_alive:
    case http::Token::proxy_connection:
    case http::Token::transfer_encoding:
    case http::Token::upgrade:
    case http::Token::te:
    case http::Token::http2_settings:
    case http::Token::content_length: return true;
    default: return head.name(field).empty();
  }
}

}  // namespace

void add_date(http::ResponseHead& head, const base::Clock& clock) { head.add(http::Token::date, http::http_date(clock)); }

AnswerFields::AnswerFields(const http::ResponseHead& head, std::optional<std::uint64_t> length) {
  std::size_t bytes = 64;
  for (const auto& field : head.fields()) bytes += field.name_size;
  names_.reserve(bytes);
  fields_.reserve(head.fields().size() + 2);
  const int status = head.status();
  status_[0] = static_cast<char>('0' + status / 100);
  status_[1] = static_cast<char>('0' + status / 10 % 10);
  status_[2] = static_cast<char>('0' + status % 10);
  add(":status", {status_, 3});
  for (const auto& field : head.fields())
    if (!connection_specific(head, field)) add(head.name(field), head.value(field));
  if (!length) return;
  const auto end = std::to_chars(length_, length_ + sizeof length_, *length).ptr;
  add("content-length", {length_, static_cast<std::size_t>(end - length_)});
}

void AnswerFields::add(std::string_view name, std::string_view value) {
  const std::size_t at = names_.size();
  base::append_with_pen(names_, name.size(), [name](base::Pen& pen) {
    for (const char c : name) pen.put(base::lower(c));
  });
  // nghttp2 takes non-const pointers and copies what they point to.
  nghttp2_nv field{};
  field.name = reinterpret_cast<std::uint8_t*>(names_.data() + at);
  field.namelen = name.size();
  field.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  field.valuelen = value.size();
  fields_.push_back(field);
}

}  // namespace http2
