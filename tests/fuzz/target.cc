// SPDX-License-Identifier: BSD-2-Clause
// Request targets: normalising twice is normalising once, and the match form of what was accepted hides no segment.
// Input: the target.
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/paths.h"

namespace {

using namespace http;

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

void check_match_form(std::string_view form) {
  MUST(form.starts_with('/'));
  MUST(form.find("//") == std::string_view::npos);
  MUST(form == "/" || !form.ends_with('/'));
  base::split(form.substr(1), '/', [](std::string_view segment) { MUST(segment != "."); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = std::string(fuzz::Input(data, size).rest());
  // None of these refuses anything.
  check_match_form(match_form(path_of(text)));
  MUST(percent_decode(text).size() <= text.size());
  // Keys: what has one key is decoded to one text, and the key of a key is itself.
  const std::string whole = canonical_form(text);
  MUST(canonical_form(whole) == whole && percent_decode(whole) == percent_decode(text));

  const auto normal = normalise_target(text);
  if (!normal) {
    MUST(normal.error().reason.row->status == 400);
    return 0;
  }
  const std::string once = normal->empty() ? text : *normal;
  MUST(once.starts_with('/'));
  const auto twice = normalise_target(once);
  MUST(twice && (twice->empty() || *twice == once));
  const auto query = text.find('?');
  if (query != std::string::npos) MUST(once.substr(once.find('?')) == text.substr(query));

  // What routes and refusals look at.
  const std::string form = match_form(path_of(once));
  MUST(form.find('\0') == std::string::npos);
  base::split(form, '/', [](std::string_view segment) { MUST(segment != ".."); });
  MUST(match_form(canonical_form(path_of(once))) == form);
  return 0;
}
