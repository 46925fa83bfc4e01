// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/compile.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "config/loader.h"
#include "http/paths.h"

namespace webfront {

namespace {

class Compiler {
 public:
  Compiler(const Options& options, config::Context& context, Compiled& out) : options_(options), context_(context), out_(out) {}
  void run() {
    for (const auto& [name, upstream] : options_.upstream) add_upstream(name, upstream);
    for (const SiteOptions& site : options_.site) add_site(site);
    for (const ListenOptions& listen : options_.listen) {
      auto view = std::make_shared<ListenerView>();
      view->trusted = listen.trusted_proxies ? listen.trusted_proxies->list : options_.trusted_proxies.list;
      view->tls = !std::holds_alternative<std::monostate>(listen.tls);
      out_.listeners.push_back(std::move(view));
    }
    out_.debug_from = options_.debug_from.list;
    out_.via_visits = options_.via_visits;
    out_.body_size = options_.limits.body_size;
    if (options_.log.access) add_format(options_.log.access->format.empty() ? "combined" : options_.log.access->format);
  }

 private:
  // Formed as requests' paths are, but for the decoding.
  static std::string form(const std::string& path) {
    std::string out;
    base::split(path, '/', [&out](std::string_view part) {
      if (!part.empty() && part != ".") (out += '/') += part;
    });
    return out.empty() && !path.empty() ? "/" : out;
  }
  static PathTest path_test(const std::string& path, const std::string& prefix, const std::string& regex) {
    PathTest test;
    test.path = form(path);
    test.prefix = form(prefix);
    if (!regex.empty()) test.regex = std::make_shared<const re2::RE2>(regex, re2::RE2::Quiet);
    return test;
  }
  static Condition condition(const ConditionOptions& from) {
    Condition out;
    if (!from.client.empty()) out.client = std::make_shared<const NetworkClients>(from.client.list);
    out.methods = from.method;
    for (const auto& [name, value] : from.header) out.headers.push_back({name, value});
    out.cookies = from.cookie;
    out.path = path_test(from.path, from.prefix, from.regex);
    return out;
  }
  static TextTemplate text(const std::string& source) {
    TextTemplate out;
    std::string problem;
    TextTemplate::compile(source, out, problem);  // checked by the option's row
    return out;
  }
  static HeaderEdits headers(const HeaderOptions& from) {
    HeaderEdits out;
    for (const auto& [name, value] : from.set) out.set.emplace_back(name, text(value));
    out.remove = from.remove;
    return out;
  }
  static QueueRule queue(const QueueOptions& from) {
    QueueRule out{from.max_active, from.max_waiting, from.timeout, 0};
    if (from.priority == QueueClass::interactive) out.priority = -10;
    if (from.priority == QueueClass::background) out.priority = 10;
    return out;
  }

  void add_format(const std::string& format) {
    out_.log_answer_fields = format.find("$sent_http_") != std::string::npos || format.find("${sent_http_") != std::string::npos;
    std::string problem;
    if (!http::AccessFormat::compile(format, out_.format, problem)) context_.problem({}, "log.access.format: " + problem);
  }

  std::size_t add_upstream(const std::string& name, const UpstreamOptions& from) {
    Upstream upstream;
    upstream.name = name;
    for (const process::Address& address : from.servers) {
      auto endpoint = std::make_shared<http::Endpoint>();
      endpoint->name = name == address.text ? name : name + "/" + address.text;
      endpoint->address = address.address;
      endpoint->address_text = address.address.text();
      endpoint->keepalive = from.keepalive;
      endpoint->options.connect = from.timeout.connect;
      endpoint->options.first_byte = from.timeout.first_byte;
      endpoint->options.between_bytes = from.timeout.between_bytes;
      endpoint->options.write = from.timeout.write;
      endpoint->options.keepalive_timeout = from.keepalive_timeout;
      endpoint->options.drain_timeout = from.timeout.first_byte;
      endpoint->options.close_on_abort = true;   // who left gives up its place at every tier behind; the balancer alone keeps slots
      upstream.servers.push_back(std::move(endpoint));
    }
    if (from.queue) upstream.queue = queue(*from.queue);
    out_.upstreams.push_back(std::move(upstream));
    return out_.upstreams.size() - 1;
  }

  // The place of the upstream that `proxy` names, made if it is an address.
  std::size_t find_upstream(const RouteOptions& route) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < out_.upstreams.size(); ++i) {
      if (out_.upstreams[i].name == route.proxy) return i;
      if (i < options_.upstream.size()) names.push_back(out_.upstreams[i].name);
    }
    const config::Where where = context_.at(route.where, "proxy");
    if (route.proxy.find(':') == std::string::npos && !route.proxy.starts_with("unix")) {
      const std::string near = config::suggestion(route.proxy, names);
      context_.problem(where, "there is no [upstream." + route.proxy + "]", near.empty() ? "add it, or write an address" : near);
      return 0;
    }
    config::Node node = config::Node::of(std::string_view(route.proxy));
    node.where = where;
    UpstreamOptions upstream;
    upstream.servers.emplace_back();
    const std::size_t before = context_.count();
    config::Value<process::Address>::read(context_, node, upstream.servers.front());
    if (context_.count() != before) return 0;
    return add_upstream(route.proxy, upstream);
  }

  // What a route without a name is known by: its site and what it looks at, wherever it stands in the file.
  std::string queue_key(const RouteOptions& from) const {
    std::string key = site_->names.front();
    for (const Scheme scheme : site_->on) key += scheme == Scheme::http ? " http" : " https";
    if (from.name.empty()) {
      ((key += "\npath " + from.path) += "\nprefix " + from.prefix) += "\nregex " + from.regex;
      for (const std::string& method : from.methods) key += "\nmethod " + method;
      key += "\nif\n" + config::effective_text(from.only_if) + "unless\n" + config::effective_text(from.unless);
    } else {
      key += "\nname " + from.name;
    }
    const auto taken = [&] { return std::any_of(out_.route_queues.begin(), out_.route_queues.end(), [&](const RouteQueue& queue) { return queue.key == key; }); };
    while (taken()) key += "\nagain";
    return key;
  }

  void add_actions(const RouteOptions& from, Route& route) {
    if (from.respond) route.respond = Respond{static_cast<int>(from.respond->status), from.respond->body, from.respond->content_type};
    if (from.redirect) route.redirect = Redirect{text(from.redirect->to), static_cast<int>(from.redirect->status)};
    if (from.files) {
      Files files;
      files.alias = from.files->root.empty();
      files.place = {files.alias ? from.files->alias : from.files->root, from.files->index, from.files->precompressed};
      files.cache_control = from.files->cache_control;
      route.files = std::move(files);
    }
    if (from.rewrite) route.rewrite = Rewrite{std::make_shared<const re2::RE2>(from.rewrite->regex, re2::RE2::Quiet), text(from.rewrite->to)};
    if (from.vhm) {
      const VirtualHostOptions& rule = *from.vhm;
      route.virtual_host = VirtualHost{rule.site, rule.host == "$host" ? std::string() : rule.host, rule.port, form(rule.subfolder), rule.api};
    }
    if (from.proxy.empty()) return;
    route.proxy = from.proxy;
    route.upstream = find_upstream(from);
    if (!from.queue) return;
    route.queue = queue(*from.queue);
    route.queue_place = out_.route_queues.size();
    out_.route_queues.push_back({queue_key(from), route.label, route.queue});
  }

  void add_route(const RouteOptions& from, Site& site) {
    Route route;
    route.number = out_.routes++;
    route.name = from.name;
    route.path = path_test(from.path, from.prefix, from.regex);
    route.label = from.name.empty() ? route.path.label() : from.name;
    route.methods = from.methods;
    route.only_if = condition(from.only_if);
    route.unless = condition(from.unless);
    route.headers = headers(from.headers);
    if (from.body_size) route.body_size = *from.body_size;
    route.buffer_body = from.buffer_body;
    add_actions(from, route);
    if (route.virtual_host) site.refuses_virtual_host = true;
    site.routes.push_back(std::move(route));
  }

  void add_error_pages(const SiteOptions& from, Site& site) {
    for (const auto& [codes, file] : from.error_pages) {
      const auto page = context_.read_file(file);
      if (!page) {
        context_.unreadable(context_.at(from.where, "error_pages"), "the page " + file + " cannot be read: " + std::strerror(page.error()), page.error());
        continue;
      }
      base::split(codes, ',', [&](std::string_view code) {
        const auto status = base::parse_decimal(base::trim(code));
        if (!status || *status < 400 || *status > 599)
          context_.problem(context_.at(from.where, "error_pages"), "\"" + std::string(code) + "\" is no status of an error", "as in \"502,503\"");
        else
          site.error_pages[static_cast<int>(*status)] = *page;
      });
    }
  }

  void add_site(const SiteOptions& from) {
    Site site;
    site_ = &from;
    for (const std::string& name : from.names) site.names.push_back(base::to_lower(name));
    if (!from.on.empty()) {
      site.on_http = std::find(from.on.begin(), from.on.end(), Scheme::http) != from.on.end();
      site.on_https = std::find(from.on.begin(), from.on.end(), Scheme::https) != from.on.end();
    }
    site.headers = headers(from.headers);
    add_error_pages(from, site);
    for (const RouteOptions& route : from.route) add_route(route, site);
    for (std::size_t i = 0; i < site.routes.size(); ++i) {
      const Route& route = site.routes[i];
      if (route.rewrite && route.rewrite->to.text().starts_with("/VirtualHostBase") && !site.refuses_virtual_host)
        context_.warning(context_.at(from.route[i].where, "rewrite"), "the route writes virtual-host paths, but the site does not refuse those of clients",
                         "use vhm, which does");
    }
    if (site.routes.empty()) context_.warning(from.where, "the site has no [[site.route]]: every request gets 404");
    out_.sites.push_back(std::move(site));
  }

  const Options& options_;
  config::Context& context_;
  Compiled& out_;
  const SiteOptions* site_ = nullptr;  // the one that is added
};

}  // namespace

std::shared_ptr<const Compiled> compile(const Options& options, config::Context& context, const std::string& default_via) {
  auto out = std::make_shared<Compiled>();
  out->via = options.via.empty() ? default_via : options.via;
  Compiler(options, context, *out).run();
  return out;
}

}  // namespace webfront
