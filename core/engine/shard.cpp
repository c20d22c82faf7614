// A shard's phases from the first connect to the end, its tick, its budgets; calls are shard_calls.cpp's.
#include "engine/shard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "engine/host_api.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kBusyWindowMinNs = kSecondNs / 2;
constexpr std::uint64_t kCloseLimitNs = 10 * kSecondNs;
constexpr std::uint64_t kFaultsMax = 1000;   // of a shard: then the run is not worth its time

/// CPU time and run-queue delay of this thread so far, in ns; zeros when the kernel does not say.
std::pair<std::uint64_t, std::uint64_t> thread_times() {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/task/%ld/schedstat", syscall(SYS_gettid));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {0, 0};
  char text[128] = {};
  const ssize_t got = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  unsigned long long cpu = 0, delay = 0;
  if (got <= 0 || std::sscanf(text, "%llu %llu", &cpu, &delay) != 2) return {0, 0};
  return {cpu, delay};
}

RecorderOptions recorder_options(const Plan& plan, std::uint32_t shard) {
  RecorderOptions options;
  options.source = shard;
  options.warmup_ns = plan.scenario().run.warmup_ns;
  options.populations = static_cast<std::uint32_t>(plan.populations().size());
  options.targets = plan.targets().size();
  options.metrics = static_cast<std::uint32_t>(plan.scenario().metrics.size());
  return options;
}

}  // namespace

struct Shard::Closing : sq_done {
  Shard* shard = nullptr;
  const Plugin* plugin = nullptr;
  bool is_done = false;
};

Shard::Shard(const Plan& plan, const SlotTable& slots, Loop& loop, Uplink& uplink, SharedData& shared,
             ShardOptions options)
    : plan_(plan), slots_(slots), loop_(loop), uplink_(uplink), shared_(shared), options_(options),
      recorder_(recorder_options(plan, options.index)), protocols_(plan.protocols().size()), deliveries_(plan.populations().size()) {
  handle_.loop = &loop;
  handle_.shard = this;
  handle_.number = options.index;
  if (loop.reactor()) {
    net_ = std::make_unique<ShardNet>(loop, *loop.reactor(), plan.targets(), options.resolver);
    handle_.net = net_.get();
    if (options_.traffic) net_->observe(*options_.traffic);
    loop.observe_waits(
        [](void* context, std::uint64_t waited_ns, unsigned events) noexcept {
          static_cast<Shard*>(context)->recorder_.turn(static_cast<std::int64_t>(waited_ns), events);
        },
        this);
  }
  for (std::size_t i = 0; i < plan.budgets().size(); ++i) budgets_.push_back({BudgetLease(options.index), {}, false});
  for (const auto& data : plan.scenario().datasets) data_readers_.emplace_back(*data);
  for (const PopulationPlan& population : plan.populations()) {
    populations_.push_back(Population::make(*this, population));
  }
  const auto set = [this](Step& step, void (Shard::*what)()) {
    step.shard = this;
    step.what = what;
    step.fire = [](TimerNode& node) noexcept {
      auto& own = static_cast<Step&>(node);
      (own.shard->*own.what)();
    };
  };
  set(connect_, &Shard::begin_connecting);
  set(run_, &Shard::begin_running);
  set(horizon_, &Shard::reach_horizon);
  set(tick_, &Shard::tick);
  set(drain_, &Shard::drain_is_over);
  set(grace_, &Shard::grace_is_over);
  set(close_guard_, &Shard::finish);
  for (std::size_t i = 0; i < populations_.size(); ++i) {
    starts_.push_back(std::make_unique<Step>());
    set(*starts_.back(), &Shard::begin_starting_populations);
  }
}

Shard::~Shard() {
  for (Step* step : {&connect_, &run_, &horizon_, &tick_, &drain_, &grace_, &close_guard_}) loop_.disarm(*step);
  for (auto& start : starts_) loop_.disarm(*start);
  calls_.for_each([this](Call& call) { loop_.disarm(call.deadline); });
}

// ---- phases ----------------------------------------------------------------------------------------

std::string Shard::prepare(std::uint64_t zero_ns) {
  zero_ns_ = zero_ns;
  loop_.enter();
  for (std::size_t i = 0; i < protocols_.size(); ++i) {
    const ProtocolInstance& instance = plan_.protocols()[i];
    sq_error error{};
    const PluginTurn turn(instance.plugin, "shard_open");
    const sq_status status = instance.protocol->shard_open(instance.instance, handle(), &protocols_[i].state, &error);
    if (status != SQ_OK) {
      begin_closing();
      return fmt::format("plugin '{}' cannot open its shard: {}", instance.protocol->name, failure_text(error, status));
    }
    protocols_[i].closing = std::make_unique<Closing>();
    ++plugins_open_;
  }
  const RunSpec& run = plan_.scenario().run;
  drain_ns_ = run.drain_ns;
  grace_ns_ = run.grace_ns;
  if (plan_.connect_ns() > 0) arm(connect_, zero_ns - static_cast<std::uint64_t>(plan_.connect_ns()));
  arm(run_, zero_ns);
  if (plan_.horizon_ns() != kNeverNs) arm(horizon_, zero_ns + static_cast<std::uint64_t>(plan_.horizon_ns()));
  return {};
}

void Shard::begin_connecting() {
  for (auto& population : populations_) population->connect();
}

void Shard::start_at(User& user, std::int64_t run_time_ns) {
  user.clock.fire = [](TimerNode& node) noexcept {
    User& own = *static_cast<User::Clock&>(node).user;
    own.owner().start_early(own);
  };
  loop_.arm(user.clock, static_cast<std::uint64_t>(static_cast<std::int64_t>(zero_ns_) + run_time_ns));
}

void Shard::begin_running() {
  if (phase_ != Phase::waiting) return;
  phase_ = Phase::running;
  busy_wall_ns_ = loop_.now_ns();
  spent_ = spent();
  arm(tick_, zero_ns_ + kSecondNs);
  for (std::size_t i = 0; i < populations_.size(); ++i) {
    const PopulationSpec& spec = *populations_[i]->plan().spec;
    if (spec.after == kNone && spec.start_ns > 0) {
      arm(*starts_[i], zero_ns_ + static_cast<std::uint64_t>(spec.start_ns));
    }
  }
  begin_starting_populations();
}

void Shard::begin_starting_populations() {
  for (auto& population : populations_) {
    const PopulationSpec& spec = *population->plan().spec;
    if (phase_ != Phase::running || population->has_begun() || spec.after != kNone) continue;
    if (run_time(loop_.turn_ns()) >= spec.start_ns) {
      population->begin(zero_ns_ + static_cast<std::uint64_t>(spec.start_ns));
    }
  }
}

void Shard::begin_population(std::uint32_t population) {
  loop_.enter();
  if (phase_ == Phase::running) populations_[population]->begin(loop_.turn_ns());
}

void Shard::reach_horizon() { begin_draining(drain_ns_, grace_ns_, &Population::reach_horizon); }

void Shard::stop(std::int64_t drain_ns, std::int64_t grace_ns) {
  loop_.enter();
  begin_draining(drain_ns, grace_ns, &Population::stop);
}

void Shard::begin_draining(std::int64_t drain_ns, std::int64_t grace_ns, void (Population::*end_load)()) {
  if (phase_ >= Phase::closing) return;
  const std::uint64_t now = loop_.now_ns();
  grace_ns_ = grace_ns;
  drain_end_ns_ = now + static_cast<std::uint64_t>(drain_ns);
  if (phase_ >= Phase::draining) {   // asked again: sooner
    for (auto& population : populations_) (population.get()->*end_load)();
    if (phase_ == Phase::draining) arm(drain_, drain_end_ns_);
    else arm(grace_, now + static_cast<std::uint64_t>(grace_ns));
    return;
  }
  loop_.disarm(connect_);
  loop_.disarm(run_);
  loop_.disarm(horizon_);
  for (auto& start : starts_) loop_.disarm(*start);
  phase_ = Phase::draining;
  // At the horizon the end is the planned time, not that of the timer's firing.
  load_end_ns_ = now;
  if (plan_.horizon_ns() != kNeverNs) {
    load_end_ns_ = std::min(now, zero_ns_ + static_cast<std::uint64_t>(plan_.horizon_ns()));
  }
  if (!tick_.armed) arm(tick_, now + kSecondNs);
  for (auto& population : populations_) (population.get()->*end_load)();
  for (auto& population : populations_) population->drop_waits();
  arm(drain_, drain_end_ns_);
  check_gone();
}

void Shard::drain_is_over() {
  if (phase_ != Phase::draining) return;
  phase_ = Phase::cutting;
  arm(grace_, loop_.now_ns() + static_cast<std::uint64_t>(grace_ns_));
  for (auto& population : populations_) population->cut(false);
  check_gone();
}

void Shard::grace_is_over() {
  if (phase_ != Phase::cutting) return;
  for (auto& population : populations_) population->cut(true);
  check_gone();
}

void Shard::population_ended(Population& population) {
  // A bulk task that is done early must not thin its rate; a stopped run has its own end.
  if (phase_ == Phase::running) {
    recorder_.population(population.plan().index).ended_ns = run_time(loop_.turn_ns());
  }
  uplink_.population_ended(options_.index, population.plan().index);
  check_gone();
}

void Shard::check_gone() {
  if (phase_ < Phase::draining || phase_ >= Phase::closing) return;
  for (auto& population : populations_) {
    if (!population->has_ended()) return;
  }
  begin_closing();
}

void Shard::begin_closing() {
  phase_ = Phase::closing;
  loop_.disarm(drain_);
  loop_.disarm(grace_);
  arm(close_guard_, loop_.now_ns() + kCloseLimitNs);
  ++plugins_open_;   // this function's own hold: a plugin may be done at once
  for (std::size_t i = 0; i < protocols_.size(); ++i) {
    if (!protocols_[i].closing) continue;
    Closing& closing = *protocols_[i].closing;
    closing.shard = this;
    closing.plugin = plan_.protocols()[i].plugin;
    closing.done = [](sq_done* handle, sq_status, sq_str) {
      auto& own = static_cast<Closing&>(*handle);
      if (!own.shard->loop_.is_own_thread("done", own.plugin)) return;
      if (own.is_done) return own.shard->loop_.plugin_fault("done() twice, or too late, for one shard_close");
      own.is_done = true;
      own.shard->plugin_closed();
    };
    const PluginTurn turn(closing.plugin, "shard_close");
    plan_.protocols()[i].protocol->shard_close(protocols_[i].state, &closing);
  }
  plugin_closed();
}

void Shard::plugin_closed() {
  SQUALL_ASSERT(plugins_open_ > 0);
  if (--plugins_open_ > 0) return;
  take_all_back();
  // What is deferred now (the last on_closed) comes first.
  arm(close_guard_, loop_.now_ns());
}

/// What plugins have left behind, so that nothing calls into what they have freed.
void Shard::take_all_back() {
  loop_.plugin_timers().give_up();
  if (net_) net_->close_all();
}

void Shard::finish() {
  if (phase_ == Phase::finished) return;
  if (plugins_open_ > 0) {
    for (ProtocolShard& protocol : protocols_) {
      if (!protocol.closing || std::exchange(protocol.closing->is_done, true)) continue;
      const PluginTurn turn(protocol.closing->plugin, "shard_close");
      loop_.plugin_fault("done() did not come within 10 s");
    }
    plugins_open_ = 0;
    take_all_back();
    arm(close_guard_, loop_.now_ns() + kSecondNs / 1000);
    return;
  }
  if (net_ && !net_->is_idle()) return arm(close_guard_, loop_.now_ns() + kSecondNs / 1000);
  phase_ = Phase::finished;
  loop_.disarm(tick_);
  for (auto& population : populations_) population->close_books();
  fill_gauges();
  const std::uint64_t now = loop_.now_ns();
  const double is_busy = busy();
  uplink_.records(options_.index, recorder_.finish(std::max<std::int64_t>(run_time(now), 0), is_busy, cpu_s_));
  for (const Loop::Fault& fault : loop_.faults()) {
    uplink_.event(options_.index, "plugin_fault",
                  fault.count > 1 ? fmt::format("{} ({} times)", fault.text, fault.count) : fault.text);
  }
  uplink_.finished(options_.index);
  loop_.stop();   // or the turn that got here would sleep for ever
}

// ---- once a second ----------------------------------------------------------------------------------

Shard::Spent Shard::spent() const {
  if (!loop_.reactor()) return {};
  const auto [cpu, delay] = thread_times();
  return {static_cast<std::int64_t>(cpu - loop_.looked_ns()), static_cast<std::int64_t>(delay)};
}

double Shard::busy() {
  if (!loop_.reactor()) return 0;
  const Spent before = std::exchange(spent_, spent());
  const std::uint64_t now = loop_.now_ns();
  const std::uint64_t wall = now - std::exchange(busy_wall_ns_, now);
  // Who looked while another had the CPU is said to have looked for longer than it ran.
  const std::int64_t cpu_ns = std::max<std::int64_t>(spent_.cpu_ns - before.cpu_ns, 0);
  const auto busy_ns = static_cast<double>(cpu_ns + spent_.delay_ns - before.delay_ns);
  cpu_s_ = static_cast<double>(cpu_ns) / 1e9;
  // The rest of a second at the end says nothing.
  return wall < kBusyWindowMinNs ? 0 : std::min(busy_ns / static_cast<double>(wall), 1.0);
}

void Shard::fill_gauges() {
  for (auto& population : populations_) population->fill(recorder_.population(population->plan().index));
  if (!populations_.empty()) recorder_.population(0).in_flight = calls_.in_flight();
  if (!net_) return;
  const auto counters = net_->counters();
  for (std::uint32_t target = 0; target < counters.size(); ++target) {
    ConnectionCounts& counts = recorder_.connections(target);
    counts.opened = counters[target].opened;
    counts.reused = counters[target].reused;
    counts.closed_by_peer = counters[target].closed_by_peer;
    counts.failed = counters[target].failed;
    counts.icmp_errors = counters[target].icmp_errors;
  }
}

void Shard::tick() {
  fill_gauges();
  tell_of_limit();
  const std::uint64_t now = loop_.turn_ns();
  const double is_busy = busy();
  uplink_.records(options_.index, recorder_.drain(run_time(now), is_busy, cpu_s_));
  std::uint64_t next = tick_.at_ns + kSecondNs;
  if (next <= now) next = now + kSecondNs - (now - zero_ns_) % kSecondNs;
  arm(tick_, next);
}

void Shard::tell_of_limit() {
  if (loop_.fault_count() < kFaultsMax || std::exchange(has_told_limit_, true)) return;
  uplink_.event(options_.index, "plugin_limit",
                fmt::format("plugins broke {} rules in shard {}, the first: {}", loop_.fault_count(), options_.index,
                            loop_.faults().front().text));
}

void Shard::record(const Sample& sample) {
  recorder_.record(sample);
  if (options_.wants_samples) uplink_.sample(options_.index, sample);
}

void Shard::note_data_used(const std::string& population, const std::string& task, const Dataset& data) {
  uplink_.event(options_.index, "data_used",
                fmt::format("data '{}': all {} records used; population '{}' begins no '{}' any more", data.name,
                            data.size(), population, task));
}

void Shard::abort_run(const std::string& who) { uplink_.abort_asked(options_.index, who); }

// ---- budgets --------------------------------------------------------------------------------------------

BudgetLease::Answer Shard::take_token(std::uint32_t budget, User* waiter) {
  BudgetPlace& place = budgets_[budget];
  if (place.is_over) return BudgetLease::Answer::over;
  const auto answer = place.lease.take(1).answer;
  if (place.lease.wants_to_send()) send_budget(budget);
  if (answer == BudgetLease::Answer::waiting && waiter) place.waiting.push_back(waiter);
  if (answer == BudgetLease::Answer::over) budget_is_over(budget);
  return answer;
}

void Shard::give_back_token(std::uint32_t budget) { budgets_[budget].lease.give_back(1); }

void Shard::unpark(User& user) {
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    std::erase(budgets_[i].waiting, &user);
    if (budgets_[i].waiting.empty()) {
      budgets_[i].lease.stop_wanting();
      if (budgets_[i].lease.wants_to_send()) send_budget(static_cast<std::uint32_t>(i));
    }
  }
}

void Shard::send_budget(std::uint32_t budget) {
  uplink_.budget(options_.index, budget, budgets_[budget].lease.state());
}

void Shard::accept(std::uint32_t budget, const BudgetGrant& grant) {
  if (phase_ == Phase::finished) return;
  loop_.enter();
  BudgetPlace& place = budgets_[budget];
  const bool try_again = place.lease.accept(grant);
  if (place.lease.wants_to_send()) send_budget(budget);
  if (try_again || place.lease.over()) {
    std::vector<User*> waiting;
    waiting.swap(place.waiting);
    for (User* user : waiting) user->token_came();
  }
  if (place.lease.over()) budget_is_over(budget);
}

void Shard::budget_is_over(std::uint32_t budget) {
  BudgetPlace& place = budgets_[budget];
  if (place.is_over) return;
  place.is_over = true;
  const BudgetPlan& plan = plan_.budgets()[budget];
  uplink_.event(options_.index, "budget_used", fmt::format("{}: all {} used", plan.owner, plan.total));
  std::vector<User*> waiting;
  waiting.swap(place.waiting);
  for (auto& population : populations_) {
    if (plan.task != kNone) population->finish_task(plan.task);
    else if (population->plan().index == plan.population) population->finish_task(kNone);
  }
  for (User* user : waiting) user->token_came();
}

}  // namespace squall
