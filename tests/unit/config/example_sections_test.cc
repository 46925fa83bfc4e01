// SPDX-License-Identifier: BSD-2-Clause
// The tables of the example sections (a *_test.cc so that it is built; its own test is that every row has a text).
#include "example_sections.h"

#include <catch2/catch.hpp>

using namespace example;

template <>
const config::Table<Certificate>& config::table_of<Certificate>() {
  static const Table<Certificate> table("A certificate and its key.", {
    option("cert", &Certificate::cert, "Chain file, PEM.").required().example("\"/etc/ssl/a.pem\""),
    option("key", &Certificate::key, "Key file, PEM.").required(),
  });
  return table;
}
template <>
const config::Table<Tls>& config::table_of<Tls>() {
  static const Table<Tls> table("What a listener with TLS offers.", {
    option("certificates", &Tls::certificates, "One for each name.").not_empty(),
    option("unknown_sni", &Tls::unknown_sni, "What clients get that ask for a name without certificate."),
  });
  return table;
}
template <>
const config::Table<Listen>& config::table_of<Listen>() {
  static const Table<Listen> table("A place where clients connect.", {
    option("address", &Listen::address, "Addresses.").required().not_empty().restart().check([](const std::string& address) {
      return address.find(':') == std::string::npos ? std::string("an address has a port") : std::string();
    }),
    option("tls", &Listen::tls, "The name of a [tls.NAME], or a certificate."),
    option("header_size", &Listen::header_size, "Largest request head.").range(1024, 1 << 20).live(),
    option("idle_timeout", &Listen::idle_timeout, "How long a connection may wait.").min(std::chrono::milliseconds(1)).live(),
  });
  return table;
}
template <>
const config::Table<Check>& config::table_of<Check>() {
  static const Table<Check> table("How a server is checked.", {
    option("uri", &Check::uri, "What is asked for."),
    option("rise", &Check::rise, "Good checks until it is up.").range(1, 100),
  });
  return table;
}
template <>
const config::Table<Server>& config::table_of<Server>() {
  static const Table<Server> table("A server.", {
    option("name", &Server::name, "Its name."),
    option("check", &Server::check, "Its check.").or_false(),
    option("weight", &Server::weight, "Its share."),
  });
  return table;
}
template <>
const config::Table<Headers>& config::table_of<Headers>() {
  static const Table<Headers> table("Fields of answers.", {
    option("set", &Headers::set, "Set, whatever the application says."),
    option("remove", &Headers::remove, "Removed."),
  });
  return table;
}
template <>
const config::Table<Route>& config::table_of<Route>() {
  static const Table<Route> table("One route; the first that matches holds.", {
    option("prefix", &Route::prefix, "Beginning of the path, by whole segments."),
    option("regex", &Route::regex, "Pattern of the path."),
    option("proxy", &Route::proxy, "Where it goes.").required(),
  }, [](Route& route, const Scope& scope) {
    if (route.prefix && scope.has("regex")) scope.problem("regex", "a route has one matcher", "remove \"prefix\" or \"regex\"");
  });
  return table;
}
template <>
const config::Table<Site>& config::table_of<Site>() {
  static const Table<Site> table("A site.", {
    option("names", &Site::names, "Host names.").not_empty(),
    option("headers", &Site::headers, "Fields of its answers."),
    option("route", &Site::route, "Its routes, in order."),
  });
  return table;
}
template <>
const config::Table<Process>& config::table_of<Process>() {
  static const Table<Process> table("The process.", {
    option("workers", &Process::workers, "Threads that serve.").or_word("auto").range(1, 256).restart(),
    option("user", &Process::user, "Who it runs as.").restart(),
  });
  return table;
}
template <>
const config::Table<Options>& config::table_of<Options>() {
  static const Table<Options> table("An example.", {
    embed(&Options::process),
    option("listen", &Options::listen, "Where clients connect."),
    option("tls", &Options::tls, "Certificates by name."),
    option("server", &Options::server, "Servers."),
    option("site", &Options::site, "Sites."),
    option("debug", &Options::debug, "More words."),
    option("level", &Options::level, "A small number."),
    option("share", &Options::share, "A share."),
  });
  return table;
}

TEST_CASE("every row of the example has a text") {
  for (const config::RowInfo* info : config::table_of<Options>().infos()) CHECK(!info->doc.empty());
  CHECK(config::table_of<Options>().names().front() == "workers");
}
