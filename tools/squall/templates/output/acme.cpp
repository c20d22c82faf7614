// The output "acme" as a plugin of squall: a CSV file with a line for each second and series, for spreadsheets and
// scripts. It is whole and runs as it stands: make it yours from the top. What a batch holds, and what is told of it,
// is in squall's docs/plugins.md, "Outputs". All of it runs on one thread, which makes no load: it may wait for a disk.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <squall/output.hpp>
#include <system_error>

namespace {

using namespace squall::plugin;

// ---- what a scenario may say, `outputs: [ acme: { file: run.csv } ]`; on the command line `--out acme=run.csv` ------

constexpr sq_param kFile = param(SQ_T_STR, "file", "path; what it held is gone", {.flags = SQ_P_REQUIRED});
constexpr const sq_param* kOptions[] = {&kFile, nullptr};

// ---- the file: whole lines or nothing -------------------------------------------------------------------------------

class File {
 public:
  explicit File(std::string path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail();
  }
  File(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// When it returns the kernel has every byte. When it throws the file ends where it did before, and takes nothing
  /// more: half a line never stands in the middle. (A pipe cannot be cut: its reader finds the half at the end.)
  void write(std::string_view text) {
    if (!problem_.empty()) throw Refusal(SQ_E_IO, problem_);
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
      if (n >= 0) done += static_cast<size_t>(n);
      if (n < 0 && errno != EINTR) fail();
    }
    whole_ += static_cast<off_t>(text.size());
  }
  void close() {  // some file systems tell only now what they could not write
    if (::close(std::exchange(fd_, -1)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() {
    problem_ = "cannot write " + path_ + ": " + std::generic_category().message(errno);
    [[maybe_unused]] const int status = ::ftruncate(fd_, whole_);
    throw Refusal(SQ_E_IO, problem_);
  }

  std::string path_, problem_;  // the first error, which is told again for each batch after it
  int fd_;
  off_t whole_ = 0;  // bytes of whole lines
};

// ---- a line ---------------------------------------------------------------------------------------------------------

constexpr char kHead[] =
    "begin,population,task,name,phase,count,failed,p50_ms,p95_ms,p99_ms,sent_bytes,received_bytes\n";

/// What holds a comma, a quote or the end of a line stands in quotes, its own quotes twice (RFC 4180).
std::string cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

/// 2026-11-22T20:00:00.250Z
std::string time_text(uint64_t unix_ns) {
  const auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%FT%T", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03uZ", static_cast<unsigned>(unix_ns / 1'000'000 % 1000));
  return text;
}

// ---- what squall asks for: the constructor opens, and what it throws refuses the run -------------------------------

class Csv {
 public:
  Csv(std::span<const sq_pair> options, sq_shard*) : file_(path_of(options)) { file_.write(kHead); }

  /// Once a second; all that the batch shows is valid until this returns. What is thrown rejects it, and is told to the
  /// user; `return later("why")` has it shown again.
  Delivery write(const Batch& batch) {
    for (const sq_series_desc& series : batch.series()) remember(series);
    std::string lines;
    for (const sq_window& window : batch.windows()) add_line(lines, batch.begin_unix_ns(), window);
    file_.write(lines);
    return delivered();
  }

  void close() { file_.close(); }

 private:
  static std::string path_of(std::span<const sq_pair> options) {
    const sq_value* file = find(options, "file");
    if (file && !as_text(*file).empty()) return std::string(as_text(*file));
    throw invalid("acme needs file: a path");
  }

  void remember(const sq_series_desc& series) {  // each comes once, before its first window
    if (series.id >= names_.size()) names_.resize(series.id + 1);
    names_[series.id] = cell(view(series.population)) + ',' + cell(view(series.task)) + ',' + cell(view(series.name));
  }

  /// Numbers that come late are one more line of their second: counts and bytes add up to the result's.
  void add_line(std::string& lines, uint64_t begin_unix_ns, const sq_window& window) const {
    if (window.count == 0 && window.bytes_out == 0 && window.bytes_in == 0) return;  // no operation: messages lost, say
    lines += time_text(begin_unix_ns) + ',' + names_.at(window.series);
    lines += window.flags & SQ_W_WARMUP ? ",warmup" : ",main";  // a second may have a line of each
    lines += ',' + std::to_string(window.count) + ',' + std::to_string(window.failed);
    for (const double share : {.5, .95, .99}) {
      char text[32] = ",";  // what is still under way has bytes already, and no time yet
      if (window.count > 0) std::snprintf(text, sizeof text, ",%.3f", 1e-6 * quantile_ns(window.response, share));
      lines += text;
    }
    lines += ',' + std::to_string(window.bytes_out) + ',' + std::to_string(window.bytes_in) + '\n';
  }

  File file_;
  std::vector<std::string> names_;  // by series: its first cells
};

constexpr sq_output kOutput = output<Csv>("acme", kOptions);

}  // namespace

SQUALL_OUTPUT_PLUGIN("org.example.acme", "0.1.0", "a run as CSV", "Apache-2.0", kOutput)
