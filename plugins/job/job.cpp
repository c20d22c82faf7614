// The protocol "job": job.run starts a listed program and waits until it and all it started are
// gone. This file describes the operation and turns a step's values into an order; run.cpp does the
// rest.
#include <sys/prctl.h>

#include <memory>

#include "run.hpp"

namespace squall::job {
namespace {

using namespace squall::plugin;

constexpr sq_param kPrograms = param(SQ_T_MAP, "programs",
                                     "name -> {argv: [PATH, \"${arg.NAME}\", ...], args: {NAME: "
                                     "string | int | number | [choices]}, env: {}, cwd}");
constexpr sq_param kDirectory =
    param(SQ_T_STR, "directory", "where relative paths begin; default: the working directory");
constexpr sq_param kGrace =
    param(SQ_T_DURATION, "grace", "time between SIGTERM and SIGKILL, at most 10s",
          {.default_json = "\"2s\""});
constexpr sq_param kOutputLimit =
    param(SQ_T_I64, "output_limit", "kept of a job's output; the rest is counted",
          {.unit = SQ_U_BYTES, .default_json = "1048576"});
constexpr const sq_param* kOptions[] = {&kPrograms, &kDirectory, &kGrace, &kOutputLimit, nullptr};

enum Parameter : uint32_t { kProgramParam, kArgsParam, kEnvParam, kStdinParam };
constexpr sq_param kProgram =
    param(SQ_T_STR, "program", "a name from plugins.job.programs", {.flags = SQ_P_REQUIRED});
constexpr sq_param kArgs = param(SQ_T_MAP, "args", "the program's arguments by name");
constexpr sq_param kEnv =
    param(SQ_T_MAP, "env", "its environment, beside the program's own; nothing is inherited");
constexpr sq_param kStdin = param(SQ_T_BYTES, "stdin", "its standard input; without it, empty");
constexpr const sq_param* kParams[] = {&kProgram, &kArgs, &kEnv, &kStdin, nullptr};

enum Output : uint32_t { kExitOutput, kTextOutput, kSignalOutput, kTruncatedOutput, kOutputCount };
constexpr sq_param kExit = param(SQ_T_I64, "exit", "exit code; 128 + N when signal N ended it");
constexpr sq_param kText = param(SQ_T_BYTES, "output", "standard output and error as written");
constexpr sq_param kSignal = param(SQ_T_I64, "signal", "number of the signal that ended it, or 0");
constexpr sq_param kTruncated =
    param(SQ_T_BOOL, "truncated", "there was more output than the limit");
constexpr const sq_param* kOutputs[] = {&kExit, &kText, &kSignal, &kTruncated, nullptr};

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kLongestGraceNs = 10 * kSecond;
constexpr sq_op kRun =
    operation("run", "run a program to its end, and the end of all it started", kParams, kOutputs,
              {.cancel_limit_ns = kLongestGraceNs + 3 * kSecond, .code_output = "exit"});
constexpr const sq_op* kOperations[] = {&kRun, nullptr};

struct Instance {
  explicit Instance(std::span<const sq_pair> options) {
    std::string directory;
    if (const sq_value* given = find(options, "directory")) directory = as_text(*given);
    if (!directory.starts_with('/')) {
      std::unique_ptr<char, decltype(&::free)> here(::getcwd(nullptr, 0), &::free);
      if (!here) throw Refusal(SQ_E_IO, "the working directory is gone");
      directory = directory.empty() ? here.get() : std::string(here.get()) + "/" + directory;
    }
    if (const sq_value* given = find(options, "grace"))
      grace_ns = static_cast<uint64_t>(std::max<int64_t>(as_int(*given), 0));
    if (grace_ns > kLongestGraceNs) throw invalid("grace is above 10s");
    if (const sq_value* given = find(options, "output_limit"))
      output_bytes = static_cast<uint64_t>(std::max<int64_t>(as_int(*given), 0));
    if (const sq_value* given = find(options, "programs"))
      for (const sq_pair& pair : as_map(*given)) {
        if (find_program(view(pair.key)))
          throw invalid("program " + std::string(view(pair.key)) + " is there twice");
        programs.push_back(std::make_unique<Program>(view(pair.key), pair.value, directory));
        host.log(SQ_LOG_DEBUG, "job: " + programs.back()->name() + " is " + programs.back()->path());
      }
  }
  const Program* find_program(std::string_view name) const {
    for (const auto& program : programs)
      if (program->name() == name) return program.get();
    return nullptr;
  }
  const Program& program(std::string_view name) const {
    if (const Program* found = find_program(name)) return *found;
    std::string known;
    for (const auto& program : programs) known += (known.empty() ? "" : ", ") + program->name();
    throw invalid("no program '" + std::string(name) + "' in plugins.job.programs" +
                  (known.empty() ? "" : " (known: " + known + ")"));
  }

  std::vector<std::unique_ptr<Program>> programs;
  uint64_t grace_ns = 2 * kSecond, output_bytes = 1 << 20;
  Keeper keeper;  // one for all shards: orphans come to the process, not to whoever forked them
};

/// What does not vary is checked here, so that a mistake is found before the run.
struct Prepared {
  Prepared(Instance& owner, uint32_t, std::span<const sq_binding> bindings, const sq_wants& wants)
      : instance(owner), args(kRun, bindings), keeps_output(wants.outputs >> kTextOutput & 1) {
    if (!args[kProgramParam].is_static()) return;
    program = &instance.program(as_text(args[kProgramParam].value));
    if (args[kArgsParam].is_static()) argv = program->arguments(as_map(args[kArgsParam].value));
    if (args[kEnvParam].is_static())
      environment = program->environment(as_map(args[kEnvParam].value));
  }
  Run::Order order(const sq_value* values) const {
    const Program* which =
        program ? program : &instance.program(as_text(args[kProgramParam].of(values)));
    const sq_value& input = args[kStdinParam].of(values);
    return {which,
            argv.empty() ? which->arguments(as_map(args[kArgsParam].of(values))) : argv,
            environment ? *environment : which->environment(as_map(args[kEnvParam].of(values))),
            as_text(input),
            input.type != SQ_T_NULL,
            keeps_output,
            instance.grace_ns,
            instance.output_bytes};
  }

  Instance& instance;
  Args args;
  const Program* program = nullptr;
  std::vector<std::string> argv;
  std::optional<std::vector<std::string>> environment;
  bool keeps_output;
};

struct Shard {
  Shard(Instance& instance, sq_shard* shard) : workspace(instance.keeper, shard) {}

  Run* take() {
    if (idle.empty()) {
      runs.push_back(std::make_unique<Run>(workspace, &Shard::give_back, this));
      idle.reserve(runs.size());
      return runs.back().get();
    }
    Run* run = idle.back();
    idle.pop_back();
    return run;
  }
  static void give_back(void* self, Run* run) {
    Shard& shard = *static_cast<Shard*>(self);
    shard.idle.push_back(run);
    if (shard.done) shard.finish_if_idle();
  }
  void close(sq_done* when_idle) {
    done = when_idle;
    for (const auto& run : runs)
      if (run->is_running()) run->abandon();
    finish_if_idle();
  }
  void finish_if_idle() {
    if (idle.size() < runs.size()) return;
    sq_done* const ended = done;
    delete this;
    host.loop->done(ended, SQ_OK, {});
  }

  Workspace workspace;
  std::vector<std::unique_ptr<Run>> runs;
  std::vector<Run*> idle;
  sq_done* done = nullptr;  // the shard ends
};

/// A job has no connection: a session is only its shard, and any number of jobs may run in it.
struct Session {
  Session(Shard& owner, uint64_t) : shard(owner) {}

  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    Run* run = shard.take();
    call->plugin_data = run;
    try {
      run->start(prepared.order(values), call);
    } catch (const Refusal& refusal) {
      run->refuse(call, SQ_K_CHECK, 0, refusal.what());
    }
  }
  void cancel(sq_call* call) { run_of(call).cancel(); }
  sq_status output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
    const Run& run = run_of(call);
    switch (index) {
      case kExitOutput:
        *out = int_value(run.exit_code());
        return SQ_OK;
      case kTextOutput:
        *out = bytes_value(run.output());
        return SQ_OK;
      case kSignalOutput:
        *out = int_value(run.signal());
        return SQ_OK;
      case kTruncatedOutput:
        *out = bool_value(run.is_truncated());
        return SQ_OK;
    }
    return SQ_E_INVALID;
  }
  void release(sq_call* call) { run_of(call).release(); }
  static Run& run_of(const sq_call* call) { return *static_cast<Run*>(call->plugin_data); }

  Shard& shard;
};

int was_subreaper = 0;

/// Orphans of a job's processes shall come to us and not to pid 1, which in a container may never
/// reap them.  This holds for the whole process: an orphan of any other child comes too, and stays
/// alone, since only what carries a job's mark is killed and reaped.
void become_subreaper() {
  if (!host.fdwatch) throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.fdwatch/1");
  ::prctl(PR_GET_CHILD_SUBREAPER, &was_subreaper, 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
void end_subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, was_subreaper, 0, 0, 0); }

constexpr sq_protocol kProtocol =
    protocol<Instance, Prepared, Shard, Session>("job", kOperations, kOptions);

}  // namespace
}  // namespace squall::job

SQUALL_PROTOCOL_PLUGIN_WITH("org.squall.job", SQUALL_VERSION,
                            "runs programs of the tester's machine", "Apache-2.0",
                            SQ_PLUGIN_OWN_THREADS, squall::job::kProtocol,
                            squall::job::become_subreaper, squall::job::end_subreaper)
