// Streams over TLS: what is accepted, what is refused with which words, and ends that are none.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/mman.h>

#include <memory>

#include "certificates.hpp"
#include "client.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

/// The server's side of one TLS connection, blocking.
class TlsPeer {
 public:
  TlsPeer(SSL_CTX* context, Peer& peer) : ssl_(SSL_new(context)), peer_(peer) { SSL_set_fd(ssl_, peer.fd); }
  ~TlsPeer() { SSL_free(ssl_); }
  bool accept() { return SSL_accept(ssl_) == 1; }
  bool was_resumed() { return SSL_session_reused(ssl_) == 1; }
  std::string server_name() {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
  }
  std::string client_name() {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    if (!certificate) return "";
    char text[256];
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
    X509_free(certificate);
    return text;
  }
  bool send(std::string_view bytes) {
    std::size_t count = 0;
    return bytes.empty() || SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count) == 1;
  }
  std::string read(std::size_t size) {
    std::string result(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      std::size_t count = 0;
      if (SSL_read_ex(ssl_, result.data() + have, size - have, &count) != 1) break;
      have += count;
    }
    result.resize(have);
    return result;
  }
  void echo() {
    for (;;) {
      std::string part(65536, '\0');
      std::size_t count = 0;
      if (SSL_read_ex(ssl_, part.data(), part.size(), &count) != 1) return;
      if (!send(std::string_view(part).substr(0, count))) return;
    }
  }
  void close() { SSL_shutdown(ssl_); }

 private:
  SSL* ssl_;
  Peer& peer_;
};

struct TlsServer {
  using Story = std::function<void(TlsPeer&, Peer&)>;
  explicit TlsServer(const Certificates::Files& files, Story story, const std::string& client_ca = "", int version = 0)
      : context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    SSL_CTX_use_certificate_chain_file(context.get(), files.cert.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("t"), 1);
    if (version) SSL_CTX_set_max_proto_version(context.get(), version);
    if (!client_ca.empty()) {
      SSL_CTX_load_verify_file(context.get(), client_ca.c_str());
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    SSL_CTX_set_alpn_select_cb(context.get(), [](SSL*, const unsigned char** out, unsigned char* size,
                                                 const unsigned char* in, unsigned in_size, void*) {
      static const unsigned char wanted[] = "\x08http/1.1";
      return SSL_select_next_proto(const_cast<unsigned char**>(out), size, wanted, sizeof wanted - 1, in, in_size) ==
                     OPENSSL_NPN_NEGOTIATED
                 ? SSL_TLSEXT_ERR_OK
                 : SSL_TLSEXT_ERR_NOACK;
    }, nullptr);
    server = std::make_unique<Server>([this, story = std::move(story)](Peer& raw) {
      sigset_t set;                    // OpenSSL's own sockets raise SIGPIPE: on this thread only,
      sigemptyset(&set);               // so that a SIGPIPE of ours would still end the test
      sigaddset(&set, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &set, nullptr);
      TlsPeer peer(context.get(), raw);
      if (peer.accept()) story(peer, raw);
      ERR_clear_error();
    });
  }
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context;
  std::unique_ptr<Server> server;
  std::string url(const std::string& host = "127.0.0.1") const {
    return "tls://" + host + ":" + std::to_string(server->port());
  }
};

class Tls : public testing::Test {
 protected:
  /// Connects with these options and tells how it went: "open", or class and detail.
  std::string attempt(const std::string& url, TlsOptions tls) {
    Shard shard;
    TargetOptions options;
    options.tls = std::move(tls);
    const Target& target = shard.add(url, options);
    shard.start();
    Client client(shard);
    client.connect(target);
    client.until_open();
    return client.is_open ? "open" : client.ending();
  }
  static void echo(TlsPeer& peer, Peer&) { peer.echo(); }
  static TlsOptions with(const std::string& ca, const std::string& cert = "", const std::string& key = "") {
    TlsOptions options;
    options.ca = ca;
    options.cert = cert;
    options.key = key;
    return options;
  }
  static std::string refused(const char* detail) { return std::to_string(SQ_K_TLS) + " " + detail; }

  Certificates certificates;
  Certificates::Files good = certificates.issue("good");
};

TEST_F(Tls, CarriesBytesBothWaysAndTellsItsPhases) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::string server_name;
    TlsServer server(good, [&](TlsPeer& peer, Peer&) {
      server_name = peer.server_name();
      peer.echo();
    }, "", version);
    Shard shard;
    TargetOptions options;
    options.tls.ca = certificates.ca;
    options.tls.server_name = "localhost";
    const Target& target = shard.add(server.url(), options);
    shard.start();
    Client client(shard);
    client.connect(target, {.alpn = "h2,http/1.1"});
    ASSERT_TRUE(client.until_open()) << client.ending();
    EXPECT_EQ(client.alpn, "http/1.1");
    EXPECT_GT(client.info.tls_ns, 0u);
    std::string body(3'000'000, 'x');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 / 3);
    const std::string head = "head", tail = "tail";
    client.write({{head.data(), head.size()}, {body.data(), body.size()}, {tail.data(), tail.size()}}, 1);
    client.write("after", 2);
    const std::string expected = head + body + tail + "after";
    ASSERT_TRUE(client.until_received(expected.size()));
    EXPECT_TRUE(client.received == expected);
    ASSERT_TRUE(client.until_written(2));
    client.close();
    ASSERT_TRUE(client.until_closed());
    EXPECT_EQ(server_name, "localhost");
    const TargetCounters& counts = shard.net->counters()[0];
    EXPECT_EQ(counts.sent_bytes, expected.size());
    EXPECT_EQ(counts.received_bytes, expected.size());
    EXPECT_GT(counts.wire_sent_bytes, expected.size());
    EXPECT_GT(counts.wire_received_bytes, expected.size());
  }
}

TEST_F(Tls, VerifiesTheCertificate) {
  struct Case { const char* name; Certificates::Wish wish; std::string expected; };
  const auto wish = [](auto change) {
    Certificates::Wish wish;
    change(wish);
    return wish;
  };
  std::vector<Case> cases;
  cases.push_back({"good", wish([](auto&) {}), "open"});
  cases.push_back({"expired", wish([](auto& w) { w.from_s = -7200, w.until_s = -3600; }), refused("certificate expired")});
  cases.push_back({"early", wish([](auto& w) { w.from_s = 3600, w.until_s = 7200; }), refused("certificate not yet valid")});
  cases.push_back({"wrong-name", wish([](auto& w) { w.names = "DNS:other.test,IP:10.0.0.1"; }), refused("wrong name")});
  cases.push_back({"self-signed", wish([](auto& w) { w.is_self_signed = true; }), refused("self-signed certificate")});
  for (const Case& c : cases) {
    TlsServer server(certificates.issue(c.name, c.wish), echo);
    TlsOptions by_address, by_name, insecure;
    by_address.ca = by_name.ca = certificates.ca;
    by_name.server_name = "localhost";
    insecure.is_insecure = true;
    EXPECT_EQ(attempt(server.url(), by_address), c.expected) << c.name;
    EXPECT_EQ(attempt(server.url(), by_name), c.expected) << c.name;
    EXPECT_EQ(attempt(server.url(), insecure), "open") << c.name;
  }
}

TEST_F(Tls, TrustsNoRootButTheSystemsByDefault) {
  TlsServer server(good, echo);
  EXPECT_EQ(attempt(server.url(), {}), refused("unknown issuer"));
}

TEST_F(Tls, SaysWhichFileCannotBeUsed) {
  TlsServer server(good, echo);
  EXPECT_EQ(attempt(server.url(), with("/nowhere")), refused("cannot use the ca file"));
  EXPECT_EQ(attempt(server.url(), with(certificates.ca, "/nowhere", "/nowhere")),
            refused("cannot use the certificate file"));
  EXPECT_EQ(attempt(server.url(), with(certificates.ca, good.cert, good.cert)),
            refused("cannot use the key file"));
  EXPECT_EQ(attempt(server.url(), with(certificates.ca, good.cert, certificates.issue("x").key)),
            refused("key does not match the certificate"));
}

TEST_F(Tls, ShowsTheCertificateOfItsSession) {
  std::mutex mutex;
  std::vector<std::string> names;
  TlsServer server(good, [&](TlsPeer& peer, Peer&) {
    {
      const std::lock_guard lock(mutex);
      names.push_back(peer.client_name());
    }
    peer.send("hello");
    peer.echo();
  }, certificates.ca);
  Shard shard;
  const Certificates::Files devices[2] = {certificates.issue("device-a"), certificates.issue("device-b")};
  TargetOptions options;
  options.tls = with(certificates.ca);
  options.tls.is_cert_of_session = true;
  const Target& target = shard.add(server.url(), options);
  shard.targets.set_session_certificate([&](const Target&, std::uint64_t session, TlsOptions& own) {
    if (session >= 2) return false;
    own.cert = devices[session].cert;
    own.key = devices[session].key;
    return true;
  });
  shard.start();
  for (std::uint64_t session = 0; session < 2; ++session) {
    Client client(shard);
    client.connect(target, {.session = session});
    ASSERT_TRUE(client.until_received(5)) << client.ending();
    EXPECT_EQ(client.received, "hello");
  }
  EXPECT_EQ(names, (std::vector<std::string>{"device-a", "device-b"}));
  Client nobody(shard);
  nobody.connect(target, {.session = 2});
  ASSERT_TRUE(nobody.until_closed());
  EXPECT_EQ(nobody.ending(), refused("no certificate for this user"));
}

TEST_F(Tls, AMissingClientCertificateIsOfClassTls) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server(good, echo, certificates.ca, version);
    Shard shard;
    TargetOptions options;
    options.tls.ca = certificates.ca;
    const Target& target = shard.add(server.url(), options);
    shard.start();
    Client client(shard);
    client.connect(target);
    ASSERT_TRUE(client.until_closed());   // in TLS 1.3 the client may be open before it is told
    EXPECT_EQ(client.kind, SQ_K_TLS) << client.detail;
    EXPECT_NE(client.detail, "");
  }
}

TEST_F(Tls, AnEndWithoutCloseNotifyIsNoEndOfData) {
  TlsServer server(good, [](TlsPeer& peer, Peer& raw) {
    peer.send("half of a bo");
    ::shutdown(raw.fd, SHUT_WR);
    peer.read(1);
  });
  Shard shard;
  TargetOptions options;
  options.tls.ca = certificates.ca;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.received, "half of a bo");
  EXPECT_FALSE(client.has_eof);
  EXPECT_EQ(client.ending(), std::to_string(SQ_K_CLOSED) + " eof");
  EXPECT_EQ(client.status, SQ_E_CLOSED);
}

TEST_F(Tls, ACloseNotifyIsTheEndOfData) {
  std::atomic<bool> was_told{false};
  TlsServer server(good, [&](TlsPeer& peer, Peer&) {
    peer.send("whole");
    peer.close();
    was_told = peer.read(1).empty();
  });
  Shard shard;
  TargetOptions options;
  options.tls.ca = certificates.ca;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(shard.loop.until([&] { return client.has_eof || client.is_closed; }));
  EXPECT_TRUE(client.has_eof);
  EXPECT_EQ(client.received, "whole");
  client.shutdown();
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.status, SQ_OK);
}

TEST_F(Tls, APlainAnswerOrNoneIsOfClassTls) {
  Server plain([](Peer& peer) {
    peer.send("SSH-2.0-OpenSSH_9.2\r\n");
    peer.read_all();
  });
  EXPECT_EQ(attempt(plain.url("tls"), {}), refused("wrong version number"));
  Server mute([](Peer& peer) { peer.read(1); });
  const std::string ending = attempt(mute.url("tls"), {});
  EXPECT_TRUE(ending == refused("eof") || ending == refused("reset")) << ending;
  Server reset([](Peer& peer) {
    peer.read(1);
    peer.reset_on_close();
  });
  EXPECT_EQ(attempt(reset.url("tls"), {}), refused("reset"));
}

TEST_F(Tls, AHandshakeThatStopsTimesOut) {
  Server silent([](Peer& peer) { peer.read_all(); });
  Shard shard;
  const Target& target = shard.add(silent.url("tls"));
  shard.start();
  Client client(shard);
  client.connect(target, {.connect_timeout_ns = 50'000'000});
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.ending(), refused("timed out"));
}

TEST_F(Tls, AUserResumesItsOwnSessionAndNobodyElses) {
  std::mutex mutex;
  std::vector<bool> resumed;
  TlsServer server(good, [&](TlsPeer& peer, Peer&) {
    {
      const std::lock_guard lock(mutex);
      resumed.push_back(peer.was_resumed());
    }
    peer.echo();
  });
  Shard shard;
  TargetOptions options;
  options.tls.ca = certificates.ca;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  for (const std::uint64_t session : {1, 1, 2, 1}) {
    Client client(shard);
    client.connect(target, {.session = session});
    ASSERT_TRUE(client.until_open());
    client.write("x");                  // the tickets come with the first answer
    ASSERT_TRUE(client.until_received(1));
  }
  EXPECT_EQ(resumed, (std::vector<bool>{false, true, false, true}));
}

TEST_F(Tls, SendsFilesAndSurvivesAFullSocket) {
  std::string body(2'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 / 7);
  TlsServer server(good, echo);
  Shard shard;
  TargetOptions options;
  options.tls.ca = certificates.ca;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  const int fd = memfd_create("body", MFD_CLOEXEC);
  ASSERT_EQ(::write(fd, body.data(), body.size()), static_cast<ssize_t>(body.size()));
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_open());
  client.read_enable(false);            // the echo cannot go out, so our socket fills
  client.send_file(fd, 0, body.size(), 1);
  client.write(body, 2);
  client.write("end", 3);
  for (int turn = 0; turn < 50; ++turn) shard.loop.turn(1'000'000);
  client.read_enable(true);
  ASSERT_TRUE(client.until_received(2 * body.size() + 3));
  EXPECT_TRUE(client.received == body + body + "end");
  ::close(fd);
}

TEST_F(Tls, PausesWithBytesInsideOpenssl) {
  TlsServer server(good, [](TlsPeer& peer, Peer&) {
    peer.send(std::string(10'000, 'a') + std::string(10'000, 'b'));
    peer.echo();
  });
  Shard shard;
  TargetOptions options;
  options.tls.ca = certificates.ca;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  Client client(shard);
  int shown = 0;
  client.on_data = [&](std::string_view bytes) {
    ++shown;
    client.received += bytes;
    client.read_enable(false);
    return bytes.size();
  };
  client.connect(target);
  while (client.received.size() < 20'000) {
    const int before = shown;
    ASSERT_TRUE(shard.loop.until([&] { return shown > before; }));
    client.read_enable(true);
  }
  EXPECT_EQ(client.received.size(), 20'000u);
}

}  // namespace
}  // namespace squall::test
