// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/bytes.h"
#include "net/reasons.h"
#include "net/tls.h"

namespace net {
namespace {

constexpr std::size_t largest_pem = 1024 * 1024;
constexpr std::int64_t soon = 14 * 24 * 3600;

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioFree>;

Bio memory_bio(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return 0;
}

base::Result<std::string> read_file(const std::string& path) {
  const auto failed = [&](int error) {
    base::Error e{base::Reason{&reasons::tls_file_unreadable, error, 0, path}, base::Side::internal, false, error};
    return std::unexpected(e);
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(errno);
  std::string out;
  char part[16 * 1024];
  ssize_t n = 0;
  while ((n = ::read(fd, part, sizeof part)) > 0 && out.size() < largest_pem) out.append(part, static_cast<std::size_t>(n));
  const int error = n < 0 ? errno : n > 0 ? EFBIG : 0;
  ::close(fd);
  OPENSSL_cleanse(part, sizeof part);
  if (error) return failed(error);
  return out;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm tm{};
  return ASN1_TIME_to_tm(time, &tm) == 1 ? static_cast<std::int64_t>(::timegm(&tm)) : 0;
}

std::string date(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm tm{};
  ::gmtime_r(&t, &tm);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%d %H:%M UTC", &tm);
  return out;
}

void add_name(std::vector<std::string>& names, const ASN1_STRING* value) {
  std::string name = base::to_lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), static_cast<std::size_t>(ASN1_STRING_length(value))});
  if (name.empty() || name.find('\0') != std::string::npos) return;
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

std::vector<std::string> names_of(X509* leaf) {
  std::vector<std::string> names;
  auto* alternatives = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) add_name(names, name->d.dNSName);
  }
  if (alternatives) {
    GENERAL_NAMES_free(alternatives);
    return names;
  }
  X509_NAME* subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) add_name(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  return names;
}

}  // namespace

class CertificateReader {
 public:
  using Made = base::Result<std::shared_ptr<const Certificate>>;

  static Made read(std::string_view cert_pem, std::string_view key_pem, const std::string& cert_path, const std::string& key_path) {
    ERR_clear_error();
    std::shared_ptr<Certificate> out(new Certificate);
    out->path_ = cert_path;
    bool asked = false;
    const Bio certs = memory_bio(cert_pem);
    out->leaf_ = PEM_read_bio_X509_AUX(certs.get(), nullptr, no_password, &asked);
    if (!out->leaf_) return base::fail(reasons::tls_no_certificate, base::Side::internal, 0, 0, cert_path);
    out->chain_ = sk_X509_new_null();
    while (X509* next = PEM_read_bio_X509(certs.get(), nullptr, no_password, &asked)) sk_X509_push(out->chain_, next);
    const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!end) return base::fail(reasons::tls_bad_chain, base::Side::internal, sk_X509_num(out->chain_) + 2, 0, cert_path);

    const Bio keys = memory_bio(key_pem);
    out->key_ = PEM_read_bio_PrivateKey(keys.get(), nullptr, no_password, &asked);
    ERR_clear_error();
    if (!out->key_) {
      const auto& row = asked ? reasons::tls_key_encrypted : reasons::tls_no_key;
      return base::fail(row, base::Side::internal, 0, 0, key_path);
    }
    const bool match = X509_check_private_key(out->leaf_, out->key_) == 1;
    ERR_clear_error();
    if (!match) return base::fail(reasons::tls_key_mismatch, base::Side::internal, 0, 0, key_path);
    out->key_type_ = EVP_PKEY_get_base_id(out->key_);
    out->not_before_ = seconds_of(X509_get0_notBefore(out->leaf_));
    out->not_after_ = seconds_of(X509_get0_notAfter(out->leaf_));
    out->names_ = names_of(out->leaf_);
    return out;
  }
};

Certificate::~Certificate() {
  X509_free(leaf_);
  EVP_PKEY_free(key_);
  sk_X509_pop_free(chain_, X509_free);
}

bool Certificate::same_as(const Certificate& other) const { return X509_cmp(leaf_, other.leaf_) == 0; }

std::vector<std::string> Certificate::warnings(std::int64_t now) const {
  std::vector<std::string> out;
  if (now > not_after_)
    out.push_back(path_ + ": the certificate expired on " + date(not_after_));
  else if (now + soon > not_after_)
    out.push_back(path_ + ": the certificate expires on " + date(not_after_));
  if (now < not_before_) out.push_back(path_ + ": the certificate is not valid before " + date(not_before_));
  if (names_.empty()) out.push_back(path_ + ": the certificate names no host");
  return out;
}

base::Result<std::shared_ptr<const Certificate>> parse_certificate(std::string_view cert_pem, std::string_view key_pem,
                                                                   const std::string& cert_path, const std::string& key_path) {
  return CertificateReader::read(cert_pem, key_pem, cert_path, key_path);
}

base::Result<std::shared_ptr<const Certificate>> load_certificate(const std::string& cert_path, const std::string& key_path) {
  const std::string& key_from = key_path.empty() ? cert_path : key_path;
  const auto cert = read_file(cert_path);
  if (!cert) return std::unexpected(cert.error());
  auto key = read_file(key_from);
  if (!key) return std::unexpected(key.error());
  auto made = parse_certificate(*cert, *key, cert_path, key_from);
  OPENSSL_cleanse(key->data(), key->size());
  return made;
}

}  // namespace net
