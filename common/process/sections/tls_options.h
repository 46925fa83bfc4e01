// SPDX-License-Identifier: BSD-2-Clause
// [tls.NAME] and `listen.tls`: certificates, loaded while the configuration is read and again when files change. Values; what was
// loaded is immutable and shared.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "config/option_table.h"

namespace net {
class Certificate;
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
  bool watch = true;
};
// `tls = false`, `tls = "NAME"` of a [tls.NAME], or `tls = { cert = …, key = … }`.
using TlsChoice = std::variant<std::monostate, std::string, CertificateOptions>;
using TlsSections = std::vector<std::pair<std::string, TlsOptions>>;

// The options that a listener's choice means, null for none or an unknown name (which is reported at `where`'s `tls`).
// A certificate of its own answers every name.
std::shared_ptr<const TlsOptions> choose_tls(config::Context& context, config::Where where, const TlsChoice& choice, const TlsSections& sections);

// A context, and what it was made of.
struct TlsMaterial {
  TlsOptions options;
  std::vector<std::string> alpn;
  std::shared_ptr<net::TicketKeys> tickets;
  std::string digest;  // of the options, the protocols and what the files said
  std::vector<std::shared_ptr<const net::Certificate>> certificates;  // as options.certificates
  std::shared_ptr<net::TlsContext> context;
};
using TlsMaterials = std::vector<std::shared_ptr<const TlsMaterial>>;

struct TlsProblem {
  const CertificateOptions* files = nullptr;  // of the options; null: the section
  std::string text;
  int system = 0;  // errno, where a file cannot be read
};
// The whole text, or the errno.
using ReadFile = std::function<std::expected<std::string, int>(const std::string& path)>;
// Loads the certificates and builds the context. If one of `known` was made of the very same, that one is the result: it is not
// built again. `alpn` in order of preference; `tickets` may be null.
std::expected<std::shared_ptr<const TlsMaterial>, std::vector<TlsProblem>> load_tls(const TlsOptions& options, std::vector<std::string> alpn,
                                                                                    std::shared_ptr<net::TicketKeys> tickets, const ReadFile& read,
                                                                                    std::span<const std::shared_ptr<const TlsMaterial>> known);
// The same while a configuration is read; null after reporting what is wrong. Expiry gives warnings.
std::shared_ptr<const TlsMaterial> build_tls(config::Context& context, const TlsOptions& options, std::vector<std::string> alpn,
                                             std::shared_ptr<net::TicketKeys> tickets, std::span<const std::shared_ptr<const TlsMaterial>> known = {});

}  // namespace process

template <> const config::Table<process::CertificateOptions>& config::table_of<process::CertificateOptions>();
template <> const config::Table<process::TlsOptions>& config::table_of<process::TlsOptions>();
