#include "exports.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "report/html_page.hpp"
#include "report/junit.hpp"
#include "report/locust_csv.hpp"
#include "report/markdown.hpp"
#include "report/result_json.hpp"
#include "report/run_files.hpp"
#include "report/summary.hpp"

namespace squall {
namespace {

using Write = std::function<void(std::ostream&, const RunResult&)>;
struct Export {
  std::string file;   // "" or "-": stdout
  Write write;
};

Write text_of(std::string (*render)(const RunResult&)) {
  return [render](std::ostream& out, const RunResult& result) { out << render(result); };
}

/// Each file that was asked for, once.
std::vector<Export> all_of(const Exports& exports) {
  std::vector<Export> all;
  const std::pair<const std::optional<std::string>*, std::string (*)(const RunResult&)> texts[] = {
      {&exports.json, result_json}, {&exports.html, html_page}, {&exports.junit, junit_xml}, {&exports.markdown, markdown}};
  for (const auto& [file, render] : texts) {
    if (*file) all.push_back({**file, text_of(render)});
  }
  if (exports.csv) {
    all.push_back({*exports.csv + "_stats.csv", text_of(locust_stats_csv)});
    all.push_back({*exports.csv + "_stats_history.csv", text_of(locust_history_csv)});
    all.push_back({*exports.csv + "_failures.csv", text_of(locust_failures_csv)});
    all.push_back({*exports.csv + "_exceptions.csv", text_of(locust_exceptions_csv)});
  }
  if (exports.results) {
    const std::string folder = *exports.results + "/";
    all.push_back({folder + "result.json", text_of(result_json)});
    all.push_back({folder + "timeline.jsonl", write_timeline});
    all.push_back({folder + "histograms.jsonl", write_histograms});
    all.push_back({folder + "journal.jsonl", write_journal});
    all.push_back({folder + "report.html", text_of(html_page)});
  }
  return all;
}

bool is_stdout(const std::string& file) { return file.empty() || file == "-"; }

}  // namespace

bool can_write_exports(const Exports& exports) {
  if (exports.results) {
    std::error_code error;
    std::filesystem::create_directories(*exports.results, error);
  }
  for (const Export& one : all_of(exports)) {
    if (is_stdout(one.file) || std::ofstream(one.file, std::ios::binary | std::ios::app)) continue;
    fmt::print(stderr, "squall: cannot write {}: {}\n", one.file, std::strerror(errno));
    return false;
  }
  return true;
}

bool write_exports(const Exports& exports, const RunResult& result) {
  bool is_written = true;
  for (const Export& one : all_of(exports)) {
    std::ofstream file;
    if (!is_stdout(one.file)) file.open(one.file, std::ios::binary);
    std::ostream& out = is_stdout(one.file) ? std::cout : file;
    one.write(out, result);
    out.flush();
    if (out) continue;
    fmt::print(stderr, "squall: cannot write {}: {}\n", is_stdout(one.file) ? "to stdout" : one.file, std::strerror(errno));
    is_written = false;
  }
  return is_written;
}

bool wants_color(const Options& options, std::FILE* out) {
  if (options.no_color || std::getenv("NO_COLOR")) return false;
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(out)) && term && std::string_view(term) != "dumb";
}

void print_summary(const Options& options, const RunResult& result) {
  SummaryStyle style;
  style.color = wants_color(options, stdout);
  fmt::print("{}", summary_text(result, style));
  std::fflush(stdout);
}

}  // namespace squall
