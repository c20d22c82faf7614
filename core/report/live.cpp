#include "report/live.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "report/series_view.hpp"
#include "report/table.hpp"

namespace squall {
namespace {

/// After so many seconds the next plain line: 1, 2, 5, 10, 20, 30, then each half minute.
bool is_line_due(std::int64_t second) {
  if (second <= 2 || second == 5 || second == 10 || second == 20) return second > 0;
  return second % 30 == 0;
}

std::uint64_t last_second_count(const Snapshot& snapshot, std::uint32_t series) {
  if (snapshot.windows.empty()) return 0;
  for (const SeriesWindow& window : snapshot.windows.back()->series) {
    if (window.series == series) return window.counts.count();
  }
  return 0;
}

bool has_records(const Snapshot& snapshot) {
  return std::ranges::any_of(snapshot.sources, [](const SourceState& source) { return source.last_sequence > 0; });
}

std::uint64_t users_of(const Snapshot& snapshot) {
  std::uint64_t users = 0;
  for (const PopulationTotals& population : snapshot.populations) {
    if (!population.background) users += population.users_present;
  }
  return users;
}

}  // namespace

class Live::Screen {
 public:
  explicit Screen(LiveOptions options) : options_(std::move(options)) {}

  ~Screen() {
    if (options_.is_terminal) erase();
    std::fflush(options_.out);
  }

  void show(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping) {
    if (options_.is_terminal) paint(snapshot, run_time_ns, is_stopping);
    else print_line(snapshot, run_time_ns, is_stopping);
  }

 private:
  std::string clock_text(std::int64_t ns) const {
    const std::int64_t seconds = std::max<std::int64_t>(ns, 0) / 1'000'000'000;
    return fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
  }

  /// Before the first second is over nobody knows how many users there are; 0 would be a lie.
  std::string state_text(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping) const {
    std::string text;
    if (run_time_ns < 0) text = fmt::format("  connecting, load begins in {} s", (-run_time_ns + 999'999'999) / 1'000'000'000);
    else if (has_records(snapshot)) text = fmt::format("  users {}", count_text(users_of(snapshot)));
    return text + (is_stopping ? "  draining" : "");
  }

  void erase() {
    if (lines_ > 0) fmt::print(options_.out, "\x1b[{}A\x1b[J", lines_);
    lines_ = 0;
  }

  void paint(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping) {
    winsize size{};
    std::size_t width = 100, height = 24;
    if (::ioctl(::fileno(options_.out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      width = size.ws_col;
      height = size.ws_row;
    }
    std::string text = fmt::format(" {}  {}", printable(options_.scenario), clock_text(run_time_ns));
    if (options_.planned_ns > 0) {
      const double share = std::clamp(static_cast<double>(run_time_ns) / static_cast<double>(options_.planned_ns), 0.0, 1.0);
      constexpr std::size_t kBar = 24;
      const auto filled = static_cast<std::size_t>(share * kBar);
      text += fmt::format(" / {}  [", clock_text(options_.planned_ns));
      for (std::size_t i = 0; i < kBar; ++i) text += i < filled ? "#" : ".";
      text += fmt::format("] {:.0f} %", share * 100);
    }
    text += state_text(snapshot, run_time_ns, is_stopping) + "\n";
    auto list = series_to_show(snapshot);
    const std::size_t room = height > 6 ? height - 5 : 3;
    const std::size_t hidden = list.size() > room ? list.size() - room : 0;
    if (hidden) list.resize(room);
    Table table({"name", "done", "/s now", "failed", "p50", "p95", "p99"});
    for (const SeriesTotals* series : list) {
      table.add({printable(fmt::format("{}/{}", series->key.population, series->key.name)),
                 count_text(series->counts.count()), count_text(last_second_count(snapshot, series->series)),
                 count_text(series->counts.failed), time_text(static_cast<double>(series->response.quantile_ns(0.5))),
                 time_text(static_cast<double>(series->response.quantile_ns(0.95))),
                 time_text(static_cast<double>(series->response.quantile_ns(0.99)))});
    }
    text += table.print(width, " ");
    if (hidden) text += fmt::format(" … and {} more\n", hidden);
    erase();
    std::fwrite(text.data(), 1, text.size(), options_.out);
    std::fflush(options_.out);
    lines_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  void print_line(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping) {
    const bool changed = is_stopping != was_stopping_ || (run_time_ns < 0 && !has_told_connecting_);
    was_stopping_ = is_stopping;
    if (!changed && !is_line_due(run_time_ns / 1'000'000'000)) return;
    if (run_time_ns < 0 || !has_records(snapshot)) {
      has_told_connecting_ = true;
      fmt::print(options_.out, "{}{}\n", clock_text(run_time_ns), state_text(snapshot, run_time_ns, is_stopping));
      std::fflush(options_.out);
      return;
    }
    std::uint64_t now = 0;
    if (!snapshot.windows.empty()) {
      for (const SeriesWindow& window : snapshot.windows.back()->series) now += window.counts.count();
    }
    const SampleCounts totals = snapshot.totals();
    fmt::print(options_.out, "{}  users {}  done {}  {}/s  failed {}  lag p99 {}{}\n", clock_text(run_time_ns),
               users_of(snapshot), totals.count(), now, totals.failed,
               time_text(static_cast<double>(snapshot.generator.lag.quantile_ns(0.99))), is_stopping ? "  draining" : "");
    std::fflush(options_.out);
  }

  LiveOptions options_;
  std::size_t lines_ = 0;
  bool was_stopping_ = false;
  bool has_told_connecting_ = false;
};

Live::Live(LiveOptions options) : screen_(std::make_unique<Screen>(std::move(options))) {}
Live::~Live() = default;

void Live::show(const Snapshot& snapshot, std::int64_t run_time_ns, bool is_stopping) {
  screen_->show(snapshot, run_time_ns, is_stopping);
}

}  // namespace squall
