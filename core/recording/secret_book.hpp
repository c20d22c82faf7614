// Which recorded values are secrets, and the names under which a scenario asks for them instead. The values stay in here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace squall {

/// Whether a field (`password`, `access_token`, `X-Api-Key` …) is one whose value nobody writes down.
bool is_secret_name(std::string_view field);

class SecretBook {
 public:
  struct Secret {
    std::string name;         // SQUALL_SECRET_<name> holds it
    std::string description;  // "field password of POST /login"
  };

  /// "secret.PASSWORD", to stand in a template. The same field with the same value has one name, with another value
  /// another: PASSWORD_2.
  std::string reference(std::string_view field, std::string_view value, std::string_view description);
  const std::vector<Secret>& secrets() const { return secrets_; }
  /// Names of the secrets whose value stands in `text` all the same. Values of fewer than eight bytes are not looked for:
  /// they stand anywhere by chance.
  std::vector<std::string> found_in(std::string_view text) const;

 private:
  std::map<std::pair<std::string, std::string>, std::string, std::less<>> names_;  // (field's name, value) → secret's name
  std::map<std::string, int, std::less<>> uses_;
  std::vector<Secret> secrets_;
};

}  // namespace squall
