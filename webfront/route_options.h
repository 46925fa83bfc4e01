// SPDX-License-Identifier: BSD-2-Clause
// [[site.route]] as it is written. Values.
#pragma once

#include "config/option_table.h"
#include "process/sections/values.h"

namespace webfront {

struct ConditionOptions {
  config::Where where;
  process::Networks client;
  std::vector<std::string> method;
  std::vector<std::pair<std::string, std::string>> header;
  std::vector<std::string> cookie;
  std::string path, prefix, regex;
};

struct FilesOptions {
  config::Where where;
  std::string root, alias;
  std::vector<std::string> index{"index.html"};
  std::vector<std::string> precompressed;
  std::string cache_control;
};

struct RespondOptions {
  std::uint32_t status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

struct RedirectOptions {
  config::Where where;
  std::string to;
  std::uint32_t status = 0;
};

struct RewriteOptions {
  config::Where where;
  std::string regex, to;
};

struct VirtualHostOptions {
  config::Where where;
  std::string site = "/Plone";
  std::string host = "$host";
  std::uint16_t port = 0;
  std::string subfolder;
  bool api = false;
};

enum class QueueClass { interactive, normal, background };
inline config::Words<QueueClass> option_words(QueueClass) {
  return {{"interactive", QueueClass::interactive}, {"normal", QueueClass::normal}, {"background", QueueClass::background}};
}
struct QueueOptions {
  std::uint32_t max_active = 256;
  std::uint32_t max_waiting = 512;
  base::Duration timeout = std::chrono::seconds(30);
  QueueClass priority = QueueClass::normal;
};

struct HeaderOptions {
  config::Where where;
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::string> remove;
};

struct RouteOptions {
  config::Where where;
  std::string name;
  std::string path, prefix, regex;
  std::vector<std::string> methods;
  ConditionOptions only_if, unless;
  std::optional<FilesOptions> files;
  std::optional<RespondOptions> respond;
  std::optional<RedirectOptions> redirect;
  std::optional<RewriteOptions> rewrite;
  std::optional<VirtualHostOptions> vhm;
  std::string proxy;
  std::optional<QueueOptions> queue;
  HeaderOptions headers;
  std::optional<config::Size> body_size;
  bool buffer_body = false;
};

// A regular expression that RE2 refuses: its message; empty if it is good.
std::string regex_problem(const std::string& pattern);

}  // namespace webfront

template <> const config::Table<webfront::ConditionOptions>& config::table_of<webfront::ConditionOptions>();
template <> const config::Table<webfront::FilesOptions>& config::table_of<webfront::FilesOptions>();
template <> const config::Table<webfront::RespondOptions>& config::table_of<webfront::RespondOptions>();
template <> const config::Table<webfront::RedirectOptions>& config::table_of<webfront::RedirectOptions>();
template <> const config::Table<webfront::RewriteOptions>& config::table_of<webfront::RewriteOptions>();
template <> const config::Table<webfront::VirtualHostOptions>& config::table_of<webfront::VirtualHostOptions>();
template <> const config::Table<webfront::QueueOptions>& config::table_of<webfront::QueueOptions>();
template <> const config::Table<webfront::HeaderOptions>& config::table_of<webfront::HeaderOptions>();
template <> const config::Table<webfront::RouteOptions>& config::table_of<webfront::RouteOptions>();
