// "did you mean 'users'?": the known word nearest to a misspelt one, or none.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace squall {

/// The nearest candidate within a third of the word's length (at least 1, at most 3 edits; a swap
/// of neighbours counts one); "" when nothing is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
/// " (did you mean 'users'?)", or "".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace squall
