#include "login_book.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

namespace squall::city {

std::optional<std::string> LoginBook::log_in(std::string_view user, std::string_view password) {
  if (user.empty() || password.empty() || password == "wrong") return std::nullopt;
  std::uint64_t secret = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&secret), sizeof secret);
  const std::lock_guard lock(mutex_);
  if (users_.size() >= kMaxSessions) return std::nullopt;
  std::string token = fmt::format("{:x}-{:016x}", ++issued_, secret);
  users_.emplace(token, user);
  return token;
}

std::optional<std::string> LoginBook::user_of(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(std::string(token));
  if (found == users_.end()) return std::nullopt;
  return found->second;
}

bool LoginBook::log_out(std::string_view token) {
  const std::lock_guard lock(mutex_);
  return users_.erase(std::string(token)) > 0;
}

void LoginBook::clear() {
  const std::lock_guard lock(mutex_);
  users_.clear();
}

}  // namespace squall::city
