// How fast messages are made: the goal is 500,000 small templates (300 B, 6 fields) per second and
// core, and blobs whose size costs nothing. Prints rates and a checksum of the work; `--quick` runs
// a moment.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>

#include "payload/json_text.hpp"
#include "payload/payload.hpp"
#include "test_scope.hpp"

namespace {

using namespace squall;

// Of this thread: what other work on the machine costs does not count.
double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void measure(const char* name, int rounds, const std::function<std::uint64_t(int)>& run) {
  run(rounds / 100 + 1);
  double best_ns = 1e300;
  std::uint64_t checksum = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double begin_ns = cpu_ns();
    checksum += run(rounds);
    best_ns = std::min(best_ns, (cpu_ns() - begin_ns) / rounds);
  }
  std::printf("%-34s %9.1f ns  %11.0f /s  checksum %llu\n", name, best_ns, 1e9 / best_ns,
              static_cast<unsigned long long>(checksum));
}

PayloadSpec make(const char* json, TestNames& names) {
  auto made = make_payload("bench", *parse_json(json), {names, ""});
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text.c_str());
    std::exit(1);
  }
  return *made;
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const int rounds = is_quick ? 1000 : 500'000;
  TestNames names;
  TestScope scope;
  Body body;
  std::string error;

  const char* text =
      "{\"id\":\"urn:ngsi-ld:AirQualityObserved:city-${pad(user.index,5)}\",\"type\":"
      "\"AirQualityObserved\","
      "\"dateObserved\":\"${now.iso}\",\"no2\":${walk(no2,22.5,0.4,0,80)},\"o3\":${rand.int(10,90)}"
      ","
      "\"temperature\":${fixed(rand.normal(12,3),1)},\"state\":\"${choice(good,fair,poor)}\","
      "\"seq\":${seq},"
      "\"address\":{\"street\":\"Main Street "
      "1\",\"city\":\"Sample\"},\"operator\":\"city-environment\"}";
  const Template small = std::get<Template>(Template::compile(text, names, Template::Escape::json));
  std::string out;
  small.append(scope, out, error);
  std::printf("template of %zu B\n", out.size());
  measure("template, 300 B, 7 fields", rounds, [&](int n) {
    std::uint64_t sum = 0;
    for (int i = 0; i < n; ++i) {
      scope.iteration = static_cast<std::uint64_t>(i);
      scope.draws = 0;
      out.clear();
      small.append(scope, out, error);
      sum += out.size();
    }
    return sum;
  });
  const auto render = [&](const PayloadSpec& payload) {
    return [&, payload](int n) {
      std::uint64_t sum = 0;
      for (int i = 0; i < n; ++i) {
        scope.iteration = static_cast<std::uint64_t>(i);
        scope.draws = 0;
        if (!render_payload(payload, scope, body, error)) std::abort();
        sum += body.size();
      }
      return sum;
    };
  };
  measure("json payload with 3 fields", rounds,
          render(make("{\"json\": {\"n\": \"${n}\", \"t\": \"${now.iso}\", \"v\": \"${v}\", \"s\": "
                      "\"${s}\"}, \"fields\": {\"n\": "
                      "\"${seq}\", \"v\": {\"normal\": [12, 3]}, \"s\": {\"choice\": {\"free\": 3, "
                      "\"occupied\": 1}}}}",
                      names)));
  measure("bytes, 8 fields", rounds,
          render(make("{\"bytes\": [{\"u8\": 1}, {\"u16be\": \"${mod(seq,65536)}\"}, {\"u32le\": "
                      "\"${user.index}\"}, {\"f32le\": "
                      "\"${rand.normal(1,2)}\"}, {\"u64le\": \"${now.unix_ns}\"}, {\"random\": "
                      "200}, {\"zero\": 20}, {\"crc16\": \"be\"}]}",
                      names)));
  measure("protobuf, 5 fields", rounds,
          render(make("{\"protobuf\": {\"1\": \"${now.unix_ms}\", \"2\": {\"1\": \"no2\", \"13\": "
                      "{\"double\": \"${rand.float(0,9)}\"}}, \"3\": \"${seq}\"}}",
                      names)));
  measure("blob of 1 MiB", rounds, render(make("{\"size\": \"1MiB\"}", names)));
  measure(
      "blob, lognormal size", rounds,
      render(make("{\"size\": {\"lognormal\": {\"median\": \"120kB\", \"sigma\": 0.5}}}", names)));
  measure("json of 200 B, gzip", rounds / 20 + 1,
          render(make("{\"json\": {\"n\": \"${seq}\", \"t\": \"${now.iso}\", \"u\": \"${uuid}\", "
                      "\"text\": \"0123456789 0123456789 0123456789 0123456789 0123456789 "
                      "0123456789\"}, \"encode\": \"gzip\"}",
                      names)));
  return 0;
}
