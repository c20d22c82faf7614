// TLS on a stream's socket: OpenSSL on the non-blocking descriptor through a BIO of our own, which
// counts the bytes on the wire and cannot raise SIGPIPE.  Certificates and host names are verified
// unless the target says `insecure`; sessions are resumed per user, as its browser would do.
// It decides nothing about time-outs, order of writes or callbacks: that is the stream.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/failure.hpp"
#include "net/stream.hpp"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

namespace squall {

class TlsContexts;

class TlsSession {
 public:
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// kMoved: done.  kBlocked: wants_other means "until writable", else "until readable".
  Transfer handshake();
  /// A connection cut without close_notify is kFailed with detail `eof`, never kEnd: whoever reads
  /// until the end must not take a truncated answer for a whole one.
  Transfer read(void* data, std::size_t size);
  /// At most one record; kBlocked must be tried again with the same bytes in front.
  Transfer write(const void* data, std::size_t size);
  void send_close_notify();
  bool has_pending() const;           // decrypted or undecrypted bytes that epoll cannot see
  std::string_view alpn() const;
  /// A session that the server will resume; takes the reference.
  void remember(SSL_SESSION* session);
  std::uint64_t wire_sent() const { return wire_.sent; }
  std::uint64_t wire_received() const { return wire_.received; }

  struct Wire {                        // what the BIO works on
    int fd;
    std::uint64_t sent = 0, received = 0;
    int sys_errno = 0;                 // of the last call that failed for good
    bool has_ended = false;            // recv returned 0
  };

 private:
  friend class TlsContexts;
  TlsSession(TlsContexts& contexts, SSL* ssl, int fd, std::uint64_t cache_key);
  Transfer outcome(int result, std::uint32_t kind);
  Failure handshake_failure();

  TlsContexts& contexts_;
  SSL* const ssl_;
  Wire wire_;
  const std::uint64_t cache_key_;
};

/// The contexts, certificates and resumable sessions of one shard.
class TlsContexts {
 public:
  static constexpr std::size_t kSessionsMax = 4096;
  static constexpr std::size_t kCertificatesMax = 4096;

  TlsContexts();
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  /// Null with `failure` set when a file of the options cannot be used.  The first use of a file
  /// reads it; later ones do not touch the disk.
  std::unique_ptr<TlsSession> open(const Target& target, std::uint64_t session, std::string_view alpn,
                                   int fd, Failure& failure);
  /// Reads the roots of a target before the run, so that its first connection is not slower.
  void prepare(const TlsOptions& options) {
    Failure ignored;                   // the connection itself will report it
    context(options, ignored);
  }

 private:
  friend class TlsSession;
  struct Certificate;
  struct ContextKey {
    std::string ca;
    bool is_insecure;
    friend auto operator<=>(const ContextKey&, const ContextKey&) = default;
  };
  SSL_CTX* context(const TlsOptions& options, Failure& failure);
  const Certificate* certificate(const TlsOptions& options, Failure& failure);
  void keep(std::uint64_t key, SSL_SESSION* session);

  std::map<ContextKey, SSL_CTX*> contexts_;
  std::map<std::string, std::unique_ptr<Certificate>> certificates_;   // by cert and key file
  std::unordered_map<std::uint64_t, SSL_SESSION*> sessions_;
};

}  // namespace squall
