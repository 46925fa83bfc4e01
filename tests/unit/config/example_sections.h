// SPDX-License-Identifier: BSD-2-Clause
// Sections as a daemon would write them, one of every shape, for the tests of this folder.
#pragma once

#include "config/loader.h"

namespace example {

enum class Sni { reject, first };
inline config::Words<Sni> option_words(Sni) { return {{"reject", Sni::reject}, {"default", Sni::first}}; }

struct Certificate {
  std::string cert;
  std::string key;
};
struct Tls {
  config::Where where;
  std::vector<Certificate> certificates;
  Sni unknown_sni = Sni::reject;
};
struct Listen {
  config::Where where;
  std::vector<std::string> address;
  std::variant<std::monostate, std::string, Certificate> tls;
  config::Size header_size = 16 * 1024;
  base::Duration idle_timeout = std::chrono::seconds(60);
};
struct Check {
  std::string uri = "/";
  std::uint32_t rise = 2;
};
struct Server {
  std::string name;
  std::optional<Check> check = Check{};
  double weight = 1.0;
};
struct Headers {
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::string> remove;
};
struct Route {
  config::Where where;
  std::optional<std::string> prefix;
  std::string regex;
  std::string proxy;
};
struct Site {
  config::Where where;
  std::vector<std::string> names;
  std::vector<Route> route;
  Headers headers;
};
struct Process {
  std::optional<std::uint32_t> workers;
  std::string user;
};
struct Options {
  Process process;
  std::vector<Listen> listen;
  std::vector<std::pair<std::string, Tls>> tls;
  std::vector<Server> server;
  std::vector<Site> site;
  bool debug = false;
  std::int16_t level = 0;
  config::Share share{0.2};
};

}  // namespace example

template <> const config::Table<example::Certificate>& config::table_of<example::Certificate>();
template <> const config::Table<example::Tls>& config::table_of<example::Tls>();
template <> const config::Table<example::Listen>& config::table_of<example::Listen>();
template <> const config::Table<example::Check>& config::table_of<example::Check>();
template <> const config::Table<example::Server>& config::table_of<example::Server>();
template <> const config::Table<example::Headers>& config::table_of<example::Headers>();
template <> const config::Table<example::Route>& config::table_of<example::Route>();
template <> const config::Table<example::Site>& config::table_of<example::Site>();
template <> const config::Table<example::Process>& config::table_of<example::Process>();
template <> const config::Table<example::Options>& config::table_of<example::Options>();
