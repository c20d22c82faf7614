// One C++ file to a plugin, so that a scenario can name the source: compiled once, and again when it or a header changes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "result.hpp"

namespace squall {

/// The folder of abi.h's folder `squall`: SQUALL_SDK/include, or beside the program. Errors: one line.
Result<std::filesystem::path> sdk_include();

/// Compiles `source` to `output` (empty: into the cache, when what is there is not of these very files and flags) and says
/// so on stderr; the compiler's own words go there, too. `flags` come last: -O0, -lz … Errors: one line.
Result<std::filesystem::path> build_plugin(const std::filesystem::path& source, const std::filesystem::path& output,
                                           const std::vector<std::string>& flags);

/// Whether a file is source that build_plugin() takes.
bool is_source(const std::filesystem::path& file);

}  // namespace squall
