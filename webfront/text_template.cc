// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/text_template.h"

#include <array>
#include <utility>

#include "base/bytes.h"

namespace webfront {

bool TextTemplate::variable(std::string_view name, Part& part) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 10> names{{{"host", Kind::host},
                                                                          {"request_uri", Kind::request_uri},
                                                                          {"uri", Kind::uri},
                                                                          {"args", Kind::args},
                                                                          {"query_string", Kind::args},
                                                                          {"scheme", Kind::scheme},
                                                                          {"request_method", Kind::method},
                                                                          {"remote_addr", Kind::remote_addr},
                                                                          {"server_port", Kind::port},
                                                                          {"http_", Kind::field}}};
  if (name.size() == 1 && base::is_digit(name[0])) {
    part.kind = Kind::capture;
    part.capture = name[0] - '0';
    return true;
  }
  for (const auto& [known, kind] : names) {
    if (kind == Kind::field && name.size() > known.size() && name.starts_with(known)) {
      part.kind = kind;
      part.text = name.substr(known.size());
      for (char& c : part.text) c = c == '_' ? '-' : base::lower(c);
      return true;
    }
    if (kind != Kind::field && name == known) {
      part.kind = kind;
      return true;
    }
  }
  return false;
}

bool TextTemplate::compile(std::string_view text, TextTemplate& out, std::string& problem) {
  out.text_ = text;
  out.parts_.clear();
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) out.parts_.push_back({Kind::text, std::exchange(plain, {}), 0});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      plain += text[i];
      continue;
    }
    std::string_view rest = text.substr(i + 1);
    if (rest.starts_with('$')) {
      plain += '$';
      ++i;
      continue;
    }
    std::string_view name;
    if (rest.starts_with('{')) {
      name = rest.substr(1, rest.find('}') - 1);
      i += name.size() + 2;
    } else if (!rest.empty() && base::is_digit(rest[0])) {
      name = rest.substr(0, 1);
      i += 1;
    } else {
      std::size_t n = 0;
      while (n < rest.size() && (base::is_alpha(rest[n]) || base::is_digit(rest[n]) || rest[n] == '_')) ++n;
      name = rest.substr(0, n);
      i += n;
    }
    Part part{Kind::text, {}, 0};
    if (!variable(name, part)) {
      problem = "unknown variable $" + std::string(name);
      return false;
    }
    flush();
    out.parts_.push_back(std::move(part));
  }
  flush();
  return true;
}

void TextTemplate::expand(const RequestView& view, const std::vector<std::string_view>& captures, std::string& out) const {
  const auto put = [&out](std::string_view bytes) {
    for (char c : bytes)
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  };
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Kind::text: put(part.text); break;
      case Kind::host: put(view.host); break;
      case Kind::request_uri: put(view.target); break;
      case Kind::uri: put(view.path); break;
      case Kind::args: put(view.query); break;
      case Kind::scheme: put(view.https ? "https" : "http"); break;
      case Kind::method: put(view.method_name); break;
      case Kind::remote_addr: put(view.client); break;
      case Kind::port: put(!view.port.empty() ? view.port : view.https ? "443" : "80"); break;
      case Kind::field: put(view.head ? view.head->get(std::string_view(part.text)).value_or("") : ""); break;
      case Kind::capture:
        if (static_cast<std::size_t>(part.capture) < captures.size()) put(captures[static_cast<std::size_t>(part.capture)]);
        break;
    }
  }
}

}  // namespace webfront
