#include "recording/journey_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recording/yaml_text.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestNote = 1000;

std::string head(const Journey& journey) {
  std::string out = fmt::format("# Made from {}{}: {} of {} entries{}.\n", yaml_comment(journey.source),
                                journey.recorder.empty() ? "" : " (" + yaml_comment(journey.recorder) + ")", journey.steps.size(), journey.recorded,
                                journey.pages > 1 ? fmt::format(", on {} pages", journey.pages) : "");
  if (const std::string text = journey.left_out.text(); !text.empty()) out += "# Left out: " + yaml_comment(text, kLongestNote) + ".\n";
  for (const std::string& warning : journey.warnings) out += "# Note: " + yaml_comment(warning, kLongestNote) + ".\n";
  return out + "# One request after the other, in the order in which they began. Cookies and connections are squall's own.\n";
}

std::string secrets(const Journey& journey) {
  if (journey.secrets.empty()) return {};
  std::string out =
      "\n# Not in this file, and to be set before a run: export SQUALL_SECRET_NAME=…, or SQUALL_SECRET_NAME_FILE=… with the name\n"
      "# of a file that holds it. What the server hands out anew each time (tokens) is better captured from its answer.\n";
  std::size_t width = 0;
  for (const auto& secret : journey.secrets) width = std::max(width, secret.name.size());
  for (const auto& secret : journey.secrets)
    out += fmt::format("#   SQUALL_SECRET_{:<{}}  {}\n", secret.name, width, yaml_comment(secret.description));
  return out;
}

std::string targets(const Journey& journey) {
  std::string out = "\nvars:\n", list;
  for (const JourneyTarget& target : journey.targets) {
    const std::string line = fmt::format("  {}: {}", target.var(), yaml_text(target.origin));
    out += &target == &journey.targets.front() ? fmt::format("{}   # --set {}=http://127.0.0.1:8080 sends it elsewhere\n", line, target.var()) : line + "\n";
    list += fmt::format("{}{}: \"${{{}}}\"", list.empty() ? "" : ", ", target.name, target.var());
  }
  if (list.size() + 16 <= kYamlWidth) return out + "targets: { " + list + " }   # the only addresses that traffic may go to\n";
  out += "targets:   # the only addresses that traffic may go to\n";
  for (const JourneyTarget& target : journey.targets) out += fmt::format("  {}: \"${{{}}}\"\n", target.name, target.var());
  return out;
}

/// To a tenth of a second: nobody thinks more exactly.
std::string think_time(std::int64_t us) {
  const std::int64_t tenths = (us + 50'000) / 100'000;
  return tenths % 10 == 0 ? fmt::format("{}s", tenths / 10) : fmt::format("{}.{}s", tenths / 10, tenths % 10);
}

void append_step(std::string& out, const JourneyStep& step) {
  if (step.think_us > 0) out += fmt::format("    - wait: {}\n", think_time(step.think_us));
  if (!step.page.empty()) out += "    # Page: " + yaml_comment(step.page) + "\n";
  if (!step.note.empty()) out += "    # Note: " + yaml_comment(step.note, kLongestNote) + "\n";
  append_yaml_entry(out, "    - ", step.operation, step.parameters);
  append_yaml_entry(out, "      ", "expect", Json::object({{"status", step.status}}));
}

}  // namespace

std::string journey_text(const Journey& journey, std::string_view name) {
  std::string out = head(journey);
  out += "scenario: " + yaml_text(name) + "\n";
  out += secrets(journey);
  out += targets(journey);
  out += "\ntasks:\n  journey:\n";
  for (const JourneyStep& step : journey.steps) append_step(out, step);
  // Long enough for each user to come to the end of the journey.
  const std::int64_t minutes = std::max<std::int64_t>(1, (journey.length_us + 59'999'999) / 60'000'000);
  out += "\npopulations:\n  visitors: { tasks: journey, load: { users: 1 }, connection: new }   # each iteration is a new visitor\n";
  out += fmt::format("run: {{ for: {}m }}\nthresholds: [ failed < 1% ]\n", minutes);
  return out;
}

}  // namespace squall
