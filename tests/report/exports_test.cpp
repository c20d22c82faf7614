// What CI and older scripts read of a run: JUnit, Markdown, and Locust's CSV.
#include <gtest/gtest.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include <functional>
#include <memory>
#include <sstream>
#include <vector>

#include "report/junit.hpp"
#include "report/locust_csv.hpp"
#include "report/markdown.hpp"
#include "report/series_view.hpp"
#include "results.hpp"

namespace squall {
namespace {

using Xml = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

Xml parsed(const std::string& text) {
  return {xmlReadMemory(text.data(), static_cast<int>(text.size()), "junit.xml", nullptr, XML_PARSE_NOERROR | XML_PARSE_NOWARNING), xmlFreeDoc};
}

std::string attribute(const xmlNode* node, const char* name) {
  const std::unique_ptr<xmlChar, decltype(xmlFree)> value(xmlGetProp(node, reinterpret_cast<const xmlChar*>(name)), xmlFree);
  return value ? reinterpret_cast<const char*>(value.get()) : "(none)";
}

std::vector<const xmlNode*> all_called(const xmlNode* under, const std::string& name) {
  std::vector<const xmlNode*> found;
  const std::function<void(const xmlNode*)> look = [&](const xmlNode* node) {
    for (; node; node = node->next) {
      if (node->type == XML_ELEMENT_NODE && reinterpret_cast<const char*>(node->name) == name) found.push_back(node);
      look(node->children);
    }
  };
  look(under);
  return found;
}

TEST(Junit, HasACaseForEachThresholdAndOneForTheRun) {
  const Xml document = parsed(junit_xml(with_everything()));
  ASSERT_TRUE(document);
  const xmlNode* root = xmlDocGetRootElement(document.get());
  const auto suites = all_called(root, "testsuite"), cases = all_called(root, "testcase");
  ASSERT_EQ(suites.size(), 1u);
  EXPECT_EQ(attribute(suites[0], "tests"), "4");
  EXPECT_EQ(attribute(suites[0], "failures"), "1");
  EXPECT_EQ(attribute(suites[0], "errors"), "0");
  EXPECT_EQ(attribute(suites[0], "skipped"), "1");
  EXPECT_EQ(attribute(suites[0], "time"), "12.346");
  EXPECT_EQ(attribute(suites[0], "timestamp"), "2026-11-23T12:00:00.123Z");
  ASSERT_EQ(cases.size(), 4u);
  EXPECT_EQ(attribute(cases[0], "name"), "run completed");
  EXPECT_TRUE(all_called(cases[0]->children, "failure").empty()) << "a broken threshold is a case of its own";
  EXPECT_EQ(attribute(cases[1], "name"), "p99(page) < 10ms");
  EXPECT_EQ(attribute(cases[1], "classname"), "squall.shop ä.thresholds");
  const auto failures = all_called(cases[1]->children, "failure");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(attribute(failures[0], "message"), "p99(page) was at least 79.9 ms, must be < 10 ms");
  EXPECT_EQ(all_called(cases[3]->children, "skipped").size(), 1u);
}

TEST(Junit, SaysWhatElseIsWrongWithTheRun) {
  const auto element_of_run = [](VerdictWord word, int code) {
    RunResult result = one_series("page");
    result.verdict.word = word;
    result.verdict.exit_code = code;
    result.verdict.reasons = {"one", "two"};
    const Xml document = parsed(junit_xml(result));
    const auto cases = all_called(xmlDocGetRootElement(document.get()), "testcase");
    for (const char* name : {"failure", "error"}) {
      const auto found = all_called(cases.at(0)->children, name);
      if (!found.empty()) return std::string(name) + " " + attribute(found[0], "type") + ": " + attribute(found[0], "message");
    }
    return std::string("passed");
  };
  EXPECT_EQ(element_of_run(VerdictWord::passed, 0), "passed");
  EXPECT_EQ(element_of_run(VerdictWord::failed, 99), "passed");
  EXPECT_EQ(element_of_run(VerdictWord::failed, 1), "failure failed: one; two");
  EXPECT_EQ(element_of_run(VerdictWord::passed, 111), "failure passed: one; two");
  EXPECT_EQ(element_of_run(VerdictWord::invalid, 112), "error invalid: one; two");
  EXPECT_EQ(element_of_run(VerdictWord::stopped, 105), "error stopped: one; two");
}

TEST(Junit, IsXmlWhateverTheNamesAre) {
  RunResult result = one_series(kHostile);
  result.thresholds.push_back({std::string("]]>\0\x01\xef\xbf\xbe\n\"", 10), 1, "ms", false, true, 0, kHostile, -1});
  const Xml document = parsed(junit_xml(result));
  ASSERT_TRUE(document);
  const auto cases = all_called(xmlDocGetRootElement(document.get()), "testcase");
  EXPECT_EQ(attribute(cases.at(1), "name"), "]]>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \"");
  EXPECT_EQ(attribute(cases.at(0), "classname"), "squall.<img src=x onerror=alert(1)>\xef\xbf\xbd[31m\"&'\xef\xbf\xbd");
}

TEST(Markdown, NothingOfANameIsMarkup) {
  const std::string text = markdown(one_series("a|b\n<img src=x>`*_[x](y)\x1b"));
  EXPECT_NE(text.find("visitors/a\\|b?&lt;img src=x&gt;\\`\\*\\_\\[x\\]\\(y\\)?"), std::string::npos) << text;
  EXPECT_EQ(text.find("<img"), std::string::npos);
}

TEST(Markdown, ShowsTheLargestAndSaysHowManyMoreThereAre) {
  RunResult result = one_series("page");
  for (std::uint32_t i = 1; i < 5'000; ++i) {
    SeriesTotals series = result.snapshot.series[0];
    series.series = i;
    series.key.name = std::string(3'000, 'x') + std::to_string(i);
    series.counts.ok = i;
    series.errors[0].detail = series.key.name;
    result.snapshot.series.push_back(series);
  }
  const std::string text = markdown(result);
  EXPECT_LT(text.size(), 100'000u);
  EXPECT_NE(text.find("x4999 | 5,000 |"), std::string::npos);
  EXPECT_NE(text.find("… and 4950 more series"), std::string::npos);
  EXPECT_NE(text.find("… and 4980 more kinds of errors"), std::string::npos);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    EXPECT_TRUE(line.ends_with('\r')) << line;
    lines.push_back(line.substr(0, line.size() - 1));
  }
  return lines;
}

TEST(LocustCsv, AddsUpWhatIsCalledTheSame) {
  RunResult result = with_everything();   // of the warm-up, groups and what a logger does nothing is in it
  SeriesTotals other = result.snapshot.series[1];
  other.series = 9;
  other.key.population = "editors";
  result.snapshot.series.push_back(other);
  const auto lines = lines_of(locust_stats_csv(result));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,"
                      "Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%");
  EXPECT_TRUE(lines[1].starts_with("GET,page,200,2,2,2.285,1.5,80,12345.67,20.249999999746876,0.20249999999746876,")) << lines[1];
  EXPECT_TRUE(lines[1].ends_with(",2,2,2,2,2,2,2,2,80,80,80")) << lines[1];
  EXPECT_EQ(lines[2].substr(0, 20), ",Aggregated,200,2,2,");
  EXPECT_EQ(lines[2].substr(lines[2].find(",200,")), lines[1].substr(lines[1].find(",200,")));
}

TEST(LocustCsv, TheHistoryEndsWithAllThatWasMeasured) {
  const auto lines = lines_of(locust_history_csv(with_everything()));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1], "1795435201,21,,Aggregated,0.000000,0.000000,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,0,0,0,0,0,0,0") << "warm-up";
  EXPECT_TRUE(lines[2].starts_with("1795435202,21,,Aggregated,31.000000,1.000000,2,2,")) << lines[2];
  EXPECT_TRUE(lines[3].ends_with(",62,2,2,1.5,1.5,1.5,96.7741935483871")) << lines[3];
}

TEST(LocustCsv, QuotesWhatMustBeQuoted) {
  RunResult result = with_everything();
  result.snapshot.series[1].key.name = "a,\"b\"\n=cmd";
  EXPECT_NE(locust_stats_csv(result).find("\r\nGET,\"a,\"\"b\"\"\n=cmd\",100,1,"), std::string::npos);
  EXPECT_EQ(locust_failures_csv(result), "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n"
                                         "GET,\"a,\"\"b\"\"\n=cmd\",\"status 503 (busy, \"\"very\"\")\",1,2026-11-23T12:00:01Z,2026-11-23T12:00:02Z\r\n");
  EXPECT_EQ(locust_exceptions_csv(result), "Count,Message,Traceback,Nodes\r\n");
}

}  // namespace
}  // namespace squall
