// SPDX-License-Identifier: BSD-2-Clause
#include "net/tls.h"

#include <catch2/catch.hpp>
#include <signal.h>

#include <ctime>
#include <fstream>

#include "net/reasons.h"
#include "support.h"
#include "tls_support.h"

using net::Buffer;
using net::IoState;
using net_test::KeyKind;
using net_test::LambdaTask;
using net_test::make_certificate;
using net_test::make_pem;
using net_test::Owner;
using net_test::pattern;
using net_test::TlsClient;
using net_test::until;

namespace {

std::shared_ptr<net::TlsContext> build(net::TlsOptions options) {
  auto context = net::TlsContext::build(options);
  if (!context) FAIL(context.error().reason.text());
  return *context;
}

net::TlsOptions simple(std::vector<std::string> names = {"www.example.org"}) {
  net::TlsOptions out;
  out.certificates = {make_certificate(names)};
  out.tickets = std::make_shared<net::TicketKeys>();
  return out;
}

// A server's end and what became of the handshake.
struct Server {
  base::SystemClock clock;
  net::EventLoop loop{clock};
  Owner owner;
  LambdaTask task{loop, owner};
  std::unique_ptr<net::Transport> transport;
  net::IoResult result;

  Server() { ::signal(SIGPIPE, SIG_IGN); }  // the process does this
  // True if both ends are established.
  bool shake(TlsClient& client, std::shared_ptr<net::TlsContext> context, const char* name) {
    const int fd = client.open(name);
    transport = net::make_tls_transport(loop, fd, {}, {}, std::move(context));
    transport->attach(task);
    int state = 0;
    result = {};
    const bool settled = until(loop, [&] {
      if (state == 0) state = client.handshake();
      if (result.state == IoState::blocked) result = transport->establish();
      return result.state == IoState::failed || (state != 0 && result.state != IoState::blocked);
    });
    if (state == 0) state = client.handshake();  // the alert
    CHECK(settled);
    return state == 1 && result.state == IoState::done;
  }
  // Until `total` more bytes arrived.
  std::string receive(std::size_t total) {
    Buffer in;
    const bool all = until(loop, [&] {
      while (transport->read(in, SIZE_MAX).state == IoState::done) {
      }
      return in.size() >= total;
    });
    CHECK(all);
    return in.text();
  }
};

void offer_alpn(TlsClient& client, std::string wire) {
  SSL_CTX_set_alpn_protos(client.context, reinterpret_cast<const unsigned char*>(wire.data()), static_cast<unsigned>(wire.size()));
}

}  // namespace

TEST_CASE("handshake, what is known of the peer, bytes both ways") {
  Server server;
  TlsClient client;
  offer_alpn(client, std::string("\x08http/1.1\x02h2"));
  REQUIRE(server.shake(client, build(simple()), "WWW.example.org"));
  const net::PeerInfo& peer = server.transport->peer();
  CHECK(peer.tls);
  CHECK(peer.tls_version == "TLSv1.3");
  CHECK_FALSE(peer.tls_cipher.empty());
  CHECK(peer.server_name == "www.example.org");
  CHECK(peer.alpn == "h2");  // our order
  CHECK_FALSE(peer.tls_resumed);

  std::size_t n = 0;
  REQUIRE(SSL_write_ex(client.ssl, "request", 7, &n) == 1);
  CHECK(server.receive(7) == "request");
  CHECK_FALSE(server.transport->readable());
  Buffer out;
  out.append("head ");
  out.append_static("body");
  CHECK(server.transport->write(out).state == IoState::done);
  CHECK(out.empty());
  CHECK(client.read() == "head body");
}

TEST_CASE("a request in the last flight is readable without another event") {
  Server server;
  TlsClient client;
  const int fd = client.open("www.example.org");
  server.transport = net::make_tls_transport(server.loop, fd, {}, {}, build(simple()));
  server.transport->attach(server.task);
  bool sent = false;
  net::IoResult result;
  REQUIRE(until(server.loop, [&] {
    if (!sent && client.handshake() == 1) {
      std::size_t n = 0;
      sent = SSL_write_ex(client.ssl, "early", 5, &n) == 1;
    }
    result = server.transport->establish();
    return result.state != IoState::blocked;
  }));
  REQUIRE(sent);
  REQUIRE(result.state == IoState::done);
  CHECK(server.transport->readable());
  Buffer in;
  CHECK(server.transport->read(in, SIZE_MAX).bytes == 5);
  CHECK(in.text() == "early");
}

TEST_CASE("large bodies, files and a slow reader") {
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  const std::string text = pattern(600'000);
  Buffer out;
  out.append("head");
  out.append_file(net_test::temp_file(text), 10, 500'000);
  out.append_static(text);
  out.append("end");
  const std::string expected = "head" + text.substr(10, 500'000) + text + "end";
  // Nobody reads: it blocks.
  net::IoResult r;
  do r = server.transport->write(out);
  while (r.state == IoState::done && !out.empty());
  CHECK(r.state == IoState::blocked);
  std::string got;
  REQUIRE(until(server.loop, [&] {
    got += client.read();
    if (!out.empty()) server.transport->write(out);
    return got.size() >= expected.size();
  }));
  CHECK(got == expected);

  // And towards the server, with a limit a read.
  std::size_t sent = 0;
  Buffer in;
  SSL_set_mode(client.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  REQUIRE(until(server.loop, [&] {
    for (std::size_t n = 0; sent < text.size() && SSL_write_ex(client.ssl, text.data() + sent, text.size() - sent, &n) == 1;) sent += n;
    while (true) {
      const auto got_now = server.transport->read(in, 5'000);
      if (got_now.state != IoState::done) break;
      CHECK(got_now.bytes <= 5'000);
    }
    return in.size() >= text.size();
  }));
  CHECK(in.text() == text);
}

TEST_CASE("a file that became shorter fails the connection") {
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  Buffer out;
  out.append_file(net_test::temp_file("short"), 0, 100);
  CHECK(server.transport->write(out).state == IoState::failed);
  CHECK_FALSE(server.transport->failure().empty());
}

TEST_CASE("names choose certificates; wildcards cover one label") {
  net::TlsOptions options;
  options.certificates = {make_certificate({"a.example.org"}), make_certificate({"*.example.org", "example.org"}), make_certificate({"b.example.org"})};
  const auto context = build(options);
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, context, "a.example.org"));
  CHECK(client.server_name_of_certificate() == "a.example.org");
  REQUIRE(server.shake(client, context, "b.example.org"));
  CHECK(client.server_name_of_certificate() == "b.example.org");
  REQUIRE(server.shake(client, context, "c.example.org"));
  CHECK(client.server_name_of_certificate() == "*.example.org");
  CHECK(server.transport->peer().server_name == "c.example.org");
  REQUIRE(server.shake(client, context, nullptr));
  CHECK(client.server_name_of_certificate() == "a.example.org");
  CHECK(server.transport->peer().server_name.empty());
  CHECK(context->covers("X.example.org."));
  CHECK(context->covers("example.org"));
  CHECK_FALSE(context->covers("x.y.example.org"));
  CHECK_FALSE(context->covers("org"));

  CHECK_FALSE(server.shake(client, context, "x.y.example.org"));
  CHECK(ERR_GET_REASON(static_cast<unsigned long>(client.last_error)) == SSL_R_TLSV1_UNRECOGNIZED_NAME);
  options.unknown_name = net::UnknownName::first_certificate;
  REQUIRE(server.shake(client, build(options), "x.y.example.org"));
  CHECK(client.server_name_of_certificate() == "a.example.org");
}

TEST_CASE("RSA beside ECDSA: the client's algorithms decide") {
  net::TlsOptions options;
  options.certificates = {make_certificate({"www.example.org"}, KeyKind::ecdsa), make_certificate({"www.example.org"}, KeyKind::rsa)};
  const auto context = build(options);
  for (const bool rsa : {false, true}) {
    Server server;
    TlsClient client;
    const char* algorithms = rsa ? "RSA-PSS+SHA256" : "ECDSA+SHA256";
    REQUIRE(SSL_CTX_ctrl(client.context, SSL_CTRL_SET_SIGALGS_LIST, 0, const_cast<char*>(algorithms)) == 1);
    REQUIRE(server.shake(client, context, "www.example.org"));
    X509* cert = SSL_get1_peer_certificate(client.ssl);
    CHECK(EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) == (rsa ? EVP_PKEY_RSA : EVP_PKEY_EC));
    X509_free(cert);
  }
}

TEST_CASE("versions") {
  auto options = simple();
  Server server;
  TlsClient client;
  SSL_CTX_ctrl(client.context, SSL_CTRL_SET_MAX_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  REQUIRE(server.shake(client, build(options), "www.example.org"));
  CHECK(server.transport->peer().tls_version == "TLSv1.2");
  options.min_version = "1.3";
  CHECK_FALSE(server.shake(client, build(options), "www.example.org"));
  CHECK(server.result.state == IoState::failed);
  CHECK(server.transport->failure() == "unsupported protocol");
}

TEST_CASE("no protocol in common ends the handshake, no offer does not") {
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  CHECK(server.transport->peer().alpn.empty());
  offer_alpn(client, "\x03" "foo");
  CHECK_FALSE(server.shake(client, build(simple()), "www.example.org"));
}

TEST_CASE("sessions resume on any context with the same keys, also after rotation") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  CAPTURE(version);
  auto options = simple();
  Server server;
  TlsClient client;
  SSL_CTX_ctrl(client.context, SSL_CTRL_SET_MAX_PROTO_VERSION, version, nullptr);
  const auto connect = [&] {
    REQUIRE(server.shake(client, build(options), "www.example.org"));  // each time another worker's context
    Buffer out;
    out.append("x");
    server.transport->write(out);
    client.read();  // takes the tickets
    return server.transport->peer().tls_resumed;
  };
  CHECK_FALSE(connect());
  REQUIRE(client.session);
  CHECK(connect());
  options.tickets->rotate();
  CHECK(connect());
  for (std::size_t i = 0; i < net::TicketKeys::kept; ++i) options.tickets->rotate();
  CHECK_FALSE(connect());
  net::TicketKeys successor;
  successor.set(options.tickets->keys());
  net::TicketKeys::Key key;
  CHECK(successor.find(options.tickets->current().name.data(), key) == net::TicketKeys::Found::current);
}

TEST_CASE("close_notify is the end, a bare FIN is a failure") {
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  std::size_t n = 0;
  SSL_write_ex(client.ssl, "last", 4, &n);
  SSL_shutdown(client.ssl);
  CHECK(server.receive(4) == "last");
  Buffer in;
  net::IoResult r;
  REQUIRE(until(server.loop, [&] { return (r = server.transport->read(in, SIZE_MAX)).state != IoState::blocked; }));
  CHECK(r.state == IoState::eof);
  CHECK(server.transport->peer_closed());
  CHECK_FALSE(server.transport->readable());

  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  ::shutdown(client.fd, SHUT_WR);
  REQUIRE(until(server.loop, [&] { return server.transport->peer_closed(); }));
  REQUIRE(until(server.loop, [&] { return (r = server.transport->read(in, SIZE_MAX)).state != IoState::blocked; }));
  CHECK(r.state == IoState::failed);
  CHECK(server.transport->failure() == "unexpected eof while reading");
}

TEST_CASE("our end sends close_notify before FIN") {
  Server server;
  TlsClient client;
  REQUIRE(server.shake(client, build(simple()), "www.example.org"));
  server.transport->shutdown_write();
  char byte;
  std::size_t n = 0;
  const int code = SSL_read_ex(client.ssl, &byte, 1, &n);
  CHECK(SSL_get_error(client.ssl, code) == SSL_ERROR_ZERO_RETURN);
}

TEST_CASE("plain HTTP on a TLS port is told apart") {
  Server server;
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  server.transport = net::make_tls_transport(server.loop, fds[1], {}, {}, build(simple()));
  server.transport->attach(server.task);
  REQUIRE(::write(fds[0], "GET / HTTP/1.1\r\n\r\n", 18) == 18);
  net::IoResult r;
  REQUIRE(until(server.loop, [&] { return (r = server.transport->establish()).state != IoState::blocked; }));
  CHECK(r.state == IoState::failed);
  CHECK(server.transport->failure() == "http request");
  ::close(fds[0]);
}

TEST_CASE("certificates: what can be wrong is named") {
  net_test::TempDir dir;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(dir.path + "/" + name) << text;
    return dir.path + "/" + name;
  };
  const auto good = make_pem({"www.example.org", "*.Example.ORG"});
  const auto other = make_pem({"other"});
  const std::string cert = write("cert.pem", good.cert), key = write("key.pem", good.key), both = write("both.pem", good.cert + good.key);
  const std::string wrong = write("wrong.pem", other.key), missing = dir.path + "/missing", empty = write("empty.pem", "");
  const std::string locked = write("locked.pem", make_pem({"x"}, KeyKind::ecdsa, 1, "secret").key);
  const std::string torn = write("torn.pem", good.cert + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

  const auto loaded = net::load_certificate(cert, key);
  REQUIRE(loaded);
  CHECK((*loaded)->names() == std::vector<std::string>{"www.example.org", "*.example.org"});
  CHECK((*loaded)->warnings(std::time(nullptr)).empty());
  CHECK(net::load_certificate(both, "").has_value());
  const auto fails = [](const std::string& c, const std::string& k) { return net::load_certificate(c, k).error().reason; };
  CHECK(fails(missing, key).is(net::reasons::tls_file_unreadable));
  CHECK(fails(missing, key).a == ENOENT);
  CHECK(fails(missing, key).subject == missing);
  CHECK(fails(cert, missing).subject == missing);
  CHECK(fails(cert, wrong).is(net::reasons::tls_key_mismatch));
  CHECK(fails(key, key).is(net::reasons::tls_no_certificate));
  CHECK(fails(empty, key).is(net::reasons::tls_no_certificate));
  CHECK(fails(cert, cert).is(net::reasons::tls_no_key));
  CHECK(fails(cert, locked).is(net::reasons::tls_key_encrypted));
  CHECK(fails(torn, key).is(net::reasons::tls_bad_chain));

  const auto old = make_pem({"old"}, KeyKind::ecdsa, -1 + 1);
  const auto expired = net::parse_certificate(old.cert, old.key, cert, key).value();
  CHECK(expired->warnings(std::time(nullptr) + 3600).size() == 1);
  CHECK(expired->warnings(std::time(nullptr) - 3 * 24 * 3600).size() == 2);
}

TEST_CASE("a context refuses what OpenSSL does not know") {
  CHECK(net::TlsContext::build({}).error().reason.is(net::reasons::tls_no_certificates));
  auto options = simple();
  options.ciphers = "NO-SUCH-CIPHER";
  CHECK(net::TlsContext::build(options).error().reason.is(net::reasons::tls_option));
  options = simple();
  options.min_version = "1.1";
  CHECK(net::TlsContext::build(options).error().reason.is(net::reasons::tls_option));
}

TEST_CASE("ticket keys are saved and restored; what is no save changes nothing") {
  net::TicketKeys keys;
  keys.rotate();
  const std::string saved = keys.save();
  net::TicketKeys other;
  const auto before = other.current();
  CHECK_FALSE(other.restore(""));
  CHECK_FALSE(other.restore(saved.substr(1)));
  CHECK_FALSE(other.restore(saved + saved));
  CHECK(other.current().name == before.name);
  REQUIRE(other.restore(saved));
  REQUIRE(other.keys().size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(other.keys()[i].name == keys.keys()[i].name);
    CHECK(other.keys()[i].cipher == keys.keys()[i].cipher);
    CHECK(other.keys()[i].mac == keys.keys()[i].mac);
  }
}
