// job.run: what a program is given, what its end says, what of its output is kept, and what is refused.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "job_fixture.hpp"

namespace job_test {
namespace {

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
  EXPECT_EQ(shell("grep -E 'SigBlk|NoNewPrivs' /proc/self/status").text("output"),
            "SigBlk:\t0000000000000000\nNoNewPrivs:\t1\n");
  const std::string ignored = shell("sed -n 's/^SigIgn://p' /proc/self/status").text("output");
  const uint64_t of_the_c_library = uint64_t{3} << 31;  // 32 and 33: who was spawned by posix_spawn() ignores them
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) & ~of_the_c_library, 0u) << ignored;
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

}  // namespace
}  // namespace job_test
