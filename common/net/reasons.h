// SPDX-License-Identifier: BSD-2-Clause
// Every reason that the network layer gives. Static rows; any thread.
#pragma once

#include "base/reason.h"

namespace net::reasons {

using Row = base::ReasonRow;

// Addresses and networks
inline constexpr Row address_syntax{"address-syntax", "\"{s}\" is no address (host:port, [v6]:port, *:port or unix:/path)"};
inline constexpr Row address_name{"address-name", "\"{s}\" names a host, not an address"};
inline constexpr Row address_port{"address-port", "\"{s}\": the port must be a number from 0 to 65535"};
inline constexpr Row address_path{"address-path", "\"{s}\": the path of a Unix socket must have 1 to {a} bytes"};
inline constexpr Row address_unresolved{"dns-error", "\"{s}\" could not be resolved", 502, "dns_error"};
inline constexpr Row network_syntax{"network-syntax", "\"{s}\" is no network (address, address/bits or unix)"};

// Connecting
inline constexpr Row connect_refused{"connect-refused", "connection refused", 502, "connection_refused"};
inline constexpr Row connect_timeout{"connect-timeout", "connecting timed out", 504, "connection_timeout"};
inline constexpr Row connect_unroutable{"connect-unroutable", "no route to the address", 502, "destination_ip_unroutable"};
inline constexpr Row connect_failed{"connect-failed", "connecting failed (errno {a})", 502, "destination_unavailable"};
inline constexpr Row connect_resources{"connect-resources", "no descriptor, port or memory for a connection (errno {a})", 503,
                                       "proxy_internal_error"};

// Listening
inline constexpr Row listen_in_use{"listen-in-use", "address {s} is in use"};
inline constexpr Row listen_not_socket{"listen-not-socket", "{s} exists and is no socket"};
inline constexpr Row listen_denied{"listen-denied", "no right to listen on {s}"};
inline constexpr Row listen_failed{"listen-failed", "cannot listen on {s} (errno {a})"};

// Offloaded work
inline constexpr Row offload_full{"offload-full", "{a} blocking jobs are waiting already", 503, "proxy_internal_error"};

// TLS material
inline constexpr Row tls_file_unreadable{"tls-file", "cannot read {s} (errno {a})"};
inline constexpr Row tls_no_certificate{"tls-certificate", "{s} holds no certificate in PEM form"};
inline constexpr Row tls_bad_chain{"tls-chain", "{s}: certificate {a} of the chain cannot be read"};
inline constexpr Row tls_no_key{"tls-key", "{s} holds no private key in PEM form"};
inline constexpr Row tls_key_encrypted{"tls-key-encrypted", "{s}: the private key is encrypted"};
inline constexpr Row tls_key_mismatch{"tls-key-mismatch", "{s}: the private key does not belong to the certificate"};
inline constexpr Row tls_no_certificates{"tls-none", "no certificate is configured"};
inline constexpr Row tls_refused{"tls-refused", "OpenSSL refuses this: {s}"};
inline constexpr Row tls_option{"tls-option", "OpenSSL knows no \"{s}\""};

}  // namespace net::reasons
