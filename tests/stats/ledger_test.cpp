#include "stats/ledger.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

TEST(Ledger, NothingIsClosed) { EXPECT_TRUE(Ledger{}.closed()); }

TEST(Ledger, SaysWhichEquationIsOpenAndByHowMuch) {
  Ledger ledger;
  ledger.iterations = {100, 98, 1, 0, 0, 90, 5, 3};
  ledger.samples = {500, 480, 15, 5};
  EXPECT_EQ(ledger.open_equations(),
            std::vector<std::string>{
                "iterations: planned 100, but started 98 + dropped 1 + waiting 0 + not due 0 = 99 "
                "(1 missing)"});
  ledger.iterations.not_due = 1;
  EXPECT_TRUE(ledger.closed());
  ledger.samples.ok = 482;
  ledger.groups.begun = 7;
  EXPECT_EQ(ledger.open_equations(),
            (std::vector<std::string>{
                "samples: begun 500, but ok 482 + failed 15 + cut 5 = 502 (2 too many)",
                "groups: begun 7, but ok 0 + failed 0 + cut 0 = 0 (7 missing)"}));
  ledger.iterations.cut = 4;
  EXPECT_EQ(ledger.open_equations()[0],
            "iterations: started 98, but completed 90 + interrupted 5 + cut 4 = 99 (1 too many)");
}

}  // namespace
}  // namespace squall
