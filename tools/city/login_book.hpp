// Who is logged in. Shared by all workers behind a mutex: logins are rare beside requests.
// Passwords are not the point: every user with any password but "wrong" may come in.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace squall::city {

class LoginBook {
 public:
  static constexpr std::size_t kMaxSessions = 1'000'000;

  /// A new session's token, or nothing when the name or password is not good or the book is full.
  std::optional<std::string> log_in(std::string_view user, std::string_view password);
  /// The user who holds this token.
  std::optional<std::string> user_of(std::string_view token) const;
  /// Ends the session. False when there was none.
  bool log_out(std::string_view token);
  void clear();

 private:
  mutable std::mutex mutex_;
  std::uint64_t issued_ = 0;
  std::unordered_map<std::string, std::string> users_;
};

}  // namespace squall::city
