// What must not reach a screen, a file or a report: the values of secrets, in the forms in which they travel,
// and headers that carry credentials. It hides; it does not find out what is secret.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace squall {

class Redaction {
 public:
  explicit Redaction(const std::vector<std::string>& secrets);

  /// Authorization, Cookie, Set-Cookie, X-Api-Key and their like.
  static bool is_sensitive(std::string_view header);

  /// Each secret becomes ***: as it is, inside JSON, percent-encoded, and in base64 wherever it begins.
  /// Values of sensitive headers too; of cookies the names stay, of an authorization its scheme.
  std::string text(std::string_view text) const;
  /// Secrets alone, each byte a '*': for dumps, whose places must stay.
  std::string same_length(std::string_view bytes) const;

 private:
  std::size_t form_at(std::string_view text, std::size_t place) const;   // its length, or 0

  std::vector<std::string> forms_;   // longest first
};

}  // namespace squall
