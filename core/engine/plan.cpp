#include "engine/plan.hpp"

#include "engine/host_api.hpp"
#include "engine/late_bindings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "plugin_host/plugin_turn.hpp"
#include "plugin_host/process_state.hpp"
#include "scenario/record_time.hpp"

namespace squall {
namespace {

constexpr std::int64_t kDefaultTimeoutNs = 30'000'000'000;
constexpr std::int64_t kJobTimeoutNs = 60'000'000'000;
constexpr std::int64_t kEndlessNs = std::int64_t{1} << 60;  // a run without `for`: 36 years

LoadModel model_of(const Load& load) {
  switch (load.model) {
    case Load::Model::open: return LoadModel::open;
    case Load::Model::fleet: return LoadModel::fleet;
    default: return LoadModel::closed;
  }
}

/// Of what a plugin reports outside its calls, in this population.
SeriesKey delivery_key(const PopulationSpec& population, const DeliveryName& name) {
  SeriesKey key;
  key.population = population.name;
  key.name = name.name;
  key.operation = name.operation;
  key.type = "delivery";
  key.model = model_of(population.load);
  key.kind = SeriesKind::delivery;
  key.background = population.background;
  return key;
}

}  // namespace

SeriesKey series_key(const PopulationSpec& population, const Task* task, const std::string& part, const std::string& name,
                     const std::string& operation, const std::string& type, SeriesKind kind,
                     const std::map<std::string, std::string>& tags) {
  SeriesKey key;
  key.population = population.name;
  key.task = task ? task->name : part;
  key.name = name;
  key.operation = operation;
  key.type = type.empty() ? "request" : type;
  key.model = model_of(population.load);
  key.kind = kind;
  key.background = population.background;
  std::map<std::string, std::string> all = population.tags;
  if (task) all.insert(task->tags.begin(), task->tags.end());
  for (const auto& [tag, value] : tags) all[tag] = value;
  key.tags.assign(all.begin(), all.end());
  return key;
}

void judge_code(BoundOperation& bound) {
  if (!bound.op->code_output) return;
  for (std::uint32_t i = 0; bound.op->outputs && bound.op->outputs[i]; ++i) {
    if (std::string_view(bound.op->outputs[i]->name) == bound.op->code_output) bound.code_output = i;
  }
  bound.judges_code = true;
  for (const Check& check : bound.spec->expect) {
    if (check.output == bound.code_output) bound.judges_code = false;
  }
}

std::int64_t operation_timeout_ns(const BoundOperation& bound) {
  if (bound.spec->timeout_ns) return bound.spec->timeout_ns;
  if (const auto of_target = bound.target ? bound.target->options().timeout_ns : 0) return static_cast<std::int64_t>(of_target);
  return bound.spec->operation_name == "job.run" ? kJobTimeoutNs : kDefaultTimeoutNs;
}

class Plan::Builder final : public StepBinder {
 public:
  Builder(Plan& plan, const Registry& registry, std::vector<PlanError>& errors)
      : plan_(plan), registry_(registry), errors_(errors) {}

  void build() {
    add_targets();
    open_protocols();
    if (!errors_.empty()) return;
    const RunSpec& run = plan_.scenario_.run;
    plan_.horizon_ns_ = run.for_ns > 0 ? run.warmup_ns + run.for_ns : kNeverNs;
    std::uint64_t offset = 0;
    for (std::uint32_t i = 0; i < plan_.scenario_.populations.size(); ++i) {
      add_population(i, offset);
      offset += plan_.populations_.back().users;
      add_deliveries(plan_.scenario_.populations[i]);
    }
    check_certificates();
    plan_.targets_.set_session_certificate([certificates = &plan_.certificates_](
                                               const Target& target, std::uint64_t session, TlsOptions& own) {
      return certificates->find(target, session, own);
    });
  }

  std::uint32_t bind_operation(const OperationStep& step, Mark mark) override {
    mark_ = mark;
    BoundOperation bound;
    bound.spec = &step;
    bound.protocol = step.protocol;
    const ProtocolInstance& instance = plan_.protocols_[step.protocol];
    bound.op = instance.protocol->ops[step.operation];
    bound.series = series(step.name, step.operation_name, step.type, SeriesKind::operation, step.tags);
    if (const auto* index = std::get_if<std::uint32_t>(&step.target)) {
      if (*index != kNone) {
        bound.target = &plan_.targets_.at(*index);
        used_targets_[population_index_].insert(*index);
      }
    } else {
      bound.target_template = &std::get<Template>(step.target);
      used_targets_[population_index_].insert(kNone);
    }
    bound.timeout_ns = operation_timeout_ns(bound);
    judge_code(bound);
    std::string mistake = prepare(bound, step, instance);
    if (!mistake.empty() && step.fitting_target != kNone) {   // perhaps because it wants one
      bound.slots.clear();
      bound.target = &plan_.targets_.at(step.fitting_target);
      used_targets_[population_index_].insert(step.fitting_target);
      bound.timeout_ns = operation_timeout_ns(bound);
      mistake = prepare(bound, step, instance);
    }
    if (!mistake.empty()) refuse(mark_, std::move(mistake));
    plan_.operations_.push_back(std::move(bound));
    return static_cast<std::uint32_t>(plan_.operations_.size() - 1);
  }

  std::uint32_t bind_series(const std::string& name, const std::string& type,
                            const std::map<std::string, std::string>& tags) override {
    return series(name, "group", type.empty() ? "group" : type, SeriesKind::group, tags);
  }

  std::uint32_t bind_failures(const std::string& word) override {
    return series(word, word, "step", SeriesKind::operation, {});
  }

  std::uint32_t bind_compiled(const CompiledStep& step, Mark mark) override {
    const std::size_t dot = step.name.find('.');
    const Plugin* plugin = registry_.find_tasks(step.name.substr(0, dot));
    const std::string name = dot == step.name.npos ? "" : step.name.substr(dot + 1);
    std::uint32_t index = 0;
    while (plugin && plugin->tasks->tasks[index] && name != plugin->tasks->tasks[index]->name) ++index;
    if (!plugin || !plugin->tasks->tasks[index]) {
      refuse(mark, fmt::format("no plugin offers the task '{}'", step.name));
      return 0;
    }
    TaskUse use;
    use.plugin = plugin;
    use.tasks = plugin->tasks;
    use.name = step.name;
    use.population = population_index_;
    use.scenario_task = task_;
    use.part = part_;
    use.failures = bind_failures(step.name);
    used_targets_[population_index_].insert(kNone);
    std::vector<sq_pair> options(step.options.size());
    std::string text;
    ArgumentWriter writer{plan_.scenario_, plan_.statics_, nullptr, nullptr, text};
    for (std::size_t i = 0; i < options.size(); ++i) {
      options[i].key = to_str(plan_.statics_.copy(step.options[i].first));
      if (!writer.write(step.options[i].second, SQ_T_NULL, options[i].value)) {
        refuse(mark, fmt::format("{}.{}: {}", step.name, step.options[i].first, text));
      }
    }
    sq_error error{};
    const PluginTurn turn(plugin, "task_open");
    if (const sq_status status = use.tasks->task_open(index, options.data(), options.size(), &use.task, &error); status != SQ_OK) {
      refuse(mark, fmt::format("{}: {}", step.name, failure_text(error, status)));
      return 0;
    }
    plan_.task_uses_.push_back(std::move(use));
    return static_cast<std::uint32_t>(plan_.task_uses_.size() - 1);
  }

  void refuse(Mark mark, std::string text) override { errors_.push_back({mark, std::move(text)}); }

  void set_satisfied(const std::vector<Check>* checks) override { satisfied_ = checks; }

 private:
  void add_targets() {
    for (const TargetSpec& spec : plan_.scenario_.targets) {
      TargetOptions options;
      options.timeout_ns = static_cast<std::uint64_t>(spec.timeout_ns);
      options.sources = spec.source;
      options.congestion = spec.congestion;
      options.max_connections = spec.max_connections;
      options.tls = tls_options(spec);
      const std::string mistake = plan_.targets_.add(spec.name, spec.url, std::move(options));
      if (!mistake.empty()) refuse(spec.mark, fmt::format("target '{}': {}", spec.name, mistake));
      if (spec.max_rate_per_s > 0) refuse(spec.mark, "'max_rate' is not supported yet");
    }
  }

  TlsOptions tls_options(const TargetSpec& spec) {
    TlsOptions tls;
    tls.ca = file_beside_scenario(spec.tls.ca, spec.tls.ca_mark, spec);
    tls.server_name = spec.tls.server_name;
    tls.is_insecure = spec.tls.insecure;
    tls.is_cert_of_session = UserCertificates::vary(spec);
    if (tls.is_cert_of_session) return tls;
    tls.cert = file_beside_scenario(spec.tls.cert.constant().to_text(), spec.tls.cert_mark, spec);
    tls.key = file_beside_scenario(spec.tls.key.constant().to_text(), spec.tls.key_mark, spec);
    return tls;
  }

  /// A file that is not there is found before anything is sent.
  std::string file_beside_scenario(const std::string& given, Mark mark, const TargetSpec& spec) {
    if (given.empty()) return {};
    const std::string path = UserCertificates::file_beside(plan_.scenario_, given);
    if (::access(path.c_str(), R_OK) != 0) {
      refuse(mark, fmt::format("target '{}': {}: {}", spec.name, path, std::strerror(errno)));
    }
    return path;
  }

  /// Of every user that will connect: in open load that is sure of the first one only.
  void check_certificates() {
    for (std::uint32_t target = 0; target < plan_.targets_.size(); ++target) {
      if (!plan_.targets_.at(target).options().tls.is_cert_of_session) continue;
      for (const PopulationPlan& population : plan_.populations_) {
        const auto& used = used_targets_[population.index];
        if (!used.contains(target) && !used.contains(kNone)) continue;
        const PopulationSpec& spec = *population.spec;
        const std::uint64_t users = spec.load.model == Load::Model::open ? std::min<std::uint64_t>(population.users, 1)
                                                                         : population.users;
        const std::uint64_t sessions = spec.sessions ? std::min(users, spec.sessions) : users;
        plan_.certificates_.check(target, population.index, sessions,
                                  [this](Mark mark, std::string text) { refuse(mark, std::move(text)); });
      }
    }
  }

  void open_protocols() {
    for (const ProtocolSpec& spec : plan_.scenario_.protocols) {
      const Plugin* plugin = registry_.find_protocol(spec.name);
      if (!plugin) {
        refuse(spec.mark, fmt::format("no plugin offers protocol '{}'", spec.name));
        return;
      }
      std::string text;
      ArgumentWriter writer{plan_.scenario_, plan_.statics_, nullptr, nullptr, text};
      std::vector<sq_pair> options(spec.options.size());
      for (std::size_t i = 0; i < options.size(); ++i) {
        options[i].key = to_str(plan_.statics_.copy(spec.options[i].first));
        if (!writer.write(spec.options[i].second, SQ_T_NULL, options[i].value)) {
          refuse(spec.mark, fmt::format("plugins.{}.{}: {}", spec.name, spec.options[i].first, text));
        }
      }
      ProtocolInstance instance{plugin->protocol, nullptr, plugin};
      sq_error error{};
      const PluginTurn turn(plugin, "open");
      const ProcessState before = ProcessState::now();
      const sq_status status = plugin->protocol->open(options.data(), options.size(), &instance.instance, &error);
      if (status != SQ_OK) {
        refuse(spec.mark, fmt::format("plugins.{}: {}", spec.name, failure_text(error, status)));
        return;
      }
      if (const std::string change = before.change_until(ProcessState::now()); !change.empty()) {
        refuse(spec.mark, fmt::format("plugin '{}' changed {} in open, which belongs to the whole process", spec.name, change));
      }
      plan_.protocols_.push_back(instance);
    }
  }

  /// What the plugin refuses it with; "" when it does not.
  std::string prepare(BoundOperation& bound, const OperationStep& step, const ProtocolInstance& instance) {
    std::vector<sq_binding> bindings;
    std::string text;
    ArgumentWriter writer{plan_.scenario_, plan_.statics_, nullptr, nullptr, text};
    for (const ParamValue& param : step.params) {
      sq_binding binding{param.param, -1, {}};
      if (param.is_constant()) {
        if (!writer.write(param, binding.value)) {
          refuse(param.mark.line ? param.mark : mark_,
                 fmt::format("{}: {}: {}", step.operation_name, bound.op->params[param.param]->name, text));
          return {};
        }
      } else {
        binding.slot = static_cast<std::int32_t>(bound.slots.size());
        bound.slots.push_back(&param);
      }
      bindings.push_back(binding);
    }
    if (bound.target_template) {
      bindings.push_back({SQ_PARAM_TO, static_cast<std::int32_t>(bound.slots.size()), {}});
    } else if (bound.target) {
      sq_binding binding{SQ_PARAM_TO, -1, {}};
      binding.value.type = SQ_T_TARGET;
      binding.value.u.target = bound.target;
      bindings.push_back(binding);
    }
    sq_wants wants{sizeof(sq_wants), 0, plan_.scenario_.run.keep_outputs ? ~std::uint64_t{0} : 0, Plan::kKeptBytes};
    for (const Check& check : step.expect) {
      if (check.output < 64) wants.outputs |= std::uint64_t{1} << check.output;
    }
    for (const Capture& capture : step.captures) {
      if (capture.output < 64) wants.outputs |= std::uint64_t{1} << capture.output;
    }
    if (satisfied_) {
      for (const Check& check : *satisfied_) {
        if (check.output < 64) wants.outputs |= std::uint64_t{1} << check.output;
      }
    }
    sq_error error{};
    const PluginTurn turn(instance.plugin, "prepare");
    const sq_status status = instance.protocol->prepare(instance.instance, step.operation, bindings.data(),
                                                        static_cast<std::uint32_t>(bindings.size()), &wants,
                                                        &bound.prepared, &error);
    return status == SQ_OK ? std::string() : fmt::format("{}: {}", step.operation_name, failure_text(error, status));
  }

  std::uint32_t series(const std::string& name, const std::string& operation, const std::string& type,
                       SeriesKind kind, const std::map<std::string, std::string>& tags) {
    return plan_.series_->intern(series_key(*population_, task_, part_, name, operation, type, kind, tags));
  }

  std::uint32_t budget(const Budget& budget, const std::string& owner, std::uint32_t task,
                       std::uint32_t population) {
    BudgetPlan plan;
    plan.owner = owner;
    plan.task = task;
    plan.population = population;
    if (budget.iterations) plan.unit = BudgetPlan::Unit::iterations, plan.total = budget.iterations;
    else if (budget.requests) plan.unit = BudgetPlan::Unit::requests, plan.total = budget.requests;
    else if (budget.bytes) {
      refuse(task_ ? task_->mark : population_->mark, "'stop_after: bytes' is not supported yet");
      return kNone;
    } else return kNone;
    for (std::uint32_t i = 0; i < plan_.budgets_.size(); ++i) {
      if (plan_.budgets_[i].owner == owner) return i;
    }
    plan_.budgets_.push_back(plan);
    return static_cast<std::uint32_t>(plan_.budgets_.size() - 1);
  }

  void add_deliveries(const PopulationSpec& spec) {
    auto& places = plan_.delivery_series_.emplace_back();
    for (const DeliveryName& name : delivery_names()) places.push_back(plan_.series_->intern(delivery_key(spec, name)));
  }

  void compile(const Steps& steps, bool must_hold, Program& program) {
    const std::string error = compile_program(plan_.scenario_, steps, must_hold, *this, program);
    if (!error.empty()) refuse(population_->mark, fmt::format("population '{}': {}", population_->name, error));
  }

  void add_population(std::uint32_t index, std::uint64_t offset) {
    const PopulationSpec& spec = plan_.scenario_.populations[index];
    population_ = &spec;
    population_index_ = index;
    if (spec.new_connection && spec.sessions) {
      refuse(spec.mark, "'connection: new' and 'sessions' exclude each other: a shared session has no iteration of its own");
    }
    if (spec.eligible_at_user_start && spec.load.model == Load::Model::open) {
      refuse(spec.mark, "'eligible: at_user_start' is for closed and fleet load: in open load a user is made when an arrival needs one");
    }
    if (spec.bytes_per_s > 0) refuse(spec.mark, "'bytes' of a population is not supported yet");
    PopulationPlan plan;
    plan.spec = &spec;
    plan.index = index;
    plan.slot_offset = offset;
    std::vector<double> weights;
    for (const auto& [task, weight] : spec.tasks) {
      task_ = &plan_.scenario_.tasks[task];
      TaskPlan task_plan;
      task_plan.task = task;
      task_plan.budget = budget(task_->stop_after, fmt::format("task {}", task_->name), task, kNone);
      compile(task_->steps, spec.role == PopulationSpec::Role::setup, task_plan.program);
      plan.tasks.push_back(std::move(task_plan));
      weights.push_back(weight);
    }
    task_ = nullptr;
    part_ = "on_start";
    compile(spec.on_start, true, plan.on_start);
    part_ = "on_stop";
    compile(spec.on_stop, false, plan.on_stop);
    plan.choice.emplace(weights);
    plan.budget = budget(spec.stop_after, fmt::format("population {}", spec.name), kNone, index);
    plan_.connect_ns_ = std::max(plan_.connect_ns_, spec.connect_over_ns);
    add_load(plan);
    plan_.populations_.push_back(std::move(plan));
  }

  /// How long the population's load may last, from its own start.
  std::int64_t load_ns(const PopulationSpec& spec) const {
    std::int64_t left = plan_.horizon_ns_ == kNeverNs ? kEndlessNs : plan_.horizon_ns_ - spec.start_ns;
    if (spec.stop_after.time_ns > 0) left = std::min(left, spec.stop_after.time_ns);
    return std::max<std::int64_t>(left, 0);
  }

  void add_load(PopulationPlan& plan) {
    const PopulationSpec& spec = *plan.spec;
    const Load& load = spec.load;
    const std::int64_t for_ns = load_ns(spec);
    if (load.trace) add_trace(plan, *load.trace, for_ns);
    switch (load.model) {
      case Load::Model::closed: {
        if (load.stages.empty()) {
          plan.users_over_time = UserShape::constant(std::llround(load.users), load.ramp_ns);
        } else {
          std::vector<UserStage> stages;
          for (const Stage& stage : load.stages) {
            stages.push_back({stage.for_ns, static_cast<std::uint64_t>(std::llround(stage.value)), stage.jump});
          }
          plan.users_over_time = UserShape::stages(stages, std::llround(load.users));
          plan.has_end = true;
        }
        plan.users = plan.users_over_time.peak();
        break;
      }
      case Load::Model::open: {
        plan.users = load.max_users;
        if (plan.trace) {
          plan.planned = plan.trace->count();
          plan.has_end = true;
          break;
        }
        if (load.stages.empty()) {
          plan.arrivals_over_time = RateShape::constant(rate_per(load.rate_per_s, 1'000'000'000), for_ns);
          plan.has_end = plan_.horizon_ns_ != kNeverNs || spec.stop_after.time_ns > 0;
        } else {
          std::vector<RateStage> stages;
          for (const Stage& stage : load.stages) {
            stages.push_back({stage.for_ns, rate_per(stage.value, 1'000'000'000), stage.jump});
          }
          plan.arrivals_over_time = RateShape::stages(stages, rate_per(load.rate_per_s, 1'000'000'000));
          plan.has_end = true;
        }
        if (plan_.horizon_ns_ != kNeverNs && !load.poisson) {
          plan.planned = plan.arrivals_over_time.count_before(std::min(for_ns, plan.arrivals_over_time.duration_ns()));
        }
        break;
      }
      case Load::Model::fleet: {
        plan.users = static_cast<std::uint64_t>(std::llround(load.users));
        plan.has_end = plan_.horizon_ns_ != kNeverNs;
        if (load.every_by_task.empty()) {
          plan.schedules.push_back(schedule(plan, load.every, for_ns, 0));
        } else {
          std::uint64_t clock = 0;
          for (const auto& [task, every] : load.every_by_task) {
            std::variant<std::monostate, std::int64_t, Distribution> period;
            if (const auto* fixed = std::get_if<std::int64_t>(&every)) period = *fixed;
            if (const auto* drawn = std::get_if<Distribution>(&every)) period = *drawn;
            plan.schedules.push_back(schedule(plan, period, for_ns, clock++));
          }
        }
        if (plan_.horizon_ns_ != kNeverNs) {
          for (const FleetSchedule& schedule : plan.schedules) plan.planned += schedule.count();
        }
        break;
      }
    }
  }

  void add_trace(PopulationPlan& plan, const TraceLoad& trace, std::int64_t for_ns) {
    auto times = record_times_ns(*plan_.scenario_.datasets[trace.dataset], trace.column);
    if (!times) return refuse(trace.mark, fmt::format("'trace': {}", times.error().text));
    plan.trace.emplace(std::move(*times), trace.speed, for_ns);
  }

  FleetSchedule schedule(const PopulationPlan& plan,
                         const std::variant<std::monostate, std::int64_t, Distribution>& every,
                         std::int64_t for_ns, std::uint64_t clock) const {
    const Load& load = plan.spec->load;
    FleetOptions options;
    options.users = plan.users;
    options.horizon_ns = for_ns;
    options.seed = plan_.scenario_.seed;
    options.population = plan.index + (clock << 32);
    options.phase = load.phase == Load::Phase::aligned     ? FleetPhase::aligned
                    : load.phase == Load::Phase::staggered ? FleetPhase::staggered
                                                           : FleetPhase::random;
    double period_ns = 0;
    if (const auto* fixed = std::get_if<std::int64_t>(&every)) {
      options.every_ns = *fixed;
      period_ns = static_cast<double>(*fixed);
    } else if (const auto* drawn = std::get_if<Distribution>(&every)) {
      period_ns = drawn->mean();
      options.gap_ns = [gap = *drawn, seed = options.seed, population = options.population](
                           std::uint64_t user, std::uint64_t occurrence) {
        if (gap.is_fixed()) occurrence = 0;
        const std::uint64_t key = mix_words({seed, population, user, occurrence, 0x6761707Au});
        // Without a user a trace reads the value of its stream's place; its first gap holds the phase, too.
        RandomStream random{key, gap.is_trace() ? std::max<std::uint64_t>(occurrence, 1) - 1 : 0};
        return gap.sample_int(random);
      };
    }
    options.jitter_ns = static_cast<std::int64_t>(load.jitter_ns + load.jitter_share * period_ns);
    return FleetSchedule(options);
  }

  Plan& plan_;
  const Registry& registry_;
  std::vector<PlanError>& errors_;
  const PopulationSpec* population_ = nullptr;
  std::uint32_t population_index_ = 0;
  std::map<std::uint32_t, std::set<std::uint32_t>> used_targets_;  // by population; kNone: any, a template names them
  const Task* task_ = nullptr;
  Mark mark_;                        // of the operation that is being bound
  std::string part_;                 // "on_start", "on_stop": what stands in place of a task
  const std::vector<Check>* satisfied_ = nullptr;  // of the until around: reads its pass's last operation
};

Plan::Plan(const Scenario& scenario)
    : scenario_(scenario), certificates_(scenario), late_(std::make_unique<LateBindings>(*this)),
      series_(std::make_unique<SeriesTable>()) {}

std::unique_ptr<Plan> Plan::make(const Scenario& scenario, const Registry& registry,
                                 std::vector<PlanError>& errors) {
  std::unique_ptr<Plan> plan(new Plan(scenario));
  Builder(*plan, registry, errors).build();
  return plan;
}

std::uint32_t Plan::delivery_series(std::uint32_t population, std::uint32_t handle) const {
  const auto& places = delivery_series_[population];
  if (handle < places.size()) return places[handle];
  const auto names = delivery_names();   // made by shard_open or later
  return handle < names.size() ? series_->intern(delivery_key(*populations_[population].spec, names[handle])) : kNone;
}

Plan::~Plan() {
  late_.reset();
  for (const TaskUse& use : task_uses_) {
    const PluginTurn turn(use.plugin, "task_close");
    use.tasks->task_close(use.task);
  }
  for (const BoundOperation& operation : operations_) {
    if (!operation.prepared) continue;
    const ProtocolInstance& of = protocols_[operation.protocol];
    const PluginTurn turn(of.plugin, "unprepare");
    of.protocol->unprepare(operation.prepared);
  }
  for (const ProtocolInstance& instance : protocols_) {
    const PluginTurn turn(instance.plugin, "close");
    instance.protocol->close(instance.instance);
  }
}

}  // namespace squall
