// SPDX-License-Identifier: BSD-2-Clause
#include "config/reference.h"

#include <fmt/core.h>

namespace config {
namespace {

// A section as users write its header: "[log]", "[[site.route]]", "[tls.NAME]".
struct Section {
  std::string path;  // "site.route"
  Shape shape = Shape::table;
  const TableBase* table = nullptr;
  std::string header() const { return shape == Shape::table_list ? "[[" + path + "]]" : "[" + path + "]"; }
};

void collect(const Section& section, std::vector<Section>& out, int depth) {
  out.push_back(section);
  if (depth > 8) return;
  for (const RowInfo* info : section.table->infos()) {
    if (!info->child) continue;
    Section child{section.path.empty() ? info->name : section.path + "." + info->name, info->shape, &info->child()};
    if (info->shape == Shape::named_tables) child.path += ".NAME";
    collect(child, out, depth + 1);
  }
}

std::vector<Section> sections_of(const TableBase& root) {
  std::vector<Section> out;
  collect({"", Shape::table, &root}, out, 0);
  return out;
}

std::string_view reload_text(Reload reload) {
  switch (reload) {
    case Reload::live: return "live";
    case Reload::rebuild: return "rebuild";
    case Reload::restart: return "restart";
  }
  return "";
}

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string default_cell(const RowInfo& info) {
  if (info.required) return "required";
  const std::string text = info.default_text();
  if (text.empty() || text == "[]" || text == "{}") return "";
  if (info.child && text.starts_with('{')) return "see below";
  if (text.find('`') != std::string::npos) return cell(text);
  return "`" + cell(text) + "`";
}

// "list of strings, 1 to 5".
std::string type_text(const RowInfo& info) {
  std::string out = info.type;
  if (out.starts_with("list of ") && out.find(' ', 8) == std::string::npos) out += out.ends_with('s') ? "es" : "s";
  if (!info.bounds.empty()) out += ", " + info.bounds;
  return out;
}

void put_rows(std::string& out, const Section& section) {
  out += "| option | value | default | reload | |\n|---|---|---|---|---|\n";
  for (const RowInfo* info : section.table->infos())
    out += "| `" + info->name + "` | " + cell(type_text(*info)) + " | " + default_cell(*info) + " | " + std::string(reload_text(info->reload)) + " | " +
           cell(info->doc) + " |\n";
}

// The code point that begins at `i`, which moves to its last byte.
unsigned code_point(std::string_view text, std::size_t& i) {
  const auto first = static_cast<unsigned char>(text[i]);
  const unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  unsigned value = first & (0x3fu >> more);
  for (unsigned n = 0; n < more && i + 1 < text.size(); ++n) value = value << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu);
  return value;
}

// Text for troff: `code` in bold, what troff would take for itself made plain.
std::string roff(std::string_view text) {
  std::string out;
  bool bold = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      out += fmt::format("\\[u{:04X}]", code_point(text, i));
    } else if (c == '`') {
      out += bold ? "\\fR" : "\\fB";
      bold = !bold;
    } else if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && out.empty()) {
      out += "\\&";
      out += c;
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

void put_man_row(std::string& out, const RowInfo& info) {
  out += ".TP\n\\fB" + roff(info.name) + "\\fR\n";
  std::string facts = type_text(info);
  if (info.required) {
    facts += "; required";
  } else {
    const std::string text = info.default_text();
    if (!text.empty() && text != "[]" && text != "{}" && !(info.child && text.starts_with('{'))) facts += "; default " + text;
  }
  out += roff(info.doc) + "\n.br\n" + roff(facts) + ".\n";
}

}  // namespace

std::string reference_markdown(const TableBase& root, const std::string& name) {
  std::string out = "# " + name + ": all options\n\nMade by `" + name +
                    " --reference` from the tables that read the file; do not edit. Durations are `\"250ms\"`, `\"10s\"`, `\"1h30m\"` (us ms s m h d), "
                    "sizes `\"16k\"` (k m g t, powers of 1024). Where a list is wanted, a single value is a list of one. "
                    "*reload* says what a changed value needs: nothing, its section made anew, or a restart.\n";
  for (const Section& section : sections_of(root)) {
    out += section.path.empty() ? "\n## At the top of the file\n\n" : "\n## `" + section.header() + "`\n\n";
    out += section.table->doc() + "\n\n";
    put_rows(out, section);
  }
  return out;
}

std::string reference_man(const TableBase& root) {
  std::string out;
  for (const Section& section : sections_of(root)) {
    out += section.path.empty() ? ".SS At the top of the file\n" : ".SS " + roff(section.header()) + "\n";
    out += roff(section.table->doc()) + "\n";
    for (const RowInfo* info : section.table->infos()) put_man_row(out, *info);
  }
  return out;
}

}  // namespace config
