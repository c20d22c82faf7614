// The output in process: the test is squall, makes its seconds and reads the file. What does not hold is a line on
// stderr, and the program ends with 1.
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <squall/testing/fake_output.hpp>

namespace {

using namespace squall::fake;

constexpr uint64_t kMillisecond = 1'000'000;
const std::string kHead =
    "begin,population,task,name,phase,count,failed,p50_ms,p95_ms,p99_ms,sent_bytes,received_bytes";

/// One run's output and its file, which goes with it.
struct Bench {
  std::string path = std::filesystem::temp_directory_path() / ("acme-" + std::to_string(::getpid()) + ".csv");
  sq_series_desc home = series(0, "home"), article = series(1, "article");
  void* sink = nullptr;
  sq_error error{};
  sq_done told;  // what it says of each batch, and at the end

  ~Bench() { std::filesystem::remove(path); }
  sq_status open(const std::string& file) {
    const sq_pair options[] = {{str("file"), text_value(file)}};
    return load_output("acme").open(nullptr, options, std::size(options), &sink, &error);
  }
  void open() { check_equal(open(path), SQ_OK, error.text); }
  void write(Batch& batch) { load_output("acme").write(sink, batch.view(), &told); }
  void close() { load_output("acme").close(sink, &told); }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
};

/// The cells of a line in which nothing is quoted.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

/// The response times of a window: `count` of `ns` each.
void took(sq_window& window, uint64_t count, uint64_t ns) {
  struct One {
    uint32_t bucket;
    uint64_t count;
  };
  static std::deque<One> kept;  // a histogram is a view
  const One& one = kept.emplace_back(squall::plugin::bucket_of(ns), count);
  window.count = count;
  window.response = {&one.bucket, &one.count, 1, count, count * ns, ns, ns};
}

void a_thousand_seconds_are_all_in_the_file() {
  Bench bench;
  bench.open();
  std::array<uint64_t, 4> sent{};  // count, failed, sent, received
  for (uint64_t second = 0; second < 1000; ++second) {
    Batch batch(second);
    if (second == 0) batch.series = {&bench.home};
    if (second == 500) batch.series = {&bench.article};  // the first of its kind
    for (uint32_t id = 0; id < (second < 500 ? 1 : 2); ++id) {
      sq_window& window = batch.add_window(id);
      took(window, 10 + second, (second + 1) * kMillisecond);
      window.failed = second % 7;
      window.bytes_out = 100 * second;
      window.bytes_in = 5'000'000'000 + second;
      const uint64_t numbers[] = {window.count, window.failed, window.bytes_out, window.bytes_in};
      for (size_t i = 0; i < sent.size(); ++i) sent[i] += numbers[i];
    }
    bench.write(batch);
  }
  check_equal(bench.told.delivered, 1500, "windows delivered");
  check_equal(bench.told.rejected, 0, "windows rejected");
  bench.close();
  check_equal(bench.told.done, 1, "closed");
  check_equal(bench.told.status, SQ_OK, bench.told.why);

  const std::vector<std::string> lines = bench.lines();
  check_equal(lines.size(), 1 + 1500, "lines");
  check_equal(lines.at(0), kHead);
  check_equal(lines.at(1), "2026-11-18T11:06:40.000Z,visitors,visit,home,main,10,0,1.000,1.000,1.000,0,5000000000");
  check_equal(lines.at(1500), "2026-11-18T11:23:19.000Z,visitors,visit,article,main,1009,5,"
                              "1000.000,1000.000,1000.000,99900,5000000999");
  std::array<uint64_t, 4> found{};
  for (size_t line = 1; line < lines.size(); ++line) {
    const std::vector<std::string> row = cells(lines[line]);
    check_equal(row.size(), 12, "cells");
    for (size_t i = 0; i < found.size(); ++i) found[i] += std::stoull(row.at(std::array{5, 6, 10, 11}[i]));
  }
  for (size_t i = 0; i < found.size(); ++i) check_equal(found[i], sent[i], "a sum over all lines");
}

void percentiles_are_those_of_the_histogram() {
  Bench bench;
  bench.open();
  Batch batch(0);
  batch.series = {&bench.home};
  sq_window& window = batch.add_window(0);
  squall::plugin::HistogramSum times;
  for (const auto& [count, ns] : {std::pair{60, 2 * kMillisecond}, {38, 30 * kMillisecond}, {2, 400 * kMillisecond}}) {
    took(window, count, ns);
    times.add(window.response);
  }
  window.count = 100;
  window.response = times.view();
  bench.write(batch);
  const std::vector<std::string> row = cells(bench.lines().at(1));
  for (const auto& [column, ms] : {std::pair{7, 2.0}, {8, 30.0}, {9, 400.0}}) {
    const double found = std::stod(row.at(static_cast<size_t>(column)));
    check(found > ms * 0.999 && found < ms * 1.001, "p50, p95, p99: found " + std::to_string(found));
  }
  bench.close();
}

void a_name_may_hold_anything() {
  Bench bench;
  bench.open();
  sq_series_desc odd = series(0, "say \"hi\", please");
  odd.task = str("two\nlines");
  Batch batch(0);
  batch.series = {&odd};
  batch.add_window(0).count = 1;
  bench.write(batch);
  bench.close();
  const std::vector<std::string> lines = bench.lines();
  check_equal(lines.at(1), "2026-11-18T11:06:40.000Z,visitors,\"two");
  check_equal(lines.at(2).substr(0, 36), "lines\",\"say \"\"hi\"\", please\",main,1,0");
}

void warmup_late_numbers_and_transfers_are_lines_of_their_own() {
  Bench bench;
  bench.open();
  Batch batch(0);
  batch.series = {&bench.home};
  sq_window& warmup = batch.add_window(0);
  warmup.flags = SQ_W_WARMUP;
  took(warmup, 2, kMillisecond);
  took(batch.add_window(0), 3, kMillisecond);
  batch.add_window(0).bytes_out = 1 << 20;  // a transfer that goes on
  batch.add_window(0).told = 4;             // messages that were lost: no operation
  bench.write(batch);
  Batch late(1);
  late.abi.begin_unix_ns = batch.abi.begin_unix_ns;
  took(late.add_window(0), 1, kMillisecond);
  bench.write(late);
  bench.close();
  const std::string begin = "2026-11-18T11:06:40.000Z,visitors,visit,home";
  const std::vector<std::string> lines = bench.lines();
  check_equal(lines.size(), 5, "lines");
  check_equal(lines.at(1), begin + ",warmup,2,0,1.000,1.000,1.000,0,0");
  check_equal(lines.at(2), begin + ",main,3,0,1.000,1.000,1.000,0,0");
  check_equal(lines.at(3), begin + ",main,0,0,,,,1048576,0");
  check_equal(lines.at(4), begin + ",main,1,0,1.000,1.000,1.000,0,0");
}

void what_cannot_be_opened_is_told() {
  Bench bench;
  check_equal(bench.open("/nowhere/run.csv"), SQ_E_IO);
  check_equal(std::string(bench.error.text), "cannot write /nowhere/run.csv: No such file or directory");
  check_equal(bench.open("/dev/full"), SQ_E_IO, "the head finds no room");
  check_equal(std::string(bench.error.text), "cannot write /dev/full: No space left on device");
  check_equal(load_output("acme").open(nullptr, nullptr, 0, &bench.sink, &bench.error), SQ_E_INVALID);
  check_equal(std::string(bench.error.text), "acme needs file: a path");
}

void a_full_disk_leaves_whole_lines_and_is_told() {
  Bench bench;
  bench.open();
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{200, before.rlim_max};  // so long may a file be: the head and one line
  ::setrlimit(RLIMIT_FSIZE, &limit);
  for (uint64_t second = 0; second < 3; ++second) {
    Batch batch(second);
    if (second == 0) batch.series = {&bench.home};
    took(batch.add_window(0), 7, kMillisecond);
    bench.write(batch);
    check_equal(bench.told.delivered, 1, "windows delivered");
    check_equal(bench.told.rejected, second, "windows rejected");
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  check_equal(bench.told.why, "cannot write " + bench.path + ": File too large");
  bench.close();
  const std::vector<std::string> lines = bench.lines();
  check_equal(lines.size(), 2, "lines");
  check_equal(lines.at(1), "2026-11-18T11:06:40.000Z,visitors,visit,home,main,7,0,1.000,1.000,1.000,0,0");
}

}  // namespace

int main() {
  a_thousand_seconds_are_all_in_the_file();
  percentiles_are_those_of_the_histogram();
  a_name_may_hold_anything();
  warmup_late_numbers_and_transfers_are_lines_of_their_own();
  what_cannot_be_opened_is_told();
  a_full_disk_leaves_whole_lines_and_is_told();
  std::puts("done");
}
