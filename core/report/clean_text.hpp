// Text that any reader of UTF-8 takes: names and details come from files and servers and may hold any bytes.
#pragma once

#include <string>
#include <string_view>

namespace squall {

/// What is not UTF-8, control characters and what XML does not allow become U+FFFD; line ends and tabs become spaces.
std::string clean_text(std::string_view text);

}  // namespace squall
