// Feeds output plugins (squall.output/1): windows, events, gauges and, for those that ask, every sample.
// They live on an io shard, a thread and loop of their own, so that no output can ever hold up a user:
// when an output is slow, batches queue up to a bound and are then dropped, counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.hpp"
#include "fleet/run_result.hpp"
#include "plugin_host/registry.hpp"
#include "stats/sample.hpp"

namespace squall {

class OutputRunner {
 public:
  /// Opens every output of the scenario. Errors: each at its output's place. Thread: main.
  static std::unique_ptr<OutputRunner> make(const std::vector<OutputSpec>& specs, const Registry& registry,
                                            std::vector<PlanError>& errors);
  /// Closes what finish() has not closed.
  ~OutputRunner();
  OutputRunner(const OutputRunner&) = delete;
  OutputRunner& operator=(const OutputRunner&) = delete;

  bool wants_samples() const;

  /// Before the run: what the batches need to know of it.
  void begin(const Plan& plan, const RunInfo& info);
  /// One merged second, with the events noted since the last. Of one that was given before, what came late. [control]
  void add_window(std::shared_ptr<const MergedWindow> window, const std::vector<JournalEntry>& journal);
  /// One sample; copied into the shard's own buffer. [shard]
  void add_sample(std::uint32_t shard, const Sample& sample);
  /// The last batch, then flush and close; waits for it (bounded). [control]
  void finish(const std::vector<JournalEntry>& journal);

  std::vector<OutputAccount> accounts() const;
  /// Rules that outputs have broken, each text once with its number. After finish(). [control]
  const std::vector<std::string>& faults() const;

 private:
  class Io;
  OutputRunner();
  std::unique_ptr<Io> io_;
};

}  // namespace squall
