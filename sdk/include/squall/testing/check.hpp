// What a test says when something does not hold. By itself this prints a line with file and line, and the program ends
// with exit code 1 whatever main() returns. A test framework takes it over by setting on_failure; GoogleTest:
//
//   squall::fake::on_failure = [](const std::source_location& where, const std::string& text) {
//     ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
//   };
#pragma once
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace squall::fake {

inline void print_failure(const std::source_location& where, const std::string& text) {
  [[maybe_unused]] static const int ends_badly = std::atexit([] {
    std::fflush(nullptr);
    std::_Exit(1);
  });
  std::fprintf(stderr, "%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), text.c_str());
}
inline void (*on_failure)(const std::source_location& where, const std::string& text) = print_failure;

/// `text` says what is wrong when it does not hold. The fake host reports broken rules by it, too.
inline void check(bool holds, std::string_view text,
                  const std::source_location& where = std::source_location::current()) {
  if (!holds) on_failure(where, std::string(text));
}

/// Compares numbers of any width and sign, texts, and whatever else has == and <<.
template <class Found, class Wanted>
void check_equal(const Found& found, const Wanted& wanted, std::string_view what = {},
                 const std::source_location& where = std::source_location::current()) {
  const bool is_same = [&] {
    if constexpr (std::integral<Found> && std::integral<Wanted> && !std::same_as<Found, Wanted>)
      return std::cmp_equal(found, wanted);
    else
      return found == wanted;
  }();
  if (is_same) return;
  std::ostringstream text;
  text << what << (what.empty() ? "" : ": ") << "found '" << found << "', wanted '" << wanted << "'";
  on_failure(where, text.str());
}

}  // namespace squall::fake
