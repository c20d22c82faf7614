// Certificates made on the spot, for the TLS tests: a root of our own and whatever it signs, good or
// wrong in one respect.  Small EC keys, files in a folder that goes away with the object.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace squall::test {

class Certificates {
 public:
  struct Files { std::string cert, key; };
  struct Wish {
    std::string names = "DNS:localhost,IP:127.0.0.1";
    long from_s = -3600, until_s = 3600;     // from now
    bool is_self_signed = false;
  };

  Certificates() {
    char path[] = "/tmp/squall-tls-XXXXXX";
    if (!mkdtemp(path)) throw std::runtime_error("no temporary folder");
    folder_ = path;
    root_key_ = EVP_EC_gen("P-256");
    root_ = make("Test Root", root_key_, nullptr, root_key_, {"", -86400, 86400, true}, true);
    ca = save("ca", root_, nullptr).cert;
  }
  ~Certificates() {
    X509_free(root_);
    EVP_PKEY_free(root_key_);
    std::filesystem::remove_all(folder_);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string ca;

  Files issue(const std::string& name, const Wish& wish) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make(name, key, wish.is_self_signed ? nullptr : root_,
                             wish.is_self_signed ? key : root_key_, wish, false);
    const Files files = save(name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
  }
  Files issue(const std::string& name) { return issue(name, Wish{}); }

 private:
  static void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509* make(const std::string& name, EVP_PKEY* key, X509* issuer, EVP_PKEY* signer, const Wish& wish, bool is_ca) {
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wish.from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wish.until_s);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(certificate, key);
    extend(certificate, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!wish.names.empty()) extend(certificate, issuer, NID_subject_alt_name, wish.names);
    X509_sign(certificate, signer, EVP_sha256());
    return certificate;
  }
  Files save(const std::string& name, X509* certificate, EVP_PKEY* key) {
    Files files{folder_ + "/" + name + ".crt", folder_ + "/" + name + ".key"};
    std::FILE* file = std::fopen(files.cert.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    if (!key) return files;
    file = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    return files;
  }

  std::string folder_;
  EVP_PKEY* root_key_ = nullptr;
  X509* root_ = nullptr;
  long serial_ = 0;
};

}  // namespace squall::test
