// The scenario as the loader leaves it: every name resolved to an index, every unit read, every
// template compiled. Plain data, immutable during the run and shared by all shards.
// What it means stands in docs/scenario.md; how it runs is the engine's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "payload/distribution.hpp"
#include "payload/payload.hpp"
#include "payload/template.hpp"
#include "scenario/dataset.hpp"
#include "scenario/json_path.hpp"
#include "scenario/match.hpp"
#include "scenario/record_index.hpp"
#include "stats/metric_kind.hpp"

namespace squall {

inline constexpr std::uint32_t kNone = 0xFFFFFFFFu;

/// Where something stands; line and column from 1. `file`: index in Scenario::files.
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t file = 0;
};

struct TargetSpec {
  std::string name;
  std::string url;
  std::int64_t timeout_ns = 0;                // 0: the default of 30 s
  std::vector<std::string> source;            // local addresses, dealt to users by index
  std::string congestion;                     // "", "cubic", "bbr" …
  std::string client;                         // "paho" for the second MQTT client
  double max_rate_per_s = 0;                  // 0: no limit
  std::uint64_t max_connections = 0;          // 0: no limit
  struct Tls {
    std::string ca;                           // a path, as those below
    Template cert, key;                       // may vary by user, the same for all of the user's life
    std::string server_name;
    bool insecure = false;
    Mark ca_mark, cert_mark, key_mark;
  } tls;
  Mark mark;
};

/// A distribution or a plain duration; `wait`, `every`, gaps.
using DurationSource = std::variant<std::int64_t, Distribution, Template>;

/// One given parameter of an operation; `param` is the index in the plugin's description.
struct ParamValue {
  std::uint32_t param = 0;
  std::uint32_t type = 0;                     // SQ_T_* the plugin asked for
  std::uint32_t unit = 0;                     // SQ_U_*
  // A leaf; or, for maps and lists, the children in order (keys for maps).
  std::variant<Value, Template, Distribution> leaf;
  std::vector<std::pair<std::string, ParamValue>> children;
  std::uint32_t payload = kNone;              // SQ_T_SOURCE: index into Scenario::payloads
  bool is_constant() const;                   // no template, no distribution, no payload below
  Mark mark;
};

enum class OnFailure : std::uint8_t { proceed, interrupt, stop_user, abort_run };

struct Capture {
  enum class From : std::uint8_t { output, json, regex, header };
  From from = From::output;
  std::uint32_t output = 0;                   // index of the operation's output that is looked at
  std::string key;                            // header name
  JsonPath json;                              // path into the output's document (json)
  std::shared_ptr<const Regex> regex;         // first group, or the whole match
  std::uint32_t slot = 0;                     // where it is kept
  bool keep_user = false;                     // lives to the end of the user
  std::string name;
};

struct Check {
  std::uint32_t output = 0;                   // index of the output, or kCheckTime, kCheckCode
  std::string key;                            // header.X
  Matcher matcher;
  std::string text;                           // "status 200", for the sample's detail
};
inline constexpr std::uint32_t kCheckTime = 0xFFFFFFF0u;   // response time in ns

struct Step;
using Steps = std::vector<Step>;

struct OperationStep {
  std::uint32_t protocol = 0;                 // index into Scenario::protocols
  std::uint32_t operation = 0;                // index into that protocol's operations
  std::string operation_name;                 // "http.get"
  std::string name;                           // of its series
  std::string type;                           // "request", "job", or what the step says
  std::map<std::string, std::string> tags;
  std::variant<std::uint32_t, Template> target = kNone;   // index into targets, or a template that names one
  std::uint32_t fitting_target = kNone;       // of a plugin that may need none: for the case that it refuses the step without
  std::int64_t timeout_ns = 0;                // 0: target's, else default
  std::vector<ParamValue> params;
  std::vector<Check> expect;
  bool default_expect = true;                 // no `expect` of its own on the status / exit / reason
  std::vector<Capture> captures;
};

struct WaitStep { DurationSource duration; };
struct RepeatStep { std::variant<std::monostate, Template, Distribution> times; std::int64_t for_ns = 0; Steps steps; };
struct IfStep { Template value; Matcher matcher; Steps steps, otherwise; };
struct EitherStep { std::vector<double> weights; std::vector<Steps> branches; };
/// Each branch in a strand of its own, side by side.
struct ParallelStep { std::vector<Steps> branches; };
struct SetStep { std::vector<std::pair<std::uint32_t, Template>> slots; bool keep_user = false; };
struct UntilStep {
  std::int64_t every_ns = 0, timeout_ns = 0; bool first_now = true;
  std::string name, type; Steps steps; std::vector<Check> satisfied;
};
struct GroupStep { std::string name, type; std::map<std::string, std::string> tags; Steps steps; };
struct AcquireStep {
  std::uint32_t dataset = 0, slot = 0;        // its columns take slots from there
  enum class Empty : std::uint8_t { wait, interrupt, skip } when_empty = Empty::wait;
  std::vector<std::pair<std::uint32_t, Template>> where;   // column, value
  bool keep_user = false;
};
struct TakeStep {
  std::uint32_t dataset = 0, slot = 0;        // its columns take slots from there
  std::shared_ptr<const RecordIndex> index;   // of the columns in `where`; none: any record
  std::vector<Template> wanted;               // their values, in the index's order
  bool keep_user = false;
};
struct BarrierStep { std::uint32_t barrier = 0; std::int64_t timeout_ns = 0; };
struct MetricStep { std::uint32_t metric = 0; Template value; };
struct ReleaseStep { std::uint32_t slot = 0; };
struct InterruptStep {};
struct DoStep { std::uint32_t task = 0; };
/// A task of a plugin (squall.tasks/1).
struct CompiledStep { std::string name; ValueMap options; };   // "shop.browse"

struct Step {
  std::variant<OperationStep, WaitStep, RepeatStep, IfStep, EitherStep, ParallelStep, SetStep, UntilStep, GroupStep,
               AcquireStep, ReleaseStep, TakeStep, BarrierStep, MetricStep, InterruptStep, DoStep, CompiledStep> what;
  std::optional<OnFailure> on_failure;        // not given: proceed, in on_start stop_user
  Mark mark;
};

/// EXACT ends over all shards and agents; 0: not given.
struct Budget {
  std::uint64_t iterations = 0, requests = 0, bytes = 0;
  std::int64_t time_ns = 0;
  bool any() const { return iterations || requests || bytes || time_ns; }
};

struct Task {
  std::string name;
  Steps steps;
  std::uint32_t needs = kNone;                // dataset of which a record must be free
  Budget stop_after;
  std::map<std::string, std::string> tags;
  Mark mark;
};

struct Stage { std::int64_t for_ns = 0; double value = 0; bool jump = false; };

/// Recorded arrivals: those of open load, in place of a rate.
struct TraceLoad {
  std::uint32_t dataset = kNone, column = 0;  // whose records arrive, and when each did
  double speed = 1;                           // > 0; recorded seconds in a second of the run
  Mark mark;
};

struct Load {
  enum class Model : std::uint8_t { closed, open, fleet };
  Model model = Model::closed;
  // closed and fleet
  double users = 0;
  std::int64_t ramp_ns = 0;
  std::vector<Stage> stages;                  // users (closed) or arrivals per second (open)
  // open
  double rate_per_s = 0;
  bool poisson = false;
  std::optional<TraceLoad> trace;
  std::uint64_t max_users = 10000;
  bool drop_when_busy = false;
  // fleet
  std::variant<std::monostate, std::int64_t, Distribution> every;   // one clock for the user
  bool every_fixed = false;                   // drawn once a user
  std::vector<std::pair<std::uint32_t, DurationSource>> every_by_task;  // or one clock a task
  double jitter_ns = 0, jitter_share = 0;     // ± ns, or ± share of `every`
  enum class Phase : std::uint8_t { random, staggered, aligned } phase = Phase::random;
  bool skip_on_overrun = false;
};

/// A value of the user's own, or one that a probe reads from the target.
struct MetricSpec {
  std::string name, unit;
  MetricKind kind = MetricKind::gauge;
  bool is_probe = false;
  Mark mark;
};

struct BarrierSpec {
  std::string name;
  std::uint64_t users = 0;                    // that it waits for
  bool wants_all = false;                     // all who have it in a task; those who are gone for good do not count
  Mark mark;
};

struct PopulationSpec {
  std::string name;
  std::vector<std::pair<std::uint32_t, double>> tasks;  // task index, weight
  Load load;
  std::int64_t start_ns = 0;
  std::uint32_t after = kNone;                // begins when that population's last user is gone
  std::int64_t connect_over_ns = 0;
  std::uint64_t sessions = 0;                 // 0: one a user
  bool new_connection = false;                // connection: new
  bool eligible_at_user_start = false;
  bool background = false;
  // Only of `users` speaks the command line; the others are made from other keys, one user each.
  enum class Role : std::uint8_t { users, probe, setup, teardown } role = Role::users;
  double bytes_per_s = 0;                     // byte-rate model, sum over its users
  Steps on_start, on_stop;
  Budget stop_after;
  std::map<std::string, std::string> tags;
  std::string each_of;                        // one of several that `for_each` makes: the name as it is written
  std::vector<std::pair<std::uint32_t, std::uint32_t>> fixed_records;   // dataset, record: the value that it has of them
  std::vector<std::uint32_t> barriers;        // that want all of its users
  std::uint32_t locals = 0;                   // slots its users need (captures, set, records)
  std::uint32_t states = 0;                   // slots of generator state
  Mark mark;
};

struct ThresholdSpec { std::string text; Mark mark; };  // parsed by stats

struct OutputSpec { std::string plugin; ValueMap options; Mark mark; };

struct RunSpec {
  std::int64_t for_ns = 0;                    // 0: until every population has ended
  std::int64_t warmup_ns = 0;
  std::int64_t drain_ns = 10'000'000'000;
  std::int64_t grace_ns = 5'000'000'000;
  std::int64_t slack_ns = 0;                  // starts may be this late, so that wakes are shared
  std::int64_t busy_poll_ns = 0;              // looked for this long before a start, not slept
  std::int64_t valid_lag_ns = 0;              // 0: the default rule
  bool keep_outputs = false;                  // all outputs of operations, not only those that a check reads
};

struct ProtocolSpec { std::string name; ValueMap options; Mark mark; };  // used ones, with `plugins.NAME`

struct Scenario {
  std::string file;                           // as given, for messages
  std::vector<std::string> files;             // that one, and those that it includes
  std::string name, description;
  std::uint64_t seed = 0;
  std::vector<TargetSpec> targets;
  std::vector<std::shared_ptr<const Dataset>> datasets;
  std::vector<PayloadSpec> payloads;
  std::vector<ProtocolSpec> protocols;
  std::vector<Task> tasks;
  std::vector<PopulationSpec> populations;
  std::optional<PopulationSpec> setup, teardown;   // runs of their own, before and after: one user, one iteration
  std::vector<std::uint32_t> setup_locals;    // by slot of ${setup.NAME}, the local of setup's user that it is
  std::vector<MetricSpec> metrics;
  std::vector<BarrierSpec> barriers;
  std::vector<ThresholdSpec> thresholds;
  std::vector<OutputSpec> outputs;
  RunSpec run;
  // For compiled tasks, which ask by name while the run goes on; empty without one.
  bool has_compiled = false;
  std::map<std::string, std::uint32_t> local_names;   // slots of variables
  std::map<std::string, Value> vars;
  std::vector<std::string> warnings;          // "users 50 can never fit 10 records" …
  std::vector<std::string> secrets;           // values of ${secret.NAME}: who prints something masks them

  const std::string& file_of(Mark mark) const { return mark.file < files.size() ? files[mark.file] : file; }
};

}  // namespace squall
