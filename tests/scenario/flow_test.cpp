// setup and teardown, take, barrier, for_each: what they become, and what is said of them when they are wrong.
#include "loader_fixture.hpp"

namespace squall {
namespace {

const std::string kTail = "populations: { p: { tasks: t, load: { users: 2 } } }\nrun: { for: 1s }\n";

// ---- setup, teardown

TEST_F(LoaderTest, SetupAndTeardownAreRunsOfOneUserApartFromTheLoad) {
  const std::string text = "targets: { site: http://h:1 }\nsetup:\n- http.get: { path: /token }\n  capture: { token: body }\n- set: { twice: 2 }\n"
                           "teardown: [ http.get: { path: \"/bye/${setup.token}\" } ]\n"
                           "tasks: { t: [ http.get: { path: \"/${setup.token}/${setup.twice}\" } ] }\n" + kTail;
  const Scenario& s = load(text);
  ASSERT_EQ(s.populations.size(), 1u);
  ASSERT_TRUE(s.setup && s.teardown);
  EXPECT_EQ(s.setup->load.users, 1);
  EXPECT_EQ(s.setup->stop_after.iterations, 1u);
  EXPECT_EQ(s.tasks[s.setup->tasks[0].first].steps.size(), 2u);
  EXPECT_EQ(s.setup_locals.size(), 2u);
  EXPECT_EQ(s.setup->locals, s.populations[0].locals);
  EXPECT_TRUE(s.warnings.empty());
  options_.users = "7";   // the command line speaks of the load
  EXPECT_EQ(load(text).populations[0].load.users, 7);
  EXPECT_EQ(load(text).setup->load.users, 1);
}

TEST_F(LoaderTest, WhatSetupKeepsByATaskThatItDoesIsForEveryone) {
  const std::string text = "targets: { site: http://h:1 }\nsetup: [ do: login ]\n"
                           "tasks:\n  login: [ { http.get: { path: / }, capture: { token: body } } ]\n"
                           "  t: [ http.get: { path: \"/${setup.token}\" } ]\n" + kTail;
  EXPECT_EQ(load(text).setup_locals.size(), 1u);
}

TEST_F(LoaderTest, MistakesAboutSetupAreFound) {
  const auto said = [&](const std::string& setup, const std::string& path) {
    return problems("targets: { site: http://h:1 }\n" + setup + "tasks: { t: [ http.get: { path: \"" + path + "\" } ] }\n" + kTail);
  };
  EXPECT_NE(said("", "/${setup.token}").find("'setup.token': the scenario has no setup"), std::string::npos);
  const std::string setup = "setup: [ { http.get: { path: / }, capture: { token: body } } ]\n";
  EXPECT_NE(said(setup, "/${setup.tokn}").find("setup keeps no 'tokn'\n") , std::string::npos) << said(setup, "/${setup.tokn}");
  EXPECT_NE(said(setup, "/${setup.tokn}").find("did you mean 'token'?"), std::string::npos);
  EXPECT_NE(said("setup: yes\n", "/").find("'setup' is a list of steps, this is a single value"), std::string::npos) << said("setup: yes\n", "/");
  EXPECT_NE(said("setup: [ wait: 1s, http.get: { path: \"/${setup.x}\" } ]\n", "/").find("in setup itself names have no 'setup.' before them"), std::string::npos);
  EXPECT_NE(said(setup + "vars: { n: \"${setup.token}\" }\n", "/${n}").find("this value is read before setup runs"), std::string::npos);
  EXPECT_NE(problems("targets: { site: http://h:1 }\n" + setup + "tasks: { setup: [ wait: 1s ] }\n" +
                     "populations: { p: { load: { users: 1 } } }\n").find("'setup' is the name of the scenario's own setup"), std::string::npos);
  EXPECT_NE(problems("targets: { site: http://h:1 }\n" + setup + "tasks: { t: [ wait: 1s ] }\n" +
                     "populations: { p: { tasks: [ t, setup ], load: { users: 1 } } }\n").find("unknown task 'setup'"), std::string::npos);
}

// ---- take

TEST_F(LoaderTest, TakeKeepsAFurtherRecord) {
  file("people.csv", "name,city\nann,A\nbob,B\ncid,A\n");
  const Scenario& s = load("targets: { site: http://h:1 }\ndata: { people: { file: people.csv, pick: random } }\ntasks:\n  t:\n"
                           "  - take: { from: people, as: friend, where: { city: \"${people.city}\" } }\n"
                           "  - http.get: { path: \"/${people.name}/${friend.name}\" }\n" + kTail);
  const auto& take = std::get<TakeStep>(s.tasks[0].steps[0].what);
  ASSERT_TRUE(take.index);
  const std::string a = "A", c = "C";
  EXPECT_EQ(take.index->find(std::span(&a, 1)).size(), 2u);
  EXPECT_EQ(take.index->find(std::span(&a, 1))[1], 2u);
  EXPECT_TRUE(take.index->find(std::span(&c, 1)).empty());
}

TEST(RecordIndex, TwoValuesAreNotOneLongOne) {
  const Dataset data = Dataset::of_rows({"a", "b"}, {{"1", "11"}, {"11", "1"}, {"1:1", "1"}});
  const std::uint32_t columns[] = {0, 1};
  const RecordIndex index(data, columns);
  const std::string wanted[] = {"11", "1"};
  ASSERT_EQ(index.find(wanted).size(), 1u);
  EXPECT_EQ(index.find(wanted)[0], 1u);
}

TEST_F(LoaderTest, MistakesAboutTakeAreFound) {
  file("people.csv", "name,city\nann,A\n");
  const auto said = [&](const std::string& pick, const std::string& take) {
    return problems("targets: { site: http://h:1 }\ndata: { people: { file: people.csv, pick: " + pick + " } }\ntasks: { t: [ take: " + take + " ] }\n" + kTail);
  };
  EXPECT_NE(said("random", "people").find("'take' needs the dataset it takes from, and a name for the record"), std::string::npos);
  EXPECT_NE(said("random", "{ from: peple, as: x }").find("unknown dataset 'peple'"), std::string::npos);
  EXPECT_NE(said("exclusive", "{ from: people, as: x }").find("records of 'people' are exclusive"), std::string::npos);
  EXPECT_NE(said("per_user", "{ from: people, as: x }").find("a user has one record of 'people'"), std::string::npos);
  EXPECT_NE(said("random", "{ from: people, as: people }").find("choose another name"), std::string::npos);
  EXPECT_NE(said("random", "{ from: people, as: x, where: { city: Z } }").find("no record of 'people' has these values"), std::string::npos);
  EXPECT_NE(said("random", "{ from: people, as: x, where: { town: A } }").find("'people' has no column 'town'"), std::string::npos);
  EXPECT_NE(said("sequential", "{ from: people, as: x, where: { city: A } }").find("'where' draws among those that fit, and 'people' has another order"), std::string::npos);
}

TEST_F(LoaderTest, StreamedDataIsRefusedWhereItIsNeededInMemory) {
  file("people.csv", "name,city\nann,A\nbob,B\n");
  const std::string data = "data: { people: { file: people.csv, stream: true, pick: ";
  EXPECT_TRUE(load(data + "random } }\ntargets: { site: http://h:1 }\ntasks: { t: [ take: { from: people, as: x } ] }\n" + kTail).datasets[0]->is_streamed());
  const std::string taken = problems(data + "random } }\ntargets: { site: http://h:1 }\ntasks: { t: [ take: { from: people, as: x, where: { city: A } } ] }\n" + kTail);
  EXPECT_NE(taken.find("s.yaml:3:51: error: 'where' looks for records in memory, and those of 'people' are streamed"), std::string::npos) << taken;
  EXPECT_NE(taken.find("write `stream: false` in the dataset, or give the dataset itself a `where`"), std::string::npos) << taken;
  const std::string acquired = problems(data + "exclusive } }\ntargets: { site: http://h:1 }\ntasks: { t: [ acquire: { from: people, as: x, where: { city: A } } ] }\n" + kTail);
  EXPECT_NE(acquired.find("s.yaml:1:45: error: exclusive records are held in memory"), std::string::npos) << acquired;
  const std::string owned = problems(data + "per_user } }\ntargets: { site: { url: https://h:1, tls: { cert: \"${people.name}\", key: \"${people.name}\" } } }\ntasks: { t: [ http.get: / ] }\n" + kTail);
  EXPECT_NE(owned.find("records of 'people' are streamed, and here they are needed in memory"), std::string::npos) << owned;
  EXPECT_NE(owned.find("give 'people' `stream: false`"), std::string::npos) << owned;
}

// ---- barrier

TEST_F(LoaderTest, ABarrierWaitsForAllWhoHaveItInATask) {
  const std::string text = "targets: { site: http://h:1 }\ntasks:\n  t: [ barrier: start ]\n"
                           "  u: [ group: g, { repeat: 3, steps: [ barrier: start ] } ]\n  v: [ barrier: { name: pair, users: 2, timeout: 3s } ]\n"
                           "populations:\n  a: { tasks: t, load: { users: 5 } }\n  b: { tasks: u, load: { users: 3 } }\n"
                           "  c: { tasks: v, load: { rate: 5/s } }\nrun: { for: 1s }\n";
  std::string good = text;
  good.replace(good.find("group: g, "), 10, "");
  const Scenario& s = load(good);
  ASSERT_EQ(s.barriers.size(), 2u);
  EXPECT_EQ(s.barriers[0].users, 8u);
  EXPECT_EQ(s.barriers[1].users, 2u);
  EXPECT_EQ(s.populations[1].barriers, std::vector<std::uint32_t>{0});
  EXPECT_TRUE(s.populations[2].barriers.empty());
  EXPECT_EQ(std::get<BarrierStep>(s.tasks[2].steps[0].what).timeout_ns, 3'000'000'000);
  options_.scale = 2;
  EXPECT_EQ(load(good).barriers[0].users, 16u);
}

TEST_F(LoaderTest, MistakesAboutBarriersAreFound) {
  const auto said = [&](const std::string& steps, const std::string& load = "users: 2") {
    return problems("targets: { site: http://h:1 }\ntasks: { t: [ " + steps + " ] }\npopulations: { p: { tasks: t, load: { " + load + " } } }\nrun: { for: 1s }\n");
  };
  EXPECT_NE(said("barrier: { users: 2 }").find("'barrier' needs a name"), std::string::npos);
  EXPECT_NE(said("barrier: { name: x, users: 0 }").find("'users'"), std::string::npos);
  EXPECT_NE(said("barrier: { name: x, users: some }").find("'users'"), std::string::npos);
  EXPECT_NE(said("barrier: { name: x, timeout: 5 }").find("'5' has no unit"), std::string::npos);
  EXPECT_NE(said("{ barrier: x }, { barrier: { name: x, users: 2 } }").find("barrier 'x' waits for others in line 2"), std::string::npos);
  EXPECT_NE(said("barrier: x", "rate: 5/s").find("how many these are changes"), std::string::npos);
  EXPECT_NE(said("barrier: x", "stages: [ { for: 1s, users: 5 } ]").find("say how many: `users: 10`"), std::string::npos);
}

// ---- thresholds about probes

TEST_F(LoaderTest, AProbeIsJudgedInItsOwnUnit) {
  const auto said = [&](const std::string& limit) {
    return problems("targets: { site: http://h:1 }\nprobes: { memory: { path: /mem, json: m, unit: MB }, nodes: { path: /n, json: n } }\n"
                    "tasks: { t: [ http.get: / ] }\n" + kTail + "thresholds: [ \"" + limit + "\" ]\n");
  };
  for (const char* good : {"probe(memory) < 500 MB", "probe(memory) < 500", "probe(nodes) > 2", "max(probe:memory) < 500"}) EXPECT_EQ(said(good), "") << good;
  EXPECT_NE(said("probe(memory) < 0.5 GB").find("probe 'memory' is in MB, not in GB"), std::string::npos) << said("probe(memory) < 0.5 GB");
  EXPECT_NE(said("probe(nodes) > 2 apples").find("probe 'nodes' has no unit"), std::string::npos);
}

// ---- for_each

TEST_F(LoaderTest, ForEachMakesOneOfEachAndItsNameIsKnownInTasks) {
  const Scenario& s = load(R"(
vars: { sites: [ { name: A, users: 2, host: h1 }, { name: B, users: 3, host: h2 } ] }
targets: { site: { for_each: { site: "${sites}" }, url: "http://${site.host}:80" } }
tasks: { t: [ http.get: { to: "site-${site.name}", path: "/${site.users}" } ] }
populations:
  visitors: { for_each: { site: "${sites}" }, tasks: t, load: { users: "${site.users}" }, tags: { at: "${site.name}" } }
run: { for: 1s }
)");
  ASSERT_EQ(s.targets.size(), 2u);
  EXPECT_EQ(s.targets[1].name, "site-B");
  EXPECT_EQ(s.targets[1].url, "http://h2:80");
  ASSERT_EQ(s.populations.size(), 2u);
  EXPECT_EQ(s.populations[0].name, "visitors-A");
  EXPECT_EQ(s.populations[1].load.users, 3);
  EXPECT_EQ(s.populations[1].tags.at("at"), "B");
  ASSERT_EQ(s.populations[1].fixed_records.size(), 1u);
  const auto [dataset, row] = s.populations[1].fixed_records[0];
  EXPECT_EQ(s.datasets[dataset]->field(row, *s.datasets[dataset]->column("name")), "B");
}

TEST_F(LoaderTest, ForEachTakesPlainValuesAndTheCommonNameStillChooses) {
  const std::string text = "targets: { site: http://h:1 }\ntasks: { t: [ http.get: { path: \"/${site}\" } ], u: [ wait: 1s ] }\n"
                           "populations:\n  v: { for_each: { site: [ A, B ] }, tasks: t, load: { users: 1 } }\n"
                           "  w: { tasks: u, load: { users: 1 } }\nrun: { for: 1s }\n";
  EXPECT_EQ(load(text).populations.size(), 3u);
  options_.only = {"v"};
  const Scenario& s = load(text);
  ASSERT_EQ(s.populations.size(), 2u);
  EXPECT_EQ(s.populations[1].name, "v-B");
  options_.only = {"v-A"};
  EXPECT_EQ(load(text).populations.size(), 1u);
}

TEST_F(LoaderTest, MistakesAboutForEachAreFound) {
  const auto said = [&](const std::string& each, const std::string& path = "/", const std::string& more = "") {
    return problems(more + "targets: { site: http://h:1 }\ntasks: { t: [ http.get: { path: \"" + path +
                    "\" } ] }\npopulations: { v: { for_each: " + each + ", tasks: t, load: { users: 1 } } }\nrun: { for: 1s }\n");
  };
  EXPECT_NE(said("[ A ]").find("'for_each' is a name and the list that it goes through"), std::string::npos);
  EXPECT_NE(said("{ s: A }").find("'for_each' goes through a list"), std::string::npos);
  EXPECT_NE(said("{ s: [] }").find("'for_each' goes through a list"), std::string::npos);
  EXPECT_NE(said("{ s: [ A, { name: B } ] }").find("all alike"), std::string::npos);
  EXPECT_NE(said("{ s: [ A, A ] }").find("two of these values make the population 'v-A'"), std::string::npos);
  EXPECT_NE(said("{ user: [ A ] }").find("'user' cannot be a name of yours"), std::string::npos);
  EXPECT_NE(said("{ s: [ A ] }", "/", "vars: { s: 1 }\n").find("'s' hides the var of that name"), std::string::npos);
  EXPECT_NE(said("{ s: [ { name: A } ] }", "/${s.nam}").find("dataset 's' has no column 'nam'"), std::string::npos);
  EXPECT_NE(problems("targets: { site: http://h:1 }\ntasks: { t: [ http.get: { path: \"/${s}\" } ] }\npopulations:\n"
                     "  v: { for_each: { s: [ A ] }, tasks: t, load: { users: 1 } }\n  w: { tasks: t, load: { users: 1 } }\n")
                .find("a task of population 'w' uses 's', which has no value here"), std::string::npos);
}

}  // namespace
}  // namespace squall
