// SPDX-License-Identifier: BSD-2-Clause
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "net/reasons.h"
#include "net/tls.h"

namespace net {
namespace {

// OpenSSL's words for what failed last; they are static.
std::unexpected<base::Error> refused() {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return base::fail(reasons::tls_refused, base::Side::internal, 0, 0, text ? text : "unknown reason");
}

std::unexpected<base::Error> unknown_option(std::string_view value) {
  ERR_clear_error();
  return base::fail(reasons::tls_option, base::Side::internal, 0, 0, value);
}

// The certificates that serve each name: the first of each key type.
std::map<std::string, std::vector<std::size_t>> sets_by_name(const TlsOptions& options) {
  std::map<std::string, std::vector<std::size_t>> out;
  for (std::size_t i = 0; i < options.certificates.size(); ++i) {
    const Certificate& certificate = *options.certificates[i];
    for (const std::string& name : certificate.names()) {
      std::vector<std::size_t>& set = out[name];
      const bool taken = std::any_of(set.begin(), set.end(), [&](std::size_t j) { return options.certificates[j]->key_type() == certificate.key_type(); });
      if (!taken) set.push_back(i);
    }
  }
  return out;
}

std::string wire_form(const std::vector<std::string>& protocols) {
  std::string out;
  for (const std::string& protocol : protocols) (out += static_cast<char>(protocol.size())) += protocol;
  return out;
}

}  // namespace

base::Result<SSL_CTX*> TlsContext::make(const TlsOptions& options, const std::vector<std::size_t>& set) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (!context) return refused();
  contexts_.push_back(context);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, static_cast<long>(options.session_lifetime.count()));
  static constexpr unsigned char session_context[] = "trivet";
  SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
  if (options.min_version != "1.2" && options.min_version != "1.3") return unknown_option(options.min_version);
  SSL_CTX_set_min_proto_version(context, options.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1) return unknown_option(options.ciphers);
  if (!options.ciphersuites.empty() && SSL_CTX_set_ciphersuites(context, options.ciphersuites.c_str()) != 1)
    return unknown_option(options.ciphersuites);
  if (SSL_CTX_set1_groups_list(context, options.groups.c_str()) != 1) return unknown_option(options.groups);
  for (std::size_t i : set) {
    const Certificate& certificate = *options.certificates[i];
    if (SSL_CTX_use_cert_and_key(context, certificate.leaf(), certificate.key(), certificate.chain(), 1) != 1) return refused();
  }
  if (tickets_) {
    use_ticket_keys(context, tickets_.get());
    // OpenSSL would make two after a full handshake, for clients that open several connections at once: with HTTP/2 they open one. The second
    // would be a tenth of what a handshake costs.
    SSL_CTX_set_num_tickets(context, 1);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  }
  // The macro for this contains a cast that our warnings forbid.
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, reinterpret_cast<void (*)()>(&TlsContext::on_name));
  SSL_CTX_set_tlsext_servername_arg(context, this);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, &TlsContext::on_alpn, this);
  return context;
}

base::Result<std::shared_ptr<TlsContext>> TlsContext::build(const TlsOptions& options) {
  ERR_clear_error();
  if (options.certificates.empty()) return base::fail(reasons::tls_no_certificates, base::Side::internal);
  for (const std::string& protocol : options.alpn)
    if (protocol.empty() || protocol.size() > 255) return unknown_option(protocol);
  std::shared_ptr<TlsContext> out(new TlsContext);
  out->alpn_ = wire_form(options.alpn);
  out->unknown_name_ = options.unknown_name;
  out->tickets_ = options.tickets;

  const auto by_name = sets_by_name(options);
  const auto& first_names = options.certificates[0]->names();
  std::vector<std::size_t> first_set{0};
  if (!first_names.empty()) first_set = by_name.at(first_names[0]);
  std::map<std::vector<std::size_t>, SSL_CTX*> made;
  const auto context_for = [&](const std::vector<std::size_t>& set) -> base::Result<SSL_CTX*> {
    if (const auto at = made.find(set); at != made.end()) return at->second;
    auto context = out->make(options, set);
    if (context) made.emplace(set, *context);
    return context;
  };
  if (auto context = context_for(first_set); !context) return std::unexpected(context.error());
  for (const auto& [name, set] : by_name) {
    const auto context = context_for(set);
    if (!context) return std::unexpected(context.error());
    if (name.starts_with("*."))
      out->wildcard_.emplace(name.substr(1), *context);
    else
      out->exact_.emplace(name, *context);
  }
  return out;
}

TlsContext::~TlsContext() {
  for (SSL_CTX* context : contexts_) SSL_CTX_free(context);
}

SSL* TlsContext::new_connection() const { return SSL_new(contexts_.front()); }

SSL_CTX* TlsContext::find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  const std::string lower = base::to_lower(name);
  if (const auto at = exact_.find(lower); at != exact_.end()) return at->second;
  const auto dot = lower.find('.');
  if (dot == std::string::npos || dot == 0) return nullptr;
  const auto at = wildcard_.find(lower.substr(dot));
  return at == wildcard_.end() ? nullptr : at->second;
}

int TlsContext::on_name(SSL* ssl, int* alert, void* self) {
  const auto& context = *static_cast<const TlsContext*>(self);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  if (SSL_CTX* chosen = context.find(name)) {
    if (chosen != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen);
    return SSL_TLSEXT_ERR_OK;
  }
  if (context.unknown_name_ == UnknownName::first_certificate) return SSL_TLSEXT_ERR_NOACK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// The first of our protocols that the client offers too. None in common ends the handshake (RFC 7301 3.2).
int TlsContext::on_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
                        void* self) {
  const auto& ours = static_cast<const TlsContext*>(self)->alpn_;
  for (std::size_t i = 0; i < ours.size(); i += 1 + static_cast<unsigned char>(ours[i])) {
    const std::string_view wanted(ours.data() + i + 1, static_cast<unsigned char>(ours[i]));
    for (unsigned j = 0; j < in_length && j + 1 + in[j] <= in_length; j += 1U + in[j]) {
      if (std::string_view(reinterpret_cast<const char*>(in) + j + 1, in[j]) != wanted) continue;
      *out = in + j + 1;
      *out_length = in[j];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace net
