// SPDX-License-Identifier: BSD-2-Clause
// Host names to addresses by getaddrinfo, which blocks: directly at start, on the offload pool while serving.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/offload.h"

namespace net {

// Addresses of "localhost:8080" in the system's order, without duplicates; what Address::parse takes gives that one. Blocks up to the
// resolver's time-outs. Error dns-error: `a` is getaddrinfo's code; the subject is `text`, which must outlive it.
base::Result<std::vector<Address>> resolve_now(std::string_view text);

// The same without blocking; `done` is called on the client's loop unless cancelled by the handle. The error's subject is empty.
using Resolved = std::move_only_function<void(base::Result<std::vector<Address>>)>;
base::Result<base::Handle> resolve(OffloadClient& client, std::string text, Resolved done);

}  // namespace net
