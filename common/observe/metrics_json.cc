// SPDX-License-Identifier: BSD-2-Clause
#include "observe/metrics_json.h"

#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace observe {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A word of a help text or of a label's value, without its backslashes.
std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) out += text[i];
    else out += text[++i] == 'n' ? '\n' : text[i];
  }
  return out;
}

struct Sample {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> labels;
  std::string_view value;
};

// `a="x",b="y"}` and what follows; false: not as it should be.
bool read_labels(std::string_view& left, Sample& out) {
  while (!left.empty() && left.front() != '}') {
    const auto equals = left.find("=\"");
    if (equals == std::string_view::npos) return false;
    const std::string_view name = left.substr(0, equals);
    std::size_t end = equals + 2;
    while (end < left.size() && left[end] != '"') end += left[end] == '\\' ? 2 : 1;
    if (end >= left.size()) return false;
    out.labels.emplace_back(name, plain(left.substr(equals + 2, end - equals - 2)));
    left.remove_prefix(end + 1);
    if (left.starts_with(',')) left.remove_prefix(1);
  }
  if (left.empty()) return false;
  left.remove_prefix(1);
  return true;
}

std::optional<Sample> read_sample(std::string_view line) {
  Sample out;
  const auto end = line.find_first_of("{ ");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  out.name = line.substr(0, end);
  line.remove_prefix(end);
  if (line.front() == '{') {
    line.remove_prefix(1);
    if (!read_labels(line, out)) return std::nullopt;
  }
  if (!line.starts_with(' ')) return std::nullopt;
  out.value = line.substr(1, line.find(' ', 1) - 1);
  return out.value.empty() ? std::nullopt : std::optional(out);
}

// JSON knows no NaN, no infinity and no "+1".
std::string number(std::string_view text) {
  const bool well = base::is_digit(text.front()) || (text.front() == '-' && text.size() > 1 && base::is_digit(text[1]));
  return well ? std::string(text) : "null";
}

class Writer {
 public:
  void line(std::string_view line) {
    if (line.starts_with("# HELP ")) return comment(line.substr(7), help_);
    if (line.starts_with("# TYPE ")) return comment(line.substr(7), type_);
    if (line.empty() || line.front() == '#') return;
    const auto sample = read_sample(line);
    if (!sample) return;
    const bool belongs = !family_.empty() && (sample->name == family_ || (sample->name.starts_with(family_) && type_ == "histogram"));
    if (!belongs) begin(sample->name);
    open();
    out_ += std::exchange(first_, false) ? "{" : ", {";
    if (sample->name != family_) out_ += "\"name\": " + quoted(sample->name) + ", ";
    out_ += "\"labels\": {";
    bool first = true;
    for (const auto& [name, value] : sample->labels) out_ += (std::exchange(first, false) ? "" : ", ") + quoted(name) + ": " + quoted(value);
    out_ += "}, \"value\": " + number(sample->value) + "}";
  }
  std::string end() {
    close();
    return out_.empty() ? "{}" : out_ + "}";
  }

 private:
  void begin(std::string_view family) {
    if (family == family_) return;
    close();
    family_ = family;
    help_.clear();
    type_.clear();
  }
  void comment(std::string_view text, std::string& into) {
    const auto space = text.find(' ');
    begin(text.substr(0, space));
    into = space == std::string_view::npos ? std::string() : plain(text.substr(space + 1));
  }
  void open() {
    if (std::exchange(open_, true)) return;
    out_ += (out_.empty() ? "{" : ", ") + quoted(family_) + ": {";
    if (!type_.empty()) out_ += "\"type\": " + quoted(type_) + ", ";
    if (!help_.empty()) out_ += "\"help\": " + quoted(help_) + ", ";
    out_ += "\"values\": [";
    first_ = true;
  }
  void close() {
    if (std::exchange(open_, false)) out_ += "]}";
  }
  std::string out_, family_, help_, type_;
  bool open_ = false, first_ = true;
};

}  // namespace

std::string metrics_json(std::string_view text) {
  Writer writer;
  base::split(text, '\n', [&](std::string_view line) { writer.line(line); });
  return writer.end();
}

}  // namespace observe
