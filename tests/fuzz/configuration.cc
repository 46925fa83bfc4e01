// SPDX-License-Identifier: BSD-2-Clause
// Configurations: any text is read or refused with a place, and the effective text of what was read is read as the same.
// Input: a letter for the daemon (w, c, b), then the file.
#include <cerrno>

#include "balancer/options.h"
#include "cachenode/options.h"
#include "config/loader.h"
#include "fuzz/fuzz.h"
#include "webfront/options.h"

namespace {

config::Files no_files() {
  return {[](const std::string&) -> std::expected<std::string, int> { return std::unexpected(ENOENT); },
          [](const std::string&) { return std::vector<std::string>{}; }};
}

template <class Options>
bool read(const std::string& text, Options& out) {
  config::Context context([](const std::string& name) { return name == "A" ? std::optional<std::string>("a") : std::nullopt; });
  context.set_files(no_files());
  config::load_text(context, "a.toml", text);
  const bool well = config::read_root(context, out);
  MUST(well || context.failed());
  for (const auto& problem : context.problems()) {
    MUST(!problem.message.empty());
    MUST(!context.render(problem).empty());
  }
  return well;
}

template <class Options>
void check(const std::string& text) {
  Options options, again;
  if (!read(text, options)) return;
  const std::string effective = config::effective_text(options);
  MUST(read(effective, again));
  MUST(config::effective_text(again) == effective);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto daemon = input.byte();
  const std::string text(input.rest());
  if (daemon == 'w') check<webfront::Options>(text);
  else if (daemon == 'c') check<cachenode::Options>(text);
  else check<balancer::Options>(text);
  return 0;
}
