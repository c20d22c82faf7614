#include "tls_identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace squall::city {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(fmt::format("cannot make the TLS identity: {}", what));
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  require(key != nullptr, "no key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Without `issuer` the certificate signs itself, as a CA.
Certificate make_certificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                             const std::string& alternative_names) {
  Certificate certificate(X509_new(), X509_free);
  require(certificate != nullptr, "no certificate");
  auto* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
  X509_set_pubkey(x, key);
  auto* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject);
  X509* signer = issuer ? issuer : x;
  add_extension(x, signer, NID_basic_constraints,
                issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  add_extension(x, signer, NID_key_usage,
                issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
  add_extension(x, signer, NID_subject_key_identifier, "hash");
  if (issuer) add_extension(x, signer, NID_authority_key_identifier, "keyid");
  if (issuer) add_extension(x, signer, NID_ext_key_usage, "serverAuth,clientAuth");
  if (!alternative_names.empty()) add_extension(x, signer, NID_subject_alt_name, alternative_names);
  require(X509_sign(x, issuer_key, EVP_sha256()) > 0, "cannot sign");
  return certificate;
}

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

File open_for_writing(const std::filesystem::path& path, mode_t mode) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  require(descriptor >= 0, path.c_str());
  return File(fdopen(descriptor, "w"), fclose);
}

void write_certificate(const std::filesystem::path& path, X509* certificate) {
  const auto file = open_for_writing(path, 0644);
  require(PEM_write_X509(file.get(), certificate) == 1, path.c_str());
}

void write_key(const std::filesystem::path& path, EVP_PKEY* key) {
  const auto file = open_for_writing(path, 0600);
  require(PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
          path.c_str());
}

/// Answers ALPN with http/1.1, the only protocol there is; a client that offers others is not
/// refused.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kOurs,
                                          sizeof kOurs - 1, in, in_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsIdentity make_tls_identity(const std::filesystem::path& directory,
                              const std::vector<std::string>& names) {
  std::filesystem::create_directories(directory);
  TlsIdentity identity{directory,
                       directory / "ca.pem",
                       directory / "server.pem",
                       directory / "server-key.pem",
                       directory / "client.pem",
                       directory / "client-key.pem"};

  std::string alternative = "DNS:localhost,IP:127.0.0.1,IP:::1";
  for (const auto& name : names) {
    boost::system::error_code error;
    boost::asio::ip::make_address(name, error);
    alternative += fmt::format(",{}:{}", error ? "DNS" : "IP", name);
  }
  const auto ca_key = make_key(), server_key = make_key(), client_key = make_key();
  const auto ca = make_certificate("city test CA", ca_key.get(), nullptr, ca_key.get(), "");
  const auto server =
      make_certificate("localhost", server_key.get(), ca.get(), ca_key.get(), alternative);
  const auto client = make_certificate("city client", client_key.get(), ca.get(), ca_key.get(), "");

  write_certificate(identity.ca, ca.get());
  write_certificate(identity.server, server.get());
  write_certificate(identity.client, client.get());
  write_key(identity.server_key, server_key.get());
  write_key(identity.client_key, client_key.get());
  return identity;
}

boost::asio::ssl::context make_tls_context(const TlsIdentity& identity,
                                           const std::string& client_ca) {
  namespace ssl = boost::asio::ssl;
  ssl::context context(ssl::context::tls_server);
  context.use_certificate_chain_file(identity.server.string());
  context.use_private_key_file(identity.server_key.string(), ssl::context::pem);
  SSL_CTX_set_alpn_select_cb(context.native_handle(), select_alpn, nullptr);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_id_context(context.native_handle(),
                                 reinterpret_cast<const unsigned char*>("city"), 4);
  if (!client_ca.empty()) {
    context.load_verify_file(client_ca);
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  }
  return context;
}

}  // namespace squall::city
