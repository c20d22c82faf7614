// The fake host itself: it sees what it is there to see, and a program without GoogleTest ends badly by it.
#include "fake_host.hpp"

#include <gtest/gtest-spi.h>

#include <cstdlib>

namespace {

const sq_loop_api& loop() {
  const sq_host& root = fake::Host::root();
  return *static_cast<const sq_loop_api*>(root.get_extension(&root, SQ_LOOP_V1, sizeof(sq_loop_api)));
}
const sq_calls_api& calls() {
  const sq_host& root = fake::Host::root();
  return *static_cast<const sq_calls_api*>(root.get_extension(&root, SQ_CALLS_V1, sizeof(sq_calls_api)));
}

TEST(FakeHost, SaysWhatWasLeftBehind) {
  EXPECT_NONFATAL_FAILURE(
      {
        fake::Host host;
        loop().timer_new(&host.shard, [](void*) noexcept {}, nullptr);
      },
      "a timer was never freed");
}

TEST(FakeHost, SaysThatACallWasCompletedTwice) {
  EXPECT_NONFATAL_FAILURE(
      {
        fake::Host host;
        fake::Call call{};
        calls().complete(&call);
        calls().complete(&call);
        host.run();
      },
      "a call was completed twice");
}

TEST(FakeHost, TellsAnEndInWords) {
  fake::Call call{};
  EXPECT_EQ(call.ending(), "running");
  call.completed = true;
  EXPECT_EQ(call.ending(), "ok");
  call.outcome = SQ_OUT_FAILED;
  call.kind = SQ_K_OFF_LIST;
  EXPECT_EQ(call.ending(), "failed: off_list");
  call.kind = SQ_K_CLOSED;
  call.detail = fake::str("eof");
  EXPECT_EQ(call.ending(), "failed: closed, eof");
}

TEST(Check, ComparesNumbersAsNumbers) {
  fake::check_equal(uint64_t{5}, 5);
  fake::check_equal(std::string("text"), "text");
  EXPECT_NONFATAL_FAILURE(fake::check_equal(-1, UINT32_MAX, "code"), "code: found '-1', wanted '4294967295'");
}

TEST(CheckDeathTest, EndsAProgramWithoutAFrameworkBadly) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto program = [](bool holds) {
    fake::on_failure = fake::print_failure;
    fake::check(holds, "one of the two");
    std::exit(0);
  };
  EXPECT_EXIT(program(false), testing::ExitedWithCode(1), "fake_host_test.cpp:[0-9]+: one of the two");
  EXPECT_EXIT(program(true), testing::ExitedWithCode(0), "^$");
}

}  // namespace
