// The library as a host drives it, without anybody who listens: that is told, and nobody waits.
#include <gtest/gtest.h>

#include <filesystem>

#include "../sink/scratch_folder.hpp"
#include "fake_output.hpp"

namespace {

using fake::str;
using squall::plugin::text_value;

const sq_output& plugin() { return fake::load_output("elastic"); }

class ElasticOutput : public ::testing::Test {
 protected:
  /// Port 1 of loopback: nobody has it.
  void open(const std::string& spool = "") {
    const sq_pair options[] = {{str("url"), text_value("http://127.0.0.1:1")}, {str("drain"), squall::plugin::duration_value(0)},
                               {str("spool"), text_value(spool)}};
    ASSERT_EQ(plugin().open(nullptr, options, spool.empty() ? 2 : 3, &output, &error), SQ_OK) << error.text;
  }
  void write(uint64_t number) {
    fake::Batch batch(number);
    const sq_series_desc page = fake::series(0, "page");
    if (number == 0) batch.series = {&page};
    batch.add_window(0).count = 1;
    batch.gauges = {{str("users"), 1}};
    plugin().write(output, batch.view(), &account);
  }
  void close() {
    plugin().close(output, &account);
    fake::OutputHost::get().run_until([&] { return account.done > 0; });
  }
  void* output = nullptr;
  sq_error error{};
  sq_done account;
};

TEST_F(ElasticOutput, ARunThatDoesNotBeginSendsNothing) {
  open();
  close();
  EXPECT_EQ(account.status, SQ_OK) << account.why;
}

TEST_F(ElasticOutput, WhatIsLostIsToldToTheItem) {
  open();
  write(0);
  write(1);
  write(1);   // shown again
  EXPECT_EQ(account.delivered + account.rejected, 6u) << "the host's own sum is complete";
  close();
  EXPECT_EQ(account.status, SQ_E_IO);
  EXPECT_TRUE(account.why.starts_with("4 items = 0 delivered + 0 rejected + 0 spooled + 4 dropped: ")) << account.why;
}

TEST_F(ElasticOutput, WhatIsSpooledIsToldToo) {
  ScratchFolder folder;
  open(folder.path);
  write(0);
  close();
  EXPECT_EQ(account.status, SQ_E_IO);
  EXPECT_TRUE(account.why.starts_with("2 items = 0 delivered + 0 rejected + 2 spooled + 0 dropped; the next run with `spool: " + folder.path))
      << account.why;
}

}  // namespace
