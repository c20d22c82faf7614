// Compiled tasks in the hands of a host that knows nothing of them: every operation exists, and answers as it likes.
#include <fmt/format.h>
#include <squall/testing/fake_host.hpp>

#include <array>
#include <map>
#include <optional>

#include "board.hpp"
#include "reason.hpp"
#include "tests.hpp"
#include "traces.hpp"
#include "values.hpp"

namespace squall::plugin_check {
namespace {

constexpr std::uint64_t kMs = 1'000'000, kLongestPassNs = 3'600'000 * kMs;
constexpr int kTries = 200, kLongestPass = 5'000;   // things that are due
constexpr std::string_view kBodies[] = {"", "hello", "{\"a\": 1}", "\xff\xfe", "<title>a</title>", "42"};

/// A world that answers everything, mostly well.
class World {
 public:
  World(const Subject& subject, Random& random, double share_of_failures)
      : tasks(host, subject.path), subject_(subject), random_(random), values_(subject, random), share_(share_of_failures) {
    tasks.on("*", [this](const fake::Asked& asked) { return answer(asked); });
    tasks.give("*", "7");
    tasks.dataset("*", {"*"}, {{"1"}, {"2"}, {"3"}});
  }

  /// Options that the task takes, the same ones for each of its users; none when it refuses all, and then a finding.
  const std::optional<fake::Tasks::Options>& options_for(std::uint32_t index) {
    const auto known = options_.find(index);
    return known != options_.end() ? known->second : options_[index] = draw_options(index);
  }

  /// What has been noted of the passes so far.
  void forget() {
    tasks.asked.clear();
    tasks.samples.clear();
    tasks.metrics.clear();
    tasks.asked.shrink_to_fit();
    tasks.samples.shrink_to_fit();
    tasks.metrics.shrink_to_fit();
  }

  fake::Host host;
  fake::Tasks tasks;

 private:
  std::optional<fake::Tasks::Options> draw_options(std::uint32_t index) {
    const sq_task& task = *subject_.tasks->tasks[index];
    std::string told;
    for (int i = 0; i < kTries; ++i) {
      const std::vector<sq_pair> pairs = values_.options(task.options);
      at(fmt::format("task_open of {}", task.name));
      void* use = nullptr;
      Reason reason;
      lent::Memory memory;
      const sq_status status = subject_.tasks->task_open(index, memory.copy_all(pairs.data(), pairs.size()), pairs.size(), &use, reason.room());
      memory.close();
      if (!reason.accepts(fmt::format("task_open of {}", task.name), status)) {
        told = reason.text();
        continue;
      }
      at(fmt::format("task_close of {}", task.name));
      subject_.tasks->task_close(use);
      fake::Tasks::Options options;
      for (const sq_pair& pair : pairs) options.emplace_back(plugin::view(pair.key), pair.value);
      return options;
    }
    find(fmt::format("task_open of {} accepted none of {} sets of options; the last answer: {} (--set NAME=VALUE gives one)", task.name, kTries, told));
    return std::nullopt;
  }

  fake::Answer answer(const fake::Asked&) {
    fake::Answer made;
    made.takes_ns = random_.one_of(std::to_array<std::uint64_t>({0, 1, kMs, 20 * kMs, 2'000 * kMs}));
    made.code = 200;
    made.outputs = {{"*", std::string(random_.one_of(kBodies))}};
    if (!random_.chance(share_)) return made;
    switch (random_.below(3)) {
      case 0:
        made.outcome = SQ_OUT_FAILED;
        made.kind = SQ_K_CLOSED;
        made.detail = "eof";
        break;
      case 1: made.outcome = SQ_OUT_TIMEOUT; break;
      default: made.code = 500;
    }
    made.outputs.clear();
    return made;
  }

  const Subject& subject_;
  Random& random_;
  Values values_;
  std::map<std::uint32_t, std::optional<fake::Tasks::Options>> options_;
  double share_;
};

/// Until the pass has ended, or it is clear that it makes no end by itself.
void wait_for(World& world, const fake::Pass& pass) {
  const std::uint64_t last_ns = world.host.now_ns + kLongestPassNs;
  for (int i = 0; i < kLongestPass && !pass.ended && world.host.now_ns < last_ns; ++i) {
    if (!world.host.step()) return;
  }
}

/// One pass of one task; `cut_after`: things that are due until the run is over.
void make_pass(World& world, fake::VirtualUser& user, const char* task, const fake::Tasks::Options& options, std::optional<std::uint64_t> cut_after) {
  at(fmt::format("a pass of {}", task));
  fake::Pass& pass = user.run(task, options);
  if (cut_after) {
    for (std::uint64_t i = 0; i < *cut_after && !pass.ended && world.host.step(); ++i) {}
  } else {
    wait_for(world, pass);
    // One that waits without end is cut, as at the end of a run.
  }
  if (!pass.ended) {
    at(fmt::format("cancel of a pass of {}", task));
    user.cut();
    const std::uint64_t last_ns = world.host.now_ns + 5'000 * kMs;
    while (!pass.ended && world.host.now_ns <= last_ns && world.host.step()) {}
    if (!pass.ended) {
      find(fmt::format("{}: done() did not follow cancel() within 5 s", task));
      abandon();
    }
  }
  if (pass.status > SQ_DONE) find(fmt::format("{}: done() with {}, which is no status of an end", task, pass.status));
  if (pass.status < 0 && pass.status != SQ_E_CLOSED && pass.why.empty() && pass.detail.empty()) find(fmt::format("{}: a pass fails without a word", task));
}

std::vector<std::uint32_t> tasks_of(const Subject& subject) {
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t i = 0; subject.tasks->tasks[i]; ++i) {
    if (subject.is_wanted(subject.tasks->tasks[i]->name)) wanted.push_back(i);
  }
  return wanted;
}

unsigned passes(World& world, const Subject& subject, Random& random, int users, int each, bool is_cut) {
  unsigned count = 0;
  for (const std::uint32_t index : tasks_of(subject)) {
    const char* const name = subject.tasks->tasks[index]->name;
    for (int i = 0; i < users; ++i) {
      const auto& options = world.options_for(index);
      if (!options) break;
      at("user_open");
      fake::VirtualUser user(world.tasks, static_cast<std::uint64_t>(i), subject.seed);
      for (int k = 0; k < each; ++k) {
        make_pass(world, user, name, *options, is_cut ? std::optional(random.below(12)) : std::nullopt);
        ++count;
        if (is_cut) break;   // its run is over
      }
      at("user_close");
    }
  }
  return count;
}

/// A world for each share of failures, one after another.
unsigned passes_in_worlds(const Subject& subject, std::initializer_list<double> failures, int users, int each, bool is_cut) {
  Traces traces;
  Random random(subject.seed);
  unsigned count = 0;
  for (const double share : failures) {
    World world(subject, random, share);
    count += passes(world, subject, random, users, each, is_cut);
    at("task_close");
  }
  traces.look(subject);
  return count;
}

}  // namespace

void test_passes(const Subject& subject) {
  note(fmt::format("{} passes", passes_in_worlds(subject, {0.0, 0.2, 1.0}, 10, 10, false)));
}

void test_cut_passes(const Subject& subject) {
  note(fmt::format("{} passes, cut at any moment", passes_in_worlds(subject, {0.0, 0.3}, 200, 1, true)));
}

void test_task_leaks(const Subject& subject) {
  const auto each = static_cast<unsigned>(tasks_of(subject).size());
  Random random(subject.seed);
  World world(subject, random, 0.2);
  look_for_leaks("passes", 10 * each, [&] {
    random = Random(subject.seed);
    passes(world, subject, random, 2, 5, false);
    world.forget();
  });
}

}  // namespace squall::plugin_check
