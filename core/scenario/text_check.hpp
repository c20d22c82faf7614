// Whether bytes are text as data files have it: UTF-8 without NUL.
#pragma once

#include <cstddef>
#include <string_view>

namespace squall {

struct CheckedText {
  std::size_t good = 0;    // so many bytes are text
  bool is_bad = false;     // the byte behind them is not
};

/// Overlong forms and surrogates are bad. Unless `is_last`, a character that the end cuts is left for the next call: the
/// text goes on there.
CheckedText check_text(std::string_view text, bool is_last);

}  // namespace squall
