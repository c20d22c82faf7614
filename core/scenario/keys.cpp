#include "scenario/keys.hpp"

#include "payload/payload_keys.hpp"

namespace squall {
namespace {

constexpr bool kLater = true;

constexpr Key kScenario[] = {
    {"scenario", "text", "name of the scenario; the file's name when absent"},
    {"description", "text", "one sentence for reports"},
    {"seed", "whole number", "same seed, same arrivals, picks and payloads; 0 when absent"},
    {"vars", "map of values", "values with defaults; --set NAME=VALUE and SQUALL_VAR_NAME override them"},
    {"targets", "map of addresses", "the only addresses that traffic may go to"},
    {"plugins", "map of options", "options of plugins, by name"},
    {"data", "map of datasets", "rows from files"},
    {"payloads", "map of payloads", "what operations send"},
    {"tasks", "map of tasks", "named flows of steps"},
    {"populations", "map of populations", "who does what, and how much of it"},
    {"run", "map", "how long, and what makes it valid"},
    {"thresholds", "list of rules", "what must hold: p99(page) < 250ms"},
    {"outputs", "list of outputs", "where results go while the run goes on"},
    {"include", "file or list of files", "settings: their vars, targets, data, payloads and profile"},
    {"profile", "text", "which of `profiles` runs"},
    {"profiles", "map of lists", "populations by profile"},
    {"curves", "map", "load by hour of day", kLater},
    {"changes", "list", "changes while the run goes on", kLater},
    {"setup", "list of steps", "once, before the load; what it keeps is ${setup.NAME} for everyone"},
    {"teardown", "list of steps", "once, after the load, however that ended"},
    {"probes", "map of probes", "values read from the target each second: its memory, its nodes"},
};

constexpr Key kTarget[] = {
    {"url", "address", "scheme://host:port/path"},
    {"timeout", "duration", "of each operation on it; 30s when absent"},
    {"source", "list of addresses", "local addresses, dealt to users in turn; the kernel chooses when absent"},
    {"tls", "map", "certificates and verification"},
    {"client", "mosquitto | paho", "which MQTT client; mosquitto when absent"},
    {"congestion", "text", "TCP congestion control: cubic, bbr; the kernel's when absent"},
    {"max_rate", "rate", "operations per second that may go there"},
    {"max_connections", "whole number", "connections open at a time; any number when absent"},
    {"max_bytes", "byte rate", "bytes per second that may go there", kLater},
    {"for_each", "map of name: list", "one of each value; the name stands for it inside"},
};

constexpr Key kTls[] = {
    {"ca", "file", "certificates to trust, PEM; the system's when absent"},
    {"cert", "file", "own certificate, PEM; may be another for each user"},
    {"key", "file", "its key, PEM; may be another for each user"},
    {"server_name", "text", "name to ask for and to verify; the host of the address when absent"},
    {"insecure", "true | false", "do not verify; false when absent"},
};

constexpr Key kDataset[] = {
    {"file", "file", "CSV with a header row, JSON Lines (.jsonl, .ndjson), or an access log (.log)"},
    {"pick", "random | sequential | shuffled | unique | per_user | exclusive", "how a user gets a record; sequential when absent"},
    {"on_end", "wrap | stop_task | fail", "what happens when all records were used; wrap when absent, of unique stop_task"},
    {"where", "map of column: value or list", "only records that have these values; all when absent"},
    {"format", "csv | jsonl | combined", "when the file's name does not say it; csv then"},
    {"stream", "true | false", "records stay in the file; when absent those of more than 256 MiB, unless they are exclusive"},
};

constexpr Key kPlugin[] = {
    {"library", "file", "a plugin of your own: C++ source or a library, beside the scenario or in a plugin directory"},
};

constexpr Key kTask[] = {
    {"steps", "list of steps", "what a user does, in order"},
    {"needs", "dataset", "eligible only while a record is free"},
    {"stop_after", "map", "exact end over all populations that use it"},
    {"tags", "map of texts", "for grouping of statistics"},
    {"description", "text", "one sentence for readers"},
};

constexpr Key kPopulation[] = {
    {"tasks", "task, list, or map of weights", "what its users do; the only task when absent"},
    {"load", "map", "how many users, or how often"},
    {"start", "duration", "when it begins, from the begin of the run; at once when absent"},
    {"after", "population", "begins when that one's last user is gone"},
    {"stop_after", "map", "exact end: iterations, requests, bytes or time"},
    {"sessions", "whole number", "connections that its users share; one for each user when absent"},
    {"connection", "keep | new", "new: each iteration begins with no connection and no cookies; keep when absent"},
    {"eligible", "each_iteration | at_user_start", "when `needs` is looked at; each_iteration when absent"},
    {"background", "true | false", "not counted in users, ledger and verdict; false when absent"},
    {"on_start", "list of steps", "once a user, before its first iteration"},
    {"on_stop", "list of steps", "once a user, at its end, always"},
    {"connect_over", "duration", "spreads the users' first connections before the run"},
    {"tags", "map of texts", "for grouping of statistics"},
    {"description", "text", "one sentence for readers"},
    {"on_connect", "map of steps", "after each (re)connect", kLater},
    {"for_each", "map of name: list", "one of each value; the name stands for it inside, and in the tasks"},
    {"pool", "text", "which agents run it", kLater},
};

constexpr Key kLoad[] = {
    {"users", "whole number", "users that loop (closed), or devices with `every`"},
    {"ramp", "duration", "users grow from none over this time; all at once when absent"},
    {"stages", "list of stages", "users or rate, linear to each stage's number"},
    {"rate", "rate", "iterations that arrive, whether or not earlier ones are done"},
    {"arrivals", "even | poisson", "how arrivals are spaced; even when absent"},
    {"trace", "dataset", "arrivals at recorded times, each with its record"},
    {"time", "column", "when each record of the `trace` was; time when absent"},
    {"speed", "number", "how many times faster than recorded; 1 when absent"},
    {"max_users", "whole number", "most users that open load makes; 10000 when absent"},
    {"when_busy", "wait | drop", "an arrival that finds no free user; wait when absent"},
    {"every", "duration, distribution, or map task: duration", "period of each device"},
    {"jitter", "duration or %", "each occurrence is moved by up to this, both ways; none when absent"},
    {"phase", "random | staggered | aligned", "where in the period each device begins; random when absent"},
    {"overrun", "queue | skip", "an occurrence that comes while the last one runs; queue when absent"},
    {"bytes", "byte rate", "paces bulk tasks; the sum over its users"},
    {"connect_over", "duration", "spreads the users' first connections before the run"},
    {"once", "whole number", "each user once", kLater},
    {"within", "duration", "of `once`", kLater},
    {"spread", "distribution", "of `once`", kLater},
    {"batch", "distribution", "iterations per arrival", kLater},
    {"curve", "name", "load by hour of day", kLater},
};

constexpr Key kStage[] = {
    {"for", "duration", "how long"},
    {"users", "whole number", "at its end (closed)"},
    {"rate", "rate", "at its end (open)"},
    {"jump", "true | false", "the whole stage at its number, no line to it; false when absent"},
};

constexpr Key kBudget[] = {
    {"iterations", "whole number", "iterations started"},
    {"requests", "whole number", "operations started"},
    {"bytes", "size", "payload bytes sent"},
    {"time", "duration", "since its begin"},
};

constexpr Key kRun[] = {
    {"for", "duration", "steady time; without it the run ends when every population has"},
    {"warmup", "duration", "before it; its samples count in no threshold; none when absent"},
    {"drain", "duration", "how long running iterations may go on at the end; 10s when absent"},
    {"grace", "duration", "how long on_stop may take; 5s when absent"},
    {"slack", "duration", "how late a start may be so that wakes are shared: less CPU, counted as lag; 0 when absent"},
    {"busy_poll", "duration", "for how long before a start is due the generator looks instead of sleeping: less lag, up to a whole CPU for each shard; 0 when absent"},
    {"valid", "map", "limits beyond which the numbers are not to be trusted"},
};

constexpr Key kValid[] = {
    {"lag", "duration", "p99 of how late the generator itself may be; when absent 5ms, or a tenth of the smallest p99 in a threshold, whichever is larger"},
};

constexpr Key kStep[] = {
    {"expect", "map of checks", "the sample fails when one does not hold"},
    {"capture", "map of names", "keeps parts of the result"},
    {"satisfied", "map of checks", "ends an `until`"},
    {"steps", "list of steps", "of until, repeat, if, group"},
    {"else", "list of steps", "of if"},
    {"on_failure", "continue | interrupt | stop_user | abort_run", "what a failure does; continue when absent, in on_start stop_user"},
    {"type", "text", "type of the sample: request, job, batch; request when absent"},
    {"tags", "map of texts", "for grouping of statistics"},
    {"keep", "user", "what it sets or captures lives to the end of the user"},
};

constexpr Key kControl[] = {
    {"wait", "duration or distribution", "think time"},
    {"repeat", "number, distribution or map", "its steps several times, or for a time"},
    {"until", "map", "polls until `satisfied` holds"},
    {"if", "map", "its steps when a value matches"},
    {"either", "list of branches", "one of several, by weight"},
    {"group", "name or map", "its steps as one sample"},
    {"set", "map of values", "keeps values"},
    {"acquire", "dataset or map", "takes an exclusive record"},
    {"release", "name", "hands it back"},
    {"metric", "map", "a value of your own in the statistics"},
    {"interrupt", "nothing", "ends the iteration"},
    {"do", "task", "another task's steps"},
    {"parallel", "one or more steps", "all of them side by side, each a branch of its own"},
    {"barrier", "name or map", "waits until others have come there, too"},
    {"take", "map", "a further record"},
};

constexpr Key kCall[] = {
    {"to", "target", "where it goes; the only fitting target, or `default`, when absent"},
    {"name", "text", "of its series; the operation and its address when absent"},
    {"timeout", "duration", "longest time; the target's, or 30s, when absent"},
};

constexpr Key kUntil[] = {
    {"every", "duration", "between the begins of two passes"},
    {"timeout", "duration", "longest time of all; 30s when absent"},
    {"first", "now | after", "whether the first pass comes at once or after `every`; now when absent"},
    {"name", "text", "makes the whole a sample"},
};

constexpr Key kIf[] = {
    {"value", "text", "what is looked at: a template; beside it stand the matchers of a check"},
};

constexpr Key kRepeat[] = {
    {"times", "whole number or distribution", "how often"},
    {"for", "duration", "how long; the pass that crosses the end is the last"},
};

constexpr Key kGroup[] = {
    {"name", "text", "of its sample"},
    {"type", "text", "of its sample; group when absent"},
};

constexpr Key kBranch[] = {
    {"weight", "number", "share of this branch; 1 when absent"},
    {"steps", "list of steps", "what it does"},
};

constexpr Key kAcquire[] = {
    {"from", "dataset", "with `pick: exclusive`"},
    {"as", "name", "of the record in templates; the dataset's name when absent"},
    {"when_empty", "wait | interrupt | skip", "when no record is free; wait when absent"},
    {"where", "map of column: value", "only records that have these values; templates may stand there"},
};

constexpr Key kTake[] = {
    {"from", "dataset", "any but an exclusive or per_user one"},
    {"as", "name", "of the record in templates"},
    {"where", "map of column: value", "a random one of the records that have these values; templates may stand there"},
};

constexpr Key kBarrier[] = {
    {"name", "text", "the same barrier in several tasks, and of its series"},
    {"users", "all | whole number", "how many it waits for; all who have it in a task when absent"},
    {"timeout", "duration", "longest wait; 30s when absent"},
};

constexpr Key kMetric[] = {
    {"name", "text", "of the metric"},
    {"value", "template of a number", "when it is empty there is no value"},
    {"unit", "text", "behind the value: MB"},
    {"kind", "gauge | counter | trend", "how it is shown: its last value, its sum, its mean; gauge when absent"},
};

constexpr Key kProbe[] = {
    {"to", "target", "an HTTP target; the only one, or `default`, when absent"},
    {"path", "text", "what is asked for"},
    {"json", "path", "the value inside a JSON answer: a.b[0].c or /a/b/0/c"},
    {"prometheus", "name", "a sample of a Prometheus answer, with labels as they stand there"},
    {"regex", "RE2 expression", "its first group"},
    {"unit", "text", "behind the value: MB"},
    {"every", "duration", "1s when absent"},
    {"timeout", "duration", "nine tenths of `every` when absent: a probe that hangs leaves a gap, and the next question is asked in time"},
};

constexpr Key kMatcher[] = {
    {"equals", "value", "the same value"},
    {"contains", "text", "a part of it"},
    {"regex", "RE2 expression", "matches; its first group goes to the other matchers"},
    {"above", "number or quantity", "greater"},
    {"below", "number or quantity", "less"},
    {"json", "map of path: value", "values inside a JSON text"},
    {"not", "matchers", "do not all hold"},
};

constexpr Key kCapture[] = {
    {"json", "path", "a.b[0].c or /a/b/0/c"},
    {"regex", "RE2 expression", "its first group, or the whole match"},
    {"header", "name", "a header of the answer"},
    {"from", "output", "where json and regex look; the body when absent"},
    {"keep", "user", "lives to the end of the user"},
};

const KeyTable kTables[] = {
    {"scenario", kScenario}, {"target", kTarget}, {"tls", kTls}, {"dataset", kDataset}, {"plugin", kPlugin},
    {"task", kTask}, {"population", kPopulation}, {"load", kLoad}, {"stage", kStage}, {"stop_after", kBudget},
    {"run", kRun}, {"run.valid", kValid}, {"step", kStep}, {"control step", kControl}, {"operation", kCall},
    {"until", kUntil}, {"if", kIf}, {"repeat", kRepeat}, {"group", kGroup}, {"either", kBranch}, {"acquire", kAcquire},
    {"take", kTake}, {"barrier", kBarrier},
    {"metric", kMetric}, {"probe", kProbe}, {"check", kMatcher}, {"capture", kCapture},
    {"payload", kPayloadKinds}, {"beside a payload", kPayloadKeys}, {"each", kPayloadEachKeys}, {"pad", kPayloadPadKeys},
    {"part", kPayloadPartKeys}, {"distribution", kDistributionKinds}, {"beside a distribution", kDistributionKeys},
};

}  // namespace

const std::span<const Key> kScenarioKeys = kScenario, kTargetKeys = kTarget, kTlsKeys = kTls, kDatasetKeys = kDataset,
                           kPluginKeys = kPlugin, kTaskKeys = kTask, kPopulationKeys = kPopulation, kLoadKeys = kLoad,
                           kStageKeys = kStage, kBudgetKeys = kBudget, kRunKeys = kRun, kValidKeys = kValid,
                           kStepKeys = kStep, kControlKeys = kControl, kCallKeys = kCall, kUntilKeys = kUntil, kIfKeys = kIf,
                           kRepeatKeys = kRepeat, kGroupKeys = kGroup, kBranchKeys = kBranch, kAcquireKeys = kAcquire,
                           kTakeKeys = kTake, kBarrierKeys = kBarrier, kMetricKeys = kMetric, kProbeKeys = kProbe,
                           kMatcherKeys = kMatcher, kCaptureKeys = kCapture;

std::span<const KeyTable> key_tables() { return kTables; }

}  // namespace squall
