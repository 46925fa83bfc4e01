// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/overrides.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "net/address.h"

namespace balancer {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Override::Number& number) { return {{"configured", number.configured}, {"now", number.now}, {"since", number.since}}; }
Json json_of(const Override::Text& text) { return {{"configured", text.configured}, {"now", text.now}, {"since", text.since}}; }

// Reads members of one object; the first that is missing or of another type is remembered.
class Reader {
 public:
  Reader(const Json& object, std::string& problem) : object_(object), problem_(problem) {
    if (!object.is_object()) wrong("not an object");
  }
  void operator()(const char* name, std::string& out) {
    if (const Json* v = find(name, &Json::is_string)) out = v->get<std::string>();
  }
  void operator()(const char* name, bool& out) {
    if (const Json* v = find(name, &Json::is_boolean)) out = v->get<bool>();
  }
  void operator()(const char* name, std::int64_t& out) {
    if (const Json* v = find(name, &Json::is_number_integer)) out = v->get<std::int64_t>();
  }
  void operator()(const char* name, std::uint32_t& out) {
    const Json* v = find(name, &Json::is_number_unsigned);
    if (v && v->get<std::uint64_t>() > 1'000'000) wrong(std::string(name) + " is too large");
    else if (v) out = v->get<std::uint32_t>();
  }
  template <class T, class F>
  void optional(const char* name, std::optional<T>& out, F read) {
    if (!object_.is_object() || !object_.contains(name)) return;
    out = T{};
    Reader inner(object_[name], problem_);
    read(inner, *out);
  }
  void wrong(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }

 private:
  const Json* find(const char* name, bool (Json::*is)() const noexcept) {
    if (!object_.is_object() || !object_.contains(name) || !(object_[name].*is)()) {
      wrong(std::string("no proper \"") + name + "\"");
      return nullptr;
    }
    return &object_[name];
  }
  const Json& object_;
  std::string& problem_;
};

void read_number(Reader& read, Override::Number& out) {
  read("configured", out.configured);
  read("now", out.now);
  read("since", out.since);
}

void read_text(Reader& read, Override::Text& out) {
  read("configured", out.configured);
  read("now", out.now);
  read("since", out.since);
}

void read_admin(Reader& read, Override::Admin& out) {
  std::string word;
  read("now", word);
  read("since", out.since);
  if (word == "drain") out.now = http::AdminState::drain;
  else if (word == "maint") out.now = http::AdminState::maint;
  else read.wrong("\"" + word + "\" is no state of a server");
}

void check_address(Reader& read, const std::string& text) {
  if (!net::Address::parse(text)) read.wrong("\"" + text + "\" is no address");
}

void read_override(Reader& read, Override& out) {
  read.optional("admin", out.admin, read_admin);
  read.optional("weight", out.weight, read_number);
  read.optional("maxconn", out.maxconn, read_number);
  read.optional("address", out.address, [](Reader& r, Override::Text& text) {
    read_text(r, text);
    check_address(r, text.now);
  });
  read.optional("deleted", out.deleted, read_text);
  read.optional("added", out.added, [](Reader& r, Override::Added& added) {
    r("address", added.address);
    r("weight", added.weight);
    r("maxconn", added.maxconn);
    r("check", added.check);
    r("since", added.since);
    check_address(r, added.address);
  });
}

struct Drift {
  std::string server;
  const char* what;
  std::string configured, now;
  std::int64_t since;
};

std::string limit_text(std::uint32_t limit) { return limit ? std::to_string(limit) : "unlimited"; }

std::vector<Drift> drifts(const Overrides& overrides) {
  std::vector<Drift> out;
  for (const auto& [name, o] : overrides) {
    if (o.added) out.push_back({name, "server", "none", o.added->address, o.added->since});
    if (o.deleted) out.push_back({name, "server", o.deleted->configured, "deleted", o.deleted->since});
    if (o.address) out.push_back({name, "address", o.address->configured, o.address->now, o.address->since});
    if (o.admin) out.push_back({name, "state", "ready", admin_word(o.admin->now), o.admin->since});
    if (o.weight) out.push_back({name, "weight", std::to_string(o.weight->configured), std::to_string(o.weight->now), o.weight->since});
    if (o.maxconn) out.push_back({name, "maxconn", limit_text(o.maxconn->configured), limit_text(o.maxconn->now), o.maxconn->since});
  }
  return out;
}

}  // namespace

const char* admin_word(http::AdminState state) {
  return state == http::AdminState::ready ? "ready" : state == http::AdminState::drain ? "drain" : "maint";
}

std::string utc_text(std::int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char out[32] = "";
  if (gmtime_r(&time, &parts)) std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out;
}

std::string overrides_json(const Overrides& overrides) {
  Json servers = Json::object();
  for (const auto& [name, o] : overrides) {
    Json one = Json::object();
    if (o.admin) one["admin"] = {{"now", admin_word(o.admin->now)}, {"since", o.admin->since}};
    if (o.weight) one["weight"] = json_of(*o.weight);
    if (o.maxconn) one["maxconn"] = json_of(*o.maxconn);
    if (o.address) one["address"] = json_of(*o.address);
    if (o.deleted) one["deleted"] = json_of(*o.deleted);
    if (o.added)
      one["added"] = {{"address", o.added->address}, {"weight", o.added->weight}, {"maxconn", o.added->maxconn}, {"check", o.added->check}, {"since", o.added->since}};
    servers[name] = std::move(one);
  }
  const Json all = {{"version", 1}, {"servers", std::move(servers)}};
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::expected<Overrides, std::string> parse_overrides(const std::string& text) {
  const Json all = Json::parse(text, nullptr, false);
  if (all.is_discarded()) return std::unexpected("it is not JSON");
  if (!all.is_object() || !all.contains("version") || all["version"] != 1) return std::unexpected("it is not of version 1");
  if (!all.contains("servers") || !all["servers"].is_object()) return std::unexpected("there is no \"servers\"");
  Overrides out;
  for (const auto& [name, value] : all["servers"].items()) {
    std::string problem;
    Override one;
    Reader read(value, problem);
    read_override(read, one);
    if (!problem.empty()) return std::unexpected(name + ": " + problem);
    if (!one.empty()) out.emplace(name, std::move(one));
  }
  return out;
}

std::string difference_text(const Overrides& overrides) {
  std::string out;
  for (const Drift& d : drifts(overrides))
    out += d.server + " " + d.what + ": configured " + d.configured + ", now " + d.now + ", since " + utc_text(d.since) + "\n";
  return out.empty() ? "no difference\n" : out;
}

std::string difference_json(const Overrides& overrides) {
  Json out = Json::array();
  for (const Drift& d : drifts(overrides))
    out.push_back({{"server", d.server}, {"what", d.what}, {"configured", d.configured}, {"now", d.now}, {"since", utc_text(d.since)}});
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace balancer
