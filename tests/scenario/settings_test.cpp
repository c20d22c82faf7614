// What is said beside the scenario's own lines: settings of included files, profiles, probes, the command line.
#include "loader_fixture.hpp"

namespace squall {
namespace {

TEST_F(LoaderTest, BusyPollOfTheCommandLineReplacesTheFilesSlack) {
  const std::string text = kSmall + "run: { for: 1s, slack: 2ms }\n";
  EXPECT_EQ(load(text).run.slack_ns, 2'000'000);
  options_.busy_poll = "100us";
  const Scenario& s = load(text);
  EXPECT_EQ(s.run.busy_poll_ns, 100'000);
  EXPECT_EQ(s.run.slack_ns, 0);
  options_.slack = "1ms";
  EXPECT_NE(problems(text).find("--slack lets starts be late, --busy-poll spends CPU that they are not"), std::string::npos);
  options_.busy_poll.reset();
  EXPECT_EQ(load(kSmall + "run: { for: 1s, busy_poll: 2ms }\n").run.busy_poll_ns, 0);
}

TEST_F(LoaderTest, SettingsStandInAFileOfTheirOwn) {
  file("pages.csv", "site,path\na,1\nb,2\nc,3\n");
  file("settings.yaml", "profile: small\nvars: { sites: [ a, c ], users: 7 }\ntargets: { site: http://h:1 }\n");
  const std::string text = R"(
include: settings.yaml
profiles: { small: [ few ], large: [ few, many ] }
data: { pages: { file: pages.csv, where: { site: "${sites}" } } }
tasks: { t: [ http.get: "/${pages.path}" ], u: [ http.get: { path: /, name: other } ] }
populations: { few: { tasks: t, load: { users: "${users}" } }, many: { tasks: u, load: { users: 100 } } }
run: { for: 1s }
thresholds: [ "p99(other) < 1s", "p99(t) < 1s" ]
)";
  const Scenario& s = load(text);
  EXPECT_EQ(s.datasets[0]->size(), 2u);
  EXPECT_EQ(s.targets[0].url, "http://h:1");
  ASSERT_EQ(s.populations.size(), 1u);
  EXPECT_EQ(s.populations[0].load.users, 7);
  ASSERT_EQ(s.thresholds.size(), 1u);
  EXPECT_EQ(s.thresholds[0].text, "p99(t) < 1s");
  EXPECT_EQ(s.warnings, std::vector<std::string>{"'p99(other) < 1s' is not judged: what it names does not run"});
  options_.profile = "large";
  EXPECT_EQ(load(text).populations.size(), 2u);
  options_.only = {"many"};   // comes before the profile
  EXPECT_EQ(load(text).populations[0].name, "many");
}

TEST_F(LoaderTest, AMistakeOfAnIncludedFileIsShownThere) {
  file("settings.yaml", "vars: { users: 7 }\ntasks: { x: [] }\ntargets:\n  site: ftp://h:1\n");
  const std::string said = problems("include: settings.yaml\nvars: { users: 3 }\n" + kSmall.substr(kSmall.find("tasks:")));
  const std::string place = (folder_ / "settings.yaml").string();
  EXPECT_NE(said.find(place + ":1:9: error: 'users' stands in s.yaml already"), std::string::npos) << said;
  EXPECT_NE(said.find(place + ":2:1: error: 'tasks' cannot stand in an included file"), std::string::npos) << said;
  EXPECT_NE(said.find(place + ":4:9: error: 'ftp' is no known scheme"), std::string::npos) << said;
  EXPECT_NE(said.find("    4 |   site: ftp://h:1"), std::string::npos) << said;
}

TEST_F(LoaderTest, WhatIncludesLeadsOutOfTheFolderOrInACircleIsRefused) {
  file("settings.yaml", "include: more.yaml\n");
  EXPECT_NE(problems("include: settings.yaml\n" + kSmall).find("'include' cannot stand in an included file"), std::string::npos);
  EXPECT_NE(problems("include: ../x.yaml\n" + kSmall).find("'../x.yaml' leads out of the scenario's folder"), std::string::npos);
  EXPECT_NE(problems("include: none.yaml\n" + kSmall).find("no file 'none.yaml'"), std::string::npos);
}

TEST_F(LoaderTest, AProbeIsAUserInTheBackgroundThatAsksEachSecond) {
  const std::string text = kSmall + "probes: { memory: { path: /mem, json: mem_mb, unit: MB } }\nthresholds: [ probe(memory) < 5 ]\nrun: { for: 9s }\n";
  options_.users = "7";     // of the only population: the probe is none
  options_.compress = 10;
  options_.scale = 3;
  const Scenario& s = load(text);
  ASSERT_EQ(s.populations.size(), 2u);
  EXPECT_EQ(s.populations[0].load.users, 21);
  const PopulationSpec& probe = s.populations[1];
  EXPECT_EQ(probe.name, "probe memory");
  EXPECT_TRUE(probe.role == PopulationSpec::Role::probe && probe.background);
  EXPECT_EQ(probe.load.users, 1);
  EXPECT_EQ(std::get<std::int64_t>(probe.load.every), 1'000'000'000);
  const Steps& steps = s.tasks[probe.tasks[0].first].steps;
  EXPECT_EQ(operation(steps).timeout_ns, 900'000'000);
  EXPECT_EQ(operation(steps).captures[0].from, Capture::From::json);
  EXPECT_EQ(std::get<MetricStep>(steps[1].what).metric, 0u);
  EXPECT_EQ(s.metrics[0].name, "memory");
  EXPECT_EQ(s.metrics[0].unit, "MB");
  EXPECT_TRUE(s.metrics[0].is_probe);
  options_.users.reset();
  options_.only = {"visitors"};
  EXPECT_EQ(load(text).populations.size(), 2u);
}

TEST_F(LoaderTest, OneMetricHasOneUnitAndOneKind) {
  const std::string two = R"(
targets: { site: http://h:1 }
tasks:
  a: [ { metric: { name: rows, value: 1, unit: MB } }, { metric: { name: rows, value: 2, unit: MB } } ]
  b: [ metric: { name: rows, value: 3, kind: counter } ]
populations: { p: { tasks: [ a, b ], load: { users: 1 } } }
)";
  EXPECT_NE(problems(two).find("5:24: error: metric 'rows' is another one in line 4"), std::string::npos) << problems(two);
}

TEST_F(LoaderTest, ScaleAndCompressChangeLoadAndNothingElse) {
  const std::string text = R"(
targets: { site: http://h:1 }
tasks: { a: [ http.get: { path: /, timeout: 4s }, { wait: 2s }, { wait: { exponential: 10s, max: 20s } }, { until: { every: 1s, timeout: 5s }, steps: [ http.get: / ], satisfied: { status: 200 } } ] }
populations:
  p: { tasks: a, load: { users: 25, every: 10s, jitter: 200ms }, start: 30s, sessions: 4 }
  q: { tasks: a, load: { rate: 100/s } }
  r: { tasks: a, load: { users: 1 } }
run: { for: 60s }
)";
  options_.compress = 10;
  const Scenario* s = &load(text);
  EXPECT_EQ(std::get<std::int64_t>(s->populations[0].load.every), 1'000'000'000);
  EXPECT_EQ(s->populations[0].load.jitter_ns, 20e6);
  EXPECT_EQ(s->populations[0].start_ns, 3'000'000'000);
  EXPECT_EQ(s->populations[1].load.rate_per_s, 1000);
  const Steps& steps = s->tasks[0].steps;
  EXPECT_EQ(std::get<std::int64_t>(std::get<WaitStep>(steps[1].what).duration), 200'000'000);
  EXPECT_NEAR(std::get<Distribution>(std::get<WaitStep>(steps[2].what).duration).highest(), 2e9, 1);
  EXPECT_EQ(std::get<UntilStep>(steps[3].what).every_ns, 1'000'000'000);
  EXPECT_EQ(operation(steps).timeout_ns, 4'000'000'000);
  EXPECT_EQ(s->run.for_ns, 60'000'000'000);

  options_.compress = 1;
  options_.scale = 0.1;
  s = &load(text);
  EXPECT_EQ(s->populations[0].load.users, 3);
  EXPECT_EQ(s->populations[0].sessions, 1u);
  EXPECT_DOUBLE_EQ(s->populations[1].load.rate_per_s, 10);
  EXPECT_EQ(s->populations[2].load.users, 1);  // nobody vanishes
}

TEST_F(LoaderTest, CommandLineChangesTheOnlyPopulation) {
  options_.users = "50";
  options_.duration = "10s";
  options_.host = "http://other:81";
  options_.seed = 7;
  options_.iterations = 9;
  const Scenario* s = &load(kSmall);
  EXPECT_EQ(s->populations[0].load.users, 50);
  EXPECT_EQ(s->run.for_ns, 10'000'000'000);
  EXPECT_EQ(s->targets[0].url, "http://other:81");
  EXPECT_EQ(s->seed, 7u);
  EXPECT_EQ(s->populations[0].stop_after.iterations, 9u);

  options_ = {};
  options_.stages = "10s:100,1m:0";
  s = &load(kSmall);
  EXPECT_EQ(s->populations[0].load.stages[0].value, 100);
  options_ = {};
  options_.rate = "500/s";
  options_.users = "20";
  s = &load(kSmall);
  EXPECT_EQ(s->populations[0].load.model, Load::Model::open);
  EXPECT_EQ(s->populations[0].load.max_users, 20u);

  const std::string two = R"(
targets: { a: http://h:1 }
tasks: { a: { http.get: / }, b: { http.get: /b } }
populations: { p: { tasks: a, load: { users: 1 } }, q: { tasks: [a, b], load: { users: 1 }, after: p } }
)";
  options_ = {};
  options_.users = "5";
  EXPECT_EQ(problems(two), "error: --users is about one population, and this scenario has 2; choose one with --only (p, q), or multiply all with --scale\n");
  options_.only = {"b"};
  s = &load(two);
  ASSERT_EQ(s->populations.size(), 1u);
  EXPECT_EQ(s->populations[0].name, "q");
  EXPECT_EQ(s->populations[0].tasks.size(), 1u);
  EXPECT_EQ(s->populations[0].after, kNone);
  options_.only = {"r"};
  EXPECT_EQ(problems(two), "error: --only r: no population or task of that name; there are a, b, p, q\n");
}

}  // namespace
}  // namespace squall
