// A stored run is the run: all that was rendered of the one can be rendered of the other, byte for byte.
#include "report/stored_run.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "report/html_page.hpp"
#include "report/junit.hpp"
#include "report/locust_csv.hpp"
#include "report/markdown.hpp"
#include "report/result_json.hpp"
#include "report/run_files.hpp"
#include "report/summary.hpp"
#include "results.hpp"

namespace squall {
namespace {

class StoredRun : public testing::Test {
 protected:
  std::string folder = testing::TempDir() + "stored-" + testing::UnitTest::GetInstance()->current_test_info()->name();

  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void put(const std::string& name, const std::string& text) const { std::ofstream(folder + "/" + name, std::ios::binary) << text; }
  void store(const RunResult& result) const {
    put("result.json", result_json(result));
    put("timeline.jsonl", lines_of(write_timeline, result));
    put("histograms.jsonl", lines_of(write_histograms, result));
  }
  static std::string lines_of(void (*write)(std::ostream&, const RunResult&), const RunResult& result) {
    std::ostringstream out;
    write(out, result);
    return out.str();
  }
};

TEST_F(StoredRun, IsRenderedAsTheRunItselfWas) {
  for (const RunResult& result : {with_everything(), one_series(kHostile), RunResult{}}) {
    store(result);
    const auto stored = read_run(folder);
    ASSERT_TRUE(stored) << stored.error().text;
    EXPECT_EQ(result_json(*stored), result_json(result));
    EXPECT_EQ(lines_of(write_timeline, *stored), lines_of(write_timeline, result));
    EXPECT_EQ(lines_of(write_histograms, *stored), lines_of(write_histograms, result));
    EXPECT_EQ(lines_of(write_journal, *stored), lines_of(write_journal, result));
    EXPECT_EQ(junit_xml(*stored), junit_xml(result));
    EXPECT_EQ(markdown(*stored), markdown(result));
  }
}

/// Bytes that are no UTF-8 are not in JSON: what they were replaced by is what is rendered then.
TEST_F(StoredRun, IsTheSameForAPersonToo) {
  const RunResult result = with_everything();
  store(result);
  const auto stored = read_run(folder + "/result.json");
  ASSERT_TRUE(stored) << stored.error().text;
  for (const auto render : {html_page, locust_stats_csv, locust_history_csv, locust_failures_csv}) {
    std::string of_run = render(result);
    for (std::size_t at; (at = of_run.find('\xff')) != of_run.npos;) of_run.replace(at, 1, "\xef\xbf\xbd");
    EXPECT_EQ(render(*stored), of_run);
  }
  EXPECT_NE(summary_text(*stored).find("shop"), std::string::npos);
}

TEST_F(StoredRun, SaysWhatIsNotAsItWasWritten) {
  const auto error = [&] {
    const auto stored = read_run(folder);
    return stored ? std::string("no error") : stored.error().text;
  };
  EXPECT_EQ(error(), "cannot read " + folder + "/result.json: No such file or directory");
  store(with_everything());
  put("result.json", "{\"run\": {}}");
  EXPECT_TRUE(error().starts_with(folder + "/result.json: not as squall ")) << error();
  EXPECT_NE(error().find("key 'id' not found"), std::string::npos) << error();
  store(with_everything());
  std::string timeline = lines_of(write_timeline, with_everything());
  timeline.insert(timeline.find('\n') + 1, "{\"second\": 0,\n");
  put("timeline.jsonl", timeline);
  EXPECT_TRUE(error().starts_with(folder + "/timeline.jsonl:2: not as squall ")) << error();
  store(with_everything());
  put("histograms.jsonl", R"({"population": "nobody", "blocked": {"buckets": []}})");
  EXPECT_NE(error().find("histograms.jsonl:1: not as squall"), std::string::npos) << error();
  EXPECT_TRUE(error().ends_with("result.json has no 'nobody'")) << error();
  put("histograms.jsonl", R"({"generator": true, "lag": {"buckets": [[1, 2]], "sum_ns": 1, "min_ns": 900, "max_ns": 901}})");
  EXPECT_TRUE(error().ends_with("buckets that are no histogram")) << error();
}

}  // namespace
}  // namespace squall
