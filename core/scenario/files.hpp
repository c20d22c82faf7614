// Files that a scenario names: only those of its own folder or below may be opened.
#pragma once

#include <filesystem>
#include <string>

#include "result.hpp"

namespace squall {

/// Why `path` may not be opened, or "": then `full` is where it lies. Links are followed before it is judged.
/// With `may_be_folder` a folder may be opened when all its files may.
std::string refuse_path(const std::string& folder, const std::string& path, std::filesystem::path& full, bool may_be_folder = false);

/// A text of at most one byte more than a scenario may have, so that the parser can refuse it.
Result<std::string> read_text(const std::string& path);

}  // namespace squall
