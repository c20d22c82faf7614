#include "scenario/other_words.hpp"

#include <algorithm>

namespace squall {
namespace {

struct OtherWord {
  std::string_view word, hint;
};

constexpr std::string_view kUsers = "here it is `load: { users: 10 }` of a population";
constexpr std::string_view kRamp = "here it is `load: { users: 10, ramp: 30s }`: the time until all are there";
constexpr std::string_view kRate = "here it is `load: { rate: 100/s }` of a population";
constexpr std::string_view kDuration = "here it is `run: { for: 5m }`, or `for` of a stage";
constexpr std::string_view kWait = "here it is a step: `wait: 2s`, or `wait: { uniform: [1s, 3s] }`";
constexpr std::string_view kTargets = "here it is `targets: { site: http://127.0.0.1:8080 }`";
constexpr std::string_view kPopulations = "here it is `populations`, and what they do is in `tasks`";
constexpr std::string_view kData = "here it is `data: { users: users.csv }`, and `${users.name}` where it is used";
constexpr std::string_view kExpect = "here it is `expect` beside an operation, and `thresholds` for the whole run";
constexpr std::string_view kCapture = "here it is `capture` beside an operation";

constexpr OtherWord kWords[] = {
    {"vus", kUsers}, {"max_vus", kUsers}, {"virtual_users", kUsers}, {"num_users", kUsers}, {"concurrency", kUsers},
    {"threads", kUsers}, {"user_count", kUsers}, {"fixed_count", kUsers},
    {"spawn_rate", kRamp}, {"hatch_rate", kRamp}, {"ramp_up", kRamp}, {"rampup", kRamp}, {"ramp_users", kRamp},
    {"arrival_rate", kRate}, {"rps", kRate}, {"requests_per_second", kRate}, {"throughput", kRate}, {"qps", kRate},
    {"duration", kDuration}, {"run_time", kDuration}, {"max_duration", kDuration}, {"hold_for", kDuration},
    {"think", kWait}, {"think_time", kWait}, {"wait_time", kWait}, {"sleep", kWait}, {"pause", kWait},
    {"pace", kWait}, {"delay", kWait},
    {"host", kTargets}, {"hosts", kTargets}, {"base_url", kTargets}, {"baseUrl", kTargets}, {"default_address", kTargets},
    {"scenarios", kPopulations}, {"execution", kPopulations}, {"groups", kPopulations},
    {"feeder", kData}, {"feeders", kData}, {"datasets", kData}, {"csv", kData},
    {"check", kExpect}, {"checks", kExpect}, {"assert", kExpect}, {"assertions", kExpect}, {"validate", kExpect},
    {"extract", kCapture}, {"save_as", kCapture},
};

}  // namespace

std::string_view here_it_is(std::string_view key) {
  const auto found = std::ranges::find(kWords, key, &OtherWord::word);
  return found == std::end(kWords) ? std::string_view() : found->hint;
}

}  // namespace squall
