// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/tls_options.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>

#include "base/check.h"
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

namespace {

// SHA-256 of pieces; lengths keep their borders apart.
class Digest {
 public:
  Digest() : state_(EVP_MD_CTX_new()) { CHECK(state_ && EVP_DigestInit_ex(state_, EVP_sha256(), nullptr) == 1); }
  ~Digest() { EVP_MD_CTX_free(state_); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void add(std::string_view piece) {
    const std::uint64_t size = piece.size();
    CHECK(EVP_DigestUpdate(state_, &size, sizeof size) == 1 && EVP_DigestUpdate(state_, piece.data(), piece.size()) == 1);
  }
  std::string take() {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    CHECK(EVP_DigestFinal_ex(state_, reinterpret_cast<unsigned char*>(out.data()), &size) == 1);
    out.resize(size);
    return out;
  }

 private:
  EVP_MD_CTX* state_;
};

// Private keys do not stay in memory that was given back.
struct Secret {
  std::string text;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

class TlsLoader {
 public:
  TlsLoader(TlsMaterial& out, const ReadFile& read) : out_(out), read_(read) {}

  // What is wrong is in problems().
  void load() {
    digest_.add(out_.options.min_version == TlsVersion::v1_3 ? "1.3" : "1.2");
    digest_.add(out_.options.unknown_sni == UnknownSni::first ? "default" : "reject");
    digest_.add(std::string(out_.tickets ? "tickets" : "none"));
    for (const std::string& protocol : out_.alpn) digest_.add(protocol);
    for (const CertificateOptions& files : out_.options.certificates) certificate(files);
    out_.digest = digest_.take();
  }
  void build() {
    net::TlsOptions options;
    options.min_version = out_.options.min_version == TlsVersion::v1_3 ? "1.3" : "1.2";
    options.unknown_name = out_.options.unknown_sni == UnknownSni::first ? net::UnknownName::first_certificate : net::UnknownName::reject;
    options.alpn = out_.alpn;
    options.tickets = out_.tickets;
    options.certificates = out_.certificates;
    auto built = net::TlsContext::build(options);
    if (built) out_.context = std::move(*built);
    else problems_.push_back({nullptr, built.error().reason.text()});
  }
  std::vector<TlsProblem>& problems() { return problems_; }

 private:
  bool read(const CertificateOptions& files, const std::string& path, std::string& text) {
    auto got = read_(path);
    if (got) {
      digest_.add(path);
      digest_.add(*got);
      text = std::move(*got);
      return true;
    }
    problems_.push_back({&files, "cannot read " + path + ": " + std::strerror(got.error()), got.error()});
    return false;
  }
  void certificate(const CertificateOptions& files) {
    Secret cert, key;
    if (!read(files, files.cert, cert.text)) return;
    if (!files.key.empty() && !read(files, files.key, key.text)) return;
    const std::string& key_path = files.key.empty() ? files.cert : files.key;
    auto made = net::parse_certificate(cert.text, files.key.empty() ? cert.text : key.text, files.cert, key_path);
    if (made) out_.certificates.push_back(std::move(*made));
    else problems_.push_back({&files, made.error().reason.text()});
  }

  TlsMaterial& out_;
  const ReadFile& read_;
  Digest digest_;
  std::vector<TlsProblem> problems_;
};

}  // namespace

std::expected<std::shared_ptr<const TlsMaterial>, std::vector<TlsProblem>> load_tls(const TlsOptions& options, std::vector<std::string> alpn,
                                                                                    std::shared_ptr<net::TicketKeys> tickets, const ReadFile& read,
                                                                                    std::span<const std::shared_ptr<const TlsMaterial>> known) {
  auto out = std::make_shared<TlsMaterial>();
  out->options = options;
  out->alpn = std::move(alpn);
  out->tickets = std::move(tickets);
  TlsLoader loader(*out, read);
  loader.load();
  // Whoever reads the answer has the options that were given, not the copy.
  const auto failed = [&] {
    for (TlsProblem& problem : loader.problems())
      if (problem.files) problem.files = &options.certificates[static_cast<std::size_t>(problem.files - out->options.certificates.data())];
    return std::unexpected(std::move(loader.problems()));
  };
  if (!loader.problems().empty()) return failed();
  for (const auto& one : known)
    if (one && one->digest == out->digest && one->tickets == out->tickets && one->options.watch == options.watch) return one;
  loader.build();
  if (!loader.problems().empty()) return failed();
  return out;
}

std::shared_ptr<const TlsMaterial> build_tls(config::Context& context, const TlsOptions& options, std::vector<std::string> alpn,
                                             std::shared_ptr<net::TicketKeys> tickets, std::span<const std::shared_ptr<const TlsMaterial>> known) {
  const auto loaded = load_tls(options, std::move(alpn), std::move(tickets), [&context](const std::string& path) { return context.read_file(path); }, known);
  if (!loaded) {
    for (const TlsProblem& problem : loaded.error()) {
      const config::Where where = problem.files ? context.at(problem.files->where, "cert") : options.where;
      if (problem.system) context.unreadable(where, problem.text, problem.system);
      else context.problem(where, problem.text);
    }
    return nullptr;
  }
  const std::int64_t now = base::SystemClock().unix_seconds();
  for (std::size_t i = 0; i < options.certificates.size(); ++i)
    for (const std::string& warning : (*loaded)->certificates[i]->warnings(now)) context.warning(context.at(options.certificates[i].where, "cert"), warning);
  return *loaded;
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
    option("watch", &O::watch, "Files that change are loaded without a reload. New connections get the new certificate, those that are open stay; files that do not fit "
                               "together leave the old one in use and an error in the log."),
  });
  return table;
}
