// SPDX-License-Identifier: BSD-2-Clause
// Server-side TLS over OpenSSL 3: certificates, ticket keys, contexts and the transport. Everything that can fail for reasons of
// configuration fails while certificates are loaded and contexts built, before anything is applied.
// Certificates are immutable and shared by all threads; TicketKeys has a lock of its own; a TlsContext may be shared or made once a
// worker; a transport belongs to its worker.
#pragma once

#include <openssl/types.h>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "net/transport.h"

namespace net {

// A certificate with its chain and key, as loaded. Replaced, never edited.
class Certificate {
 public:
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  // DNS names in lower case, wildcards as "*.example.org"; the common name only if there is no alternative name.
  const std::vector<std::string>& names() const { return names_; }
  std::int64_t not_before() const { return not_before_; }  // seconds since 1970
  std::int64_t not_after() const { return not_after_; }
  int key_type() const { return key_type_; }               // EVP_PKEY_RSA, EVP_PKEY_EC, …
  const std::string& path() const { return path_; }
  // Whether it is the same certificate, byte by byte.
  bool same_as(const Certificate& other) const;
  X509* leaf() const { return leaf_; }
  EVP_PKEY* key() const { return key_; }
  STACK_OF(X509)* chain() const { return chain_; }
  // What a person should know although it can be used: expired, not valid yet, expires within two weeks.
  std::vector<std::string> warnings(std::int64_t unix_seconds) const;

 private:
  friend class CertificateReader;
  Certificate() = default;
  std::string path_;
  std::vector<std::string> names_;
  std::int64_t not_before_ = 0;
  std::int64_t not_after_ = 0;
  int key_type_ = 0;
  X509* leaf_ = nullptr;
  EVP_PKEY* key_ = nullptr;
  STACK_OF(X509)* chain_ = nullptr;
};

// Reads leaf, chain and key (PEM; `key_path` empty: the key is in the same file). Errors name the file, which must outlive them.
base::Result<std::shared_ptr<const Certificate>> load_certificate(const std::string& cert_path, const std::string& key_path);
// The same from PEM text that somebody else read; the paths are for messages.
base::Result<std::shared_ptr<const Certificate>> parse_certificate(std::string_view cert_pem, std::string_view key_pem,
                                                                   const std::string& cert_path, const std::string& key_path);

// Keys of session tickets, shared by all workers so that a client may resume on any of them. The newest encrypts, older ones
// still decrypt. Any thread.
class TicketKeys {
 public:
  static constexpr std::size_t kept = 3;
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  TicketKeys() { rotate(); }
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  void rotate();                         // a new key in front, the oldest forgotten
  Key current() const;
  enum class Found : std::uint8_t { no, older, current };
  Found find(const unsigned char* name, Key& out) const;
  std::vector<Key> keys() const;         // newest first
  void set(std::vector<Key> keys);       // adopts them; not empty
  // For handing over to a new process. What cannot be read changes nothing: the keys are then new ones.
  std::string save() const;
  bool restore(std::string_view saved);

 private:
  mutable std::mutex mutex_;
  std::vector<Key> keys_;
};

enum class UnknownName : std::uint8_t {
  reject,             // alert unrecognized_name
  first_certificate,
};

struct TlsOptions {
  std::vector<std::shared_ptr<const Certificate>> certificates;  // the first answers clients that send no name
  std::string min_version = "1.2";                               // "1.2" or "1.3"
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";           // TLS 1.2, OpenSSL's syntax
  std::string ciphersuites;                                      // TLS 1.3; empty: OpenSSL's defaults
  std::string groups = "X25519:P-256:P-384";
  std::vector<std::string> alpn{"h2", "http/1.1"};               // in order of preference; empty: no ALPN
  UnknownName unknown_name = UnknownName::reject;
  std::shared_ptr<TicketKeys> tickets;                           // null: no resumption
  std::chrono::seconds session_lifetime = std::chrono::hours(12);
};

// What new connections of a listener use: one SSL_CTX for each distinct set of certificates that share a name (RSA beside ECDSA).
class TlsContext {
 public:
  static base::Result<std::shared_ptr<TlsContext>> build(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  // True if a certificate covers this host name, exactly or by wildcard (RFC 6125 6.4.3: one leftmost label).
  bool covers(std::string_view name) const { return find(name) != nullptr; }
  SSL* new_connection() const;  // null when out of memory

 private:
  TlsContext() = default;
  SSL_CTX* find(std::string_view name) const;
  base::Result<SSL_CTX*> make(const TlsOptions& options, const std::vector<std::size_t>& set);
  static int on_name(SSL* ssl, int* alert, void* self);
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
                     void* self);

  std::vector<SSL_CTX*> contexts_;  // owned; the first is the default
  std::unordered_map<std::string, SSL_CTX*> exact_;
  std::unordered_map<std::string, SSL_CTX*> wildcard_;  // "*.example.org" under ".example.org"
  std::string alpn_;                                    // wire form, in order of preference
  UnknownName unknown_name_ = UnknownName::reject;
  std::shared_ptr<TicketKeys> tickets_;
};

// Registers the ticket callback of `keys` on a context (used by TlsContext).
void use_ticket_keys(SSL_CTX* context, TicketKeys* keys);

// TLS over an accepted non-blocking socket, which the transport owns. establish() handshakes; peer() is complete afterwards.
std::unique_ptr<Transport> make_tls_transport(EventLoop& loop, int fd, const Address& remote, const Address& local,
                                              std::shared_ptr<TlsContext> context);

}  // namespace net
