// One SSL_CTX for all connections of a shard that use the same target and certificate: files are
// read once, and a client costs no context of its own. The expected host name is checked by OpenSSL
// itself, because libmosquitto dials an address and would compare that.
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

class TlsContexts {
 public:
  /// Valid as long as this object. Errors: throws Failure (class tls).
  SSL_CTX* get(const sq_target* target, uint64_t session);

 private:
  std::map<std::string, std::unique_ptr<TlsContext>> contexts_;
};

/// Why the certificate of the handshake just driven on this thread was refused; nullptr: it was not.
const char* take_verify_failure();

}  // namespace squall::mqtt
