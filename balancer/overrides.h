// SPDX-License-Identifier: BSD-2-Clause
// What administrators changed while the process ran, by "backend/server", each with the configured value it overrode: it stands until
// that changes in the file. Plain values: written to and read from the state file, shown by `diff`. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/admission_view.h"

namespace balancer {

// The parts of an override; outside of it, because clang wants them complete there. `since`: seconds of the wall clock.
struct AdminOverride {
  http::AdminState now = http::AdminState::ready;
  std::int64_t since = 0;
  bool operator==(const AdminOverride&) const = default;
};
struct NumberOverride {
  std::uint32_t configured = 0, now = 0;
  std::int64_t since = 0;
  bool operator==(const NumberOverride&) const = default;
};
struct TextOverride {
  std::string configured, now;
  std::int64_t since = 0;
  bool operator==(const TextOverride&) const = default;
};
struct AddedServer {
  std::string address;
  std::uint32_t weight = 1, maxconn = 0;
  bool check = false;
  std::int64_t since = 0;
  bool operator==(const AddedServer&) const = default;
};

// Of one server.
struct Override {
  using Admin = AdminOverride;
  using Number = NumberOverride;
  using Text = TextOverride;
  using Added = AddedServer;
  std::optional<Admin> admin;                  // not ready
  std::optional<Number> weight, maxconn;       // maxconn 0: unlimited
  std::optional<Text> address;
  std::optional<Text> deleted;                 // configured: all that the file said of it
  std::optional<Added> added;
  bool empty() const { return !admin && !weight && !maxconn && !address && !deleted && !added; }
  bool operator==(const Override&) const = default;
};

using Overrides = std::map<std::string, Override, std::less<>>;

const char* admin_word(http::AdminState state);
std::string utc_text(std::int64_t seconds);

// The state file's text.
std::string overrides_json(const Overrides& overrides);
// Error: what is wrong with it.
std::expected<Overrides, std::string> parse_overrides(const std::string& text);
// One line per drift; "no difference" if there is none.
std::string difference_text(const Overrides& overrides);
// An array of {"server", "what", "configured", "now", "since"}.
std::string difference_json(const Overrides& overrides);

}  // namespace balancer
