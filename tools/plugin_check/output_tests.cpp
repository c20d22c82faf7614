// An output in the hands of a host: batches with everything that a run can have in them, and more.
#include <fmt/format.h>
#include <squall/testing/fake_host.hpp>
#include <squall/testing/fake_output.hpp>

#include <array>
#include <limits>
#include <list>
#include <memory>

#include "board.hpp"
#include "reason.hpp"
#include "tests.hpp"
#include "traces.hpp"
#include "values.hpp"

namespace squall::plugin_check {
namespace {

constexpr int kTries = 200, kRealMs = 20'000;
constexpr std::string_view kNames[] = {"home", "", "a b", "=cmd|'/c calc'!A0", "\"quoted\", with a comma", "line\nbreak", "\x1b[31mred\x1b[0m", "\xff\xfe", "<img onerror=x>",
                                       "gr\xc3\xbc\xc3\x9f", "a\\b", "{}"};

/// One output, opened; closed by close().
class Sink {
 public:
  Sink(const Subject& subject, Random& random) : table_(*subject.output), values_(subject, random) {
    values_.longest_duration_ns = 50'000'000;
    std::string told;
    for (int i = 0; i < kTries; ++i) {
      const std::vector<sq_pair> pairs = values_.options(table_.options);
      std::string options;
      for (const sq_pair& pair : pairs) options += fmt::format("{}{}: {}", options.empty() ? "" : ", ", plugin::view(pair.key), show(pair.value));
      at("open (" + options + ")");
      lent::Memory memory;
      Reason reason;
      const sq_status status = table_.open(&host_.shard, memory.copy_all(pairs.data(), pairs.size()), pairs.size(), &sink_, reason.room());
      if (reason.accepts("open", status)) return;
      told = reason.text();
      ++refused;
    }
    find(fmt::format("open accepted none of {} sets of options; the last answer: {} (--set NAME=VALUE gives one)", kTries, told));
    abandon();
  }

  void write(fake::Batch& batch) {
    at(fmt::format("write of batch {}", batch.abi.number));
    const std::uint64_t items = batch.windows.size() + batch.samples.size() + batch.gauges.size() + batch.events.size();
    sq_done& account = accounts_.emplace_back();
    table_.write(sink_, batch.view(), &account);
    wait(account, "written() did not follow write()");
    if (account.written != 1) find(fmt::format("written() {} times for one batch", account.written));
    if (account.done) find("done() of a batch: written() ends it");
    if (account.retry ? account.delivered + account.rejected != 0 : account.delivered + account.rejected != items) {
      find(fmt::format("of a batch of {} items it says {} delivered, {} rejected{}", items, account.delivered, account.rejected, account.retry ? ", and to be shown again" : ""));
    }
    if (account.rejected && account.why.empty()) find("it rejects a batch without a reason");
  }

  void close() {
    at("close");
    sq_done& account = accounts_.emplace_back();
    table_.close(sink_, &account);
    wait(account, "done() did not follow close()");
    at("after close");
    if (account.done != 1) find(fmt::format("done() {} times for one close", account.done));
    if (account.status > 0) find(fmt::format("done() with {}, which is no status", account.status));
  }

  unsigned refused = 0;

 private:
  void wait(const sq_done& account, const char* missing) {
    if (host_.poll_until([&] { return account.ended; }, kRealMs)) return;
    find(missing);
    abandon();
  }

  const sq_output& table_;
  Values values_;
  fake::Host host_;
  void* sink_ = nullptr;
  std::list<sq_done> accounts_;   // what comes twice comes while it still stands
};

/// What a batch refers to, for as long as it is written.
struct Content {
  std::list<sq_series_desc> series;
  std::list<std::vector<sq_error_count>> errors;
  std::list<std::vector<std::uint32_t>> indices;
  std::list<std::vector<std::uint64_t>> counts;
  std::list<sq_pair> tags;
};

std::string_view name(Random& random) { return random.one_of(kNames); }

sq_hist histogram(Content& content, Random& random, std::uint64_t total) {
  sq_hist made{};
  if (total == 0) return made;
  auto& index = content.indices.emplace_back();
  auto& count = content.counts.emplace_back();
  std::uint32_t bucket = static_cast<std::uint32_t>(random.below(20'000));
  for (std::uint64_t left = total; left > 0; bucket += 1 + static_cast<std::uint32_t>(random.below(50))) {
    const std::uint64_t here = left < 3 ? left : 1 + random.below(left);
    index.push_back(bucket);
    count.push_back(here);
    made.sum_ns += here * SQ_HIST_LOW(bucket);
    left -= here;
  }
  made.index = index.data();
  made.count = count.data();
  made.n = index.size();
  made.total = total;
  made.min_ns = SQ_HIST_LOW(index.front());
  made.max_ns = SQ_HIST_LOW(index.back());
  return made;
}

/// Second `number` of a run; what is new of series is described in it.
void fill(fake::Batch& batch, Content& content, Random& random, std::uint32_t& known, bool has_samples) {
  if (random.chance(0.1)) return;   // a second in which nothing was
  for (std::uint64_t i = random.below(batch.abi.number == 0 ? 6 : 2); i > 0; --i) {
    sq_series_desc series = fake::series(known++, name(random));
    series.task = plugin::str(name(random));
    series.population = plugin::str(name(random));
    if (random.chance(0.3)) {
      series.tags = &content.tags.emplace_back(sq_pair{plugin::str(name(random)), plugin::text_value(name(random))});
      series.n_tags = 1;
    }
    batch.series.push_back(&content.series.emplace_back(series));
  }
  for (std::uint32_t id = 0; id < known; ++id) {
    if (random.chance(0.3)) continue;
    sq_window& window = batch.add_window(id);
    window.flags = random.chance(0.1) ? std::uint32_t{SQ_W_WARMUP} : random.chance(0.1) ? std::uint32_t{SQ_W_FINAL} : 0u;
    window.count = random.below(1'000);
    window.failed = window.count ? random.below(window.count) : 0;
    window.bytes_out = random.below(1 << 30);
    window.bytes_in = random.below(std::uint64_t{1} << 45);
    window.response = histogram(content, random, window.count);
    window.service = histogram(content, random, window.count);
    if (window.failed) {
      auto& errors = content.errors.emplace_back();
      errors.push_back({random.chance(0.9) ? static_cast<std::uint32_t>(1 + random.below(SQ_K_TIMEOUT)) : 77u, static_cast<std::int32_t>(random.below(600)) - 1, plugin::str(name(random)), window.failed});
      window.errors = errors.data();
      window.n_errors = errors.size();
    }
    for (std::uint64_t k = has_samples ? random.below(4) : 0; k > 0; --k) {
      sq_sample& sample = batch.add_sample(id);
      sample.outcome = static_cast<std::uint32_t>(random.below(4));
      sample.kind = sample.outcome == SQ_OUT_FAILED ? 1 + static_cast<std::uint32_t>(random.below(13)) : 0;
      sample.detail = plugin::str(name(random));
      sample.record = plugin::str(name(random));
    }
  }
  const double values[] = {0, 1.5, -1, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()};
  for (const char* gauge : {"users", "users.visitors", "in_flight", "busy", "lag_p99_s", "probe.mem_mb", "metric.\"odd\nname\"", "counter.sold", "unheard"}) {
    if (random.chance(0.7)) batch.gauges.push_back({plugin::str(gauge), random.one_of(values)});
  }
  for (std::uint64_t i = random.below(3); i > 0; --i) {
    batch.events.push_back({batch.abi.begin_unix_ns, plugin::str(random.chance(0.5) ? std::string_view("start") : name(random)), plugin::str(name(random))});
  }
}

/// A run of that many seconds; batches that are to be shown again are.
unsigned write_run(const Subject& subject, Random& random, unsigned seconds) {
  Sink sink(subject, random);
  std::uint32_t known = 0;
  for (unsigned number = 0; number < seconds; ++number) {
    Content content;
    fake::Batch batch(number);
    fill(batch, content, random, known, subject.output->flags & SQ_OUTPUT_SAMPLES);
    sink.write(batch);
  }
  sink.close();
  return seconds;
}

}  // namespace

void test_output_options(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned refused = 0, opened = 0;
  for (; opened < 50; ++opened) {
    Sink sink(subject, random);
    refused += sink.refused;
    sink.close();
  }
  traces.look(subject);
  note(fmt::format("{} opened and closed without a batch, {} refused with a reason", opened, refused));
}

void test_batches(const Subject& subject) {
  Traces traces;
  Random random(subject.seed);
  unsigned batches = 0;
  for (int i = 0; i < 10; ++i) batches += write_run(subject, random, 60);
  traces.look(subject);
  note(fmt::format("{} batches of 10 runs", batches));
}

void test_output_leaks(const Subject& subject) {
  look_for_leaks("batches", 20, [&] {
    Random random(subject.seed);
    write_run(subject, random, 20);
  });
}

}  // namespace squall::plugin_check
