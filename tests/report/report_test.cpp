// What a person and a program read of a run: names made of markup, escape codes and bad UTF-8 stay text,
// numbers keep their units, tables keep their width.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "report/html_page.hpp"
#include "report/result_json.hpp"
#include "report/run_files.hpp"
#include "report/series_view.hpp"
#include "report/summary.hpp"
#include "report/table.hpp"
#include "results.hpp"

namespace squall {
namespace {

TEST(ResultJson, IsJsonWhateverTheNamesAre) {
  const auto document = nlohmann::json::parse(result_json(one_series(kHostile)));
  const auto& series = document.at("series").at(0);
  EXPECT_EQ(series.at("count"), 100);
  EXPECT_EQ(series.at("failed"), 1);
  EXPECT_EQ(series.at("errors").at("status"), 1);
  EXPECT_EQ(series.at("received_bytes"), 1'234'567);
  EXPECT_DOUBLE_EQ(series.at("rate_per_s"), 10.0);
  EXPECT_NEAR(series.at("response_ms").at("p50"), 1.5, 0.0015);
  EXPECT_DOUBLE_EQ(series.at("response_ms").at("max"), 80.0);
  EXPECT_EQ(document.at("verdict"), "passed");
  EXPECT_TRUE(document.at("ledger").at("closed"));
}

TEST(ResultJson, LinesThatAreNoRecordsAreCounted) {
  RunResult result = one_series("page");
  result.data = {{"log", 98, 2, 17}, {"users", 5, 0, 0}};
  const auto data = nlohmann::json::parse(result_json(result)).at("data");
  EXPECT_EQ(data.at(0), (nlohmann::json{{"dataset", "log"}, {"records", 98}, {"left_out", 2}, {"first_left_out_line", 17}}));
  EXPECT_EQ(data.at(1), (nlohmann::json{{"dataset", "users"}, {"records", 5}, {"left_out", 0}, {"first_left_out_line", nullptr}}));
}

TEST(ResultJson, CountersAndConnectionsStandBesideTheSeries) {
  RunResult result = one_series("page");
  SeriesTotals counter;
  counter.key.population = "lamps";
  counter.key.operation = "mqtt.delivery";
  counter.key.kind = SeriesKind::delivery;
  counter.key.name = "duplicate";
  counter.series = 1;
  counter.counts.told = 1234;
  result.snapshot.series.push_back(counter);
  counter.key.name = "lost";
  counter.series = 2;
  counter.counts.told = 7;
  result.snapshot.series.push_back(counter);
  counter.key.name = "reordered";
  counter.series = 3;
  counter.counts.told = 0;
  result.snapshot.series.push_back(counter);
  result.snapshot.connections.push_back({"site", {0, 14, 1386, 13, 2, 3}});
  const auto document = nlohmann::json::parse(result_json(result));
  EXPECT_EQ(document.at("series").size(), 1u);
  const auto expected = nlohmann::json::parse(R"([
    {"series": 1, "population": "lamps", "operation": "mqtt.delivery", "name": "duplicate", "phase": "main", "count": 1234},
    {"series": 2, "population": "lamps", "operation": "mqtt.delivery", "name": "lost", "phase": "main", "count": 7}])");
  EXPECT_EQ(document.at("counters"), expected);
  EXPECT_EQ(document.at("connections"), nlohmann::json::parse(R"([
    {"target": "site", "opened": 14, "reused": 1386, "closed_by_peer": 13, "failed": 2, "icmp_errors": 3}])"));
  const std::string text = summary_text(result);
  EXPECT_NE(text.find("counted     lamps/mqtt.delivery: 1,234 duplicate, 7 lost\n"), std::string::npos) << text;
  EXPECT_NE(text.find("connections site: 14 opened, 1,386 reused, 13 closed by the peer, 2 failed, 3 ICMP errors\n"), std::string::npos) << text;
}

TEST(ResultJson, RecordsAndMetricsAreCountedAndNamed) {
  const RunResult result = with_records_and_metrics();
  const auto document = nlohmann::json::parse(result_json(result));
  const auto& records = document.at("records").at(0);
  EXPECT_EQ(records.at("dataset"), "accounts<b>");
  EXPECT_EQ(records.at("acquired"), 1500);
  EXPECT_EQ(records.at("waited"), 40);
  EXPECT_EQ(records.at("waited_in_vain_longest_ms"), 4000);
  const auto& metrics = document.at("metrics");
  EXPECT_EQ(metrics.at(0).at("last"), 14);
  EXPECT_EQ(metrics.at(0).at("mean"), 12);
  EXPECT_TRUE(metrics.at(0).at("probe"));
  EXPECT_EQ(metrics.at(1).at("sum"), 12);
  EXPECT_EQ(metrics.at(2).at("count"), 0);
}

TEST(ResultJson, ASecondWithoutAValueIsAGapOfTheTimeline) {
  RunResult result = with_records_and_metrics();
  auto window = std::make_shared<MergedWindow>();
  window->metrics.resize(3);
  window->metrics[1].add(4, 0);
  result.timeline.push_back(window);
  result.timeline.push_back(std::make_shared<MergedWindow>());   // a second of which no shard told anything
  std::stringstream lines;
  write_timeline(lines, result);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line).at("metrics"), nlohmann::json::parse(R"({"memory": null, "rows": 4, "silent": null})"));
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line).at("metrics"), nlohmann::json::parse(R"({"memory": null, "rows": null, "silent": null})"));
}

TEST(Summary, RecordsAndMetricsAreALineEach) {
  const std::string text = summary_text(with_records_and_metrics());
  for (const char* line : {"records     accounts<b>: 5 of 5 held at most, acquired 1,500, each 299 to 301 times; 40 waited, p99 2.00 s, max 2.00 s; "
                           "7 found none; 3 waited in vain, the longest 4.00 s; 1 never came back\n",
                           "metric      memory: last 14 MB, mean 12, 10 to 14, 2 values\n", "metric      rows: 12 in 2 values\n",
                           "metric      silent: no value\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << text;
  }
}

TEST(HtmlPage, HasRecordsAndMetrics) {
  const std::string page = html_page(with_records_and_metrics());
  EXPECT_NE(page.find("<td>accounts&lt;b&gt;<td>5 of 5 held"), std::string::npos);
  EXPECT_NE(page.find("<td>memory<td>last 14 MB"), std::string::npos);
  EXPECT_EQ(html_page(one_series("page")).find("Beside the load"), std::string::npos);
}

TEST(HtmlPage, DrawsEachMetricOverTheRunsSeconds) {
  RunResult result = with_records_and_metrics();
  result.timeline.clear();
  for (std::int64_t second = 0; second < 3; ++second) {
    MergedWindow window;
    window.window = second;
    window.metrics.resize(3);
    window.metrics[0].add(10, 0);
    window.metrics[0].add(static_cast<double>(14 + second), 1);
    if (second != 1) window.metrics[1].add(5, 0);
    result.timeline.push_back(std::make_shared<MergedWindow>(window));
  }
  const std::string page = html_page(result);
  EXPECT_NE(page.find("aria-label=\"memory, highest 16 MB\""), std::string::npos);
  EXPECT_NE(page.find("aria-label=\"rows, highest 5\""), std::string::npos);
  EXPECT_EQ(page.find("aria-label=\"silent"), std::string::npos);
}

TEST(ResultJson, EachLineOfTheTimelineIsAnObject) {
  RunResult result = one_series("page");
  auto window = std::make_shared<MergedWindow>();
  window->window = 3;
  SeriesWindow series;
  series.counts.ok = 5;
  series.response.add(2'000'000, 5);
  window->series.push_back(series);
  PopulationWindow users;
  users.users_present = 7;
  window->populations.push_back(users);
  result.timeline.push_back(window);
  std::stringstream lines;
  write_timeline(lines, result);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line).at("count"), 5);
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line).at("users").at("visitors").at("present"), 7);
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(HtmlPage, NothingOfANameBecomesMarkup) {
  const std::string page = html_page(one_series(kHostile));
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_NE(page.find("&lt;img src=x onerror=alert(1)&gt;"), std::string::npos);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos) << "the page asks nobody for anything";
}

TEST(Summary, ControlCharactersDoNotReachTheTerminal) {
  const std::string text = summary_text(one_series(kHostile));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("visitors/"), std::string::npos);
  EXPECT_NE(text.find("status 503"), std::string::npos);
  EXPECT_NE(text.find("\n100 requests in 10.0 s, 1 failed, 0 B sent, 1.23 MB received\n"), std::string::npos);
}

TEST(Summary, TheNoteOnClosedLoopsIsAboutThoseRowsOnly) {
  RunResult result = one_series("page");
  result.snapshot.series[0].key.model = LoadModel::closed;
  EXPECT_NE(summary_text(result).find("\n  (closed loop: "), std::string::npos);
  result.snapshot.series.push_back(result.snapshot.series[0]);
  result.snapshot.series[1].key.name = "arrival";
  result.snapshot.series[1].key.model = LoadModel::open;
  const std::string mixed = summary_text(result);
  EXPECT_NE(mixed.find("visitors/page * "), std::string::npos) << mixed;
  EXPECT_EQ(mixed.find("visitors/arrival *"), std::string::npos) << mixed;
  EXPECT_NE(mixed.find("\n  (* closed loop: "), std::string::npos) << mixed;
  result.snapshot.series.erase(result.snapshot.series.begin());
  EXPECT_EQ(summary_text(result).find("closed loop"), std::string::npos);
}

TEST(Summary, ColoursOnlyWhenAsked) {
  EXPECT_EQ(summary_text(one_series("page")).find('\x1b'), std::string::npos);
  EXPECT_NE(summary_text(one_series("page"), {true, 100}).find('\x1b'), std::string::npos);
}

TEST(Table, GivesWhatIsTooLongALineOfItsOwn) {
  Table table({"name", "count"});
  table.add({"GET /a/very/long/path/that/does/not/fit/anywhere", "1,234"});
  std::istringstream lines(table.print(40));
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1], "  GET /a/very/long/path/that/does/not/fit/anywhere");
  EXPECT_EQ(text_width(all[2]), 40u);
  EXPECT_TRUE(all[2].ends_with("  1,234"));
}

TEST(Shorten, TakesFromTheMiddle) {
  EXPECT_EQ(shorten("abcdefghij", 7), "abc…hij");
  EXPECT_EQ(shorten("äöüäöüäöüä", 7), "äöü…öüä");
  EXPECT_EQ(shorten("short", 7), "short");
}

TEST(Units, KeepThreeDigits) {
  EXPECT_EQ(time_text(340), "0.34 µs");
  EXPECT_EQ(time_text(12'345), "12.3 µs");
  EXPECT_EQ(time_text(999'600), "1.00 ms");
  EXPECT_EQ(time_text(250e6), "250 ms");
  EXPECT_EQ(time_text(61e9), "61.0 s");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'500), "1.50 kB");
  EXPECT_EQ(bytes_text(32e9), "32.0 GB");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
}

}  // namespace
}  // namespace squall
