// SPDX-License-Identifier: BSD-2-Clause
// Lines of the admin socket: words joined are split into the same words, commands are the line's own parts, and asking for a
// command's needs agrees with running it. Input: the line.
#include "fuzz/fuzz.h"
#include "process/admin_registry.h"

namespace {

using process::AdminRegistry;
using Words = std::vector<std::string>;

void check_json(const std::string& json) {
  MUST(json.size() >= 2 && json.front() == '"' && json.back() == '"');
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    MUST(static_cast<unsigned char>(json[i]) >= 0x20 && json[i] != '"');
    if (json[i] == '\\') MUST(++i + 1 < json.size() && std::string_view("\"\\/bfnrtu").find(json[i]) != std::string_view::npos);
  }
}

void check_run(const Words& words) {
  AdminRegistry registry;
  bool ran = false;
  const auto handler = [&](process::AdminArguments arguments, process::Reply& reply) {
    ran = true;
    MUST(arguments.size() <= words.size());
    reply.line("done");
  };
  registry.add("show", "[what]", "shows", process::AdminLevel::user, handler);
  registry.add("show stat", "", "shows more", process::AdminLevel::user, handler);
  registry.add("set server", "{name}", "sets", process::AdminLevel::admin, handler);
  const auto needs = registry.needs(words);
  process::Reply reply;
  registry.run(words, process::AdminLevel::user, reply);
  if (ran) MUST(needs && needs->level == process::AdminLevel::user && !reply.failed);
  else MUST(reply.failed || words.empty() || words.front() == "help");
  if (needs && needs->level == process::AdminLevel::admin) MUST(!ran);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = fuzz::Input(data, size).rest();
  check_json(process::json_string(line));
  std::string together;
  for (const auto& command : AdminRegistry::commands(line)) {
    together += command + ";";
    MUST(AdminRegistry::commands(command) == Words{command});
    Words words = AdminRegistry::split(command);
    check_run(words);
    for (auto& word : words)
      for (char& c : word)
        if (c == '\n' || c == '\r') c = ' ';  // a joined line stays one line
    const std::string joined = AdminRegistry::join(words);
    MUST(AdminRegistry::split(joined) == words);
    MUST(AdminRegistry::commands(joined).size() == 1);
  }
  MUST(together == std::string(line) + ";");
  return 0;
}
