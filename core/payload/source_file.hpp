// Files that a scenario names beside its own: templates, and the column of a CSV for `trace`.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "result.hpp"

namespace squall {

/// The cells below the header `column` of `folder`/`file`, in order; quotes as RFC 4180.
/// Errors: the file cannot be read, no such column ("did you mean"), a row that is too short.
Result<std::vector<std::string>> read_column(std::string_view folder, std::string_view file,
                                             std::string_view column);

/// A whole file, at most 1 GiB. Errors: cannot be read, too large, a directory.
Result<std::string> read_text_file(std::string_view folder, std::string_view file);
/// The path relative to the folder; absolute paths stay.
std::string join_path(std::string_view folder, std::string_view file);

}  // namespace squall
