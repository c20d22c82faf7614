// What `--once` prints, as it happens: a line for each operation; with -v also what went out and came back, what
// was captured, and every check. Secrets are hidden (report/redaction.hpp). It judges nothing by itself.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "engine/plan.hpp"
#include "engine/user_observer.hpp"
#include "net/traffic.hpp"
#include "report/redaction.hpp"

namespace squall {

/// Thread: that of the run's only shard, while it runs.
class OncePrinter final : public UserObserver, public TrafficObserver {
 public:
  struct Style {
    bool is_verbose = false;
    bool is_quiet = false;
    bool color = false;
  };
  /// A wait of the scenario lasts at most so long.
  static constexpr std::int64_t kWaitMaxNs = 1'000'000'000;

  /// Of the scenario's parts those that are followed are printed, one after the other.
  OncePrinter(const Scenario& scenario, Style style);
  /// The plan of the part that begins; it outlives that.
  void follow(const Plan& plan) { plan_ = &plan; }

  std::uint64_t operations() const { return operations_; }
  std::uint64_t failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }

  void part_begins(const User& user, std::string_view part) override;
  void part_ends(const User& user, std::string_view part, End end) override;
  void call_begins(const Call& call, const sq_value* args, std::uint32_t count) override;
  void call_ends(const Call& call, const CallReport& report) override;
  void step_failed(const Step& step, ErrorClass error, std::string_view why) override;
  void acquired(const Dataset& data, std::uint32_t record) override;
  void group_ends(const SeriesKey& key, const Sample& sample) override;
  void delivered(const SeriesKey& key, const Sample& sample) override;
  std::int64_t wait(std::int64_t asked_ns) override;

  void connected(const Target& target, std::string_view peer) override;
  void sent(const Target& target, std::span<const iovec> pieces) override;
  void sent_file(const Target& target, int fd, std::uint64_t offset, std::uint64_t length) override;
  void received(const Target& target, const void* data, std::size_t size) override;
  void closed(const Target& target, const Failure& why) override;

 private:
  /// Bytes of one direction in a row (of a datagram socket: one datagram), or a remark.
  struct Run {
    enum class Kind : std::uint8_t { sent, received, remark } kind;
    const Target* target = nullptr;
    std::string kept;
    std::uint64_t total = 0;
  };

  void print(const std::string& event);
  void fail(const std::string& what);
  std::string mark(bool is_good) const;
  std::string shown(const std::string& text) const;   // printable, without secrets
  Run* run_of(Run::Kind kind, const Target& target);
  void add(Run::Kind kind, const Target& target, const void* data, std::size_t size);
  void print_runs();
  std::string arguments(const Call& call, const sq_value* args, std::uint32_t count) const;
  std::string outputs(const Call& call) const;
  std::string value_text(const sq_value& value, std::uint32_t unit, bool is_hidden) const;
  std::string checks(const std::vector<CallReport::Checked>& list, std::string_view word) const;
  std::string captures(const CallReport& report, std::string_view between) const;

  const Plan* plan_ = nullptr;
  const Style style_;
  const Redaction redaction_;
  std::size_t name_width_ = 0, operation_width_ = 0, target_width_ = 0;
  const PopulationSpec* population_ = nullptr;
  std::string heading_, part_heading_;           // not yet printed
  std::string target_;                           // of the call in flight
  std::string arguments_;
  std::vector<Run> runs_;
  std::uint64_t runs_left_out_ = 0;
  bool has_bytes_ = false, has_unreadable_answer_ = false;   // of the call in flight
  std::uint64_t operations_ = 0, failed_ = 0;
  std::string first_failure_;
};

}  // namespace squall
