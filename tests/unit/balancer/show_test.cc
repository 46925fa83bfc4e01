// SPDX-License-Identifier: BSD-2-Clause
// What people and scripts read: show stat, show servers state, commands, explain, and the problems of a configuration.
#include <catch2/catch.hpp>

#include "balancer/admin_commands.h"
#include "balancer/explain.h"
#include "balancer/show_stat.h"
#include "balancer/status_page.h"
#include "plan_bench.h"

namespace {

std::string problems(const std::string& text) {
  config::Context context;
  balancer::Options options;
  config::load_text(context, "b.toml", text);
  config::read_root(context, options);
  balancer::check_references(context, options.frontend, options.backend);
  return context.render_all();
}

struct Bench {
  explicit Bench(const std::string& more = "") : staff([this] { return base::TimePoint{} + std::chrono::seconds(time); }) {
    staff.commit(staff.compile(balancer_test::read(
                      "[[frontend]]\nname = \"in\"\nbind = \"127.0.0.1:8080\"\nhealth = \"/_health\"\ndefault_backend = \"volto\"\n"
                      "[[frontend.use_backend]]\nbackend = \"plone\"\nif = { prefix = \"/VirtualHostBase/\" }\n"
                      "[[backend]]\nname = \"plone\"\nbalance = \"leastconn\"\ncookie = { name = \"id\" }\ncheck = false\n"
                      "[[backend.server]]\nname = \"c1\"\naddress = \"127.0.0.1:8081\"\nmaxconn = 1\n[[backend.server]]\nname = \"c2\"\naddress = \"127.0.0.1:8082\"\n"
                      "[[backend]]\nname = \"volto\"\n[[backend.server]]\nname = \"v1\"\naddress = \"unix:/run/v.sock\"\n" + more), 2));
    time = 7;
    balancer::add_commands(registry, std::make_shared<const balancer::AdminContext>(balancer::AdminContext{
                                         staff.roster, [] { return base::TimePoint{} + std::chrono::seconds(7); }, [] { return 3U; }, {}}));
  }
  std::string run(const std::string& line) {
    process::Reply reply;
    const auto words = process::AdminRegistry::split(line);
    registry.run(words, process::AdminLevel::admin, reply);
    return reply.text;
  }
  std::string explain(std::vector<std::string> arguments, bool live = true) {
    process::Reply reply;
    balancer::explain(*staff.roster.plan(), live, arguments, reply);
    return reply.text;
  }
  int time = 0;
  balancer_test::Bench staff;
  process::AdminRegistry registry;
};

std::string column(const std::string& csv, const std::string& server, std::size_t index) {
  const auto at = csv.find("\n" + server + ",");
  if (at == std::string::npos) return "?";
  std::string line = csv.substr(at + 1, csv.find('\n', at + 1) - at - 1);
  for (; index > 0; --index) line = line.substr(line.find(',') + 1);
  return line.substr(0, line.find(','));
}

}  // namespace

TEST_CASE("show stat has HAProxy's columns where scripts look for them") {
  Bench bench;
  const std::string csv = bench.run("show stat");
  CHECK(csv.starts_with("# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,"));
  CHECK(csv.find(",agg_check_status,-,\n") != std::string::npos);
  CHECK(column(csv, "in,FRONTEND", 17) == "OPEN");
  CHECK(column(csv, "plone,c1", 17) == "no check");
  CHECK(column(csv, "plone,c1", 18) == "1");
  CHECK(column(csv, "plone,c1", 6) == "1");
  CHECK(column(csv, "plone,BACKEND", 17) == "UP");
  CHECK(column(csv, "volto,v1", 17) == "DOWN");
  CHECK(column(csv, "volto,v1", 36) == "INI");
  CHECK(column(csv, "volto,BACKEND", 32) == "1");
  // Every line has as many columns as the header.
  std::size_t commas = 0;
  base::split(csv, '\n', [&](std::string_view line) {
    if (line.empty()) return;
    const auto n = static_cast<std::size_t>(std::count(line.begin(), line.end(), ','));
    if (commas == 0) commas = n;
    else CHECK(n == commas);
  });
}

TEST_CASE("the commands of restart scripts") {
  Bench bench;
  const auto status = [&](const std::string& server) { return column(bench.run("show stat"), server, 17); };
  CHECK(bench.run("disable server plone/c1").empty());
  CHECK(status("plone,c1") == "MAINT");
  CHECK(status("plone,BACKEND") == "UP");
  CHECK(bench.run("enable server plone/c1").empty());
  CHECK(status("plone,c1") == "no check");
  CHECK(bench.run("set server plone/c1 state drain").empty());
  CHECK(status("plone,c1") == "DRAIN");
  CHECK(bench.run("set server plone/c1 state maint").empty());
  CHECK(bench.run("set server plone/c2 state maint").empty());
  CHECK(status("plone,BACKEND") == "DOWN");
  CHECK(bench.run("set server plone/c1 state ready").empty());
  CHECK(bench.run("set server plone/c1 weight 40").empty());
  CHECK(bench.run("get weight plone/c1") == "40 (initial 1)\n");
  CHECK(bench.run("set weight plone/c1 300%").empty());
  CHECK(bench.run("get weight plone/c1") == "3 (initial 1)\n");
  CHECK(bench.run("disable server plone") == "Require 'backend/server'.\n");
  CHECK(bench.run("disable server plane/c1") == "No such backend.\n");
  CHECK(bench.run("disable server plone/c9") == "No such server.\n");
  CHECK(bench.run("set server plone/c1 state asleep") == "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
  CHECK(bench.run("show backend") == "# name\nplone\nvolto\n");
}

TEST_CASE("show servers state") {
  Bench bench;
  bench.run("set server plone/c1 state maint");
  const std::string text = bench.run("show servers state plone");
  CHECK(text ==
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change "
        "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port "
        "srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
        "3 plone 1 c1 127.0.0.1 0 1 1 1 0 1 0 0 0 0 0 0 - 8081 - 0 0 - - 0\n"
        "3 plone 2 c2 127.0.0.1 2 0 1 1 7 1 0 0 0 0 0 0 - 8082 - 0 0 - - 0\n");
}

TEST_CASE("explain tells the whole way") {
  Bench bench;
  CHECK(bench.explain({"-H", "Cookie: id=c9", "https://www/VirtualHostBase/http/x:80/Plone/VirtualHostRoot/a"}) ==
        "GET /VirtualHostBase/http/x:80/Plone/VirtualHostRoot/a\n"
        "backend:\n"
        "  = rule 1 of frontend in matches (use-backend:in)\n"
        "cookie:\n"
        "  - the cookie names no server of this backend\n"
        "server:\n"
        "  - c2 has 0 running, weight 1\n"
        "  = c1 has the fewest requests for its weight (0 running, weight 1) (leastconn:c1)\n");
  CHECK(bench.explain({"http://www/VirtualHostBaseX"}) ==
        "GET /VirtualHostBaseX\n"
        "backend:\n"
        "  - rule 1 does not match: prefix\n"
        "  = no rule matches: default_backend of frontend in (default-backend:in)\n"
        "server:\n"
        "  - v1 is down\n"
        "  = no server of backend volto is available (no-server:volto)\n");
  // A disguised path does not escape its rule.
  CHECK(bench.explain({"/%56irtualHostBase//x"}).find("use-backend:in") != std::string::npos);
  CHECK(bench.explain({"/a/..%2f.."}).find("the request would be refused") != std::string::npos);
  CHECK(bench.explain({"-X", "POST", "/_health/plone"}) == "POST /_health/plone\nfrontend in:\n  = the health page answers (health)\n");
}

TEST_CASE("the status page escapes names and shows every server") {
  Bench bench("[[backend]]\nname = \"a<b\"\n[[backend.server]]\nname = \"s&1\"\naddress = \"127.0.0.1:9\"\n");
  const process::Page page = balancer::status_page(*bench.staff.roster.plan(), "/", {http::Method::get, "/", "", ""}, {});
  CHECK(page.status == 200);
  CHECK(page.body.find("a&lt;b") != std::string::npos);
  CHECK(page.body.find("<td>s&amp;1</td>") != std::string::npos);
  CHECK(page.body.find("a<b") == std::string::npos);
  CHECK(balancer::status_page(*bench.staff.roster.plan(), "/", {http::Method::get, "/;csv", "", ""}, {}).body.starts_with("# pxname,"));
  CHECK(balancer::status_page(*bench.staff.roster.plan(), "/", {http::Method::post, "/", "", ""}, {}).status == 405);
  CHECK(balancer::status_page(*bench.staff.roster.plan(), "/", {http::Method::get, "/x", "", ""}, {}).status == 404);
}

TEST_CASE("metrics are Prometheus text") {
  Bench bench;
  const std::string text = balancer::metrics_text(*bench.staff.roster.plan(), {});
  CHECK(text.find("# TYPE balancer_server_requests_total counter\n") != std::string::npos);
  CHECK(text.find("balancer_server_requests_total{backend=\"plone\",server=\"c1\"} 0\n") != std::string::npos);
  CHECK(text.find("balancer_server_up{backend=\"volto\",server=\"v1\"} 0\n") != std::string::npos);
  CHECK(text.find("balancer_server_up{backend=\"plone\",server=\"c1\"} 1\n") != std::string::npos);
}

TEST_CASE("all problems of a configuration are told, with their places") {
  const std::string text = problems(
      "[[frontend]]\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"ap\"\n"
      "[[backend]]\nname = \"app\"\nslowstart = \"1m\"\n[backend.check]\nexpect = { status = \"2x\" }\nrise = 0\n"
      "[[backend.server]]\nname = \"a b\"\naddress = \"127.0.0.1:1\"\n"
      "[[backend]]\nname = \"empty\"\n");
  CHECK(text.find("b.toml:3:19: no backend \"ap\"") != std::string::npos);
  CHECK(text.find("app") != std::string::npos);
  CHECK(text.find("b.toml:6:1: ") != std::string::npos);   // not built yet: unknown, never silently accepted
  CHECK(text.find("b.toml:8:21: ") != std::string::npos);
  CHECK(text.find("b.toml:9:8: ") != std::string::npos);
  CHECK(text.find("b.toml:11:8: ") != std::string::npos);
  CHECK(text.find("backend \"empty\" has no server") != std::string::npos);
}

TEST_CASE("few places for tunnels are warned about, many are not") {
  const auto told = [](const char* maxconn) {
    return problems("[[frontend]]\nbind = \"127.0.0.1:0\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\n"
                    "[[backend.server]]\naddress = \"127.0.0.1:1\"\nmaxconn = " + std::string(maxconn) + "\n");
  };
  CHECK(told("4").find("b.toml:8:11: warning: a WebSocket takes one of 4 places") != std::string::npos);
  CHECK(told("5").empty());
}
