// squall new scenario: a commented file that runs at once against the sample city (tools/city).
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "options.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kInternal = 109;

constexpr const char* kHttp = R"(# Visitors who read a page and think for a while.
targets: { site: "${env.CITY_HTTP:-http://127.0.0.1:8080}" }   # the only address that traffic may go to
tasks:
  visit:
    - http.get: { path: /page/1, name: page }
      expect: { status: 200, time: < 2s }       # a request that breaks this counts as failed
    - wait: { exponential: 1s, max: 10s }
populations:
  visitors: { tasks: visit, load: { users: 20, ramp: 5s } }     # or { rate: 50/s } for arrivals
run: { for: 30s }
thresholds: [ p99(page) < 250ms, failed(page) < 1% ]
)";

constexpr const char* kMqtt = R"(# A thousand devices that each publish every ten seconds.
targets: { broker: "${env.CITY_BROKER:-mqtt://127.0.0.1:1883}" }
tasks:
  report: { mqtt.publish: { topic: "city/device/${user.index}", qos: 1, payload: { text: "{\"n\":${seq()},\"t\":\"${now.iso}\"}" } } }
populations:
  devices: { tasks: report, load: { users: 1000, every: 10s, jitter: 10%, phase: random, connect_over: 10s } }
run: { for: 30s }
thresholds: [ p99(report) < 500ms ]
)";

constexpr const char* kTcp = R"(# Lines that are answered: a request on one connection a user, framed by a newline.
targets: { echo: "${env.CITY_TCP:-tcp://127.0.0.1:9001}" }
tasks:
  ask: { tcp.request: { payload: { text: "hello ${seq()}\n" }, framing: delimiter } }
populations:
  clients: { tasks: ask, load: { rate: 100/s } }
run: { for: 30s }
thresholds: [ p99(ask) < 100ms ]
)";

constexpr const char* kUdp = R"(# Signal states: small datagrams, twice a second from each of 75 controllers.
targets: { roads: "${env.CITY_UDP:-udp://127.0.0.1:9002}" }
tasks:
  state: { udp.send: { payload: { text: "T2 ${user.index} ${seq()}" } } }
populations:
  signals: { tasks: state, load: { users: 75, every: 500ms, phase: aligned } }
run: { for: 30s }
)";

constexpr const char* kBulk = R"(# A gigabyte as fast as the link goes, over four streams.
targets: { lake: "${env.CITY_DUMP:-tcp://127.0.0.1:9000}" }
tasks:
  dump: { tcp.dump: { bytes: 1GiB, streams: 4, source: random } }
populations:
  lake: { tasks: dump, load: { users: 1 }, stop_after: { iterations: 1 } }
)";

constexpr const char* kJob = R"(# A program as a step: no shell, its exit code and output checked.
plugins: { job: { programs: { hello: { argv: [ /bin/echo, "hello ${arg.name}" ], args: { name: string } } } } }
tasks:
  greet:
    job.run: { program: hello, args: { name: "user ${user.index}" } }
    expect: { exit: 0, output: { contains: hello } }
populations:
  clerks: { tasks: greet, load: { rate: 5/s } }
run: { for: 10s }
)";

constexpr const char* kMixed = R"(# Pages, devices and datagrams side by side, each at its own pace.
targets:
  site:   "${env.CITY_HTTP:-http://127.0.0.1:8080}"
  broker: "${env.CITY_BROKER:-mqtt://127.0.0.1:1883}"
  roads:  "${env.CITY_UDP:-udp://127.0.0.1:9002}"
tasks:
  visit:  { http.get: { path: /page/1, name: page } }
  report: { mqtt.publish: { topic: "city/device/${user.index}", payload: { text: "${rand.int(0, 100)}" } } }
  state:  { udp.send: { payload: { size: 250 } } }
populations:
  visitors: { tasks: visit,  load: { rate: 50/s, arrivals: poisson } }
  devices:  { tasks: report, load: { users: 200, every: 5s, phase: random, connect_over: 2s } }
  signals:  { tasks: state,  load: { users: 20, every: 500ms, phase: aligned } }
run: { for: 30s }
thresholds: [ p99(page) < 250ms ]
)";

constexpr std::pair<const char*, const char*> kTemplates[] = {
    {"http", kHttp}, {"mqtt", kMqtt}, {"tcp", kTcp}, {"udp", kUdp}, {"bulk", kBulk}, {"job", kJob}, {"mixed", kMixed}};

/// The line by which yaml-language-server finds the schema: that of an installed squall, which stays where it is.
/// Nothing when squall runs from where it was built.
std::string schema_line() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto schema = program.parent_path().parent_path() / "share/squall/scenario.schema.json";
  if (error || !std::filesystem::exists(schema, error)) return "";
  return fmt::format("# yaml-language-server: $schema={}\n", schema.string());
}

}  // namespace

int new_command(const Options& options) {
  if (options.new_kind != "scenario") return new_project(options);
  if (options.recording) return new_from_har(options);
  if (options.new_name.empty()) {
    fmt::print(stderr, "squall: new scenario: NAME is required (squall new --help says more)\n");
    return kBadCommandLine;
  }
  const char* text = nullptr;
  std::string known;
  for (const auto& [name, content] : kTemplates) {
    known += (known.empty() ? "" : ", ") + std::string(name);
    if (options.new_template == name) text = content;
  }
  if (!text) {
    fmt::print(stderr, "squall: no template '{}'; there are {}\n", options.new_template, known);
    return kBadCommandLine;
  }
  if (options.new_name == "-") {
    fmt::print("{}{}", schema_line(), text);
    return 0;
  }
  std::filesystem::path path = options.new_name;
  if (path.extension().empty()) path += ".yaml";
  if (std::filesystem::exists(path) && !options.force) {
    fmt::print(stderr, "squall: {} exists already (--force overwrites it)\n", path.string());
    return kBadCommandLine;
  }
  std::ofstream file(path);
  file << schema_line() << "scenario: " << path.stem().string() << "\n" << text;
  file.close();
  if (!file) {
    fmt::print(stderr, "squall: cannot write {}\n", path.string());
    return kInternal;
  }
  fmt::print("{}: try it with 'squall run {}'\n", path.string(), path.string());
  return 0;
}

}  // namespace squall
