// SPDX-License-Identifier: BSD-2-Clause
// Session tickets (RFC 5077, RFC 8446 4.6.1): AES-256-CBC and HMAC-SHA-256 under keys that live in memory only.
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <cstring>
#include <span>

#include "base/check.h"
#include "net/tls.h"

namespace net {
namespace {

void forget(TicketKeys::Key& key) { OPENSSL_cleanse(&key, sizeof key); }

bool set_mac(EVP_MAC_CTX* mac, TicketKeys::Key& key) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
                         OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

// OpenSSL's contract: 1 use it, 2 use it and give a new ticket, 0 go on without, -1 fail.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  TicketKeys::Key key{};
  int answer = -1;
  if (encrypt) {
    key = keys->current();
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
        EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher.data(), iv, nullptr) == 1 && set_mac(mac, key))
      answer = 1;
  } else {
    const TicketKeys::Found found = keys->find(name, key);
    if (found == TicketKeys::Found::no)
      answer = 0;
    else if (set_mac(mac, key) && EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher.data(), iv, nullptr) == 1)
      answer = found == TicketKeys::Found::current && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;  // TLS 1.3 clients use a ticket once
  }
  forget(key);
  return answer;
}

}  // namespace

TicketKeys::~TicketKeys() {
  for (Key& key : keys_) forget(key);
}

void TicketKeys::rotate() {
  Key key;
  CHECK(RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1);
  CHECK(RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1);
  CHECK(RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1);
  std::lock_guard lock(mutex_);
  keys_.insert(keys_.begin(), key);
  forget(key);
  if (keys_.size() > kept) {
    forget(keys_.back());
    keys_.pop_back();
  }
}

TicketKeys::Key TicketKeys::current() const {
  std::lock_guard lock(mutex_);
  return keys_.front();
}

TicketKeys::Found TicketKeys::find(const unsigned char* name, Key& out) const {
  std::lock_guard lock(mutex_);
  for (const Key& key : keys_) {
    if (std::memcmp(key.name.data(), name, key.name.size()) != 0) continue;
    out = key;
    return &key == &keys_.front() ? Found::current : Found::older;
  }
  return Found::no;
}

std::vector<TicketKeys::Key> TicketKeys::keys() const {
  std::lock_guard lock(mutex_);
  return keys_;
}

void TicketKeys::set(std::vector<Key> keys) {
  CHECK(!keys.empty());
  std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

std::string TicketKeys::save() const {
  std::string out;
  for (Key& key : keys()) {
    for (const auto& part : {std::span<const unsigned char>(key.name), std::span<const unsigned char>(key.cipher), std::span<const unsigned char>(key.mac)})
      out.append(reinterpret_cast<const char*>(part.data()), part.size());
    forget(key);
  }
  return out;
}

bool TicketKeys::restore(std::string_view saved) {
  constexpr std::size_t size = sizeof(Key::name) + sizeof(Key::cipher) + sizeof(Key::mac);
  if (saved.empty() || saved.size() % size != 0 || saved.size() / size > kept) return false;
  std::vector<Key> keys;
  for (; !saved.empty(); saved.remove_prefix(size)) {
    Key& key = keys.emplace_back();
    std::size_t at = 0;
    for (const auto& part : {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher), std::span<unsigned char>(key.mac)}) {
      std::memcpy(part.data(), saved.data() + at, part.size());
      at += part.size();
    }
  }
  set(std::move(keys));
  return true;
}

void use_ticket_keys(SSL_CTX* context, TicketKeys* keys) {
  SSL_CTX_set_app_data(context, keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

}  // namespace net
