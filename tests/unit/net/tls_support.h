// SPDX-License-Identifier: BSD-2-Clause
// Certificates made on the spot and a plain OpenSSL client for the tests of TLS.
#pragma once

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "net/tls.h"

namespace net_test {

enum class KeyKind { ecdsa, rsa };

struct Pem {
  std::string cert;
  std::string key;
};

inline std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(n));
  BIO_free(bio);
  return out;
}

// A self-signed certificate for `names`; valid from yesterday to `days` from now.
inline Pem make_pem(const std::vector<std::string>& names, KeyKind kind = KeyKind::ecdsa, long days = 90, const char* password = nullptr) {
  EVP_PKEY* key = kind == KeyKind::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), std::rand());
  X509_gmtime_adj(X509_getm_notBefore(cert), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), days * 24 * 3600);
  X509_set_pubkey(cert, key);
  X509_NAME* subject = X509_get_subject_name(cert);
  const std::string common = names.empty() ? "nobody" : names[0];
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, subject);
  std::string alternatives;
  for (const std::string& name : names) alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  if (!alternatives.empty()) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternatives.c_str());
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(cert, key, EVP_sha256());
  Pem out;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, cert);
  out.cert = bio_text(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, password ? EVP_aes_128_cbc() : nullptr, nullptr, 0, nullptr, const_cast<char*>(password));
  out.key = bio_text(bio);
  X509_free(cert);
  EVP_PKEY_free(key);
  return out;
}

inline std::shared_ptr<const net::Certificate> make_certificate(const std::vector<std::string>& names, KeyKind kind = KeyKind::ecdsa) {
  static const std::string path = "test.pem";
  const Pem pem = make_pem(names, kind);
  return net::parse_certificate(pem.cert, pem.key, path, path).value();
}

// A client on one end of a socket pair; non-blocking, stepped by the test.
struct TlsClient {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  int fd = -1;
  SSL_SESSION* session = nullptr;  // newest ticket
  long last_error = 0;

  TlsClient() {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_sess_set_new_cb(context, [](SSL* s, SSL_SESSION* fresh) {
      auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(s)));
      SSL_SESSION_free(self->session);
      self->session = fresh;
      return 1;
    });
  }
  ~TlsClient() {
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(context);
    if (fd >= 0) ::close(fd);
  }
  // Returns the server's end.
  int open(const char* name) {
    if (ssl) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // or its session would count as bad
    SSL_free(ssl);
    if (fd >= 0) ::close(fd);
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    fd = fds[0];
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (name) SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
    if (session) SSL_set_session(ssl, session);
    return fds[1];
  }
  // 1 done, 0 later, -1 failed.
  int handshake() {
    ERR_clear_error();
    const int code = SSL_do_handshake(ssl);
    return settle(code);
  }
  int settle(int code) {
    if (code > 0) return 1;
    const int error = SSL_get_error(ssl, code);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
    last_error = static_cast<long>(ERR_peek_error());
    return -1;
  }
  std::string read() {
    std::string out;
    char part[16 * 1024];
    for (std::size_t n = 0; SSL_read_ex(ssl, part, sizeof part, &n) == 1;) out.append(part, n);
    return out;
  }
  std::string server_name_of_certificate() {
    X509* cert = SSL_get1_peer_certificate(ssl);
    if (!cert) return {};
    char name[256]{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    X509_free(cert);
    return name;
  }
};

}  // namespace net_test
