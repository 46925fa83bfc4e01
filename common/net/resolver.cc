// SPDX-License-Identifier: BSD-2-Clause
#include "net/resolver.h"

#include <netdb.h>

#include <algorithm>

#include "base/bytes.h"
#include "net/reasons.h"

namespace net {

base::Result<std::vector<Address>> resolve_now(std::string_view text) {
  auto direct = Address::parse(text);
  if (direct) return std::vector<Address>{*direct};
  if (!direct.error().reason.is(reasons::address_name)) return std::unexpected(direct.error());
  const auto colon = text.rfind(':');
  const std::string host(text.substr(0, colon));
  const auto port = static_cast<std::uint16_t>(base::parse_decimal(text.substr(colon + 1)).value_or(0));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    const int system = code == EAI_SYSTEM ? errno : 0;
    return std::unexpected(base::Error{base::Reason{&reasons::address_unresolved, code, 0, text}, base::Side::upstream, true, system});
  }
  std::vector<Address> out;
  for (const addrinfo* at = found; at; at = at->ai_next) {
    Address address = Address::from(at->ai_addr, at->ai_addrlen);
    address.set_port(port);
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  ::freeaddrinfo(found);
  return out;
}

base::Result<base::Handle> resolve(OffloadClient& client, std::string text, Resolved done) {
  return client.submit(
      [text = std::move(text)] {
        auto out = resolve_now(text);
        if (!out) out.error().reason.subject = {};  // our text dies with the job
        return out;
      },
      std::move(done));
}

}  // namespace net
