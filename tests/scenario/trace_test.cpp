// Loads whose arrivals are recorded: what the file and the command line make of them.
#include "loader_fixture.hpp"

namespace squall {
namespace {

class TraceLoads : public LoaderTest {
 protected:
  TraceLoads() {
    file("access.log", R"(h - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 5
h - - [10/Oct/2000:13:55:46 -0700] "GET /b HTTP/1.1" 200 5
)");
  }
  std::string scenario(const std::string& load) {
    return R"(
targets: { site: http://127.0.0.1:8080 }
vars: { pace: 60 }
data: { log: access.log }
tasks: { visit: [ http.request: { method: "${log.method}", path: "${log.path}", as_is: true } ] }
populations: { visitors: { load: )" + load + " } }\n";
  }
  const Load& trace_of(const std::string& text) { return load(scenario(text)).populations[0].load; }
};

TEST_F(TraceLoads, AreOpenAndTakeTheColumnTimeWhenNoneIsSaid) {
  const Load& load = trace_of("{ trace: log, speed: \"${pace}\", max_users: 7, when_busy: drop }");
  EXPECT_EQ(load.model, Load::Model::open);
  ASSERT_TRUE(load.trace);
  EXPECT_EQ(load.trace->dataset, 0u);
  EXPECT_EQ(load.trace->column, 3u);
  EXPECT_EQ(load.trace->speed, 60);
  EXPECT_EQ(load.max_users, 7u);
  EXPECT_TRUE(load.drop_when_busy);
  EXPECT_EQ(trace_of("{ trace: log }").trace->speed, 1);
  EXPECT_EQ(trace_of("{ trace: log, time: bytes }").trace->column, 9u);
}

TEST_F(TraceLoads, AreCompressedAndNeverScaled) {
  options_.compress = 10;
  EXPECT_EQ(trace_of("{ trace: log, speed: 6 }").trace->speed, 60);
  options_.compress = 1;
  options_.scale = 2;
  EXPECT_EQ(problems(scenario("{ trace: log }")),
            "error: --scale: population 'visitors' replays a trace, whose arrivals are as many as they were; "
            "`speed` and --compress make it denser\n");
}

TEST_F(TraceLoads, GiveWayToWhatTheCommandLineSays) {
  options_.rate = "5/s";
  EXPECT_FALSE(trace_of("{ trace: log }").trace);
  EXPECT_EQ(trace_of("{ trace: log }").rate_per_s, 5);
  options_.rate.reset();
  options_.users = "3";
  EXPECT_TRUE(trace_of("{ trace: log }").trace);
  EXPECT_EQ(trace_of("{ trace: log }").max_users, 3u);
}

TEST_F(TraceLoads, ThatDoAStartTaskWithTheirRecordsAreRefused) {
  EXPECT_NE(problems(scenario("{ trace: log }, on_start: [ do: visit ]")).find("on_start and on_stop of 'visitors' read 'log'"), std::string::npos);
}

TEST_F(TraceLoads, StandInThePlan) {
  const std::string plan = describe_plan(load(scenario("{ trace: log, speed: 60 }")), {{2, 166'666'666}});
  EXPECT_NE(plan.find("the arrivals of log at 60 × their pace (visit): 2 iterations in 167ms"), std::string::npos) << plan;
}

TEST_F(TraceLoads, SayWhichLinesAreLeftOut) {
  std::string log;
  for (int i = 0; i < 19; ++i) log += "h - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 5\n";
  file("access.log", log + "h - - [10/Oct/2000:13:55:36 -0700] \"-\" 408 0\n");
  const Scenario& whole = load(scenario("{ trace: log }"));
  ASSERT_EQ(whole.warnings.size(), 1u);
  EXPECT_EQ(whole.warnings[0], "dataset 'log': 1 of 20 lines are no requests and are left out; the first is access.log:20:36: "
                               "the request is no METHOD PATH HTTP/VERSION but '-'");
  EXPECT_EQ(result_.diagnostics.count(Severity::warning), 1u);
  EXPECT_EQ(whole.datasets[0]->size(), 19u);
}

}  // namespace
}  // namespace squall
