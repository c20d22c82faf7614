// A protocol in the hands of a host that knows nothing of it.
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <memory>

#include "board.hpp"
#include "life.hpp"
#include "reason.hpp"
#include "tests.hpp"
#include "traces.hpp"

namespace squall::plugin_check {
namespace {

/// Real time that a test may take: plugins that wait for real sockets and processes are slow, and are tried less often.
class Patience {
 public:
  explicit Patience(std::chrono::milliseconds limit) : end_(std::chrono::steady_clock::now() + limit) {}
  bool is_over() const { return std::chrono::steady_clock::now() > end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};
constexpr std::chrono::milliseconds kWhole{12'000};

/// Names of operations of which the plugin took no parameters at all.
void note_untried(std::string done, const std::vector<std::string>& untried) {
  if (untried.empty()) return note(done);
  done += "; not tried:";
  for (const std::string& one : untried) done += " " + one;
  note(done);
}

/// Steps of each operation that can be prepared; of the others the last refusal.
std::vector<Step> steps_of(Life& life, std::vector<std::string>* untried = nullptr) {
  std::vector<Step> steps;
  for (const std::uint32_t op : operations_of(life.subject)) {
    if (auto step = life.prepare(op)) steps.push_back(std::move(*step));
    else if (untried) untried->push_back(fmt::format("{} ({}; --set NAME=VALUE gives a value that it takes)", life.subject.protocol->ops[op]->name, life.refusal()));
  }
  return steps;
}

/// The end of it, and an hour after: what was left behind would come then.
void end(std::unique_ptr<Life> life) {
  at("shard_close");
  life->protocol.reset();
  at("after shard_close");
  life->host.advance(3'600'000'000'000);
  life.reset();
}

/// Each step in each weather, a session for it, `act` a few times; again and again while there is patience. What calls said, in sum.
Life::Ends in_each_weather(const Subject& subject, std::vector<std::string>* untried, const std::function<void(Life&, fake::Session&, const Step&)>& act) {
  Random random(subject.seed);
  Life::Ends ends;
  const Patience patience(kWhole);
  for (int round = 0; round < 10 && !patience.is_over(); ++round) {
    for (const Weather& weather : all_weathers()) {
      if (patience.is_over()) break;
      auto life = std::make_unique<Life>(subject, random, weather);
      if (untried) untried->clear();
      for (const Step& step : steps_of(*life, untried)) {
        const auto session = life->open_session(1);
        for (int i = 0; i < 4 && !patience.is_over(); ++i) act(*life, *session, step);
        at(fmt::format("session_close after {}, {}", step.op->name, weather.name));
      }
      ends += life->ends();
      end(std::move(life));
    }
  }
  return ends;
}

}  // namespace

void test_options(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  Values values(subject, random);
  unsigned opened = 0, refused = 0;
  for (int i = 0; i < 500; ++i) {
    const std::vector<sq_pair> pairs = values.options(subject.protocol->options);
    std::string told;
    for (const sq_pair& pair : pairs) told += fmt::format("{}{}: {}", told.empty() ? "" : ", ", plugin::view(pair.key), show(pair.value));
    at("open (" + told + ")");
    lent::Memory memory;
    void* instance = nullptr;
    Reason reason;
    const sq_status status = subject.protocol->open(memory.copy_all(pairs.data(), pairs.size()), pairs.size(), &instance, reason.room());
    memory.close();
    if (!reason.accepts("open", status)) {
      ++refused;
      continue;
    }
    ++opened;
    at("close (" + told + ")");
    subject.protocol->close(instance);
  }
  traces.look(subject);
  note(fmt::format("{} opened, {} refused with a reason", opened, refused));
}

void test_parameters(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned steps = 0;
  std::vector<std::string> untried;
  const Patience patience(kWhole);
  for (int i = 0; i < 40 && !patience.is_over(); ++i) {
    auto life = std::make_unique<Life>(subject, random, fair_weather());
    untried.clear();
    for (int k = 0; k < 5; ++k) steps += static_cast<unsigned>(steps_of(*life, k == 0 ? &untried : nullptr).size());
    end(std::move(life));
  }
  traces.look(subject);
  note_untried(fmt::format("{} steps prepared", steps), untried);
}

void test_sessions(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned opened = 0;
  for (int round = 0; round < 5; ++round) {
    auto life = std::make_unique<Life>(subject, random, all_weathers()[random.below(all_weathers().size())]);
    std::vector<std::unique_ptr<fake::Session>> sessions;
    for (int i = 0; i < 100; ++i) {
      sessions.push_back(life->open_session(i + 1));
      ++opened;
      if (!random.chance(0.4)) continue;
      at("session_close");
      sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(random.below(sessions.size())));
    }
    at("session_close");
    sessions.clear();
    end(std::move(life));
  }
  traces.look(subject);
  note(fmt::format("{} sessions", opened));
}

/// Each operation in each weather: it ends once, in time, and what it says can be read.
void test_calls(const Subject& subject) {
  Traces traces;
  std::vector<std::string> untried;
  const Life::Ends ends = in_each_weather(subject, &untried, [](Life& life, fake::Session& session, const Step& step) { life.call(session, step); });
  traces.look(subject);
  note_untried(ends.text(), untried);
}

/// cancel() at any moment, once or twice: complete() follows in time.
void test_cancel(const Subject& subject) {
  Traces traces;
  unsigned calls = 0;
  in_each_weather(subject, nullptr, [&](Life& life, fake::Session& session, const Step& step) {
    fake::Call& call = life.start(session, step);
    for (std::uint64_t k = life.random.below(6); k > 0 && !call.completions && life.step(); --k) {}
    at(fmt::format("cancel of a call of {} ({})", step.op->name, life.weather.name));
    for (std::uint64_t k = 1 + life.random.below(2); k > 0 && !call.completions; --k) session.cancel(call);
    life.drive(session, call, step);
    life.look_at(session, call, step);
    ++calls;
  });
  traces.look(subject);
  note(fmt::format("{} calls cancelled", calls));
}

/// Several at once of one session, of all operations mixed, as parallel steps and shared sessions make them.
void test_side_by_side(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned calls = 0;
  const Patience patience(kWhole);
  for (int round = 0; round < 60 && !patience.is_over(); ++round) {
    auto life = std::make_unique<Life>(subject, random, all_weathers()[random.below(all_weathers().size())]);
    const std::vector<Step> steps = steps_of(*life);
    {
      const auto owned = life->open_session(1);
      fake::Session& session = *owned;
      std::vector<std::pair<fake::Call*, const Step*>> open;
      for (int i = 0; i < 12 && !steps.empty(); ++i) {
        const Step& step = random.one_of(steps);
        open.emplace_back(&life->start(session, step), &step);
        ++calls;
        if (random.chance(0.4)) life->turn();
        if (random.chance(0.2)) {
          fake::Call& any = *open[random.below(open.size())].first;
          at("cancel of one of several calls");
          if (!any.completions) session.cancel(any);
        }
      }
      while (!open.empty()) {
        const auto one = open.begin() + static_cast<std::ptrdiff_t>(random.below(open.size()));
        life->drive(session, *one->first, *one->second);
        life->look_at(session, *one->first, *one->second);
        open.erase(one);
      }
      at("session_close after calls side by side");
    }
    end(std::move(life));
  }
  traces.look(subject);
  note(fmt::format("{} calls, twelve at a time", calls));
}

/// Whole lives at random: sessions come and go, all operations, the weather changes.
void test_life(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned calls = 0, lives = 0;
  const Patience patience(kWhole);
  for (; lives < 40 && !patience.is_over(); ++lives) {
    auto life = std::make_unique<Life>(subject, random, all_weathers()[random.below(all_weathers().size())]);
    const std::vector<Step> steps = steps_of(*life);
    std::vector<std::unique_ptr<fake::Session>> sessions;
    for (int i = 0; i < 60 && !steps.empty() && !patience.is_over(); ++i) {
      if (sessions.empty() || random.chance(0.2)) {
        sessions.push_back(life->open_session(i + 1));
      }
      fake::Session& session = *sessions[random.below(sessions.size())];
      life->call(session, random.one_of(steps));
      ++calls;
      if (!random.chance(0.1)) continue;
      at("session_close");
      sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(random.below(sessions.size())));
    }
    at("session_close");
    sessions.clear();
    end(std::move(life));
  }
  traces.look(subject);
  note(fmt::format("{} calls in {} lives", calls, lives));
}

void test_leaks(const Subject& subject) {
  // The same life again and again: what differs between two of them would look like growth.
  constexpr unsigned kCalls = 8;
  const unsigned operations = static_cast<unsigned>(operations_of(subject).size());
  look_for_leaks("calls", kCalls * operations, [&] {
    Random random(subject.seed);
    auto life = std::make_unique<Life>(subject, random, all_weathers()[random.below(3)]);
    for (const Step& step : steps_of(*life)) {
      const auto owned = life->open_session(1);
      fake::Session& session = *owned;
      for (unsigned i = 0; i < kCalls; ++i) life->call(session, step);
    }
    end(std::move(life));
  });
}

}  // namespace squall::plugin_check
