// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Texts with variables ("https://www.example.org$request_uri", "/x$1"), split once at configuration. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webfront/request_view.h"

namespace webfront {

class TextTemplate {
 public:
  TextTemplate() = default;
  // Knows $host $request_uri $uri $args $query_string $scheme $request_method $remote_addr $server_port $http_NAME, $0 to $9
  // and "${NAME}"; "$$" is a dollar. False with `problem` if a name is unknown.
  static bool compile(std::string_view text, TextTemplate& out, std::string& problem);
  // `captures`: what $0, $1 … stand for; missing ones are empty. Control characters never reach `out`.
  void expand(const RequestView& view, const std::vector<std::string_view>& captures, std::string& out) const;
  bool empty() const { return parts_.empty(); }
  const std::string& text() const { return text_; }
  // The first bytes that are the same for every request.
  std::string_view fixed_beginning() const { return parts_.empty() || parts_[0].kind != Kind::text ? std::string_view{} : std::string_view(parts_[0].text); }

 private:
  enum class Kind : std::uint8_t { text, host, request_uri, uri, args, scheme, method, remote_addr, port, field, capture };
  struct Part {
    Kind kind;
    std::string text;   // of text, or the field's name
    int capture = 0;
  };
  static bool variable(std::string_view name, Part& part);
  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace webfront
