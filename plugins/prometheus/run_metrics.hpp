// The run so far, as Prometheus wants it: sums since the begin.  Batches go in, exposition.hpp
// reads. Its size follows the number of series (squall has at most 10,000), not the length of the
// run.
#pragma once
#include <array>
#include <deque>
#include <map>
#include <squall/output.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "bounds.hpp"

namespace squall::prometheus {

struct Times {
  std::vector<uint64_t> counts;  // as Bounds::add() leaves them; empty: none yet
  uint64_t count = 0, sum_ns = 0;
};

struct SeriesSums {
  std::string labels;  // without braces
  uint64_t count = 0, failed = 0, sent_bytes = 0, received_bytes = 0, told = 0;
  std::array<uint64_t, plugin::kErrorClasses> errors{};
  Times response, service;
  uint64_t last_batch = 0;               // that it was in
  std::vector<uint64_t> percentiles_ns;  // of its response times in that batch; empty: it had none
};

class RunMetrics {
 public:
  RunMetrics(Bounds bounds, std::vector<double> percentiles)
      : bounds_(std::move(bounds)), percentiles_(std::move(percentiles)) {}

  /// Adds a batch; one that was added before changes nothing.  Returns how many windows are of a
  /// series that was never described.
  uint64_t add(const plugin::Batch& batch);
  /// The last batch is in.
  void end() { is_active_ = false; }

  const Bounds& bounds() const { return bounds_; }
  const std::deque<SeriesSums>& series() const { return series_; }
  const std::map<std::string, double>& gauges() const { return gauges_; }
  /// What the gauges `counter.NAME` add up to, by NAME.
  const std::map<std::string, double>& counters() const { return counters_; }
  const std::string& run_id() const { return run_id_; }
  const std::string& scenario() const { return scenario_; }
  uint64_t begin_unix_ns() const { return begin_unix_ns_; }
  uint64_t last_batch() const { return last_batch_; }
  bool has_begun() const { return has_begun_; }
  bool is_active() const { return has_begun_ && is_active_; }

 private:
  struct Described {
    std::array<std::string, 2> labels;  // main, warm-up
    std::array<SeriesSums*, 2> sums{};  // nullptr: no window yet
  };
  SeriesSums& sums_of(Described& described, bool is_warmup);
  void add_times(const sq_hist& times, Times& into) const;

  Bounds bounds_;
  std::vector<double> percentiles_;
  std::vector<Described> described_;  // by series
  // What has the same labels is one series to Prometheus, though it may be several to squall.
  std::unordered_map<std::string, SeriesSums*> by_labels_;
  std::deque<SeriesSums> series_;
  std::map<std::string, double> gauges_, counters_;
  std::string run_id_, scenario_;
  uint64_t begin_unix_ns_ = 0, last_batch_ = 0;
  bool has_begun_ = false, is_active_ = true;
};

}  // namespace squall::prometheus
