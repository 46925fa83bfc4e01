// SPDX-License-Identifier: BSD-2-Clause
// Request and response heads: one self-contained byte block with an ordered field table of offsets. Letter case and order
// are kept, edits append to the block, a move never re-points, and a const head may be read by any thread.
// Views returned by a head are valid until its next edit.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.h"
#include "http/field_names.h"

namespace http {

enum class Method : std::uint8_t { other, get, head, post, put, delete_, options, patch, connect, trace, purge, ban };
Method method_from(std::string_view name);  // case-sensitive, RFC 9110 9.1
// GET, HEAD, OPTIONS, TRACE (9.2.1).
constexpr bool is_safe(Method m) { return m == Method::get || m == Method::head || m == Method::options || m == Method::trace; }

class Head {
 public:
  struct Field {
    std::uint32_t name;        // offsets into the block
    std::uint32_t value;
    std::uint32_t value_size;
    std::uint16_t name_size;
    Token token;
    bool is_line;              // the block has it as it is written: "Name: value" CRLF
  };
  using Fields = std::vector<Field, base::RecycledAllocator<Field>>;
  const Fields& fields() const { return fields_; }
  std::string_view name(const Field& f) const { return view(f.name, f.name_size); }
  std::string_view value(const Field& f) const { return view(f.value, f.value_size); }

  bool has(Token token) const { return find(token) != nullptr; }
  const Field* find(Token token) const;             // the first
  const Field* find(std::string_view name) const;   // any name, any letter case
  // The first field's value; nullopt if there is none. (Lists over several lines: see fields.h.)
  std::optional<std::string_view> get(Token token) const;
  std::optional<std::string_view> get(std::string_view name) const;
  // All values of the field joined by `separator` (", ", or "; " for Cookie).
  std::string joined(Token token, std::string_view separator = ", ") const;
  std::size_t count(Token token) const;

  void add(std::string_view name, std::string_view value);
  void add(Token token, std::string_view value);
  // Here and below: the value in parts, which may be views of the head itself. Names have at most 65 535 bytes.
  void add(Token token, std::initializer_list<std::string_view> parts);
  // Replaces the first, removes the others; adds if there is none.
  void set(Token token, std::string_view value);
  void set(std::string_view name, std::string_view value);
  void set(Token token, std::initializer_list<std::string_view> parts);
  void remove(Token token);
  void remove(std::string_view name);
  template <class Predicate>  // bool(const Field&)
  void remove_if(Predicate predicate) { std::erase_if(fields_, predicate); }

  std::size_t bytes() const { return block_.size(); }  // size of the block, for accounting
  std::string_view block() const { return block_; }    // what the offsets of the fields refer to
  int minor_version() const { return minor_version_; } // HTTP/1.x as received; 1 for HTTP/2
  void set_minor_version(int minor) { minor_version_ = minor; }

 protected:
  friend class HeadBuilder;  // the parsers fill block and table directly
  std::string_view view(std::uint32_t at, std::uint32_t size) const { return {block_.data() + at, size}; }
  std::uint32_t store(std::string_view bytes);  // appends, returns the offset
  void append_line(std::string_view field, Token token, std::span<const std::string_view> parts, Field& into);
  void clear_head();
  void copy_to(Head& other) const;  // with edit_room
  static constexpr std::size_t edit_room = 384, edit_fields = 8;

  base::RecycledString block_;
  Fields fields_;
  int minor_version_ = 1;
};

class RequestHead : public Head {
 public:
  Method method() const { return method_; }
  std::string_view method_name() const { return view(method_at_, method_size_); }
  void set_method(std::string_view name);
  // Origin-form ("/path?query") after normalisation (`..` resolved), or "*". What is forwarded.
  std::string_view target() const { return view(target_at_, target_size_); }
  void set_target(std::string_view target);
  std::string_view path() const;                     // without query
  std::string_view query() const;                    // without '?'; empty if none
  bool has_query() const { return target().find('?') != std::string_view::npos; }
  std::string_view host() const { return get(Token::host).value_or(std::string_view{}); }
  // Scheme named by an absolute-form target or by HTTP/2's :scheme; empty if neither.
  std::string_view scheme() const { return view(scheme_at_, scheme_size_); }
  void set_scheme(std::string_view scheme);
  void clear();

 private:
  friend class HeadBuilder;
  Method method_ = Method::other;
  std::uint32_t method_at_ = 0, method_size_ = 0, target_at_ = 0, target_size_ = 0, scheme_at_ = 0, scheme_size_ = 0;
};

class ResponseHead : public Head {
 public:
  ResponseHead() = default;
  explicit ResponseHead(int status) : status_(status) {}
  int status() const { return status_; }
  void set_status(int status) { status_ = status; }
  ResponseHead copy_to_edit() const;  // with room for the fields that a tier adds, so that the first edit does not move the block
  bool interim() const { return status_ >= 100 && status_ < 200; }
  void clear();

 private:
  int status_ = 0;
};

// Standard reason phrase, "" if unknown (RFC 9110 15).
std::string_view reason_phrase(int status);

}  // namespace http
