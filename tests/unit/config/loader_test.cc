// SPDX-License-Identifier: BSD-2-Clause
// From TOML text to structs, and every problem with its place.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "example_sections.h"

using namespace example;
using config::Context;

namespace {

Options read(const std::string& text, std::string& problems, Context::Environment environment = {}) {
  Context context(std::move(environment));
  Options options;
  if (config::load_text(context, "a.toml", text) || !context.syntax_failed()) config::read_root(context, options);
  problems = context.render_all();
  return options;
}
Options read(const std::string& text) {
  std::string problems;
  Options options = read(text, problems);
  REQUIRE(problems == "");
  return options;
}
std::string problems_of(const std::string& text) {
  std::string problems;
  read(text, problems);
  return problems;
}

const char* const full = R"(workers = 3
debug = true
level = -7
share = "35%"
[[listen]]
address = "127.0.0.1:80"
[[listen]]
address = ["a:1", "b:2"]
tls = { cert = "c", key = "k" }
header_size = "32k"
idle_timeout = "1m30s"
[[listen]]
address = "x:1"
tls = "default"
header_size = 2048
[tls.zebra]
certificates = [{ cert = "1", key = "2" }]
[tls.apple]
unknown_sni = "default"
certificates = [{ cert = "3", key = "4" }, { cert = "5", key = "6" }]
[[server]]
name = "s1"
check = false
[[server]]
name = "s2"
check = true
weight = 2
[[server]]
name = "s3"
[server.check]
uri = "/ok"
[[site]]
names = "example.org"
headers = { set = { "Z-First" = "1", "A-Second" = "2" }, remove = ["Server"] }
[[site.route]]
regex = '^/\+\+api'
proxy = "a"
[[site.route]]
prefix = ""
proxy = "b"
[[site]]
names = ["b.org"]
)";

}  // namespace

TEST_CASE("every shape is read") {
  const Options options = read(full);
  CHECK(options.process.workers == 3u);
  CHECK(options.debug);
  CHECK(options.level == -7);
  CHECK(options.share.part == Approx(0.35));
  REQUIRE(options.listen.size() == 3);
  CHECK(options.listen[0].address == std::vector<std::string>{"127.0.0.1:80"});
  CHECK(std::holds_alternative<std::monostate>(options.listen[0].tls));
  CHECK(options.listen[0].header_size == 16 * 1024);
  CHECK(options.listen[0].where.line == 5);
  CHECK(options.listen[1].address.size() == 2);
  CHECK(std::get<Certificate>(options.listen[1].tls).key == "k");
  CHECK(options.listen[1].header_size == 32 * 1024);
  CHECK(options.listen[1].idle_timeout == std::chrono::seconds(90));
  CHECK(std::get<std::string>(options.listen[2].tls) == "default");
  CHECK(options.listen[2].header_size == 2048);
  REQUIRE(options.tls.size() == 2);
  CHECK(options.tls[0].first == "zebra");
  CHECK(options.tls[1].first == "apple");
  CHECK(options.tls[1].second.unknown_sni == Sni::first);
  CHECK(options.tls[1].second.certificates[1].cert == "5");
  REQUIRE(options.server.size() == 3);
  CHECK(!options.server[0].check);
  CHECK(options.server[1].check->uri == "/");
  CHECK(options.server[1].weight == 2.0);
  CHECK(options.server[2].check->uri == "/ok");
  CHECK(options.server[2].check->rise == 2);
  REQUIRE(options.site.size() == 2);
  CHECK(options.site[0].headers.set[0].first == "Z-First");
  CHECK(options.site[0].headers.set[1].second == "2");
  CHECK(options.site[0].route[0].regex == R"(^/\+\+api)");
  CHECK(!options.site[0].route[0].prefix);
  CHECK(options.site[0].route[1].prefix == "");
  CHECK(options.site[0].route[1].where.line == 38);
}

TEST_CASE("an empty file gives the defaults") {
  const Options options = read("");
  CHECK(!options.process.workers);
  CHECK(options.listen.empty());
  CHECK(read("workers = \"auto\"\n").process.workers == std::nullopt);
}

TEST_CASE("all problems of meaning are listed, in order, with their lines") {
  CHECK(problems_of(R"(worker = 3
debug = "yes"
[[listen]]
adress = "x:1"
header_size = "16kb"
idle_timeout = 10
[[site]]
names = []
[[site.route]]
prefix = "/a"
regex = 'b'
[tls.x]
certificates = [{ cert = "1" }]
unknown_sni = "rejekt"
)") ==
        R"(a.toml:1:1: unknown option "worker"
    worker = 3
    did you mean "workers"?
a.toml:2:9: "debug" must be true or false, not a string
    debug = "yes"
    write true or false, without quotes
a.toml:3:1: "address" is missing
    [[listen]]
    add address = list of string
a.toml:4:1: unknown option "adress"
    adress = "x:1"
    did you mean "address"?
a.toml:5:15: "header_size" is no size: "16kb"
    header_size = "16kb"
    a number of bytes, or with k, m, g or t for powers of 1024, as in "16k"
a.toml:6:16: "idle_timeout" must be a duration, not a number
    idle_timeout = 10
    with its unit, as in "10s"
a.toml:8:9: "names" must not be empty
    names = []
a.toml:9:1: "proxy" is missing
    [[site.route]]
    add proxy = string
a.toml:11:9: a route has one matcher
    regex = 'b'
    remove "prefix" or "regex"
a.toml:13:17: "key" is missing
    certificates = [{ cert = "1" }]
    add key = string
a.toml:14:15: "unknown_sni" cannot be "rejekt"
    unknown_sni = "rejekt"
    did you mean "reject"? possible are "reject", "default"
)");
}

TEST_CASE("bounds and conditions hold on both sides") {
  CHECK(problems_of("workers = 1\n") == "");
  CHECK(problems_of("workers = 256\n") == "");
  CHECK(problems_of("workers = 0\n") == "a.toml:1:11: \"workers\" is out of range: 0\n    workers = 0\n    possible is 1 to 256\n");
  CHECK(problems_of("workers = 257\n") != "");
  CHECK(problems_of("workers = -1\n") != "");
  CHECK(problems_of("workers = \"all\"\n") != "");
  CHECK(problems_of("level = 32767\n") == "");
  CHECK(problems_of("level = 32768\n") != "");
  CHECK(problems_of("level = -32769\n") != "");
  CHECK(problems_of("[[listen]]\naddress = \"a:1\"\nheader_size = \"1k\"\n") == "");
  CHECK(problems_of("[[listen]]\naddress = \"a:1\"\nheader_size = \"1023\"\n") ==
        "a.toml:3:15: \"header_size\" is out of range: \"1023\"\n    header_size = \"1023\"\n    possible is \"1k\" to \"1m\"\n");
  CHECK(problems_of("[[listen]]\naddress = [\"a:1\", \"b\"]\n") ==
        "a.toml:2:19: \"address\": an address has a port\n    address = [\"a:1\", \"b\"]\n");
}

TEST_CASE("wrong kinds are said so") {
  CHECK(problems_of("listen = 3\n") != "");
  CHECK(problems_of("[listen]\naddress = \"a:1\"\n").find("write [[listen]]") != std::string::npos);
  CHECK(problems_of("debug = 1\n") != "");
  CHECK(problems_of("user = 7\n").find("write \"7\"") != std::string::npos);
  CHECK(problems_of("workers = \"3\"\n").find("write 3 without quotes") != std::string::npos);
  CHECK(problems_of("debug = 1979-05-27\n").find("dates and times") != std::string::npos);
  CHECK(problems_of("[[listen]]\naddress = \"a:1\"\ntls = 5\n").find("must be false or string or table") != std::string::npos);
  CHECK(problems_of("[[listen]]\naddress = \"a:1\"\ntls = true\n") != "");
}

TEST_CASE("the first error of syntax is given and nothing else") {
  const std::string problems = problems_of("debug = true\nlevel = = 3\nworker = 2\n");
  CHECK(problems.find("a.toml:2:9: ") == 0);
  CHECK(problems.find("\n    level = = 3\n") != std::string::npos);
  CHECK(problems.find("worker ") == std::string::npos);
  CHECK(problems_of("debug = true\ndebug = false\n").find("a.toml:2:") == 0);
}

TEST_CASE("the environment fills capitals only") {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOST_1") return "h";
    return std::nullopt;
  };
  std::string problems;
  const Options options = read("user = \"${HOST_1}-${host}-$HOST_1-${HOST_1}\"\n", problems, environment);
  CHECK(problems == "");
  CHECK(options.process.user == "h-${host}-$HOST_1-h");
  read("user = \"${NONE}\"\n", problems, environment);
  CHECK(problems.find("a.toml:1:8: the environment has no variable \"NONE\"") == 0);
}

TEST_CASE("what -T prints is the same configuration") {
  for (const std::string& text : {std::string(full), std::string(), std::string("user = \"a\\\"b\\\\c\\td\"\n")}) {
    const std::string once = config::effective_text(read(text));
    const std::string twice = config::effective_text(read(once));
    CHECK(once == twice);
  }
  const std::string once = config::effective_text(read(full));
  CHECK(once.find("regex = '^/\\+\\+api'\n") != std::string::npos);
  CHECK(once.find("idle_timeout = \"90s\"") != std::string::npos);
  CHECK(once.find("check = false") != std::string::npos);
  CHECK(once.find("[[site.route]]") != std::string::npos);
  CHECK(once.find("[tls.zebra]") < once.find("[tls.apple]"));
  CHECK(config::effective_text(Options{}).find("workers = \"auto\"") == 0);
}

TEST_CASE("later checks find a key by its section") {
  Context context;
  Options options;
  config::load_text(context, "a.toml", "[[site]]\nnames = \"a\"\n[[site.route]]\n  proxy = \"cahce\"\n");
  REQUIRE(config::read_root(context, options));
  context.problem(context.at(options.site[0].route[0].where, "proxy"), "no upstream \"cahce\"", config::suggestion("cahce", {"cache", "app"}));
  context.warning(context.at(options.site[0].route[0].where, "regex"), "no matcher");
  CHECK(context.failed());
  CHECK(context.render_all() ==
        "a.toml:3:1: warning: no matcher\n    [[site.route]]\n"
        "a.toml:4:11: no upstream \"cahce\"\n      proxy = \"cahce\"\n    did you mean \"cache\"?\n");
}

namespace {
struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/config_test_XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name) << text;
  }
};

Options read_files(std::vector<std::string> paths, std::string& problems) {
  Context context;
  Options options;
  config::load_files(context, paths);
  config::read_root(context, options);
  problems = context.render_all();
  return options;
}
}  // namespace

TEST_CASE("includes, several files and directories are merged") {
  Directory directory;
  directory.put("main.toml", "include = [\"conf.d/*.toml\"]\nworkers = 2\n[[site]]\nnames = \"first\"\n[tls.a]\ncertificates = [{cert = \"1\", key = \"2\"}]\n");
  directory.put("conf.d/10-b.toml", "[[site]]\nnames = \"second\"\n[tls.b]\ncertificates = [{cert = \"3\", key = \"4\"}]\n");
  directory.put("conf.d/20-c.toml", "[[site]]\nnames = \"third\"\n");
  std::string problems;
  Options options = read_files({directory.path + "/main.toml"}, problems);
  CHECK(problems == "");
  REQUIRE(options.site.size() == 3);
  CHECK(options.site[2].names[0] == "third");
  CHECK(options.tls.size() == 2);

  options = read_files({directory.path + "/conf.d"}, problems);
  CHECK(problems == "");
  CHECK(options.site.size() == 2);

  directory.put("conf.d/20-c.toml", "workers = 4\n");
  read_files({directory.path + "/main.toml"}, problems);
  CHECK(problems == directory.path + "/conf.d/20-c.toml:1:1: \"workers\" was already set in " + directory.path +
                        "/main.toml:2\n    workers = 4\n    set it in one place\n");

  directory.put("conf.d/20-c.toml", "include = \"x.toml\"\n");
  read_files({directory.path + "/main.toml"}, problems);
  CHECK(problems.find("20-c.toml:1:1: an included file cannot include others") != std::string::npos);

  directory.put("main.toml", "include = [\"gone.toml\"]\n");
  read_files({directory.path + "/main.toml"}, problems);
  CHECK(problems.find("main.toml:1:12: cannot read " + directory.path + "/gone.toml: No such file") != std::string::npos);

  directory.put("conf.d/20-c.toml", "a = \n");
  directory.put("conf.d/10-b.toml", "b = ]\n");
  directory.put("main.toml", "include = [\"conf.d/*.toml\"]\nnonsense = 1\n");
  read_files({directory.path + "/main.toml"}, problems);
  CHECK(problems.find("10-b.toml:1:5") != std::string::npos);
  CHECK(problems.find("20-c.toml:") != std::string::npos);
}
