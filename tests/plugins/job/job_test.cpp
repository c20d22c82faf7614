// job.run against real processes: whatever a program does, its call ends, its output is bounded,
// and nothing of it is alive afterwards.  Watches are real poll(), the host's clock follows the
// real one.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "fake_host.hpp"

namespace {

using squall::plugin::int_value;
using squall::plugin::text_value;

uint64_t real_now_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// A map value whose parts live as long as this does.
class Map {
 public:
  Map& add(std::string_view key, const sq_value& value) {
    pairs_.push_back({store_->copy(fake::str(key)), store_->copy(value)});
    return *this;
  }
  Map& add(std::string_view key, std::string_view text) { return add(key, text_value(text)); }
  Map& add(std::string_view key, const std::vector<std::string>& texts) {
    std::vector<sq_value> items;
    for (const std::string& text : texts) items.push_back(text_value(text));
    sq_value list = squall::plugin::make_value(SQ_T_LIST);
    list.u.list = {items.data(), items.size()};
    return add(key, list);
  }
  sq_value value() const {
    sq_value map = squall::plugin::make_value(SQ_T_MAP);
    map.u.map = {pairs_.data(), pairs_.size()};
    return map;
  }

 private:
  std::shared_ptr<squall::plugin::ValueStore> store_ =
      std::make_shared<squall::plugin::ValueStore>();
  std::vector<sq_pair> pairs_;
};

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}
std::string children() {
  const std::string pid = std::to_string(::getpid());
  std::ifstream file("/proc/" + pid + "/task/" + pid + "/children");
  return {std::istreambuf_iterator<char>(file), {}};
}

class Job : public ::testing::Test {
 protected:
  Job() {
    const Map script = Map().add("script", "string");
    Map rules;
    rules.add("text", "string").add("count", "int").add("share", "number");
    rules.add("type", std::vector<std::string>{"Content", "Preview"});
    add("sh", {"/bin/sh", "-c", "${arg.script}"}, script.value());
    add("show",
        {"/usr/bin/printf", "<%s>", "${arg.text}", "n=${arg.count}!", "${arg.share}",
         "${arg.type}"},
        rules.value());
    add("env", {"/usr/bin/env"});
    add("cat", {"/bin/cat"});
    add("missing", {"/nonexistent/program"});
    add("plain", {"/etc/passwd"});
    add("folder", {"/etc/"});
    add("lost", {"/bin/true"}, {}, "/nonexistent");
    programs_value_ = programs_.value();
    sq_value grace = squall::plugin::duration_value(50'000'000);
    host.now_ns = real_now_ns();
    job = std::make_unique<fake::Protocol>(
        host, "job", fake::Protocol::Options{{"programs", programs_value_}, {"grace", grace}});
    session = std::make_unique<fake::Session>(*job, 1);
  }
  void add(std::string_view name, const std::vector<std::string>& argv, sq_value args = {},
           std::string_view directory = "") {
    Map description;
    description.add("argv", argv);
    if (args.type == SQ_T_MAP) description.add("args", args);
    if (!directory.empty()) description.add("cwd", directory);
    programs_.add(name, description.value());
  }
  bool run_until(const std::function<bool()>& done, int limit_ms = 30'000) {
    const uint64_t limit = real_now_ns() + static_cast<uint64_t>(limit_ms) * 1'000'000;
    while (!done()) {
      host.now_ns = real_now_ns();
      if (host.now_ns > limit) return false;
      host.poll_once(1);
    }
    return true;
  }
  fake::Call& start(std::string_view program,
                    const std::vector<std::pair<std::string, std::string>>& args = {}) {
    auto bindings = job->bind("run");
    bindings.text("program", program);
    if (!args.empty()) bindings.map("args", args);
    return start(bindings);
  }
  fake::Call& start(const fake::Bindings& bindings) {
    host.now_ns = real_now_ns();
    return session->start(job->prepare("run", bindings));
  }
  fake::Call& run(fake::Call& call) {
    EXPECT_TRUE(run_until([&] { return call.completed; })) << "the call never ended";
    EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
    return call;
  }
  fake::Call& shell(const std::string& script) { return run(start("sh", {{"script", script}})); }

  fake::Host host;
  Map programs_;
  sq_value programs_value_{};
  std::unique_ptr<fake::Protocol> job;
  std::unique_ptr<fake::Session> session;
};

TEST_F(Job, GivesExitCodeAndBothOutputs) {
  fake::Call& call = shell("echo one; echo two >&2; exit 3");
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});  // the host judges by the code
  EXPECT_EQ(call.code, 3);
  EXPECT_EQ(call.detail_text(), "exit 3");
  EXPECT_EQ(call.number("exit"), 3);
  EXPECT_EQ(call.number("signal"), 0);
  EXPECT_EQ(call.text("output"), "one\ntwo\n");
  EXPECT_EQ(call.text("truncated"), "false");
  EXPECT_EQ(call.bytes_in, 8u);
  EXPECT_GE(call.first_byte_ns, call.start_ns);
  EXPECT_STREQ(job->op("run").code_output, "exit");
}

TEST_F(Job, TellsTheSignalThatEndedIt) {
  fake::Call& call = shell("kill -KILL $$");
  EXPECT_EQ(call.number("signal"), SIGKILL);
  EXPECT_EQ(call.number("exit"), 128 + SIGKILL);
  EXPECT_EQ(call.detail_text(), "signal KILL");
}

// ThreadSanitizer makes a fork() of vfork(): the child no longer shares memory with us, nor do we wait until it is
// another program.
#ifdef __SANITIZE_THREAD__
constexpr bool kHasVfork = false;
#else
constexpr bool kHasVfork = true;
#endif

TEST_F(Job, SaysWhyAProgramCannotStart) {
  if (!kHasVfork) GTEST_SKIP() << "vfork() is needed";
  struct Row {
    const char* program;
    int error;
    const char* detail;
  };
  for (const Row& row :
       {Row{"missing", ENOENT, "cannot start missing: ENOENT (No such file or directory)"},
        Row{"plain", EACCES, "cannot start plain: EACCES (Permission denied)"},
        Row{"folder", EACCES, "cannot start folder: EACCES (Permission denied)"},
        Row{"lost", ENOENT,
            "cannot enter the directory of lost: ENOENT (No such file or directory)"}}) {
    fake::Call& call = run(start(row.program));
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED}) << row.program;
    EXPECT_EQ(call.kind, uint32_t{SQ_K_LOCAL_RESOURCE}) << row.program;
    EXPECT_EQ(call.code, row.error) << row.program;
    EXPECT_EQ(call.detail_text(), row.detail);
  }
}

TEST_F(Job, AHugeEnvironmentIsRefusedByTheKernelNotByUs) {
  if (!kHasVfork) GTEST_SKIP() << "vfork() is needed";
  auto bindings = job->bind("run");
  bindings.text("program", "env").map("env", {{"BIG", std::string(1 << 20, 'x')}});
  fake::Call& call = run(start(bindings));
  EXPECT_EQ(call.code, E2BIG);
  EXPECT_EQ(call.kind, uint32_t{SQ_K_LOCAL_RESOURCE});
}

TEST_F(Job, ACancelEndsAHangingJobAtOnce) {
  fake::Call& call = start("sh", {{"script", "echo ready; exec sleep 1000"}});
  ASSERT_TRUE(run_until([&] { return call.first_byte_ns != 0; }));
  call.deadline_ns = call.start_ns;
  session->cancel(call);
  session->cancel(call);
  run(call);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_TIMEOUT});
  EXPECT_EQ(call.number("signal"), SIGTERM);
}

TEST_F(Job, ACancelWithdrawsWhatWaitsForItsTurn) {
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(&start("sh", {{"script", "exec sleep 1000"}}));
  for (fake::Call* call : calls) session->cancel(*call);
  for (fake::Call* call : calls) {
    run(*call);
    EXPECT_EQ(call->outcome, uint32_t{SQ_OUT_CANCELLED});
    EXPECT_EQ(call->detail_text(), call->number("signal") == 0 ? "not started yet" : "signal TERM");
    EXPECT_EQ(call->number("exit"), call->number("signal") == 0 ? -1 : 128 + SIGTERM);
  }
  EXPECT_EQ(children(), "");
}

TEST_F(Job, AJobThatIgnoresSigtermIsKilledAfterTheGrace) {
  fake::Call& call =
      start("sh", {{"script", "trap '' TERM; echo ready; while :; do sleep 1000; done"}});
  ASSERT_TRUE(run_until([&] { return call.first_byte_ns != 0; }));
  session->cancel(call);
  run(call);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(call.number("signal"), SIGKILL);
  EXPECT_GE(call.end_ns - call.start_ns, 50'000'000u);
}

TEST_F(Job, ACancelEndsAStoppedJob) {
  fake::Call& call = start("sh", {{"script", "echo ready; kill -STOP $$; sleep 1000"}});
  ASSERT_TRUE(run_until([&] { return call.first_byte_ns != 0; }));
  session->cancel(call);
  EXPECT_EQ(run(call).outcome, uint32_t{SQ_OUT_CANCELLED});
}

TEST_F(Job, EndsWithItsLeaderAndTakesTheGroupAlong) {
  fake::Call& call = shell("sleep 1000 & echo $!; exit 0");  // the grandchild holds the pipe
  EXPECT_EQ(call.number("exit"), 0);
  EXPECT_FALSE(is_alive(std::stoi(call.text("output"))));
}

TEST_F(Job, TakesAlongWhatLeftTheGroup) {
  fake::Call& call = shell(
      // A double fork, and a session that lives and then tells the leader to end.
      "setsid sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!' & wait $!\n"
      "trap 'exit 5' USR1\n"
      "setsid sh -c \"echo \\$\\$; sleep 1000 & kill -USR1 $$; sleep 1000\" & wait");
  EXPECT_EQ(call.number("exit"), 5);
  std::istringstream pids(call.text("output"));
  int count = 0;
  for (pid_t pid; pids >> pid; ++count) EXPECT_FALSE(is_alive(pid)) << pid;
  EXPECT_EQ(count, 2);
  EXPECT_EQ(children(), "");
}

TEST_F(Job, TakesAlongWhatLeftTheGroupAndHasADeadChildInIt) {
  // The daemon never waits for its child, which keeps the group's number in use.
  fake::Call& call = shell("sh -c 'sleep 1000 & exec setsid sleep 1000' & echo $!; exit 0");
  EXPECT_EQ(call.number("exit"), 0);
  EXPECT_EQ(call.kind, uint32_t{SQ_K_NONE}) << call.detail_text();
  EXPECT_FALSE(is_alive(std::stoi(call.text("output"))));
  EXPECT_EQ(children(), "");
}

TEST_F(Job, OrphansThatEndAreReapedWhileTheirJobGoesOn) {
  fake::Call& call = start(
      "sh",
      {{"script", "for i in 1 2 3 4 5 6 7 8; do (true &); done; echo ready; exec sleep 1000"}});
  ASSERT_TRUE(run_until([&] { return call.first_byte_ns != 0; }));
  EXPECT_TRUE(run_until([&] { return children().empty(); })) << children();
  EXPECT_FALSE(call.completed);
  session->cancel(call);
  run(call);
}

TEST_F(Job, AShardThatEndsFirstTakesItsProgramsAlong) {
  const sq_pair option{fake::str("programs"), programs_value_};
  sq_error error{};
  void *instance = nullptr, *shard = nullptr, *user = nullptr, *prepared = nullptr;
  ASSERT_EQ(job->table->open(&option, 1, &instance, &error), SQ_OK);
  ASSERT_EQ(job->table->shard_open(instance, &host.shard, &shard, &error), SQ_OK);
  ASSERT_EQ(job->table->session_open(shard, 1, &user, &error), SQ_OK);
  const auto bindings =
      job->bind("run").text("program", "sh").map("args", {{"script", "echo $$; exec sleep 1000"}});
  const sq_wants wants{sizeof wants, 0, UINT64_MAX, 100};
  ASSERT_EQ(
      job->table->prepare(instance, job->op_index("run"), bindings.view().data(),
                          static_cast<uint32_t>(bindings.view().size()), &wants, &prepared, &error),
      SQ_OK);
  fake::Call calls[20]{};  // some of them will not have begun
  for (fake::Call& call : calls) {
    call.shard = &host.shard;
    job->table->start(user, prepared, nullptr, 0, &call);
  }
  ASSERT_TRUE(run_until([&] { return calls[0].first_byte_ns != 0; }));
  sq_done done;
  job->table->shard_close(shard, &done);
  EXPECT_TRUE(run_until([&] { return done.ended; }));
  for (const fake::Call& call : calls) EXPECT_FALSE(call.completed);
  job->table->session_close(user);
  job->table->unprepare(prepared);
  job->table->close(instance);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(Job, OneRunsDaemonsAreNotAnothers) {
  fake::Call& first = start(
      "sh", {{"script", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; sleep 1000"}});
  ASSERT_TRUE(run_until([&] { return first.first_byte_ns != 0; }));
  shell("setsid sleep 1000 </dev/null >/dev/null 2>&1 & exit 0");
  EXPECT_FALSE(first.completed);
  session->cancel(first);
  run(first);
  EXPECT_FALSE(is_alive(std::stoi(first.text("output"))));
}

TEST_F(Job, AFamilyThatForksFreelyIsGoneAfterwards) {
  fake::Call& call = shell(
      "for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4; do setsid sleep 1000 & done; sleep 1000) & "
      "done; exit 0");
  EXPECT_EQ(call.number("exit"), 0);
  EXPECT_EQ(children(), "");
}

TEST_F(Job, AGigabyteOfOutputIsReadAndNotKept) {
  fake::Call& call = shell("head -c 1000000000 /dev/zero");
  EXPECT_EQ(call.number("exit"), 0);
  EXPECT_EQ(call.bytes_in, 1'000'000'000u);
  EXPECT_EQ(call.text("truncated"), "true");
  EXPECT_EQ(call.text("output"), std::string(1 << 20, '\0'));
}

TEST_F(Job, OutputIsBytes) {
  fake::Call& call = shell("printf '\\377\\000\\n\\001'");
  EXPECT_EQ(call.text("output"), std::string("\377\0\n\1", 4));
}

TEST_F(Job, MayCloseItsOutputAndGoOn) {
  fake::Call& call = shell("exec >&- 2>&-; sleep 0.05; exit 4");
  EXPECT_EQ(call.number("exit"), 4);
  EXPECT_GE(call.end_ns - call.start_ns, 50'000'000u);
}

TEST_F(Job, ReadsWhatTheStepGivesAndNothingElse) {
  EXPECT_EQ(run(start("cat")).text("output"), "");
  const std::string text(300'000, 'x');  // more than a pipe holds
  auto bindings = job->bind("run");
  bindings.text("program", "cat").bytes("stdin", text);
  fake::Call& call = run(start(bindings));
  EXPECT_EQ(call.text("output"), text);
  EXPECT_EQ(call.bytes_out, text.size());
  auto unread = job->bind("run");
  unread.text("program", "env").bytes("stdin", text);  // never looks at it
  EXPECT_EQ(run(start(unread)).number("exit"), 0);
}

TEST_F(Job, InheritsNothing) {
  const int open_file = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto bindings = job->bind("run");
  bindings.text("program", "env").map("env", {{"A", "1"}, {"B", "x y"}});
  EXPECT_EQ(run(start(bindings)).text("output"), "A=1\nB=x y\n");
  EXPECT_EQ(run(start("env")).text("output"), "");
  EXPECT_EQ(
      shell("echo /proc/self/fd/*").text("output"),
      "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n");  // 3 reads the folder
  EXPECT_EQ(shell("grep -E 'SigBlk|SigIgn|NoNewPrivs' /proc/self/status").text("output"),
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n");
  const std::string ids = shell("exec cut -d' ' -f1,5,6 /proc/self/stat").text("output");
  std::istringstream words(ids);
  pid_t pid = 0, group = 1, session_id = 2;
  words >> pid >> group >> session_id;
  EXPECT_EQ(pid, group);
  EXPECT_EQ(pid, session_id);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::close(open_file);
}

TEST_F(Job, AnArgumentStaysOneElementWhateverItHolds) {
  for (const std::string text :
       {"$(id)", "a; rm -rf /", "two\nlines", "-n", "--help", "", "'\"`", "ü €"}) {
    fake::Call& call = run(
        start("show", {{"text", text}, {"count", "007"}, {"share", "0.5"}, {"type", "Preview"}}));
    EXPECT_EQ(call.text("output"), "<" + text + "><n=7!><0.5><Preview>");
  }
}

TEST_F(Job, ArgumentsAreChecked) {
  using Args = std::vector<std::pair<std::string, std::string>>;
  struct Row {
    const char* name;
    Args args;
    std::string text;
  };
  const std::string nul("a\0b", 3);
  for (const Row& row : std::vector<Row>{
           {"unknown", {{"size", "1"}}, "program show: it has no argument 'size'"},
           {"missing", {{"text", "x"}}, "program show: argument count is missing"},
           {"nul", {{"text", nul}}, "program show: argument text holds a NUL"},
           {"integer", {{"count", "1.5"}}, "program show: argument count must be an integer"},
           {"option", {{"count", "--x"}}, "program show: argument count must be an integer"},
           {"number", {{"share", "inf"}}, "program show: argument share must be a number"},
           {"choice",
            {{"type", "content"}},
            "program show: argument type must be one of Content, Preview"}}) {
    auto bindings = job->bind("run");
    bindings.text("program", "show").map("args", row.args);
    EXPECT_EQ(job->refusal("run", bindings), row.text) << row.name;
    // The same found only when the call starts.
    auto later = job->bind("run");
    later.text("program", "show").slot("args", 0);
    Map map;
    for (const auto& [key, value] : row.args) map.add(key, value);
    fake::Call& call = session->start(job->prepare("run", later), {map.value()});
    host.run();
    EXPECT_EQ(call.kind, uint32_t{SQ_K_CHECK}) << row.name;
    EXPECT_EQ(call.detail_text(), row.text);
  }
  auto bindings = job->bind("run");
  bindings.text("program", "shh");
  EXPECT_EQ(job->refusal("run", bindings),
            "no program 'shh' in plugins.job.programs (known: sh, show, env, cat, missing, plain, "
            "folder, lost)");
}

TEST_F(Job, ProgramsAreCheckedWhenTheInstanceOpens) {
  const auto refusal = [&](const Map& description) {
    Map programs;
    programs.add("p", description.value());
    const sq_pair option{fake::str("programs"), programs.value()};
    void* instance = nullptr;
    sq_error error{};
    EXPECT_EQ(job->table->open(&option, 1, &instance, &error), SQ_E_INVALID);
    return std::string(error.text);
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(refusal(Map().add("argv", Texts{"cmsjob"})),
            "program p: 'cmsjob' is not a path (there is no PATH here: write ./cmsjob or an "
            "absolute path)");
  EXPECT_EQ(refusal(Map().add("argv", Texts{"${arg.x}"})),
            "program p: ${arg.x} is not in its args");
  EXPECT_EQ(refusal(Map().add("argv", Texts{})), "program p: argv is missing or empty");
  EXPECT_EQ(refusal(Map().add("argv", Texts{"/bin/true"}).add("shell", "yes")),
            "program p: unknown key 'shell' (known: argv, args, env, cwd)");
}

TEST_F(Job, AProgramThatChangedIsNotStarted) {
  const std::string path = ::testing::TempDir() + "squall-job-" + std::to_string(::getpid());
  std::ofstream(path) << "#!/bin/sh\necho first\n";
  ::chmod(path.c_str(), 0755);
  Map programs;
  programs.add("p", Map().add("argv", std::vector<std::string>{path}).value());
  {
    fake::Protocol other(host, "job", fake::Protocol::Options{{"programs", programs.value()}});
    fake::Session user(other, 2);
    const fake::Prepared prepared = other.prepare("run", other.bind("run").text("program", "p"));
    EXPECT_EQ(run(user.start(prepared)).text("output"), "first\n");
    std::ofstream(path) << "#!/bin/sh\necho second\n";
    EXPECT_EQ(run(user.start(prepared)).detail_text(), "p has changed since the start");
  }
  std::filesystem::remove(path);
}

TEST_F(Job, WithoutDescriptorsItFailsAndLeavesNothing) {
  shell("exit 0");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int highest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  int failures = 0;
  bool has_started = false;
  for (rlim_t more = 1; more <= 12 && !has_started; ++more) {  // each step of a start runs out once
    const rlimit few{static_cast<rlim_t>(highest) + more, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    auto bindings = job->bind("run");
    bindings.text("program", "cat").bytes("stdin", "x");
    fake::Call& call = run(start(bindings));
    ::setrlimit(RLIMIT_NOFILE, &before);
    has_started = call.outcome == SQ_OUT_OK;
    if (has_started) continue;
    ++failures;
    EXPECT_EQ(call.kind, uint32_t{SQ_K_LOCAL_RESOURCE});
    EXPECT_EQ(call.code, EMFILE) << call.detail_text();
  }
  ::close(highest);
  EXPECT_TRUE(has_started);
  EXPECT_GE(failures, 4);  // standard input, two ends of a pipe, the pidfd; the process may hold more below
  EXPECT_EQ(children(), "");
}

TEST_F(Job, TwoHundredInARowLeaveNothing) {
  shell("exit 0");
  const size_t before = open_descriptors();
  const fake::Prepared prepared = job->prepare(
      "run", job->bind("run").text("program", "sh").map("args", {{"script", "echo x & exit 1"}}));
  std::vector<uint64_t> start_ns;
  for (int i = 0; i < 200; ++i) {
    host.now_ns = real_now_ns();
    const uint64_t begin = real_now_ns();
    fake::Call& call = session->start(prepared);
    start_ns.push_back(real_now_ns() - begin);
    EXPECT_EQ(run(call).code, 1);
    session->release(call);
  }
  std::sort(start_ns.begin(), start_ns.end());
  RecordProperty("start_us_min", static_cast<int>(start_ns.front() / 1000));
  RecordProperty("start_us_median", static_cast<int>(start_ns[start_ns.size() / 2] / 1000));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(children(), "");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(Job, ManyRunSideBySide) {
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 40; ++i)
    calls.push_back(&start(
        "sh", {{"script", "sleep 0.0" + std::to_string(i % 7) + "; echo " + std::to_string(i)}}));
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(run(*calls[static_cast<size_t>(i)]).text("output"), std::to_string(i) + "\n");
}

}  // namespace
