#include "tls_contexts.hpp"

#include <arpa/inet.h>
#include <openssl/x509_vfy.h>

#include <squall/plugin.hpp>
#include <utility>

namespace squall::mqtt {
namespace {

thread_local const char* verify_failure = nullptr;

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
// message is built and puts the real name in its place.
void on_info(const SSL* ssl, int where, int) {
  if (!(where & SSL_CB_HANDSHAKE_START)) return;
  const auto* context =
      static_cast<TlsContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_slot()));
  char* const name = context->name_is_address ? nullptr
                                              : const_cast<char*>(context->server_name.c_str());
  SSL_set_tlsext_host_name(const_cast<SSL*>(ssl), name);
}

[[noreturn]] void refuse(const char* detail) { throw Failure{SQ_K_TLS, 0, detail, true}; }

void load_files(SSL_CTX* context, const sq_tls_info& info) {
  const std::string ca(plugin::view(info.ca)), certificate(plugin::view(info.cert)),
      key(plugin::view(info.key));
  if (ca.empty() ? SSL_CTX_set_default_verify_paths(context) != 1
                 : SSL_CTX_load_verify_file(context, ca.c_str()) != 1)
    refuse("cannot read the CA file");
  if (certificate.empty()) return;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    refuse("cannot read the client certificate");
  const std::string& key_file = key.empty() ? certificate : key;
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse("cannot read the client key");
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
  load_files(ssl, info);
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

SSL_CTX* TlsContexts::get(const sq_target* target, uint64_t session) {
  const sq_tls_info* const info = plugin::host.target->tls(target, session);
  std::string key(plugin::view(plugin::host.target->info(target)->name));
  key += '\n';
  key += plugin::view(info->cert);
  auto& context = contexts_[key];
  if (!context) context = make_context(target, *info);
  return context->handle;
}

const char* take_verify_failure() { return std::exchange(verify_failure, nullptr); }

}  // namespace squall::mqtt
