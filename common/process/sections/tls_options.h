// SPDX-License-Identifier: BSD-2-Clause
// [tls.NAME] and `listen.tls`: certificates, checked while the configuration is read. Values.
#pragma once

#include <memory>
#include <variant>

#include "config/option_table.h"

namespace net {
class TicketKeys;
class TlsContext;
}  // namespace net

namespace process {

struct CertificateOptions {
  config::Where where;
  std::string cert;
  std::string key;   // empty: in the same file
};
enum class TlsVersion { v1_2, v1_3 };
inline config::Words<TlsVersion> option_words(TlsVersion) { return {{"1.2", TlsVersion::v1_2}, {"1.3", TlsVersion::v1_3}}; }
enum class UnknownSni { reject, first };
inline config::Words<UnknownSni> option_words(UnknownSni) { return {{"reject", UnknownSni::reject}, {"default", UnknownSni::first}}; }
struct TlsOptions {
  config::Where where;
  TlsVersion min_version = TlsVersion::v1_2;
  std::vector<CertificateOptions> certificates;
  UnknownSni unknown_sni = UnknownSni::reject;
};
// `tls = false`, `tls = "NAME"` of a [tls.NAME], or `tls = { cert = …, key = … }`.
using TlsChoice = std::variant<std::monostate, std::string, CertificateOptions>;
using TlsSections = std::vector<std::pair<std::string, TlsOptions>>;

// The options that a listener's choice means, null for none or an unknown name (which is reported at `where`'s `tls`).
// A certificate of its own answers every name.
std::shared_ptr<const TlsOptions> choose_tls(config::Context& context, config::Where where, const TlsChoice& choice, const TlsSections& sections);
// Loads the certificates and builds the context; null after reporting what is wrong. Expiry gives warnings.
// `alpn` in order of preference; `tickets` may be null.
std::shared_ptr<net::TlsContext> build_tls(config::Context& context, const TlsOptions& options, std::vector<std::string> alpn,
                                           std::shared_ptr<net::TicketKeys> tickets);

}  // namespace process

template <> const config::Table<process::CertificateOptions>& config::table_of<process::CertificateOptions>();
template <> const config::Table<process::TlsOptions>& config::table_of<process::TlsOptions>();
