#include "fleet/local_run.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "engine/loop.hpp"
#include "engine/shard.hpp"
#include "fleet/output_runner.hpp"
#include "fleet/shard_watch.hpp"
#include "fleet/thread_stack.hpp"
#include "net/net_api.hpp"
#include "net/resolver.hpp"
#include "plugin_host/last_words.hpp"
#include "plugin_host/process_state.hpp"

namespace squall {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kStartDelayNs = 50'000'000;   // threads are up before run time 0
constexpr std::uint32_t kStopsThatEndAll = 2;         // signals, after which nobody waits for a shard that hangs

std::int64_t realtime_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

double process_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Sorts by time, and names the second it began in: 20261121T200000-1a2b3c.
std::string make_run_id(std::int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}-{:06x}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec,
                     static_cast<std::uint32_t>((unix_ns ^ (unix_ns >> 32)) & 0xFFFFFF));
}

class LocalRun final : public ShardLink {
 public:
  LocalRun(const Plan& plan, SharedData& shared, LocalRunOptions options, OutputRunner* outputs)
      : plan_(plan), options_(std::move(options)), outputs_(outputs), slots_(options_.shards),
        shared_(shared), resolver_(control_), signals_(control_, SIGINT, SIGTERM),
        tick_(control_), watch_(plan), next_look_(control_) {
    options_.controller.shards = options_.shards;
    controller_ = std::make_unique<Controller>(plan, *this, options_.controller);
  }

  Result<RunResult> run() {
    zero_ns_ = monotonic_ns() + kStartDelayNs + static_cast<std::uint64_t>(plan_.connect_ns());
    anchor_ns_ = realtime_ns() - static_cast<std::int64_t>(monotonic_ns());
    RunInfo info;
    info.started_unix_ns = anchor_ns_ + static_cast<std::int64_t>(zero_ns_);
    info.id = make_run_id(info.started_unix_ns);
    const double cpu_before = process_cpu_s();
    if (outputs_) outputs_->begin(plan_, info);
    if (options_.checks_plugins) {
      controller_->facts().warnings.emplace_back("plugins were checked (--check-plugins): times and rates are not those of a plain run");
    }

    prepare_stacks();
    set_process_targets(&plan_.targets());
    for (std::uint32_t i = 0; i < options_.shards; ++i) {
      agents_.push_back(std::make_unique<ShardThread>());
      agents_.back()->loop = std::make_unique<Loop>(Loop::Time::real, monotonic_ns());
    }
    const ProcessState state_before = ProcessState::now();
    const std::vector<int> files_before = open_descriptors();
    for (std::uint32_t i = 0; i < options_.shards; ++i) start_shard(i);
    wait_for_signals();
    arm_tick();
    arm_look();
    controller_->note("start", plan_.scenario().name);
    control_.run();

    for (auto& agent : agents_) {
      if (is_abandoned_) agent->thread.detach();
      else if (agent->thread.joinable()) agent->thread.join();
    }
    if (!is_abandoned_) set_process_targets(nullptr);
    if (!start_error_.empty()) return Error{start_error_};
    if (!is_abandoned_) look_for_changes(state_before);
    controller_->tick(run_time());
    for (auto& window : controller_->take_windows()) keep_window(std::move(window));
    controller_->end();
    std::vector<OutputAccount> accounts;
    if (outputs_) {   // before the verdict, which is about what they lost, too
      outputs_->finish(controller_->journal());
      accounts = outputs_->accounts();
      for (const OutputAccount& account : accounts) {
        if (std::string loss = account.loss(); !loss.empty()) controller_->facts().output_losses.push_back(std::move(loss));
      }
      for (const std::string& fault : outputs_->faults()) {
        controller_->facts().plugin_faults.push_back(fault);
        controller_->note("plugin_fault", fault);
      }
      if (const char* fallen = what_fell(); fallen && !is_abandoned_) {   // an output, at its end
        controller_->facts().internal_error = fallen;
        is_abandoned_ = true;
      }
    }
    if (!is_abandoned_) look_for_open_files(files_before);   // those of outputs are closed by now
    RunResult result = controller_->result();
    result.records = shared_.record_totals();
    result.is_abandoned = is_abandoned_;
    result.outputs = std::move(accounts);
    info.scenario = plan_.scenario().name;
    info.file = plan_.scenario().file;
    info.seed = plan_.scenario().seed;
    info.shards = options_.shards;
    info.duration_ns = run_time();
    info.cpu_s = process_cpu_s() - cpu_before;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    info.peak_rss_bytes = std::int64_t{usage.ru_maxrss} * 1024;
    result.info = std::move(info);
    result.timeline = std::move(timeline_);
    return result;
  }

  /// A shard's thread stands still for good: it still uses this run and what the run was given.
  bool is_abandoned() const { return is_abandoned_; }

  // ShardLink: to a shard's loop.
  void grant(std::uint32_t shard, std::uint32_t budget, const BudgetGrant& grant) override {
    agents_[shard]->loop->post([own = agents_[shard].get(), budget, grant] { own->shard->accept(budget, grant); });
  }
  void stop(std::uint32_t shard, std::int64_t drain_ns, std::int64_t grace_ns) override {
    agents_[shard]->loop->post([own = agents_[shard].get(), drain_ns, grace_ns] { own->shard->stop(drain_ns, grace_ns); });
  }
  void begin_population(std::uint32_t shard, std::uint32_t population) override {
    agents_[shard]->loop->post([own = agents_[shard].get(), population] { own->shard->begin_population(population); });
  }

 private:
  /// One shard's thread. Messages to the controller are posted to the control thread.
  struct ShardThread final : Uplink {
    LocalRun* run = nullptr;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<Shard> shard;
    std::thread thread;
    std::atomic<pid_t> thread_id{0};   // 0: it does not run yet

    template <typename Message>
    void tell(Message message) {
      asio::post(run->control_, [run = run, message = std::move(message)]() mutable {
        run->controller_->set_now(run->run_time());
        message(*run->controller_);
      });
    }
    void records(std::uint32_t source, std::vector<WindowRecord> records) override {
      tell([source, records = std::move(records)](Controller& c) mutable { c.records(source, std::move(records)); });
    }
    void budget(std::uint32_t source, std::uint32_t budget, const BudgetState& state) override {
      tell([=](Controller& c) { c.budget(source, budget, state); });
    }
    void population_ended(std::uint32_t source, std::uint32_t population) override {
      tell([=](Controller& c) { c.population_ended(source, population); });
    }
    void event(std::uint32_t source, std::string kind, std::string text) override {
      tell([=](Controller& c) { c.event(source, kind, text); });
    }
    void abort_asked(std::uint32_t source, std::string who) override {
      tell([=](Controller& c) { c.abort_asked(source, who); });
    }
    void finished(std::uint32_t source) override {
      tell([run = run, source](Controller& c) {
        c.finished(source);
        if (c.is_finished()) run->end();
      });
    }
    void sample(std::uint32_t source, const Sample& sample) override { run->outputs_->add_sample(source, sample); }
  };

  void start_shard(std::uint32_t index) {
    ShardThread& own = *agents_[index];
    own.run = this;
    own.loop->set_slack(static_cast<std::uint64_t>(plan_.scenario().run.slack_ns));
    own.loop->set_busy_poll(static_cast<std::uint64_t>(plan_.scenario().run.busy_poll_ns));
    ShardOptions options;
    options.index = index;
    options.wall_anchor_ns = anchor_ns_;
    options.wants_samples = outputs_ && outputs_->wants_samples();
    options.resolver = &resolver_;
    options.observer = options_.observer;
    options.traffic = options_.traffic;
    own.shard = std::make_unique<Shard>(plan_, slots_, *own.loop, own, shared_, options);
    own.thread = std::thread([this, &own, index] {
      name_thread(index);
      own.thread_id = ::gettid();
      Reactor::prepare_thread();
      const SignalStack stack;
      const std::string error = own.shard->prepare(zero_ns_);
      if (!error.empty()) asio::post(control_, [this, error] { fail(error); });
      while (!own.shard->is_finished() && !has_given_up_.load(std::memory_order_relaxed)) own.loop->turn();
      own.loop->close();
      if (own.shard->is_finished()) own.shard.reset();
    });
    watch_.add(*own.loop, own.thread.native_handle(), own.thread_id);
  }

  void name_thread(std::uint32_t index) {
    pthread_setname_np(pthread_self(), fmt::format("shard {}", index).c_str());
    cpu_set_t allowed;
    if (!options_.pin_threads || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
    if (CPU_COUNT(&allowed) < static_cast<int>(options_.shards) || options_.shards < 2) return;
    int left = static_cast<int>(index);
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (!CPU_ISSET(core, &allowed) || left-- > 0) continue;
      cpu_set_t own;
      CPU_ZERO(&own);
      CPU_SET(core, &own);
      pthread_setaffinity_np(pthread_self(), sizeof(own), &own);
      return;
    }
  }

  /// One shard could not begin: none does. What their plugins have opened they close.
  void fail(const std::string& error) {
    if (start_error_.empty()) start_error_ = error;
    for (std::uint32_t i = 0; i < options_.shards; ++i) stop(i, 0, 0);
  }

  void wait_for_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      controller_->tick(run_time());
      controller_->stop_by_user(signal == SIGINT ? "SIGINT" : "SIGTERM");
      ++stops_asked_;
      wait_for_signals();
    });
  }

  void arm_tick() {
    tick_.expires_after(std::chrono::milliseconds(next_tick_ms()));
    tick_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      controller_->tick(run_time());
      for (auto& window : controller_->take_windows()) keep_window(std::move(window));
      if (options_.on_tick) options_.on_tick(*controller_, run_time());
      arm_tick();
    });
  }

  void arm_look() {
    next_look_.expires_after(std::chrono::nanoseconds(ShardWatch::kLookNs));
    next_look_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      if (const char* fallen = what_fell()) {
        last_stall_ = fallen;
        return abandon();
      }
      for (const ShardWatch::Finding& finding : watch_.look(monotonic_ns())) stands_still(finding);
      using Stage = ShardWatch::Stage;
      const Stage given_up = stops_asked_ < kStopsThatEndAll ? Stage::hopeless : Stage::fault;
      if (watch_.is_any_at(given_up)) return abandon();
      arm_look();
    });
  }

  void stands_still(const ShardWatch::Finding& finding) {
    last_stall_ = fmt::format("shard {} stood still for {:.1f} s or more: {}", finding.shard,
                              static_cast<double>(finding.lasted_ns) * 1e-9, finding.where);
    controller_->set_now(run_time());
    const bool is_fault = finding.is_plugin && finding.stage >= ShardWatch::Stage::fault;
    controller_->event(finding.shard, is_fault ? "plugin_fault" : "stall", last_stall_);
  }

  /// What the plugins of this run have left in the process; which of them, nobody can tell any more.
  void look_for_changes(const ProcessState& state) {
    if (const std::string change = state.change_until(ProcessState::now()); !change.empty()) {
      controller_->event(0, "plugin_fault", fmt::format("{} changed {} while the run went on", whose_traces(), change));
    }
  }
  void look_for_open_files(const std::vector<int>& before) {
    if (const std::string left = left_open(before, open_descriptors()); !left.empty()) {
      const std::string text = fmt::format("the run leaves {} ({})", left, whose_traces());
      controller_->note("files_left_open", text);
      controller_->facts().warnings.push_back(text);
    }
  }
  std::string whose_traces() const {
    std::string names;
    for (const ProtocolInstance& instance : plan_.protocols()) {
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", instance.plugin->name());
    }
    return fmt::format("{} {}", plan_.protocols().size() == 1 ? "plugin" : "one of the plugins", names);
  }

  /// The other shards end in their turn; what they had not told yet is lost.
  void abandon() {
    is_abandoned_ = has_given_up_ = true;
    controller_->facts().internal_error = last_stall_;
    for (auto& agent : agents_) agent->loop->post([] {});
    end();
  }

  /// A little after each full second of run time, when the shards' records are in.
  std::int64_t next_tick_ms() const {
    constexpr std::int64_t kSecondMs = 1000, kAfterMs = 50;
    const std::int64_t now_ms = run_time() / 1'000'000;
    const std::int64_t into = ((now_ms - kAfterMs) % kSecondMs + kSecondMs) % kSecondMs;
    return kSecondMs - into;
  }

  void keep_window(std::shared_ptr<const MergedWindow> window) {
    if (outputs_) outputs_->add_window(window, controller_->journal());
    timeline_.push_back(std::move(window));
  }

  void end() {
    boost::system::error_code ignored;
    signals_.cancel(ignored);
    tick_.cancel();
    next_look_.cancel();
    control_.stop();
  }

  std::int64_t run_time() const {
    return static_cast<std::int64_t>(monotonic_ns()) - static_cast<std::int64_t>(zero_ns_);
  }

  const Plan& plan_;
  LocalRunOptions options_;
  OutputRunner* outputs_;
  SlotTable slots_;
  SharedData& shared_;
  asio::io_context control_{1};
  Resolver resolver_;
  asio::signal_set signals_;
  asio::steady_timer tick_;
  ShardWatch watch_;
  asio::steady_timer next_look_;
  std::unique_ptr<Controller> controller_;
  std::vector<std::unique_ptr<ShardThread>> agents_;
  std::vector<std::shared_ptr<const MergedWindow>> timeline_;
  std::uint64_t zero_ns_ = 0;
  std::int64_t anchor_ns_ = 0;
  std::string start_error_;
  LastWordsListener listener_;
  std::string last_stall_;
  std::uint32_t stops_asked_ = 0;
  bool is_abandoned_ = false;
  std::atomic<bool> has_given_up_{false};
};

}  // namespace

Result<RunResult> run_locally(const Plan& plan, SharedData& shared, LocalRunOptions options, OutputRunner* outputs) {
  auto run = std::make_unique<LocalRun>(plan, shared, std::move(options), outputs);
  auto result = run->run();
  if (run->is_abandoned()) static_cast<void>(run.release());
  return result;
}

}  // namespace squall
