// SPDX-License-Identifier: BSD-2-Clause
#include "http/file_answer.h"

#include "http/codings.h"
#include "http/conditionals.h"
#include "http/ranges.h"

namespace http {

namespace {

void append_part(net::Buffer& body, const FileEntry& entry, std::uint64_t first, std::uint64_t length) {
  if (length == 0) return;
  if (entry.file) body.append_file(entry.file, first, length);
  else body.append(std::string_view(entry.content).substr(first, length));
}

// "/a?b" becomes "/a/?b". Several slashes or a backslash in front would name another host.
std::string with_slash(std::string_view target) {
  const auto question = target.find('?');
  std::string_view path = target.substr(0, question);
  while (path.size() > 1 && (path[1] == '/' || path[1] == '\\')) path.remove_prefix(1);
  std::string out = "/";
  out += path.substr(1);
  out += '/';
  if (question != std::string_view::npos) out += target.substr(question);
  return out;
}

void answer_ranges(FileAnswer& out, const FileEntry& entry, const RangeRequest& wanted) {
  if (wanted.kind == RangeRequest::Kind::unsatisfiable) {
    out.head.set_status(416);
    out.head.add("Content-Range", unsatisfied_range(entry.size));
    out.head.remove(Token::content_type);
    out.length = 0;
    return;
  }
  out.head.set_status(206);
  if (wanted.ranges.size() == 1) {
    const ByteRange& range = wanted.ranges.front();
    out.head.add("Content-Range", content_range(range, entry.size));
    out.length = range.length;
    append_part(out.body, entry, range.first, range.length);
    return;
  }
  // The tag's digits cannot be in the content by intent of whoever wrote the file: its time is in it.
  const Multipart multipart("trivet-" + entry.etag.substr(1, entry.etag.size() - 2), entry.content_type, entry.size);
  out.head.set(Token::content_type, multipart.content_type());
  out.length = multipart.length(wanted.ranges);
  bool first = true;
  for (const ByteRange& range : wanted.ranges) {
    out.body.append(multipart.part_head(range, first));
    append_part(out.body, entry, range.first, range.length);
    first = false;
  }
  out.body.append(multipart.end());
}

const FileEntry& choose(const FileEntry& entry, const RequestHead& request, std::string& coding) {
  const FileEntry* best = &entry;
  int weight = 0;
  for (const auto& [name, encoded] : entry.encoded) {
    const int wanted = coding_weight(request, name);
    if (wanted <= weight) continue;
    weight = wanted;
    best = encoded.get();
    coding = name;
  }
  return *best;
}

FileAnswer no_file(const FileEntry& entry, const RequestHead&) {
  FileAnswer out;
  switch (entry.kind) {
    case FileEntry::Kind::directory:
    case FileEntry::Kind::denied: out.head.set_status(403); break;
    case FileEntry::Kind::failed: out.head.set_status(500); break;
    default: out.head.set_status(404); break;
  }
  return out;
}

}  // namespace

FileAnswer answer_file(const std::shared_ptr<const FileEntry>& entry, const RequestHead& request, std::string_view cache_control, bool varies) {
  const bool directory = entry->kind == FileEntry::Kind::directory || entry->in_directory;
  FileAnswer out;
  if (request.method() != Method::get && request.method() != Method::head) {
    out.head.set_status(405);
    out.head.add(Token::allow, "GET, HEAD");
    return out;
  }
  if (directory && !request.path().ends_with('/')) {
    out.head.set_status(301);
    out.head.add(Token::location, with_slash(request.target()));
    out.length = 0;
    return out;
  }
  // "/page.html/" is not the file.
  if (entry->kind == FileEntry::Kind::file && !directory && request.path().ends_with('/')) {
    out.head.set_status(404);
    return out;
  }
  if (entry->kind != FileEntry::Kind::file) return no_file(*entry, request);

  std::string coding;
  const FileEntry& chosen = choose(*entry, request, coding);
  Validators validators;
  validators.etag = chosen.etag;
  validators.last_modified = chosen.modified;
  out.head.set_status(200);
  out.head.add(Token::last_modified, chosen.last_modified);
  out.head.add(Token::etag, chosen.etag);
  if (!cache_control.empty()) out.head.add(Token::cache_control, cache_control);
  if (varies) out.head.add(Token::vary, "Accept-Encoding");
  switch (evaluate_preconditions(request, validators)) {
    case Precondition::not_modified: out.head.set_status(304); return out;
    case Precondition::failed:
      out.head.set_status(412);
      out.length = 0;
      return out;
    case Precondition::proceed: break;
  }
  out.head.add(Token::content_type, chosen.content_type);
  if (!coding.empty()) out.head.add(Token::content_encoding, coding);
  out.head.add(Token::accept_ranges, "bytes");
  if (request.method() == Method::get && request.has(Token::range) && if_range_holds(request, validators)) {
    const RangeRequest wanted = requested_ranges(request, chosen.size);
    if (wanted.kind != RangeRequest::Kind::whole) {
      answer_ranges(out, chosen, wanted);
      return out;
    }
  }
  out.length = chosen.size;
  if (request.method() == Method::get) append_part(out.body, chosen, 0, chosen.size);
  return out;
}

}  // namespace http
