#include "scenario/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "scenario/node.hpp"

namespace squall {

namespace fs = std::filesystem;

std::string refuse_path(const std::string& folder, const std::string& path, fs::path& full, bool may_be_folder) {
  if (path.empty()) return "the file has no name";
  if (fs::path(path).is_absolute()) return fmt::format("'{}' is an absolute path; files lie in the scenario's folder or below", path);
  std::error_code failed;
  const fs::path root = fs::weakly_canonical(folder.empty() ? fs::path(".") : fs::path(folder), failed);
  full = fs::weakly_canonical(root / path, failed);
  const auto [root_end, ignored] = std::mismatch(root.begin(), root.end(), full.begin(), full.end());
  if (failed || root_end != root.end()) return fmt::format("'{}' leads out of the scenario's folder", path);
  const fs::file_status status = fs::status(full, failed);
  if (!fs::exists(status)) return fmt::format("no file '{}'", path);
  if (fs::is_directory(status) && may_be_folder) {
    fs::path file;
    for (const auto& entry : fs::directory_iterator(full, failed)) {
      if (!entry.is_regular_file(failed)) continue;   // a folder in it is passed over
      if (std::string why = refuse_path(folder, (fs::path(path) / entry.path().filename()).string(), file); !why.empty()) return why;
    }
    return failed ? fmt::format("the folder '{}' cannot be read", path) : "";
  }
  if (fs::is_directory(status)) return fmt::format("'{}' is a directory", path);
  if (!fs::is_regular_file(status)) return fmt::format("'{}' is no regular file", path);
  return "";
}

Result<std::string> read_text(const std::string& path) {
  std::error_code failed;
  const auto status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status)) return Error{"no such file"};
  if (std::filesystem::is_directory(status)) return Error{"this is a directory, not a file"};
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{"the file cannot be read"};
  const std::size_t limit = ParseLimits{}.bytes + 1;
  std::string text;
  char block[1 << 16];
  while (text.size() < limit && (in.read(block, sizeof block) || in.gcount() > 0)) text.append(block, static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return Error{"the file cannot be read"};
  return text;
}

}  // namespace squall
