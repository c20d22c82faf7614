#include "tls_contexts.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <squall/plugin.hpp>
#include <utility>

namespace squall::mqtt {
namespace {

thread_local const char* verify_failure = nullptr;
thread_local const ClientCertificate* shown = nullptr;

int context_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

bool is_address(const std::string& name) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

int on_verify(int preverified, X509_STORE_CTX* store) {
  if (!preverified)  // the text is a constant of OpenSSL
    verify_failure = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  return preverified;
}

// libmosquitto announces the address that it dials as server name; this runs before the first
// message is built, puts the real name in its place, and the client's certificate beside it.
void on_info(const SSL* ssl, int where, int) {
  if (!(where & SSL_CB_HANDSHAKE_START)) return;
  const auto* context =
      static_cast<TlsContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_slot()));
  char* const name = context->name_is_address ? nullptr
                                              : const_cast<char*>(context->server_name.c_str());
  SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name);
  if (shown)
    SSL_use_cert_and_key(const_cast<SSL*>(ssl), shown->leaf, shown->key, shown->chain, 1);
}

[[noreturn]] void refuse(const char* detail) { throw Failure{SQ_K_TLS, 0, detail, true}; }

void load_roots(SSL_CTX* context, const sq_tls_info& info) {
  const std::string ca(plugin::view(info.ca));
  if (ca.empty() ? SSL_CTX_set_default_verify_paths(context) != 1
                 : SSL_CTX_load_verify_file(context, ca.c_str()) != 1)
    refuse("cannot read the CA file");
}

std::unique_ptr<TlsContext> make_context(const sq_target* target, const sq_tls_info& info) {
  auto context = std::make_unique<TlsContext>();
  context->handle = SSL_CTX_new(TLS_client_method());
  if (!context->handle) refuse("SSL_CTX_new");
  SSL_CTX* const ssl = context->handle;
  context->server_name = std::string(plugin::view(info.server_name));
  if (context->server_name.empty())
    context->server_name = std::string(plugin::view(plugin::host.target->info(target)->host));
  context->name_is_address = is_address(context->server_name);

  SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY |
                            SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_ex_data(ssl, context_slot(), context.get());
  SSL_CTX_set_info_callback(ssl, on_info);
  load_roots(ssl, info);
  if (info.flags & SQ_TLS_INSECURE) return context;

  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
  X509_VERIFY_PARAM* const expected = SSL_CTX_get0_param(ssl);
  const char* const name = context->server_name.c_str();
  if ((context->name_is_address ? X509_VERIFY_PARAM_set1_ip_asc(expected, name)
                                : X509_VERIFY_PARAM_set1_host(expected, name, 0)) != 1)
    refuse("cannot use the server name");
  return context;
}

}  // namespace

ClientCertificate::~ClientCertificate() {
  X509_free(leaf);
  EVP_PKEY_free(key);
  sk_X509_pop_free(chain, X509_free);
}

ShownCertificate::ShownCertificate(const ClientCertificate* certificate) { shown = certificate; }
ShownCertificate::~ShownCertificate() { shown = nullptr; }

const ClientCertificate* TlsContexts::certificate(const sq_tls_info& info) {
  if (!info.cert.len) return nullptr;
  const std::string file(plugin::view(info.cert)), key_file(plugin::view(info.key));
  const std::string name = file + '\n' + key_file;
  if (const auto known = certificates_.find(name); known != certificates_.end())
    return known->second.get();

  auto made = std::make_unique<ClientCertificate>();
  const std::unique_ptr<BIO, int (*)(BIO*)> certificates(BIO_new_file(file.c_str(), "r"), BIO_free);
  const std::unique_ptr<BIO, int (*)(BIO*)> key(BIO_new_file(key_file.c_str(), "r"), BIO_free);
  if (certificates) made->leaf = PEM_read_bio_X509_AUX(certificates.get(), nullptr, nullptr, nullptr);
  if (!made->leaf) refuse("cannot use the certificate file");
  made->chain = sk_X509_new_null();
  while (X509* const issuer = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr))
    sk_X509_push(made->chain, issuer);
  ERR_clear_error();  // that of the end of the file, which the library would take for its own
  // An empty passphrase: a protected key fails here, where libcrypto would ask at a terminal.
  if (key) made->key = PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, const_cast<char*>(""));
  if (!made->key) refuse("cannot use the key file");
  if (X509_check_private_key(made->leaf, made->key) != 1)
    refuse("key does not match the certificate");
  if (certificates_.size() >= kCertificatesMax) certificates_.clear();  // OpenSSL holds those in use
  return (certificates_[name] = std::move(made)).get();
}

TlsContexts::Identity TlsContexts::get(const sq_target* target, uint64_t session) {
  const sq_tls_info& info = tls_info(target, session);
  auto& context = contexts_[std::string(plugin::view(plugin::host.target->info(target)->name))];
  if (!context) context = make_context(target, info);
  return {context->handle, certificate(info)};
}

const sq_tls_info& tls_info(const sq_target* target, uint64_t session) {
  const sq_tls_info* const info = plugin::host.target->tls(target, session);
  if (!info) refuse("no certificate for this user");
  return *info;
}

const char* take_verify_failure() { return std::exchange(verify_failure, nullptr); }

}  // namespace squall::mqtt
