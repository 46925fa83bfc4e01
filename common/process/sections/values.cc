// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/values.h"

#include "base/bytes.h"
#include "net/resolver.h"

namespace config {

void Value<process::Address>::read(Context& context, const Node& node, process::Address& out) {
  if (!node.is(Kind::string)) return wrong_kind(context, node, "an address", "as in \"127.0.0.1:8080\" or \"unix:/path\"");
  auto parsed = net::Address::parse(node.text);
  if (parsed) {
    out = {node.text, *parsed};
    return;
  }
  const bool host = std::string_view(parsed.error().reason.row->name) == "address-name";
  if (host) {
    // Once, before anything serves: names that change are not followed.
    if (auto found = net::resolve_now(node.text)) {
      out = {node.text, found->front()};
      return;
    }
  }
  const std::string message = host ? "\"" + base::escape(node.text) + "\" cannot be resolved" : parsed.error().reason.text();
  context.problem(node.where, message, "as in \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/path\"");
}

void Value<process::Networks>::read(Context& context, const Node& node, process::Networks& out) {
  std::vector<std::string> texts;
  Value<std::vector<std::string>>::read(context, node, texts);
  auto list = std::make_shared<net::NetworkList>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto network = net::Network::parse(texts[i]);
    if (network) {
      list->add(std::move(*network));
      continue;
    }
    const Where where = i < node.children.size() ? node.children[i].where : node.where;
    context.problem(where, network.error().reason.text(), "as in \"10.0.0.0/8\", \"::1\" or \"unix\"");
  }
  out = {std::move(texts), std::move(list)};
}

}  // namespace config
