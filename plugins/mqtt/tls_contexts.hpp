// One SSL_CTX for all connections of a shard to one target: its roots are read once, and a client costs
// no context of its own. A client's certificate is put into its SSL; the certificates read last are kept,
// at most kCertificatesMax of them. The expected host name is checked by OpenSSL itself, because
// libmosquitto dials an address and would compare that.
#pragma once
#include <openssl/ssl.h>
#include <squall/abi.h>

#include <map>
#include <memory>
#include <string>

#include "failure.hpp"

namespace squall::mqtt {

struct TlsContext {
  SSL_CTX* handle = nullptr;
  std::string server_name;
  bool name_is_address = false;
  ~TlsContext() { SSL_CTX_free(handle); }
};

struct ClientCertificate {
  X509* leaf = nullptr;
  EVP_PKEY* key = nullptr;
  STACK_OF(X509)* chain = nullptr;
  ClientCertificate() = default;
  ClientCertificate(const ClientCertificate&) = delete;
  ClientCertificate& operator=(const ClientCertificate&) = delete;
  ~ClientCertificate();
};

/// While it lives, a handshake that begins on this thread shows this certificate (nullptr: none). The library
/// makes its SSL and drives it at once, so there is no moment in between to put one in.
class ShownCertificate {
 public:
  explicit ShownCertificate(const ClientCertificate* certificate);
  ~ShownCertificate();
  ShownCertificate(const ShownCertificate&) = delete;
  ShownCertificate& operator=(const ShownCertificate&) = delete;
};

class TlsContexts {
 public:
  static constexpr size_t kCertificatesMax = 1024;

  struct Identity {
    SSL_CTX* context;                     // valid as long as this object
    const ClientCertificate* certificate; // nullptr: none; valid until the next get()
  };
  /// Errors: throws Failure (class tls).
  Identity get(const sq_target* target, uint64_t session);

 private:
  const ClientCertificate* certificate(const sq_tls_info& info);

  std::map<std::string, std::unique_ptr<TlsContext>> contexts_;              // by target
  std::map<std::string, std::unique_ptr<ClientCertificate>> certificates_;   // by their files
};

/// What the host says of this session's TLS. Errors: throws Failure (class tls): it has no certificate.
const sq_tls_info& tls_info(const sq_target* target, uint64_t session);

/// Why the certificate of the handshake just driven on this thread was refused; nullptr: it was not.
const char* take_verify_failure();

}  // namespace squall::mqtt
