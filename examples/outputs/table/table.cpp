// A whole output in one file: at the end of a run a table in Markdown, such as a CI job shows
// (`-o table=$GITHUB_STEP_SUMMARY`).
#include <cstdio>
#include <fstream>
#include <map>
#include <squall/output.hpp>

namespace {

using namespace squall::plugin;

constexpr sq_param kFile = param(SQ_T_STR, "file", "path; the table is put at its end", {.flags = SQ_P_REQUIRED});
constexpr const sq_param* kOptions[] = {&kFile, nullptr};

/// Of one line, from all windows of its series.
struct Row {
  std::string name;
  uint64_t count = 0, failed = 0;
  HistogramSum response;
};

class Table {
 public:
  Table(std::span<const sq_pair> options, sq_shard*)
      : path_(as_text(*find(options, "file"))), file_(path_, std::ios::app) {
    if (!file_) throw invalid("cannot write " + path_);
  }

  Delivery write(const Batch& batch) {
    for (const sq_series_desc& series : batch.series())
      rows_[series.id].name = std::string(view(series.population)) + "/" + std::string(view(series.name));
    for (const sq_window& window : batch.windows()) {
      if (window.flags & SQ_W_WARMUP) continue;
      Row& row = rows_[window.series];
      row.count += window.count;
      row.failed += window.failed;
      row.response.add(window.response);
    }
    return delivered();
  }

  void close() {
    file_ << "| name | count | failed | p50 ms | p95 ms | p99 ms |\n|---|--:|--:|--:|--:|--:|\n";
    for (const auto& [id, row] : rows_) {
      if (row.count == 0) continue;
      file_ << "| " << cell(row.name) << " | " << row.count << " | " << row.failed;
      for (const double share : {.5, .95, .99}) {
        char text[32];
        std::snprintf(text, sizeof text, " | %.3f", static_cast<double>(quantile_ns(row.response.view(), share)) * 1e-6);
        file_ << text;
      }
      file_ << " |\n";
    }
    if (!file_.flush()) throw Refusal(SQ_E_IO, "cannot write " + path_);
  }

 private:
  static std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '|' || c == '\\') out.push_back('\\');
      out.push_back(c == '\n' ? ' ' : c);
    }
    return out;
  }

  std::string path_;
  std::ofstream file_;
  std::map<uint32_t, Row> rows_;   // by series
};

constexpr sq_output kTable = output<Table>("table", kOptions);

}  // namespace

SQUALL_OUTPUT_PLUGIN("org.example.table", "0.1.0", "a run as a table in Markdown", "Apache-2.0", kTable)
