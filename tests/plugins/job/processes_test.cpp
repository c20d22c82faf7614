// job.run and its processes: whatever a program does, its call ends, and nothing of it is alive afterwards.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "job_fixture.hpp"

namespace job_test {
namespace {

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

/// Takes every number below the highest in use (what started this process may have left gaps), then one more.
std::vector<int> without_gaps() {
  int highest = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    highest = std::max(highest, std::stoi(entry.path().filename()));
  std::vector<int> taken;
  do taken.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (taken.back() >= 0 && taken.back() < highest);
  return taken;
}

TEST_F(Job, WithoutDescriptorsItFailsAndLeavesNothing) {
  shell("exit 0");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const auto taken = without_gaps();
  const int highest = taken.back();
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
  for (const int number : taken) ::close(number);
  EXPECT_TRUE(has_started);
  EXPECT_EQ(failures, 3);  // two ends of a pipe and standard input; the pidfd takes the place of the end that was handed on
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
}  // namespace job_test
