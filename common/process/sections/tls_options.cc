// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/tls_options.h"

#include <cstring>

#include "net/tls.h"

namespace process {

std::shared_ptr<const TlsOptions> choose_tls(config::Context& context, config::Where where, const TlsChoice& choice, const TlsSections& sections) {
  if (const auto* own = std::get_if<CertificateOptions>(&choice)) {
    auto options = std::make_shared<TlsOptions>();
    options->where = own->where;
    options->certificates = {*own};
    options->unknown_sni = UnknownSni::first;
    return options;
  }
  const auto* name = std::get_if<std::string>(&choice);
  if (!name) return nullptr;
  std::vector<std::string> names;
  for (const auto& [section, options] : sections) {
    if (section == *name) return std::make_shared<TlsOptions>(options);
    names.push_back(section);
  }
  std::string cure = config::suggestion(*name, names);
  context.problem(context.at(where, "tls"), "there is no [tls." + *name + "]", cure.empty() ? "add it, or give a certificate: { cert = \"…\", key = \"…\" }" : cure);
  return nullptr;
}

std::shared_ptr<net::TlsContext> build_tls(config::Context& context, const TlsOptions& options, std::vector<std::string> alpn,
                                           std::shared_ptr<net::TicketKeys> tickets) {
  net::TlsOptions out;
  out.min_version = options.min_version == TlsVersion::v1_3 ? "1.3" : "1.2";
  out.unknown_name = options.unknown_sni == UnknownSni::first ? net::UnknownName::first_certificate : net::UnknownName::reject;
  out.alpn = std::move(alpn);
  out.tickets = std::move(tickets);
  const std::int64_t now = base::SystemClock().unix_seconds();
  for (const CertificateOptions& files : options.certificates) {
    auto certificate = net::load_certificate(files.cert, files.key);
    if (!certificate) {
      const int system = certificate.error().system;
      context.problem(context.at(files.where, "cert"), certificate.error().reason.text() + (system ? std::string(": ") + std::strerror(system) : ""));
      continue;
    }
    for (const std::string& warning : (*certificate)->warnings(now)) context.warning(context.at(files.where, "cert"), warning);
    out.certificates.push_back(std::move(*certificate));
  }
  if (out.certificates.size() != options.certificates.size()) return nullptr;
  auto built = net::TlsContext::build(out);
  if (built) return *built;
  context.problem(options.where, built.error().reason.text());
  return nullptr;
}

}  // namespace process

template <>
const config::Table<process::CertificateOptions>& config::table_of<process::CertificateOptions>() {
  using O = process::CertificateOptions;
  static const Table<O> table("A certificate.", {
    option("cert", &O::cert, "PEM file: the certificate, then its chain.").required().not_empty().example("\"/etc/ssl/a.pem\""),
    option("key", &O::key, "PEM file of the private key; without it the key is in the certificate's file."),
  });
  return table;
}
template <>
const config::Table<process::TlsOptions>& config::table_of<process::TlsOptions>() {
  using O = process::TlsOptions;
  static const Table<O> table("Certificates and rules that listeners name by `tls = \"NAME\"`.", {
    option("certificates", &O::certificates, "Chosen by the name that the client asks for (SNI), also by wildcard; several of one name may differ in the kind of "
                                             "key. The first answers clients that name none.").required().not_empty()
        .example("[{ cert = \"/etc/ssl/a.pem\", key = \"/etc/ssl/a.key\" }]"),
    option("min_version", &O::min_version, "The oldest version of TLS."),
    option("unknown_sni", &O::unknown_sni, "For a name that no certificate covers: end the handshake (`reject`), or answer with the first certificate (`default`)."),
  });
  return table;
}
