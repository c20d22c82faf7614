// Good files: what stands in the text is what stands in the model.
#include "loader_fixture.hpp"

namespace squall {
namespace {

TEST_F(LoaderTest, TheSmallestScenarioHasAllDefaults) {
  const Scenario& s = load(kSmall);
  EXPECT_EQ(s.name, "s");
  ASSERT_EQ(s.targets.size(), 1u);
  EXPECT_EQ(s.targets[0].url, "http://127.0.0.1:8080");
  const OperationStep& get = operation(s.tasks[0].steps);
  EXPECT_EQ(get.operation_name, "http.get");
  EXPECT_EQ(get.name, "GET /");
  EXPECT_EQ(get.type, "request");
  EXPECT_EQ(std::get<std::uint32_t>(get.target), 0u);
  EXPECT_TRUE(get.default_expect);
  EXPECT_EQ(s.protocols[get.protocol].name, "http");
  EXPECT_EQ(s.populations[0].tasks, (std::vector<std::pair<std::uint32_t, double>>{{0, 1}}));
  EXPECT_EQ(s.run.drain_ns, 10'000'000'000);
  EXPECT_TRUE(s.warnings.empty());
}

TEST_F(LoaderTest, ATaskIsAListAMapOrOneStep) {
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
tasks:
  a: [ http.get: { path: /a }, interrupt ]
  b: { steps: [ { http.get: /b } ], tags: { k: v }, stop_after: { iterations: 7 } }
  c: { http.get: { path: /c }, expect: { status: 204 }, stop_after: { requests: 3 } }
populations: { p: { tasks: { a: 3, b: 1.5, c: 1 }, load: { users: 2 } }, q: { tasks: [a, b], load: { users: 1 } }, r: { tasks: c, load: { users: 1 } } }
)");
  EXPECT_TRUE(std::holds_alternative<InterruptStep>(s.tasks[0].steps[1].what));
  EXPECT_EQ(operation(s.tasks[1].steps).name, "GET /b");
  EXPECT_EQ(s.tasks[1].tags.at("k"), "v");
  EXPECT_EQ(s.tasks[1].stop_after.iterations, 7u);
  EXPECT_EQ(s.tasks[2].stop_after.requests, 3u);
  EXPECT_FALSE(operation(s.tasks[2].steps).default_expect);
  EXPECT_EQ(operation(s.tasks[2].steps).expect[0].text, "status 204");
  EXPECT_EQ(s.populations[0].tasks[1], (std::pair<std::uint32_t, double>{1, 1.5}));
  EXPECT_EQ(s.populations[1].tasks.size(), 2u);
  EXPECT_EQ(s.populations[2].tasks[0].first, 2u);
}

TEST_F(LoaderTest, LoadsOfAllModels) {
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
tasks: { a: { http.get: / }, b: { http.get: /b } }
populations:
  closed: { tasks: a, load: { users: 10, ramp: 30s }, start: 2s, stop_after: { time: 1m30s, bytes: 2KiB } }
  staged: { tasks: a, load: { stages: [ { for: 30s, users: 100 }, { for: 1m, users: 0, jump: true } ] }, after: closed }
  open:   { tasks: a, load: { rate: 40000/day, arrivals: poisson, max_users: 5, when_busy: drop } }
  ramped: { tasks: a, load: { stages: [ { for: 1m, rate: 100/s } ] } }
  fleet:  { tasks: a, load: { users: 900, every: 10s, jitter: 200ms, phase: staggered, overrun: skip, connect_over: 30s }, sessions: 4, connection: new }
  share:  { tasks: a, load: { users: 9, every: { exponential: 10s }, jitter: ±10% } }
  clocks: { tasks: [a, b], load: { users: 9, every: { a: 1h, b: { exponential: 90m } } }, eligible: at_user_start, background: true }
  fixed:  { tasks: a, load: { users: 9, every: { fixed: { choice: { 24h: .4, 2h: .6 } } } } }
  bulk:   { tasks: a, load: { users: 4, bytes: 500 MB/s } }
)");
  const auto& p = s.populations;
  EXPECT_EQ(p[0].load.users, 10);
  EXPECT_EQ(p[0].load.ramp_ns, 30'000'000'000);
  EXPECT_EQ(p[0].start_ns, 2'000'000'000);
  EXPECT_EQ(p[0].stop_after.time_ns, 90'000'000'000);
  EXPECT_EQ(p[0].stop_after.bytes, 2048u);
  EXPECT_EQ(p[1].load.stages[1].for_ns, 60'000'000'000);
  EXPECT_TRUE(p[1].load.stages[1].jump);
  EXPECT_EQ(p[1].after, 0u);
  EXPECT_EQ(p[2].load.model, Load::Model::open);
  EXPECT_DOUBLE_EQ(p[2].load.rate_per_s, 40000 / 86400.0);
  EXPECT_TRUE(p[2].load.poisson);
  EXPECT_TRUE(p[2].load.drop_when_busy);
  EXPECT_EQ(p[2].load.max_users, 5u);
  EXPECT_EQ(p[3].load.model, Load::Model::open);
  EXPECT_EQ(p[3].load.stages[0].value, 100);
  EXPECT_EQ(p[4].load.model, Load::Model::fleet);
  EXPECT_EQ(std::get<std::int64_t>(p[4].load.every), 10'000'000'000);
  EXPECT_EQ(p[4].load.jitter_ns, 200e6);
  EXPECT_EQ(p[4].load.phase, decltype(Load::phase)::staggered);
  EXPECT_TRUE(p[4].load.skip_on_overrun);
  EXPECT_EQ(p[4].connect_over_ns, 30'000'000'000);
  EXPECT_EQ(p[4].sessions, 4u);
  EXPECT_TRUE(p[4].new_connection);
  EXPECT_NEAR(std::get<Distribution>(p[5].load.every).mean(), 10e9, 1);
  EXPECT_DOUBLE_EQ(p[5].load.jitter_share, 0.1);
  EXPECT_EQ(p[6].load.every_by_task.size(), 2u);
  EXPECT_TRUE(p[6].eligible_at_user_start);
  EXPECT_TRUE(p[6].background);
  EXPECT_TRUE(p[7].load.every_fixed);
  EXPECT_EQ(p[8].bytes_per_s, 5e8);
}

TEST_F(LoaderTest, VarsComeFromFileEnvironmentAndCommandLineInThisOrder) {
  const std::string text = R"(
vars:
  rate: 200/s
  base: 7
  users: "${mul(base, 2)}"
  stages: [ { for: 30s, users: 10 } ]
  think: { exponential: 7s, max: 70s }
  url: "${env.SITE:-http://127.0.0.1:8080}"
targets: { site: "${url}" }
tasks: { a: [ http.get: { path: "/x/${base}", query: { n: "${base}" } }, wait: "${think}" ] }
populations:
  p: { tasks: a, load: { rate: "${rate}" } }
  q: { tasks: a, load: { users: "${users}" } }
  r: { tasks: a, load: { stages: "${stages}" } }
)";
  const Scenario* s = &load(text);
  EXPECT_EQ(s->populations[0].load.rate_per_s, 200);
  EXPECT_EQ(s->populations[1].load.users, 14);
  EXPECT_EQ(s->populations[2].load.stages[0].value, 10);
  EXPECT_EQ(s->targets[0].url, "http://127.0.0.1:8080");
  const OperationStep& get = operation(s->tasks[0].steps);
  EXPECT_EQ(get.name, "GET /x/7");
  EXPECT_EQ(std::get<Value>(get.params[0].leaf), Value{std::string("/x/7")});
  EXPECT_EQ(std::get<Value>(get.params[1].children[0].second.leaf), Value{std::int64_t{7}});
  const auto& wait = std::get<Distribution>(std::get<WaitStep>(s->tasks[0].steps[1].what).duration);
  EXPECT_EQ(wait.highest(), 70e9);

  env_ = {{"SQUALL_VAR_RATE", "300/s"}, {"SQUALL_VAR_BASE", "9"}, {"SITE", "https://example.test"}};
  options_.vars = {{"rate", "400/s"}, {"stages", "[{for: 1s, users: 3}]"}, {"think", "{exponential: 1s, max: 2s}"}};
  s = &load(text);
  EXPECT_EQ(s->populations[0].load.rate_per_s, 400);
  EXPECT_EQ(s->populations[1].load.users, 18);
  EXPECT_EQ(s->populations[2].load.stages[0].value, 3);
  EXPECT_EQ(s->targets[0].url, "https://example.test");

  options_.vars = {{"rat", "1/s"}};
  EXPECT_EQ(problems(text), "error: --set rat: no such var in the scenario; did you mean 'rate'?\n");
}

// Sparse, so that it takes no disk; what is read of it is wrong at once.
TEST_F(LoaderTest, OfALargeDataFileTheCallerHearsBeforeItIsRead) {
  constexpr std::uintmax_t kBytes = (std::uintmax_t{256} << 20) + 1;
  file("users.csv", "name\n");
  std::filesystem::resize_file(folder_ / "users.csv", kBytes);
  std::vector<std::pair<std::string, std::uint64_t>> heard;
  options_.on_large_file = [&](const std::string& path, std::uint64_t bytes) { heard.emplace_back(path, bytes); };
  EXPECT_NE(problems(kSmall + "data: { users: users.csv }\n").find("users.csv:2:1: a NUL byte"), std::string::npos);
  EXPECT_EQ(heard, (std::vector<std::pair<std::string, std::uint64_t>>{{"users.csv", kBytes}}));

  heard.clear();
  file("users.csv", "name\nann\n");
  EXPECT_EQ(problems(kSmall + "data: { users: users.csv }\n"), "");
  EXPECT_TRUE(heard.empty());
}

TEST_F(LoaderTest, SecretsAreReadAndNeverFoldedIntoTheModel) {
  file("token.txt", "from-file\n");
  env_ = {{"SQUALL_SECRET_KEY", "hush"}, {"SQUALL_SECRET_TOKEN_FILE", (folder_ / "token.txt").string()}};
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
tasks: { a: { http.get: { path: "/${secret.KEY}", headers: { Authorization: "Bearer ${secret.TOKEN}", X-Key: "${urlencode(secret.KEY)}" } } } }
populations: { p: { load: { users: 1 } } }
)");
  const OperationStep& get = operation(s.tasks[0].steps);
  EXPECT_EQ(get.name, "GET /${secret.KEY}");
  EXPECT_EQ(std::get<Template>(get.params[0].leaf).constant().to_text(), "/hush");
  EXPECT_EQ(std::get<Template>(get.params[0].leaf).source(), "/${secret.KEY}");
  EXPECT_EQ(std::get<Template>(get.params[1].children[0].second.leaf).constant().to_text(), "Bearer from-file");
  EXPECT_EQ(std::get<Template>(get.params[1].children[1].second.leaf).source(), "${urlencode(secret.KEY)}");
}

TEST_F(LoaderTest, TheTwoCharactersOfATemplateMayStandAnywhere) {
  env_ = {{"BRACES", "${from.env}"}, {"SQUALL_SECRET_KEY", "hush"}};
  const Scenario& s = load(R"(
vars: { two: "$${", text: "<${two}x}>", outer: "${env.BRACES}" }
targets: { site: http://h:1 }
tasks:
  a:
    - http.post:
        path: "/$${a}"
        query: { q: "$${b} ${text}", e: "${outer}" }
        body: "$${c} ${secret.KEY}"
        name: "POST $${d}"
    - http.post: { path: /, json: { "$${k}": "$${v}", w: "${text}" } }
populations: { p: { load: { users: 1 } } }
)");
  const auto constant = [](const ParamValue& value) { return std::get<Template>(value.leaf).constant().to_text(); };
  const OperationStep& post = operation(s.tasks[0].steps);
  EXPECT_EQ(post.name, "POST ${d}");
  EXPECT_EQ(constant(post.params[0]), "/${a}");
  EXPECT_EQ(constant(post.params[1].children[0].second), "${b} <${x}>");
  EXPECT_EQ(constant(post.params[1].children[1].second), "${from.env}");
  EXPECT_EQ(constant(post.params[2]), "${c} hush");
  EXPECT_EQ(constant(operation(s.tasks[0].steps, 1).params[1]), R"({"${k}":"${v}","w":"<${x}>"})");
}

TEST_F(LoaderTest, OperationsTakeTheTypesThatPluginsAskFor) {
  const Scenario& s = load(R"(
targets: { site: http://h:1, lake: "tcp://h:2", broker: "mqtt://h:3" }
vars: { n: 5 }
payloads: { air: { size: 200 } }
tasks:
  a:
    - http.post: { path: /x, json: { a: 1, b: [ "${user.index}", "n ${n}" ] }, redirects: 3, timeout: 5s, name: post, headers: { A: 1.0, B: 2, C: true } }
      type: batch
      tags: { kind: write }
      on_failure: interrupt
    - tcp.dump: { bytes: 2GiB, source: random, rate: 400 MB/s, streams: { uniform: [ 1, 4 ] } }
    - mqtt.publish: { topic: "t/${user.index}", payload: air, qos: 1, retain: true }
    - mqtt.publish: { topic: t, payload: { text: "hello ${user.index}" } }
    - mqtt.connect: { keep_alive: 60s, will: { topic: gone, qos: 1, retain: false } }
populations: { p: { load: { users: 1 } } }
)");
  const Steps& steps = s.tasks[0].steps;
  const OperationStep& post = operation(steps, 0);
  EXPECT_EQ(post.name, "post");
  EXPECT_EQ(post.type, "batch");
  EXPECT_EQ(post.tags.at("kind"), "write");
  EXPECT_EQ(post.timeout_ns, 5'000'000'000);
  EXPECT_EQ(steps[0].on_failure, OnFailure::interrupt);
  EXPECT_EQ(std::get<Template>(post.params[1].leaf).source(), R"({"a":1,"b":["${user.index}","n ${n}"]})");
  EXPECT_FALSE(post.params[1].is_constant());
  EXPECT_EQ(std::get<Value>(post.params[2].leaf), Value{std::int64_t{3}});
  const ParamValue& headers = post.params[3];
  EXPECT_TRUE(headers.is_constant());
  EXPECT_EQ(std::get<Value>(headers.children[0].second.leaf), Value{std::string("1.0")});
  EXPECT_EQ(std::get<Value>(headers.children[1].second.leaf), Value{std::int64_t{2}});
  EXPECT_EQ(std::get<Value>(headers.children[2].second.leaf), Value{true});
  const OperationStep& dump = operation(steps, 1);
  EXPECT_EQ(std::get<Value>(dump.params[0].leaf), Value{std::int64_t{1} << 31});
  EXPECT_EQ(std::get<Value>(dump.params[2].leaf), Value{std::int64_t{400'000'000}});
  EXPECT_TRUE(std::holds_alternative<Distribution>(dump.params[3].leaf));
  EXPECT_EQ(std::get<std::uint32_t>(dump.target), 1u);
  const OperationStep& publish = operation(steps, 2);
  EXPECT_EQ(publish.name, "mqtt.publish t/${user.index}");
  EXPECT_EQ(publish.params[1].payload, 0u);
  EXPECT_EQ(std::get<Value>(publish.params[3].leaf), Value{true});
  EXPECT_EQ(operation(steps, 3).params[1].payload, 1u);
  const OperationStep& connect = operation(steps, 4);
  EXPECT_EQ(std::get<Value>(connect.params[0].leaf), (Value{Duration{60'000'000'000}}));
  EXPECT_EQ(std::get<Value>(connect.params[1].children[1].second.leaf), Value{std::int64_t{1}});
}

TEST_F(LoaderTest, TargetsAreMapsAddressesOrPartOfAnAddress) {
  const Scenario& s = load(R"(
targets:
  default: { url: "https://h:8443", timeout: 10s, source: [ 10.0.0.1, 10.0.0.2 ], tls: { ca: ca.pem, cert: "${users.cert}", key: k.pem, server_name: n, insecure: true }, client: paho, max_rate: 10/s, max_connections: 7, congestion: bbr }
  other: http://h:81
data: { users: { file: users.csv, pick: per_user } }
tasks: { a: [ http.get: { path: / }, http.get: { to: "http://h:81/deep?x=1" }, http.get: { to: "${users.site}" } ] }
populations: { p: { load: { users: 1 } } }
)" + (file("users.csv", "cert,site\nx.pem,other\n"), std::string()));
  const TargetSpec& target = s.targets[0];
  EXPECT_EQ(target.timeout_ns, 10'000'000'000);
  EXPECT_EQ(target.source.size(), 2u);
  EXPECT_EQ(target.tls.ca, "ca.pem");
  EXPECT_FALSE(target.tls.cert.is_constant());
  EXPECT_EQ(target.tls.cert_mark.line, 3u);
  EXPECT_EQ(target.tls.key.constant().to_text(), "k.pem");
  EXPECT_TRUE(target.tls.insecure);
  EXPECT_EQ(target.client, "paho");
  EXPECT_EQ(target.max_connections, 7u);
  EXPECT_EQ(std::get<std::uint32_t>(operation(s.tasks[0].steps, 0).target), 0u);
  const OperationStep& deep = operation(s.tasks[0].steps, 1);
  EXPECT_EQ(std::get<std::uint32_t>(deep.target), 1u);
  EXPECT_EQ(deep.name, "GET /deep?x=1");
  EXPECT_TRUE(std::holds_alternative<Template>(operation(s.tasks[0].steps, 2).target));
}

TEST_F(LoaderTest, ControlStepsAndChecks) {
  file("accounts.csv", "site,path\na,/1\nb,/2\n");
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
plugins: { job: { programs: { cmsjob: { argv: [ ./cmsjob, "${arg.site}" ], args: { site: string } } } } }
data: { accounts: { file: accounts.csv, pick: exclusive } }
tasks:
  main:
    needs: accounts
    steps:
      - acquire: { from: accounts, as: c, when_empty: skip }
      - http.get: { path: "/s/${c.site}${c.path}" }
        expect: { status: [ 2xx, 304 ], time: < 2s, size: { above: 1kB }, header.ETag: { not: { equals: "" } }, body: { contains: rev } }
        capture: { rev: { regex: 'rev:(\d+)' }, code: status, etag: { header: ETag }, tok: { json: a.b, keep: user } }
      - group: { name: visible }
        type: batch
        steps:
          - job.run: { program: cmsjob, args: { site: "${c.site}" } }
            expect: { exit: 0, output: { not: { contains: ERR } } }
            on_failure: interrupt
          - until: { every: 500ms, timeout: 30s, first: after, name: poll }
            steps: [ { http.get: { path: "${c.path}" } } ]
            satisfied: { status: 200, body: { regex: 'rev:(\d+)', above: "${rev}" } }
      - if: { value: "${code}", equals: 200 }
        steps: [ set: { x: "${add(rev, 1)}" } ]
        else: [ { wait: { uniform: [ 1s, 2s ] } } ]
      - either: [ { weight: 3, steps: [ { wait: 1s } ] }, { steps: [ do: rest ] } ]
      - repeat: 3
        steps: [ http.get: "/r/${x:-0}" ]
      - repeat: { for: 10s }
        steps: [ http.get: /r ]
      - release: c
  rest: { http.get: "/rest/${tok}/${x}" }
populations: { p: { tasks: main, load: { users: 2 } } }
)");
  const Steps& steps = s.tasks[0].steps;
  const auto& acquire = std::get<AcquireStep>(steps[0].what);
  EXPECT_EQ(acquire.when_empty, AcquireStep::Empty::skip);
  const OperationStep& get = operation(steps, 1);
  EXPECT_FALSE(get.default_expect);
  ASSERT_EQ(get.expect.size(), 5u);
  EXPECT_EQ(get.expect[1].output, kCheckTime);
  EXPECT_EQ(get.expect[1].text, "time < 2s");
  EXPECT_EQ(get.expect[3].key, "ETag");
  ASSERT_EQ(get.captures.size(), 4u);
  EXPECT_EQ(get.captures[0].from, Capture::From::regex);
  EXPECT_EQ(get.captures[2].from, Capture::From::header);
  EXPECT_FALSE(get.captures[2].keep_user);
  EXPECT_TRUE(get.captures[3].keep_user);
  const auto& group = std::get<GroupStep>(steps[2].what);
  EXPECT_EQ(group.type, "batch");
  EXPECT_EQ(operation(group.steps).type, "job");
  EXPECT_EQ(operation(group.steps).name, "job.run cmsjob");
  const auto& until = std::get<UntilStep>(group.steps[1].what);
  EXPECT_FALSE(until.first_now);
  EXPECT_EQ(until.every_ns, 500'000'000);
  EXPECT_EQ(until.satisfied.size(), 2u);
  EXPECT_EQ(std::get<IfStep>(steps[3].what).otherwise.size(), 1u);
  const auto& either = std::get<EitherStep>(steps[4].what);
  EXPECT_EQ(either.weights, (std::vector<double>{3, 1}));
  EXPECT_EQ(std::get<DoStep>(either.branches[1][0].what).task, 1u);
  EXPECT_EQ(std::get<Template>(std::get<RepeatStep>(steps[5].what).times).constant(), Value{std::int64_t{3}});
  EXPECT_EQ(std::get<RepeatStep>(steps[6].what).for_ns, 10'000'000'000);
  EXPECT_EQ(std::get<ReleaseStep>(steps[7].what).slot, acquire.slot);
  EXPECT_EQ(s.tasks[0].needs, 0u);
  // The record's columns take slots of their own, and every name has one.
  EXPECT_EQ(s.populations[0].locals, 2u + 4u + 1u);
  const auto& programs = s.protocols[0].options.empty() ? s.protocols[1].options : s.protocols[0].options;
  EXPECT_NE(programs[0].second.to_text().find("${arg.site}"), std::string::npos);
}

TEST_F(LoaderTest, WhatOnStartKeepsIsKnownToTheTasks) {
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
tasks: { a: { http.get: { path: /, headers: { T: "${token}" } } } }
populations:
  p:
    tasks: a
    load: { users: 1 }
    on_start: [ { http.post: { path: /login }, capture: { token: { json: token } } } ]
    on_stop: [ http.post: { path: "/logout/${token:-}" } ]
)");
  EXPECT_TRUE(operation(s.populations[0].on_start).captures[0].keep_user);
  EXPECT_EQ(s.populations[0].locals, 1u);
}

TEST_F(LoaderTest, DatasetsAreReadOnceWithPickAndFilter) {
  file("d/u.csv", "name,site\nann,a\nbob,b\ncid,a\n");
  file("l.jsonl", "{\"a\":1}\n");
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
data:
  users: { file: d/u.csv, pick: unique, where: { site: a } }
  lines: l.jsonl
tasks: { a: { http.get: "/${users.name}/${lines.a}" } }
populations: { p: { load: { users: 1 } } }
)");
  EXPECT_EQ(s.datasets[0]->size(), 2u);
  EXPECT_EQ(s.datasets[0]->pick, Pick::unique);
  EXPECT_EQ(s.datasets[0]->on_end, OnEnd::stop_task);
  EXPECT_EQ(s.datasets[1]->pick, Pick::sequential);
  EXPECT_EQ(s.datasets[1]->on_end, OnEnd::wrap);
}

TEST_F(LoaderTest, RunThresholdsAndOutputs) {
  const Scenario& s = load(kSmall + R"(
seed: 42
run: { for: 5m, warmup: 20s, drain: 1s, grace: 2s, valid: { lag: 20ms } }
thresholds: [ "p99(visit) < 250ms", 'failed < 1%', p95(GET /) < 300ms over 30s abort ]
outputs: [ jsonl: { file: out.jsonl } ]
)");
  EXPECT_EQ(s.seed, 42u);
  EXPECT_EQ(s.run.for_ns, 300'000'000'000);
  EXPECT_EQ(s.run.warmup_ns, 20'000'000'000);
  EXPECT_EQ(s.run.valid_lag_ns, 20'000'000);
  EXPECT_EQ(s.thresholds.size(), 3u);
  EXPECT_EQ(s.outputs[0].options[0].first, "file");
}

TEST_F(LoaderTest, WarnsWhenUsersCanNeverFitTheRecords) {
  file("a.csv", "x\n1\n2\n");
  const Scenario& s = load(R"(
targets: { site: http://h:1 }
data: { accounts: { file: a.csv, pick: exclusive } }
tasks: { t: [ { acquire: accounts }, { http.get: "/${accounts.x}" }, { release: accounts } ] }
populations: { p: { load: { users: 12 } } }
)");
  ASSERT_EQ(s.warnings.size(), 1u);
  EXPECT_EQ(s.warnings[0], "population 'p' has 12 users, dataset 'accounts' only 2 exclusive records: some users always wait");
}

TEST_F(LoaderTest, WarnsWhenUsersShareTheRecordsThatAreTheirOwn) {
  file("a.csv", "x\n1\n2\n");
  const auto warnings = [&](const std::string& users, const std::string& data, const std::string& task) {
    return load("targets: { site: http://h:1 }\ndata: { a: { file: a.csv, " + data + " } }\ntasks:\n  t: " + task +
                "\n  u: { http.get: \"/${a.x}\" }\npopulations: { p: { tasks: [t], load: { users: " + users +
                " } }, q: { tasks: [u], load: { users: 1 } } }\n")
        .warnings;
  };
  const std::vector<std::string> shared = {"population 'p' has 3 users, dataset 'a' only 2 records: some users have the same"};
  const std::string reads = "{ http.get: \"/${a.x}\" }";
  EXPECT_EQ(warnings("3", "pick: per_user", reads), shared);
  EXPECT_EQ(warnings("3", "pick: per_user", "[ { do: u } ]"), shared);
  EXPECT_TRUE(warnings("2", "pick: per_user", reads).empty());
  EXPECT_TRUE(warnings("3", "pick: per_user, on_end: stop_task", reads).empty());
  EXPECT_TRUE(warnings("3", "pick: sequential", reads).empty());
  EXPECT_TRUE(warnings("3", "pick: per_user", "{ http.get: / }").empty());   // only q reads it
}

TEST_F(LoaderTest, FilesOutsideTheFolderAreRefused) {
  file("in/ok.csv", "x\n1\n");
  file("out.csv", "x\n1\n");
  std::filesystem::create_symlink("../out.csv", folder_ / "in/link.csv");
  folder_ /= "in";
  const auto one = [&](const std::string& path) {
    problems("targets: { s: http://h:1 }\ndata: { d: { file: " + path + " } }\ntasks: { t: { http.get: / } }\npopulations: { p: { load: { users: 1 } } }\n");
    const auto list = result_.diagnostics.sorted();
    return list.empty() ? "" : list[0].message;
  };
  EXPECT_EQ(one("ok.csv"), "");
  EXPECT_EQ(one("../out.csv"), "'../out.csv' leads out of the scenario's folder");
  EXPECT_EQ(one("link.csv"), "'link.csv' leads out of the scenario's folder");
  EXPECT_EQ(one("/etc/passwd"), "'/etc/passwd' is an absolute path; files lie in the scenario's folder or below");
  EXPECT_EQ(one("none.csv"), "no file 'none.csv'");
  EXPECT_EQ(one("."), "'.' is a directory");
  folder_ = folder_.parent_path();
}

TEST_F(LoaderTest, FilesOfPayloadsAndDistributionsToo) {
  file("in/pictures/a.jpg", "A");
  file("in/gaps.csv", "gap\n1s\n2s\n");
  file("out.csv", "gap\n1s\n");
  folder_ /= "in";
  const auto one = [&](const std::string& payload, const std::string& trace) {
    problems("targets: { s: http://h:1 }\npayloads: { p: { file: " + payload + " } }\ntasks: { t: [ http.post: { path: /, payload: p }, wait: { trace: { file: " + trace +
             ", column: gap } } ] }\npopulations: { p: { load: { users: 1, every: { trace: { file: gaps.csv, column: gap, on_end: stop } } } } }\n");
    const auto list = result_.diagnostics.sorted();
    return list.empty() ? "" : list[0].message;
  };
  EXPECT_EQ(one("pictures", "gaps.csv"), "");
  EXPECT_EQ(one("pictures", "../out.csv"), "'../out.csv' leads out of the scenario's folder");
  EXPECT_EQ(one("pictures", "pictures"), "'" + (folder_ / "pictures").string() + "' is a folder, not a file");
  EXPECT_EQ(one("..", "gaps.csv"), "'..' leads out of the scenario's folder");
  std::filesystem::create_symlink("../../out.csv", folder_ / "pictures/b.jpg");
  EXPECT_EQ(one("pictures", "gaps.csv"), "'pictures/b.jpg' leads out of the scenario's folder");
  problems("targets: { s: http://h:1 }\ntasks: { t: { http.get: / } }\npopulations: { p: { load: { users: 1, every: { markov: { 1s: { to: 1s } } } } } }\n");
  ASSERT_FALSE(result_.diagnostics.sorted().empty());
  EXPECT_EQ(result_.diagnostics.sorted()[0].message, "'markov' cannot stand here: each gap is drawn for itself");
  folder_ = folder_.parent_path();
}

TEST_F(LoaderTest, RelativePathsBeginAtTheScenario) {
  const Scenario& s = load(R"(
targets: { lake: "tcp://h:1" }
tasks: { t: [ tcp.dump: { source: file, file: big.bin }, job.run: { program: p } ] }
populations: { p: { load: { users: 1 } } }
)");
  EXPECT_EQ(std::get<Value>(operation(s.tasks[0].steps).params[1].leaf).to_text(), (folder_ / "big.bin").string());
  EXPECT_EQ(s.protocols[1].options[0].first, "directory");
  EXPECT_EQ(s.protocols[1].options[0].second.to_text(), folder_.string());
}

TEST_F(LoaderTest, LibrariesAreFoundBeforePluginsAreLoaded) {
  file("s.yaml", "plugins: { my-tasks: { library: libmy_tasks.so }, job: {} }\n");
  const auto libraries = plugin_libraries((folder_ / "s.yaml").string());
  ASSERT_EQ(libraries.size(), 1u);
  EXPECT_EQ(libraries[0].file, "libmy_tasks.so");
  EXPECT_EQ(libraries[0].mark.column, 33u);
  EXPECT_TRUE(plugin_libraries((folder_ / "absent.yaml").string()).empty());
}

}  // namespace
}  // namespace squall
