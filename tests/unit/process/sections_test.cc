// SPDX-License-Identifier: BSD-2-Clause
// The shared sections: addresses, networks, limits, logs, TLS.
#include <catch2/catch.hpp>

#include "config/loader.h"
#include "net/tls.h"
#include "process/sections/limit_options.h"
#include "process/sections/listen_options.h"
#include "process/sections/log_options.h"
#include "process/sections/process_options.h"
#include "process/sections/tls_options.h"

namespace {
struct Listen {
  config::Where where;
  process::ListenOptions common;
  process::TlsChoice tls;
  process::Networks trusted_proxies;
};
struct Root {
  process::ProcessOptions process;
  process::LogOptions log;
  process::LimitOptions limits;
  std::vector<Listen> listen;
  process::TlsSections tls;
};
}  // namespace

template <>
const config::Table<Listen>& config::table_of<Listen>() {
  static const Table<Listen> table("A listener.", {
    embed(&Listen::common),
    option("tls", &Listen::tls, "TLS."),
    option("trusted_proxies", &Listen::trusted_proxies, "Believed."),
  });
  return table;
}
template <>
const config::Table<Root>& config::table_of<Root>() {
  static const Table<Root> table("Root.", {
    embed(&Root::process),
    option("log", &Root::log, "Logs."),
    option("limits", &Root::limits, "Limits."),
    option("listen", &Root::listen, "Listeners."),
    option("tls", &Root::tls, "Certificates."),
  });
  return table;
}

namespace {
Root read(const std::string& text, std::string& problems) {
  config::Context context;
  Root root;
  config::load_text(context, "a", text);
  config::read_root(context, root);
  problems = context.render_all();
  return root;
}
}  // namespace

TEST_CASE("shared sections are read") {
  std::string problems;
  const Root root = read(R"(
user = "www"
workers = 2
admin = "unix:/tmp/x.sock"
metrics = "127.0.0.1:0"
shutdown_timeout = "5s"
[log]
access = { file = "/a", format = "$remote_addr" }
error = { format = "json", level = "debug" }
[limits]
header_size = "32k"
idle_timeout = "5s"
[[listen]]
address = ["127.0.0.1:0", "[::1]:0", "unix:/tmp/y.sock"]
trusted_proxies = ["10.0.0.0/8", "unix"]
[[listen]]
address = "localhost:8080"
tls = { cert = "/nowhere/c.pem", key = "/nowhere/k.pem" }
)", problems);
  CHECK(problems == "");
  CHECK(root.process.worker_count() == 2);
  REQUIRE(root.process.admin.doors.size() == 1);
  CHECK(root.process.admin.doors[0].address.address.unix_path() == "/tmp/x.sock");
  CHECK(root.log.access->format == "$remote_addr");
  CHECK(root.log.error.level == process::LogLevel::debug);
  CHECK(process::server_options(root.limits, std::chrono::seconds(60)).head.bytes == 32 * 1024);
  CHECK(process::server_options(root.limits, std::chrono::seconds(60)).idle_timeout == std::chrono::seconds(5));
  CHECK(process::server_options({}, std::chrono::seconds(120)).idle_timeout == std::chrono::seconds(120));
  REQUIRE(root.listen[0].common.address.size() == 3);
  CHECK(root.listen[0].trusted_proxies.list->contains(net::Address::parse("10.1.2.3:1").value()));
  CHECK_FALSE(root.listen[0].trusted_proxies.list->contains(net::Address::parse("11.1.2.3:1").value()));
  CHECK(root.listen[1].common.address[0].text == "localhost:8080");
  CHECK(root.listen[1].common.address[0].address.port() == 8080);
  const std::string once = config::effective_text(root);
  CHECK(config::effective_text(read(once, problems)) == once);
  CHECK(problems == "");
}

TEST_CASE("defaults and off") {
  std::string problems;
  CHECK(read("", problems).log.access->file == "-");
  CHECK(read("", problems).process.worker_count() >= 1);
  CHECK_FALSE(read("[log]\naccess = false\n", problems).log.access);
  CHECK(problems == "");
}

TEST_CASE("wrong values have their place") {
  std::string problems;
  read("[[listen]]\naddress = [\"127.0.0.1:80\", \"127.0.0.1\"]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/33\"]\n", problems);
  CHECK(problems.find("a:2:28: ") != std::string::npos);
  CHECK(problems.find("a:3:34: ") != std::string::npos);
  read("[log]\naccess = { format = \"combinde\" }\n", problems);
  CHECK(problems.find("did you mean \"combined\"?") != std::string::npos);
  read("[log]\naccess = { file = \"/a\", syslog = \"/dev/log\" }\n", problems);
  CHECK(problems.find("a file or to syslog") != std::string::npos);
  read("[[listen]]\naddress = \"unix:\"\n", problems);
  CHECK(problems.find("a:2:11: ") == 0);
}

TEST_CASE("TLS is chosen by name and its files are looked at") {
  config::Context context;
  Root root;
  config::load_text(context, "a", "[tls.default]\ncertificates = [{ cert = \"/nowhere/c.pem\" }]\n[[listen]]\naddress = \"127.0.0.1:0\"\ntls = \"defualt\"\n");
  REQUIRE(config::read_root(context, root));
  CHECK(process::choose_tls(context, root.listen[0].where, root.listen[0].tls, root.tls) == nullptr);
  CHECK(process::choose_tls(context, root.listen[0].where, std::monostate{}, root.tls) == nullptr);
  const auto options = process::choose_tls(context, root.listen[0].where, std::string("default"), root.tls);
  REQUIRE(options);
  CHECK(process::build_tls(context, *options, {"h2"}, nullptr) == nullptr);
  const std::string problems = context.render_all();
  CHECK(problems.find("a:5:7: there is no [tls.defualt]\n    tls = \"defualt\"\n    did you mean \"default\"?\n") != std::string::npos);
  CHECK(problems.find("a:2:26: ") == 0);
  CHECK(problems.find("/nowhere/c.pem") != std::string::npos);
}
