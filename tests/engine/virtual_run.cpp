#include "virtual_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

namespace squall::testing {
namespace {

const sq_host* host = nullptr;
const sq_calls_api* calls = nullptr;
const sq_loop_api* loop_api = nullptr;
const sq_samples_api* samples = nullptr;

struct Session {
  std::uint64_t id;
  sq_shard* shard;
};
struct Pending {
  sq_timer* timer;
  sq_call* call;
};

void finish(void* context) noexcept {
  auto* pending = static_cast<Pending*>(context);
  sq_call* call = pending->call;
  loop_api->timer_free(pending->timer);
  delete pending;
  call->plugin_data = nullptr;
  calls->complete(call);
}

sq_status plugin_init(const sq_host* own, sq_error*) noexcept {
  host = own;
  calls = static_cast<const sq_calls_api*>(host->get_extension(host, SQ_CALLS_V1, sizeof(sq_calls_api)));
  loop_api = static_cast<const sq_loop_api*>(host->get_extension(host, SQ_LOOP_V1, sizeof(sq_loop_api)));
  samples = static_cast<const sq_samples_api*>(host->get_extension(host, SQ_SAMPLES_V1, sizeof(sq_samples_api)));
  return SQ_OK;
}
void plugin_fini() noexcept {}
sq_status open_instance(const sq_pair*, std::uint64_t, void** instance, sq_error*) noexcept {
  *instance = &script();
  return SQ_OK;
}
void close_instance(void*) noexcept {}
sq_status prepare(void*, std::uint32_t op, const sq_binding*, std::uint32_t, const sq_wants*, void** prepared,
                  sq_error*) noexcept {
  *prepared = reinterpret_cast<void*>(std::uintptr_t{op} + 1);
  return SQ_OK;
}
void unprepare(void*) noexcept {}
sq_status shard_open(void*, sq_shard* shard, void** state, sq_error* error) noexcept {
  if (script().shards_opened == script().shards_at_most) {
    std::snprintf(error->text, sizeof(error->text), "no shard is left");
    return SQ_E_INVALID;
  }
  ++script().shards_opened;
  *state = shard;
  return SQ_OK;
}
void shard_close(void*, sq_done* done) noexcept { loop_api->done(done, SQ_OK, {"", 0}); }
sq_status session_open(void* shard, std::uint64_t id, void** session, sq_error*) noexcept {
  ++script().sessions_open;
  ++script().sessions_opened;
  *session = new Session{id, static_cast<sq_shard*>(shard)};
  return SQ_OK;
}
void session_close(void* session) noexcept {
  --script().sessions_open;
  delete static_cast<Session*>(session);
}
void start(void* own, const void* prepared, const sq_value*, std::uint32_t, sq_call* call) noexcept {
  const auto* session = static_cast<Session*>(own);
  const auto op = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(prepared) - 1);
  ++script().started[op];
  if (SQ_HAS(call, flags) && (call->flags & SQ_CALL_BESIDE) != 0) ++script().beside;
  ScriptedEnd end{call->start_ns};
  if (script().on_start) end = script().on_start(session->id, op, call->start_ns);
  if (!script().delivery.empty()) {
    sq_series* const series = samples->series({"script.delivery", 15}, {script().delivery.data(), script().delivery.size()});
    samples->record(call->shard, session->id, series, call->start_ns, call->start_ns, SQ_OUT_OK, SQ_K_NONE, 5);
    samples->count(call->shard, session->id, series, 3);
  }
  call->outcome = end.outcome;
  call->kind = end.kind;
  call->code = end.code;
  call->bytes_out = 10;
  call->bytes_in = 100;
  if (end.end_ns <= call->start_ns) return calls->complete(call);
  auto* pending = new Pending{nullptr, call};
  pending->timer = loop_api->timer_new(call->shard, finish, pending);
  call->plugin_data = pending;
  loop_api->timer_set(pending->timer, end.end_ns);
}
void cancel(void*, sq_call* call) noexcept {
  if (auto* pending = static_cast<Pending*>(call->plugin_data)) {
    call->outcome = SQ_OUT_CANCELLED;
    finish(pending);
  }
}
sq_status output(void*, const sq_call* call, std::uint32_t index, sq_str, sq_value* out) noexcept {
  if (index != 0) return SQ_E_INVALID;
  out->type = SQ_T_I64;
  out->u.i64 = call->code;
  return SQ_OK;
}
void release(void*, sq_call*) noexcept { ++script().released; }

const sq_param kCode = {sizeof(sq_param), SQ_T_I64, 0, SQ_U_NONE, "code", "what the script says", nullptr, nullptr};
const sq_param* const kOutputs[] = {&kCode, nullptr};
const sq_param* const kNoParams[] = {nullptr};
const sq_op kDo = {sizeof(sq_op), 0, "do", "", kNoParams, kOutputs, 0, "code", 0, 99};
const sq_op kLogin = {sizeof(sq_op), 0, "login", "", kNoParams, kOutputs, 0, "code", 0, 99};
const sq_op kLogout = {sizeof(sq_op), 0, "logout", "", kNoParams, kOutputs, 0, "code", 0, 99};
const sq_op kOther = {sizeof(sq_op), 0, "other", "", kNoParams, kOutputs, 0, "code", 0, 99};
const sq_op* const kOperations[] = {&kDo, &kLogin, &kLogout, &kOther, nullptr};

const sq_protocol kProtocol = {sizeof(sq_protocol), 0, "script", kNoParams, kOperations, open_instance,
                               close_instance, prepare, unprepare, shard_open, shard_close, session_open,
                               session_close, start, cancel, output, release};
const void* get_interface(const char* id) noexcept {
  return std::string_view(id) == SQ_PROTOCOL_V1 ? &kProtocol : nullptr;
}
const sq_plugin kPlugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "test.script", "1", "scripted", "-",
                           "", 0, plugin_init, plugin_fini, get_interface};

}  // namespace

Script& script() {
  static Script instance;
  return instance;
}

std::vector<std::string>& more_plugins() {
  static std::vector<std::string> plugins;
  return plugins;
}

const Plugin& scripted_plugin() {
  static const Plugin plugin{"script", &kPlugin, &kProtocol, nullptr, nullptr};
  return plugin;
}

// ---- scenarios ------------------------------------------------------------------------------------------

ScenarioBuilder::ScenarioBuilder() {
  scenario.name = "virtual";
  scenario.seed = 42;
  scenario.protocols.push_back({"script", {}, {}});
}

Step ScenarioBuilder::operation(std::uint32_t op, std::string name) const {
  OperationStep what;
  what.operation = op;
  what.operation_name = std::string("script.") + kOperations[op]->name;
  what.name = std::move(name);
  what.type = "request";
  return Step{std::move(what), std::nullopt, {}};
}

Step ScenarioBuilder::wait(std::int64_t ns) { return Step{WaitStep{ns}, std::nullopt, {}}; }

std::uint32_t ScenarioBuilder::task(std::string name, std::vector<std::uint32_t> operations) {
  Task task;
  task.name = name;
  for (const auto op : operations) task.steps.push_back(operation(op, name));
  scenario.tasks.push_back(std::move(task));
  return static_cast<std::uint32_t>(scenario.tasks.size() - 1);
}

PopulationSpec& ScenarioBuilder::population(std::string name,
                                            std::vector<std::pair<std::uint32_t, double>> tasks) {
  PopulationSpec spec;
  spec.name = std::move(name);
  spec.tasks = std::move(tasks);
  scenario.populations.push_back(std::move(spec));
  return scenario.populations.back();
}

PopulationSpec& ScenarioBuilder::one_user(Steps steps, std::uint64_t iterations) {
  Task task;
  task.name = "task";
  task.steps = std::move(steps);
  scenario.tasks.push_back(std::move(task));
  PopulationSpec& spec = population("users", {{0, 1.0}});
  spec.load.users = 1;
  spec.stop_after.iterations = iterations;
  return spec;
}

PopulationSpec& ScenarioBuilder::arrivals(std::string name, std::vector<std::pair<std::uint32_t, double>> tasks,
                                          double rate_per_s) {
  PopulationSpec& spec = population(std::move(name), std::move(tasks));
  spec.load.model = Load::Model::open;
  spec.load.rate_per_s = rate_per_s;
  return spec;
}

// ---- the run --------------------------------------------------------------------------------------------

VirtualRun::VirtualRun(const Scenario& scenario, std::uint32_t shards, std::vector<std::string> thresholds)
    : extensions_({}), registry_(extensions_), slots_(shards), shared_(scenario) {
  offer_host_tables(extensions_);
  sq_error error{};
  plugin_init(extensions_.host(), &error);
  registry_.add(scripted_plugin());
  for (const std::string& file : more_plugins()) {
    if (auto loaded = registry_.load_file(file); !loaded) ADD_FAILURE() << loaded.error().text;
  }
  plan_ = Plan::make(scenario, registry_, errors_);
  ControllerOptions options;
  options.shards = shards;
  for (const std::string& text : thresholds) {
    auto parsed = parse_threshold(text);
    EXPECT_TRUE(std::holds_alternative<Threshold>(parsed)) << text;
    Threshold threshold = std::get<Threshold>(parsed);
    ThresholdNames names;
    for (const Task& task : scenario.tasks) names.steps.push_back(task.name);
    EXPECT_FALSE(resolve_threshold(threshold, names)) << text;
    options.thresholds.push_back(threshold);
  }
  controller_ = std::make_unique<Controller>(*plan_, *this, options);
  const std::uint64_t start = kZeroNs - static_cast<std::uint64_t>(plan_->connect_ns()) - 1;
  for (std::uint32_t i = 0; i < shards; ++i) {
    loops_.push_back(std::make_unique<Loop>(Loop::Time::virtual_time, start));
    ShardOptions shard;
    shard.index = i;
    shards_.push_back(std::make_unique<Shard>(*plan_, slots_, *loops_[i], *controller_, shared_, shard));
  }
}

VirtualRun::~VirtualRun() = default;

void VirtualRun::at(std::int64_t run_time_ns, std::function<void(VirtualRun&)> what) {
  events_.emplace(kZeroNs + static_cast<std::uint64_t>(run_time_ns), std::move(what));
}

RunResult VirtualRun::run() {
  for (auto& shard : shards_) EXPECT_EQ(shard->prepare(kZeroNs), "");
  std::uint64_t next_tick = kZeroNs + 1'000'000'000;
  while (!controller_->is_finished()) {
    std::uint64_t next = next_tick;
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      if (!shards_[i]->is_finished()) next = std::min(next, loops_[i]->next_event_ns());
    }
    if (!events_.empty()) next = std::min(next, events_.begin()->first);
    next = now_ns_ = std::max(next, now_ns_);   // what another shard posted is there now, not at its last turn
    controller_->set_now(static_cast<std::int64_t>(next) - static_cast<std::int64_t>(kZeroNs));
    for (std::size_t i = 0; i < loops_.size(); ++i) {
      if (!shards_[i]->is_finished() && loops_[i]->next_event_ns() <= next) loops_[i]->advance_to(next);
    }
    while (!events_.empty() && events_.begin()->first <= next) {
      auto event = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      controller_->tick(static_cast<std::int64_t>(next - kZeroNs));
      event(*this);
    }
    if (next == next_tick) {
      controller_->tick(static_cast<std::int64_t>(next - kZeroNs));
      next_tick += 1'000'000'000;
    }
    if (next > kZeroNs + std::uint64_t{86'400} * 1'000'000'000) {
      ADD_FAILURE() << "the run does not end";
      break;
    }
  }
  RunResult result = controller_->result();
  result.records = shared_.record_totals();
  for (const std::string& equation : result.snapshot.ledger.open_equations()) ADD_FAILURE() << equation;
  return result;
}

void VirtualRun::grant(std::uint32_t shard, std::uint32_t budget, const BudgetGrant& grant) {
  const auto give = [this, shard, budget, grant](VirtualRun&) {
    loops_[shard]->post([this, shard, budget, grant] { shards_[shard]->accept(budget, grant); });
  };
  if (grant_delay_ns_ == 0) return give(*this);
  events_.emplace(now_ns_ + grant_delay_ns_, give);
}
void VirtualRun::stop(std::uint32_t shard, std::int64_t drain_ns, std::int64_t grace_ns) {
  loops_[shard]->post([this, shard, drain_ns, grace_ns] { shards_[shard]->stop(drain_ns, grace_ns); });
}
void VirtualRun::begin_population(std::uint32_t shard, std::uint32_t population) {
  loops_[shard]->post([this, shard, population] { shards_[shard]->begin_population(population); });
}

const SeriesTotals& series_named(const RunResult& result, std::string_view name) {
  static const SeriesTotals none;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (series.key.name == name && series.phase == RunPhase::main) return series;
  }
  ADD_FAILURE() << "no series named " << name;
  return none;
}

}  // namespace squall::testing
