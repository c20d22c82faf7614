#include "net/tls.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace squall {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const { Free(object); }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

Failure tls_failure(std::string_view detail) { return {SQ_E_IO, SQ_K_TLS, detail}; }

TlsSession::Wire& wire_of(BIO* bio) { return *static_cast<TlsSession::Wire*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* data, int size) {
  TlsSession::Wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::recv(wire.fd, data, static_cast<std::size_t>(size), 0);
  if (count > 0) wire.received += static_cast<std::uint64_t>(count);
  if (count == 0) wire.has_ended = true;
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) BIO_set_retry_read(bio);
    else wire.sys_errno = errno;
  }
  return static_cast<int>(count);
}

int bio_write(BIO* bio, const char* data, int size) {
  TlsSession::Wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  const ssize_t count = ::send(wire.fd, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (count > 0) wire.sent += static_cast<std::uint64_t>(count);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) BIO_set_retry_write(bio);
    else wire.sys_errno = errno;
  }
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return wire_of(bio).has_ended;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// OpenSSL has few numbers for kinds of BIO, so this one is made once per process.
const BIO_METHOD* bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "squall socket");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

/// "h2,http/1.1" as the length-prefixed list of RFC 7301.
std::string alpn_list(std::string_view names) {
  std::string list;
  while (!names.empty()) {
    const auto comma = names.find(',');
    const auto name = names.substr(0, comma);
    if (!name.empty() && name.size() < 256) {
      list += static_cast<char>(name.size());
      list += name;
    }
    names = comma == std::string_view::npos ? std::string_view{} : names.substr(comma + 1);
  }
  return list;
}

/// Leaves none: libraries of plugins read this thread's errors, too.
std::string_view first_error(std::string_view otherwise) {
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason ? std::string_view(reason) : otherwise;
}

std::string_view verify_detail(long result) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "certificate expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "certificate not yet valid";
    case X509_V_ERR_HOSTNAME_MISMATCH: case X509_V_ERR_IP_ADDRESS_MISMATCH: return "wrong name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "self-signed certificate";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT: case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return "unknown issuer";
    default: return X509_verify_cert_error_string(result);
  }
}

int keep_session(SSL* ssl, SSL_SESSION* session);

}  // namespace

struct TlsContexts::Certificate {
  X509* leaf = nullptr;
  EVP_PKEY* key = nullptr;
  STACK_OF(X509)* chain = nullptr;
  ~Certificate() {
    X509_free(leaf);
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
  }
};

TlsContexts::TlsContexts() = default;

TlsContexts::~TlsContexts() {
  for (auto& [key, session] : sessions_) SSL_SESSION_free(session);
  for (auto& [key, context] : contexts_) SSL_CTX_free(context);
}

SSL_CTX* TlsContexts::context(const TlsOptions& options, Failure& failure) {
  const ContextKey key{options.ca, options.is_insecure};
  if (const auto found = contexts_.find(key); found != contexts_.end()) return found->second;
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) {
    failure = {SQ_E_NOMEM, SQ_K_LOCAL_RESOURCE, "ENOMEM"};
    return nullptr;
  }
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(raw, 1);   // a whole record by one recv instead of two
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, keep_session);
  SSL_CTX_set_verify(raw, options.is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (!options.is_insecure) {
    const int loaded = options.ca.empty() ? SSL_CTX_set_default_verify_paths(raw)
                                          : SSL_CTX_load_verify_file(raw, options.ca.c_str());
    if (loaded != 1) {
      failure = tls_failure("cannot use the ca file");
      return nullptr;
    }
  }
  return contexts_[key] = context.release();
}

const TlsContexts::Certificate* TlsContexts::certificate(const TlsOptions& options, Failure& failure) {
  const std::string name = options.cert + '\n' + options.key;
  if (const auto found = certificates_.find(name); found != certificates_.end()) return found->second.get();
  if (certificates_.size() >= kCertificatesMax) certificates_.clear();   // OpenSSL holds what is in use

  auto made = std::make_unique<Certificate>();
  const BioPtr certs(BIO_new_file(options.cert.c_str(), "r"));
  const BioPtr key(BIO_new_file(options.key.c_str(), "r"));
  if (certs) made->leaf = PEM_read_bio_X509_AUX(certs.get(), nullptr, nullptr, nullptr);
  if (!made->leaf) {
    failure = tls_failure("cannot use the certificate file");
    return nullptr;
  }
  made->chain = sk_X509_new_null();
  while (X509* issuer = PEM_read_bio_X509(certs.get(), nullptr, nullptr, nullptr))
    sk_X509_push(made->chain, issuer);
  ERR_clear_error();   // that of the file's end: libraries of plugins read this thread's errors, too
  // An empty passphrase: a protected key must fail here instead of asking at a terminal.
  if (key) made->key = PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, const_cast<char*>(""));
  if (!made->key) {
    failure = tls_failure("cannot use the key file");
    return nullptr;
  }
  return (certificates_[name] = std::move(made)).get();
}

void TlsContexts::keep(std::uint64_t key, SSL_SESSION* session) {
  auto [place, is_new] = sessions_.try_emplace(key, session);
  if (!is_new) SSL_SESSION_free(std::exchange(place->second, session));
  if (sessions_.size() <= kSessionsMax) return;
  const auto victim = place == sessions_.begin() ? std::next(place) : sessions_.begin();
  SSL_SESSION_free(victim->second);
  sessions_.erase(victim);
}

std::unique_ptr<TlsSession> TlsContexts::open(const Target& target, std::uint64_t session,
                                              std::string_view alpn, int fd, Failure& failure) {
  ERR_clear_error();
  TlsOptions own;
  const TlsOptions* const found = target.table().tls(target, session, own);
  if (!found) {
    failure = tls_failure("no certificate for this user");
    return nullptr;
  }
  const TlsOptions& options = *found;
  SSL_CTX* const ctx = context(options, failure);
  if (!ctx) return nullptr;
  SslPtr ssl(SSL_new(ctx));
  BIO* const bio = ssl ? BIO_new(bio_method()) : nullptr;
  if (!bio) {
    failure = {SQ_E_NOMEM, SQ_K_LOCAL_RESOURCE, "ENOMEM"};
    return nullptr;
  }
  SSL_set_bio(ssl.get(), bio, bio);

  if (!options.cert.empty()) {
    const Certificate* own = certificate(options, failure);
    if (!own) return nullptr;
    if (SSL_use_cert_and_key(ssl.get(), own->leaf, own->key, own->chain, 1) != 1) {
      failure = tls_failure("key does not match the certificate");
      return nullptr;
    }
  }
  const std::string& name = options.server_name.empty() ? target.url().host : options.server_name;
  const bool is_literal = Address::parse(name).has_value();
  if (!is_literal) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (!options.is_insecure) {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = is_literal ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str())
                               : SSL_set1_host(ssl.get(), name.c_str());
    if (set != 1) {
      failure = tls_failure("unusable server name");
      return nullptr;
    }
  }
  if (const std::string list = alpn_list(alpn); !list.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));

  const std::uint64_t key = (session << 16) ^ target.index();
  if (const auto known = sessions_.find(key); known != sessions_.end())
    SSL_set_session(ssl.get(), known->second);
  SSL_set_connect_state(ssl.get());
  std::unique_ptr<TlsSession> made(new TlsSession(*this, ssl.release(), fd, key));
  BIO_set_data(bio, &made->wire_);
  BIO_set_init(bio, 1);
  return made;
}

TlsSession::TlsSession(TlsContexts& contexts, SSL* ssl, int fd, std::uint64_t cache_key)
    : contexts_(contexts), ssl_(ssl), wire_{fd, 0, 0, 0, false}, cache_key_(cache_key) {
  SSL_set_app_data(ssl_, this);
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

namespace {

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsSession*>(SSL_get_app_data(ssl))->remember(session);
  return 1;   // the reference is ours now
}

}  // namespace

void TlsSession::remember(SSL_SESSION* session) { contexts_.keep(cache_key_, session); }

Transfer TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return {Transfer::kMoved, false, 0, {}};
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return {Transfer::kBlocked, false, 0, {}};
  if (error == SSL_ERROR_WANT_WRITE) return {Transfer::kBlocked, true, 0, {}};
  return {Transfer::kFailed, false, 0, handshake_failure()};
}

Failure TlsSession::handshake_failure() {
  const long verified = SSL_get_verify_result(ssl_);
  if (verified != X509_V_OK && SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE)
    return tls_failure(verify_detail(verified));
  if (wire_.sys_errno != 0) return failure_of(wire_.sys_errno, SQ_K_TLS);
  if (wire_.has_ended) return tls_failure("eof");
  return tls_failure(first_error("handshake failed"));
}

/// What a read or write that moved nothing means; `kind` as for failure_of.
Transfer TlsSession::outcome(int result, std::uint32_t kind) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {Transfer::kBlocked, kind == SQ_K_SEND, 0, {}};
    case SSL_ERROR_WANT_WRITE: return {Transfer::kBlocked, kind == SQ_K_RECEIVE, 0, {}};
    case SSL_ERROR_ZERO_RETURN: return {Transfer::kEnd, false, 0, {}};
    default: break;
  }
  if (wire_.sys_errno != 0) return {Transfer::kFailed, false, 0, failure_of(wire_.sys_errno, kind)};
  if (wire_.has_ended) return {Transfer::kFailed, false, 0, {SQ_E_CLOSED, SQ_K_CLOSED, "eof"}};
  return {Transfer::kFailed, false, 0, tls_failure(first_error("protocol error"))};
}

Transfer TlsSession::read(void* data, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_, data, size, &count);
  if (result == 1) return {Transfer::kMoved, false, count, {}};
  return outcome(result, SQ_K_RECEIVE);
}

Transfer TlsSession::write(const void* data, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(ssl_, data, size, &count);
  if (result == 1) return {Transfer::kMoved, false, count, {}};
  return outcome(result, SQ_K_SEND);
}

void TlsSession::send_close_notify() {
  ERR_clear_error();
  if (!SSL_in_init(ssl_)) SSL_shutdown(ssl_);
}

bool TlsSession::has_pending() const { return SSL_has_pending(ssl_) == 1; }

std::string_view TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace squall
