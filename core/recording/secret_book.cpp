#include "recording/secret_book.hpp"

#include <algorithm>
#include <cctype>

namespace squall {
namespace {

constexpr std::size_t kShortestSearched = 8;

// Long words say it wherever they stand (newPassword2); short ones only as a word of their own (pin, not opinion).
constexpr std::string_view kLong[] = {"password", "passwort", "passwd", "passphrase", "passcode", "secret", "credential", "authorization", "apikey",
                                      "accesskey", "privatekey", "sessionid", "signature"};
constexpr std::string_view kShort[] = {"pass", "pwd", "pin", "otp", "totp", "mfa", "cvv", "cvc", "jwt", "sid", "sig", "token", "csrf", "xsrf", "session"};

/// The words of a field's name in lower case: accessToken and access_token are access and token.
std::vector<std::string> words_of(std::string_view field) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < field.size(); ++i) {
    const auto c = static_cast<unsigned char>(field[i]);
    const bool is_new_word = std::isupper(c) != 0 && i > 0 && std::islower(static_cast<unsigned char>(field[i - 1])) != 0;
    if (std::isalnum(c) == 0 || is_new_word) words.emplace_back();
    if (std::isalnum(c) != 0) words.back() += static_cast<char>(std::tolower(c));
  }
  return words;
}

std::string upper_snake(std::string_view field) {
  std::string name;
  for (const std::string& word : words_of(field)) {
    if (word.empty()) continue;
    if (!name.empty()) name += '_';
    for (const char c : word) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (name.empty()) return "VALUE";
  return std::isdigit(static_cast<unsigned char>(name[0])) != 0 ? "S_" + name : name;
}

}  // namespace

bool is_secret_name(std::string_view field) {
  const std::vector<std::string> words = words_of(field);
  std::string all;
  for (const std::string& word : words) all += word;
  const auto is_in_all = [&](std::string_view part) { return all.find(part) != all.npos; };
  const auto is_a_word = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
  return std::ranges::any_of(kLong, is_in_all) || std::ranges::any_of(kShort, is_a_word) || all.ends_with("token");
}

std::string SecretBook::reference(std::string_view field, std::string_view value, std::string_view description) {
  std::string base = upper_snake(field);
  const auto [found, is_new] = names_.try_emplace({base, std::string(value)});
  if (is_new) {
    const int use = ++uses_[base];
    found->second = use == 1 ? base : base + "_" + std::to_string(use);
    // A field may be called password_2 itself.
    while (std::ranges::find(secrets_, found->second, &Secret::name) != secrets_.end()) found->second += "_X";
    secrets_.push_back({found->second, std::string(description)});
  }
  return "secret." + found->second;
}

std::vector<std::string> SecretBook::found_in(std::string_view text) const {
  std::vector<std::string> found;
  for (const auto& [key, name] : names_)
    if (key.second.size() >= kShortestSearched && text.find(key.second) != text.npos) found.push_back(name);
  return found;
}

}  // namespace squall
