// SPDX-License-Identifier: BSD-2-Clause
#include "http/paths.h"

#include "base/bytes.h"
#include "http/reasons.h"
#include "http/scan.h"

namespace http {

namespace {

// Value of the %XX at `at`, or -1.
int encoded_byte(std::string_view s, std::size_t at) {
  if (s.size() - at < 3) return -1;
  const int high = base::hex_value(s[at + 1]), low = base::hex_value(s[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

base::Result<void> check_encoding(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 3)) {
    const int value = encoded_byte(path, at);
    if (value < 0) return base::fail(reasons::target_encoding, base::Side::client);
    if (value == 0) return base::fail(reasons::target_nul, base::Side::client);
  }
  return {};
}

// Literal "." and ".." segments; false if they lead above the root.
bool remove_dots(std::string_view path, std::string& out) {
  std::size_t at = 0;
  while (at < path.size()) {  // path[at] == '/'
    const auto next = path.find('/', at + 1);
    const bool last = next == std::string_view::npos;
    const auto segment = path.substr(at + 1, last ? std::string_view::npos : next - at - 1);
    if (segment == "..") {
      const auto parent = out.rfind('/');
      if (parent == std::string::npos) return false;
      out.resize(parent);
    } else if (segment != ".") {
      out += '/';
      out += segment;
    }
    if ((segment == "." || segment == "..") && last) out += '/';
    if (last) break;
    at = next;
  }
  return true;
}

bool has_literal_parent(std::string_view path) {
  for (std::size_t at = path.find("/.."); at != std::string_view::npos; at = path.find("/..", at + 1)) {
    const auto rest = path.substr(at + 3);
    if (rest.empty() || rest.front() == '/') return true;
  }
  return false;
}

bool has_parent_segment(std::string_view decoded) {
  bool found = false;
  base::split(decoded, '/', [&](std::string_view segment) { found = found || segment == ".."; });
  return found;
}

}  // namespace

base::Result<std::string> normalise_target(std::string_view target) {
  const char* const end = target.data() + target.size();
  if (target.empty() || target.front() != '/') return base::fail(reasons::target_form, base::Side::client);
  if (scan::find<scan::TargetEnd>(target.data(), end) != end) return base::fail(reasons::target_byte, base::Side::client);
  const auto path = target.substr(0, target.find('?'));
  const bool encoded = path.find('%') != std::string_view::npos;
  if (encoded)
    if (auto checked = check_encoding(path); !checked) return std::unexpected(checked.error());
  std::string out;
  if (has_literal_parent(path)) {
    if (!remove_dots(path, out)) return base::fail(reasons::target_above_root, base::Side::client);
    out += target.substr(path.size());
  }
  if (encoded) {
    const std::string_view result = out.empty() ? target : std::string_view(out);
    if (has_parent_segment(percent_decode(result.substr(0, result.find('?')))))
      return base::fail(reasons::target_hidden_dots, base::Side::client);
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int value = text[i] == '%' ? encoded_byte(text, i) : -1;
    if (value >= 0) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string match_form(std::string_view path) {
  std::string decoded;
  if (path.find('%') != std::string_view::npos) {
    decoded = percent_decode(path);
    path = decoded;
  }
  std::string out;
  out.reserve(path.size());
  base::split(path, '/', [&](std::string_view segment) {
    if (segment.empty() || segment == ".") return;
    out += '/';
    out += segment;
  });
  if (out.empty()) out = "/";
  return out;
}

namespace {

// Does `text` end in the beginning of an invalid %XX, which one more digit could make a valid one? "%%32F" is not "%2F".
bool hangs(std::string_view text) {
  return text.ends_with('%') || (text.size() >= 2 && text[text.size() - 2] == '%');
}

}  // namespace

std::string canonical_form(std::string_view target) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(target.size());
  for (std::size_t i = 0; i < target.size(); ++i) {
    const int value = target[i] == '%' ? encoded_byte(target, i) : -1;
    if (value < 0) {
      out += target[i];
      continue;
    }
    if (is_unreserved(static_cast<char>(value)) && !(hangs(out) && base::hex_value(static_cast<char>(value)) >= 0)) {
      out += static_cast<char>(value);
    } else {
      out += '%';
      out += digits[value / 16];
      out += digits[value % 16];
    }
    i += 2;
  }
  return out;
}

}  // namespace http
