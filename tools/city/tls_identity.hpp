// The city's own little certificate authority, made at every start: a CA, a server certificate for
// the loopback names, and a client certificate for tests of mutual TLS. Valid for a day; never for
// real use.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace squall::city {

struct TlsIdentity {
  std::filesystem::path directory;
  std::filesystem::path ca, server, server_key, client, client_key;  // PEM files in `directory`
};

/// Writes ca.pem, server.pem, server-key.pem, client.pem and client-key.pem into `directory`, which
/// is made if need be. `names` are added to the server's: DNS names or addresses. Throws
/// std::runtime_error.
TlsIdentity make_tls_identity(const std::filesystem::path& directory,
                              const std::vector<std::string>& names);

/// A server context for that identity. When `client_ca` is a file, clients must show a certificate
/// that it signed.
boost::asio::ssl::context make_tls_context(const TlsIdentity& identity,
                                           const std::string& client_ca);

}  // namespace squall::city
