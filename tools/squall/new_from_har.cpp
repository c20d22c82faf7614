// squall new scenario --from FILE.har: a scenario, and files for the bodies that do not fit into it, made from a recording.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "recording/har.hpp"
#include "recording/journey.hpp"
#include "recording/journey_text.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;

constexpr int kBadCommandLine = 2, kBadData = 104, kInternal = 109;
constexpr std::uintmax_t kMostRecorded = std::uintmax_t{1} << 30;
constexpr std::size_t kMostScenario = 16u << 20;   // what a scenario may have
constexpr std::size_t kMostShown = 20;

struct NewFile {
  fs::path path;
  const std::string* bytes;
};

int refuse(const std::string& file, const std::string& why) {
  fmt::print(stderr, "{}: error: {}\n", file, why);
  return kBadData;
}

/// All of them or none: what was begun is taken away when one cannot be written.
int write_all(const std::vector<NewFile>& files) {
  std::vector<fs::path> made;
  for (const NewFile& file : files) {
    std::error_code failed;
    const fs::path folder = file.path.parent_path();
    if (!folder.empty() && fs::create_directories(folder, failed)) made.push_back(folder);
    if (!fs::exists(file.path)) made.push_back(file.path);
    std::ofstream out(file.path, std::ios::binary | std::ios::trunc);
    out << *file.bytes;
    out.close();
    if (out) continue;
    fmt::print(stderr, "squall: cannot write {}\n", file.path.string());
    for (auto path = made.rbegin(); path != made.rend(); ++path) fs::remove(*path, failed);
    return kInternal;
  }
  return 0;
}

std::string counted(std::size_t count, const char* one, const char* many) { return fmt::format("{} {}", count, count == 1 ? one : many); }

void print_report(std::FILE* to, const Journey& journey, const std::string& name) {
  fmt::print(to, "{}: {}", name, counted(journey.steps.size(), "request", "requests"));
  if (journey.pages > 0) fmt::print(to, " on {}", counted(journey.pages, "page", "pages"));
  fmt::print(to, " to {}", counted(journey.targets.size(), "target", "targets"));
  if (!journey.files.empty()) fmt::print(to, ", {} beside it", counted(journey.files.size(), "file with a body", "files with bodies"));
  fmt::print(to, "; try it with 'squall run {} --once'\n", name);
  if (const std::string text = journey.left_out.text(); !text.empty()) fmt::print(to, "left out: {}\n", text);
  for (const std::string& warning : journey.warnings) fmt::print(to, "note: {}\n", warning);
  if (journey.secrets.empty()) return;
  fmt::print(to, "secrets are not in it; set before a run:\n");
  for (const auto& secret : journey.secrets) fmt::print(to, "  SQUALL_SECRET_{}  {}\n", secret.name, secret.description);
}

}  // namespace

int new_from_har(const Options& options) {
  const std::string& source = *options.recording;
  std::error_code failed;
  if (!fs::exists(source, failed)) return refuse(source, "no such file");
  if (fs::is_directory(source, failed)) return refuse(source, "this is a directory, not a file");
  if (fs::is_regular_file(source, failed) && fs::file_size(source, failed) > kMostRecorded)
    return refuse(source, fmt::format("more than {} GiB; record a shorter journey, or save it without the contents of answers", kMostRecorded >> 30));
  std::ifstream in(source, std::ios::binary);
  if (!in) return refuse(source, "cannot be read");
  const HarResult read = read_har(in);
  if (!read.har) {
    for (std::size_t i = 0; i < read.mistakes.size() && i < kMostShown; ++i) refuse(source, read.mistakes[i]);
    if (read.mistakes.size() > kMostShown) refuse(source, fmt::format("and {} more", read.mistakes.size() - kMostShown));
    return kBadData;
  }

  const bool to_stdout = options.new_name == "-";
  fs::path path = options.new_name.empty() ? fs::path(source).filename().replace_extension() : fs::path(options.new_name);
  if (path.extension() != ".yaml" && path.extension() != ".yml") path += ".yaml";
  const std::string name = to_stdout ? fs::path(source).stem().string() : path.stem().string();
  const Journey journey = make_journey(*read.har, {.assets = options.assets, .all_hosts = options.all_hosts,
                                                   .source = fs::path(source).filename().string(), .payload_folder = name + "-payloads"});
  if (journey.steps.empty()) return refuse(source, fmt::format("nothing is left to make a scenario of; left out: {}", journey.left_out.text()));
  const std::string text = journey_text(journey, name);
  if (text.size() > kMostScenario)
    return refuse(source, fmt::format("its scenario would have {} MiB, and may have {}; record a shorter journey", text.size() >> 20, kMostScenario >> 20));
  if (to_stdout) {
    if (!journey.files.empty()) {
      fmt::print(stderr, "squall: {} beside the scenario: give it a NAME instead of -\n", counted(journey.files.size(), "body goes into a file", "bodies go into files"));
      return kBadCommandLine;
    }
    fmt::print("{}", text);
    print_report(stderr, journey, "-");
    return 0;
  }
  std::vector<NewFile> files;
  for (const PayloadFile& file : journey.files) files.push_back({path.parent_path() / file.path, &file.bytes});
  files.push_back({path, &text});
  for (const NewFile& file : files) {
    if (options.force || !fs::exists(file.path)) continue;
    fmt::print(stderr, "squall: {} exists already (--force overwrites it)\n", file.path.string());
    return kBadCommandLine;
  }
  if (const int code = write_all(files)) return code;
  print_report(stdout, journey, path.string());
  return 0;
}

}  // namespace squall
