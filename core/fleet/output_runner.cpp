#include "fleet/output_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "engine/arguments.hpp"
#include "engine/call_memory.hpp"
#include "engine/host_api.hpp"
#include "engine/loop.hpp"
#include "engine/shard_handle.hpp"
#include "plugin_host/last_words.hpp"
#include "plugin_host/plugin_turn.hpp"
#include "stats/late_part.hpp"

namespace squall {
namespace {

constexpr std::size_t kQueuedBatches = 60;        // a minute of an output that hangs
constexpr std::size_t kBufferedSamples = 2'000'000;  // a shard, between two batches
constexpr auto kFlushLimit = std::chrono::seconds(30);   // at the end, for batches that still wait
constexpr auto kLookForFallen = std::chrono::milliseconds(10);
constexpr auto kCloseLimit = std::chrono::seconds(90);   // an output may stay for a last reader

/// A sample outlives the call it came from: its detail is copied.
struct OwnedSample {
  Sample sample;
  std::string detail;
  std::uint32_t shard = 0;
};

/// One second for all outputs: the ABI's arrays and whatever their views point to.
struct Batch {
  sq_batch abi{};
  CallMemory memory;
  std::vector<sq_series_desc> descriptions;
  std::vector<const sq_series_desc*> description_pointers;
  std::vector<sq_window> windows;
  std::vector<sq_sample> samples;
  std::vector<OwnedSample> owned;
  std::vector<sq_gauge> gauges;
  std::vector<sq_event> events;
  std::shared_ptr<const MergedWindow> window;
  std::uint64_t dropped_samples = 0;   // found no room in their shard's buffer

  std::uint64_t items() const { return windows.size() + samples.size() + events.size() + gauges.size(); }
};

}  // namespace

class OutputRunner::Io {
 public:
  struct Output;
  struct Written : sq_done { Output* output = nullptr; };
  struct Output {
    Io* io = nullptr;
    const sq_output* plugin = nullptr;
    const Plugin* owner = nullptr;   // whose it is
    void* instance = nullptr;
    OutputAccount account;
    std::deque<std::shared_ptr<Batch>> queue;   // front: being written when is_writing
    bool is_writing = false, is_closed = false;
    Written written, closed;
  };

  Io() : loop_(Loop::Time::real, monotonic_ns()) {
    handle_.loop = &loop_;
    handle_.number = UINT32_MAX;
    thread_ = std::thread([this] {
      Reactor::prepare_thread();
      loop_.run();
    });
  }

  ~Io() {
    close();   // a run that did not come to its load has no other end
    loop_.stop();
    thread_.join();
  }

  /// Returns when it was done. One that the thread cannot do any more, since it crashed in an output, it never begins.
  void on_loop(std::function<void()> what) {
    std::mutex mutex;
    std::condition_variable done;
    bool is_done = false;
    loop_.post([&] {
      what();
      std::lock_guard lock(mutex);
      is_done = true;
      done.notify_one();
    });
    std::unique_lock lock(mutex);
    while (!done.wait_for(lock, kLookForFallen, [&] { return is_done; }) && !has_crashed()) {}
  }

  void open(const OutputSpec& spec, const Plugin* owner, std::vector<PlanError>& errors) {
    const sq_output* const plugin = owner->output;
    auto output = std::make_unique<Output>();
    output->io = this;
    output->plugin = plugin;
    output->owner = owner;
    output->account.name = plugin->name;
    output->written.output = output->closed.output = output.get();
    output->written.written = [](sq_done* handle, const sq_delivery* delivery) {
      Output& own = *static_cast<Written*>(handle)->output;
      own.io->on_written(own, delivery);
    };
    output->closed.done = [](sq_done* handle, sq_status status, sq_str why) {
      Output& own = *static_cast<Written*>(handle)->output;
      own.is_closed = true;
      if (status >= SQ_OK) return;
      own.account.ended_badly = true;
      own.account.error = why.len > 0 ? std::string(to_view(why)) : fmt::format("it could not close (status {})", status);
    };
    on_loop([&] {
      static const Scenario no_scenario;
      CallMemory memory;
      std::string text;
      ArgumentWriter writer{no_scenario, memory, nullptr, nullptr, text};
      std::vector<sq_pair> options(spec.options.size());
      for (std::size_t i = 0; i < options.size(); ++i) {
        options[i].key = to_str(memory.copy(spec.options[i].first));
        if (!writer.write(spec.options[i].second, SQ_T_NULL, options[i].value)) {
          errors.push_back({spec.mark, fmt::format("output '{}': {}: {}", spec.plugin, spec.options[i].first, text)});
          return;
        }
      }
      sq_error error{};
      const PluginTurn turn(owner, "open");
      if (plugin->open(&handle_, options.data(), options.size(), &output->instance, &error) != SQ_OK) {
        errors.push_back({spec.mark, fmt::format("output '{}': {}", spec.plugin,
                                                 std::string_view(error.text, strnlen(error.text, sizeof(error.text))))});
        output->instance = nullptr;
      }
    });
    if (output->instance) outputs_.push_back(std::move(output));
  }

  void give(std::shared_ptr<Batch> batch) {
    loop_.post([this, batch = std::move(batch)] {
      for (auto& output : outputs_) {
        output->account.accepted += batch->items() + batch->dropped_samples;
        output->account.dropped += batch->dropped_samples;
        if (output->queue.size() >= kQueuedBatches) {
          output->account.dropped += batch->items();
          output->account.error = "the output is too slow: batches were dropped";
          continue;
        }
        output->queue.push_back(batch);
        write_next(*output);
      }
    });
  }

  void write_next(Output& output) {
    if (output.is_writing || output.queue.empty()) return;
    output.is_writing = true;
    const PluginTurn turn(output.owner, "write");
    output.plugin->write(output.instance, &output.queue.front()->abi, &output.written);
  }

  void on_written(Output& output, const sq_delivery* delivery) {
    output.is_writing = false;
    const std::uint64_t items = output.queue.front()->items();
    const bool is_short = delivery && !SQ_HAS(delivery, why);   // nothing in it can be read
    if (delivery && !is_short && delivery->retry) {
      // Shown again later; with the next batch at the latest.
      output.account.error = std::string(to_view(delivery->why));
      return;
    }
    const std::uint64_t rejected = is_short ? items : delivery ? std::min(delivery->rejected, items) : 0;
    output.account.rejected += rejected;
    output.account.delivered += items - rejected;
    if (rejected) output.account.error = is_short ? "the plugin's sq_delivery has a struct_size that is too small" : std::string(to_view(delivery->why));
    output.queue.pop_front();
    // From the loop, not from within write(): a plugin may answer at once.
    loop_.post([this, &output] { write_next(output); });
  }

  /// Waits until every queue is empty and every output has closed, or the limits have passed. Once.
  void close() {
    if (std::exchange(is_closed_, true)) return;
    const auto wait_for = [&](std::chrono::seconds limit, auto&& holds) {
      const auto until = std::chrono::steady_clock::now() + limit;
      while (std::chrono::steady_clock::now() < until && !has_crashed()) {
        bool is_done = false;
        on_loop([&] { is_done = holds(); });
        if (is_done) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));   // the end of a run, no user waits
      }
    };
    wait_for(kFlushLimit, [&] {
      for (auto& output : outputs_) {
        write_next(*output);
        if (!output->queue.empty()) return false;
      }
      return true;
    });
    on_loop([&] {
      for (auto& output : outputs_) {
        for (const auto& batch : output->queue) output->account.dropped += batch->items();
        const PluginTurn turn(output->owner, "close");
        output->plugin->close(output->instance, &output->closed);
      }
    });
    wait_for(kCloseLimit, [&] { return std::ranges::all_of(outputs_, [](const auto& output) { return output->is_closed; }); });
    on_loop([&] {
      for (const Loop::Fault& fault : loop_.faults()) {
        faults_.push_back(fault.count > 1 ? fmt::format("{} ({} times)", fault.text, fault.count) : fault.text);
      }
      for (auto& output : outputs_) {
        if (output->is_closed) continue;
        output->account.ended_badly = true;
        output->account.error = fmt::format("it did not close within {} s", kCloseLimit.count());
      }
    });
  }

  std::vector<std::unique_ptr<Output>>& outputs() { return outputs_; }
  const std::vector<std::string>& faults() const { return faults_; }

  // What batches are made from.
  const Plan* plan = nullptr;
  std::string run_id;
  std::int64_t zero_unix_ns = 0;
  std::uint64_t batches = 0;
  std::uint32_t described = 0;
  std::size_t events_sent = 0;
  std::map<std::int64_t, std::shared_ptr<const MergedWindow>> told;   // the timeline keeps them all, too
  struct SampleBuffer {
    std::mutex mutex;
    std::vector<OwnedSample> samples;
    std::uint64_t dropped = 0;
  };
  std::vector<std::unique_ptr<SampleBuffer>> buffers;

 private:
  bool has_crashed() { return has_fallen(thread_.native_handle()); }

  Loop loop_;
  ShardHandle handle_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::string> faults_;
  bool is_closed_ = false;
  std::thread thread_;
};

namespace {

static_assert(SQ_HIST_LOW(1023) == bucket_low(1023) && SQ_HIST_LOW(1024) == bucket_low(1024) &&
              SQ_HIST_LOW(5000) == bucket_low(5000) && SQ_HIST_LOW(kBuckets - 1) == bucket_low(kBuckets - 1));

sq_hist to_hist(const SparseHistogram& histogram) {
  sq_hist hist{};
  hist.index = histogram.index().data();
  hist.count = histogram.counts().data();
  hist.n = histogram.index().size();
  hist.total = histogram.count();
  hist.sum_ns = histogram.sum_ns();
  hist.min_ns = histogram.min_ns();
  hist.max_ns = histogram.max_ns();
  return hist;
}

void describe_series(Batch& batch, const SeriesTable& table, std::uint32_t from) {
  batch.descriptions.reserve(table.size() - from);
  for (std::uint32_t id = from; id < table.size(); ++id) {
    const SeriesKey& key = table.key(id);
    sq_series_desc description{};
    description.struct_size = sizeof(description);
    description.id = id;
    description.population = to_str(key.population);
    description.task = to_str(key.task);
    description.name = to_str(key.name);
    description.operation = to_str(key.operation);
    description.type = to_str(key.type);
    auto* tags = batch.memory.array<sq_pair>(key.tags.size());
    for (std::size_t i = 0; i < key.tags.size(); ++i) {
      tags[i] = {};
      tags[i].key = to_str(key.tags[i].first);
      tags[i].value.type = SQ_T_STR;
      tags[i].value.u.str = to_str(key.tags[i].second);
    }
    description.tags = tags;
    description.n_tags = key.tags.size();
    batch.descriptions.push_back(description);
  }
  for (const auto& description : batch.descriptions) batch.description_pointers.push_back(&description);
}

void add_windows(Batch& batch, const MergedWindow& window) {
  for (const SeriesWindow& series : window.series) {
    sq_window out{};
    out.series = series.series;
    out.flags = series.phase == RunPhase::warmup ? SQ_W_WARMUP : 0;
    out.count = series.counts.count();
    out.failed = series.counts.failed;
    out.bytes_out = series.counts.bytes_out;
    out.bytes_in = series.counts.bytes_in;
    out.response = to_hist(series.response);
    out.service = to_hist(series.service);
    auto* errors = batch.memory.array<sq_error_count>(series.errors.size());
    for (std::size_t i = 0; i < series.errors.size(); ++i) {
      const ErrorCount& error = series.errors[i];
      errors[i] = {static_cast<std::uint32_t>(error.error), error.code, to_str(error.detail), error.count};
    }
    out.errors = errors;
    out.n_errors = series.errors.size();
    out.told = series.counts.told;
    batch.windows.push_back(out);
  }
}

void add_gauge(Batch& batch, std::string_view name, double value) {
  batch.gauges.push_back({to_str(batch.memory.copy(name)), value});
}

void add_gauges(Batch& batch, const Plan& plan, const MergedWindow& window) {
  // Every population is told each second, also when it has nobody left.
  std::vector<std::uint64_t> users(plan.populations().size());
  std::uint64_t present = 0, in_flight = 0;
  for (const PopulationWindow& population : window.populations) {
    users[population.population] = population.users_present;
    present += population.users_present;
    in_flight += population.in_flight;
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    add_gauge(batch, fmt::format("users.{}", plan.populations()[i].spec->name), static_cast<double>(users[i]));
  }
  add_gauge(batch, "users", static_cast<double>(present));
  add_gauge(batch, "in_flight", static_cast<double>(in_flight));
  add_gauge(batch, "busy", window.busy_max);
  if (!window.lag.empty()) add_gauge(batch, "lag_p99_s", static_cast<double>(window.lag.quantile_ns(.99)) * 1e-9);
}

/// What came in a second. Of a late part only what counters grew by: the other values are old by now.
void add_metrics(Batch& batch, const Plan& plan, const MergedWindow& window, bool is_late) {
  for (std::size_t i = 0; i < window.metrics.size(); ++i) {   // in the scenario's order
    const MetricWindow& values = window.metrics[i];
    if (values.count == 0) continue;
    const MetricSpec& metric = plan.scenario().metrics[i];
    const bool is_counter = metric.kind == MetricKind::counter;
    if (is_late && !is_counter) continue;
    const char* what = is_counter ? "counter" : metric.is_probe ? "probe" : "metric";
    const double mean = values.mean();
    add_gauge(batch, fmt::format("{}.{}", what, metric.name),
              is_counter ? values.sum : metric.kind == MetricKind::trend ? mean : values.last);
  }
}

}  // namespace

std::string OutputAccount::loss() const {
  const std::uint64_t lost = rejected + dropped;
  if (lost == 0 && !ended_badly) return "";
  return fmt::format("{}{}: {}", name, lost > 0 ? fmt::format(": {} of {} items", lost, accepted) : "", error.empty() ? "no reason was given" : error);
}

OutputRunner::OutputRunner() : io_(std::make_unique<Io>()) {}
OutputRunner::~OutputRunner() = default;

std::unique_ptr<OutputRunner> OutputRunner::make(const std::vector<OutputSpec>& specs, const Registry& registry,
                                                 std::vector<PlanError>& errors) {
  std::unique_ptr<OutputRunner> runner(new OutputRunner);
  for (const OutputSpec& spec : specs) {
    const Plugin* plugin = registry.find_output(spec.plugin);
    if (!plugin) errors.push_back({spec.mark, fmt::format("no plugin offers output '{}'", spec.plugin)});
    else runner->io_->open(spec, plugin, errors);
  }
  return runner;
}

bool OutputRunner::wants_samples() const {
  for (const auto& output : io_->outputs()) {
    if (output->plugin->flags & SQ_OUTPUT_SAMPLES) return true;
  }
  return false;
}

void OutputRunner::begin(const Plan& plan, const RunInfo& info) {
  io_->plan = &plan;
  io_->run_id = info.id;
  io_->zero_unix_ns = info.started_unix_ns;
  constexpr std::size_t kShardsMax = 256;
  for (std::size_t i = 0; i < kShardsMax; ++i) io_->buffers.push_back(std::make_unique<Io::SampleBuffer>());
}

void OutputRunner::add_sample(std::uint32_t shard, const Sample& sample) {
  Io::SampleBuffer& buffer = *io_->buffers[shard];
  std::lock_guard lock(buffer.mutex);
  if (buffer.samples.size() >= kBufferedSamples) {
    ++buffer.dropped;
    return;
  }
  buffer.samples.push_back({sample, std::string(sample.detail), shard});
}

void OutputRunner::add_window(std::shared_ptr<const MergedWindow> window, const std::vector<JournalEntry>& journal) {
  Io& io = *io_;
  auto batch = std::make_shared<Batch>();
  std::shared_ptr<const MergedWindow>& told = io.told[window->window];
  const bool is_late = told != nullptr;
  batch->window = is_late ? std::make_shared<const MergedWindow>(late_part(*told, *window)) : window;
  told = window;
  sq_batch& abi = batch->abi;
  abi.struct_size = sizeof(sq_batch);
  abi.number = io.batches++;
  abi.begin_unix_ns = static_cast<std::uint64_t>(io.zero_unix_ns + window->window * kWindowNs);
  abi.end_unix_ns = abi.begin_unix_ns + static_cast<std::uint64_t>(kWindowNs);
  // Sample times are run time; this turns them into wall-clock time.
  abi.mono_to_unix_ns = static_cast<std::uint64_t>(io.zero_unix_ns);
  describe_series(*batch, io.plan->series(), io.described);
  io.described = io.plan->series().size();
  add_windows(*batch, *batch->window);
  if (!is_late) add_gauges(*batch, *io.plan, *batch->window);
  add_metrics(*batch, *io.plan, *batch->window, is_late);
  const auto zero = static_cast<std::uint64_t>(io.zero_unix_ns);
  if (abi.number == 0) batch->events.push_back({zero, to_str("run"), to_str(batch->memory.copy(io.run_id))});
  for (; io.events_sent < journal.size(); ++io.events_sent) {
    const JournalEntry& entry = journal[io.events_sent];
    batch->events.push_back({static_cast<std::uint64_t>(io.zero_unix_ns + entry.at_ns),
                             to_str(batch->memory.copy(entry.event)), to_str(batch->memory.copy(entry.text))});
  }
  std::uint64_t dropped = 0;
  for (auto& buffer : io.buffers) {
    std::vector<OwnedSample> taken;
    {
      std::lock_guard lock(buffer->mutex);
      taken.swap(buffer->samples);
      dropped += std::exchange(buffer->dropped, 0);
    }
    if (batch->owned.empty()) batch->owned = std::move(taken);
    else std::move(taken.begin(), taken.end(), std::back_inserter(batch->owned));
  }
  batch->samples.reserve(batch->owned.size());
  for (const OwnedSample& own : batch->owned) {
    sq_sample out{};
    out.series = own.sample.series;
    out.user = own.sample.user;
    out.outcome = static_cast<std::uint32_t>(own.sample.outcome);
    out.kind = own.sample.outcome == Outcome::timeout ? std::uint32_t{SQ_K_NONE} : static_cast<std::uint32_t>(own.sample.error);
    out.code = own.sample.code;
    out.iteration = own.sample.iteration;
    out.due_ns = static_cast<std::uint64_t>(own.sample.due_ns);
    out.start_ns = static_cast<std::uint64_t>(own.sample.started_ns);
    out.first_byte_ns = static_cast<std::uint64_t>(own.sample.first_byte_ns);
    out.end_ns = static_cast<std::uint64_t>(own.sample.ended_ns);
    out.bytes_out = own.sample.bytes_out;
    out.bytes_in = own.sample.bytes_in;
    out.detail = to_str(own.detail);
    batch->samples.push_back(out);
  }
  abi.series = batch->description_pointers.data();
  abi.n_series = batch->description_pointers.size();
  abi.windows = batch->windows.data();
  abi.n_windows = batch->windows.size();
  abi.window_stride = sizeof(sq_window);
  abi.samples = batch->samples.data();
  abi.n_samples = batch->samples.size();
  abi.sample_stride = sizeof(sq_sample);
  abi.gauges = batch->gauges.data();
  abi.n_gauges = batch->gauges.size();
  abi.events = batch->events.data();
  abi.n_events = batch->events.size();
  batch->dropped_samples = dropped;
  io.give(std::move(batch));
}

void OutputRunner::finish(const std::vector<JournalEntry>& journal) {
  // The last events and samples have no second of their own any more.
  auto last = std::make_shared<MergedWindow>();
  last->window = io_->told.empty() ? 0 : io_->told.rbegin()->first + 1;
  add_window(std::move(last), journal);
  io_->close();
}

std::vector<OutputAccount> OutputRunner::accounts() const {
  std::vector<OutputAccount> accounts;
  for (const auto& output : io_->outputs()) accounts.push_back(output->account);
  return accounts;
}

const std::vector<std::string>& OutputRunner::faults() const { return io_->faults(); }

}  // namespace squall
