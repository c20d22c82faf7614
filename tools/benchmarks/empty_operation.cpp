// What an operation costs before it does anything: arrivals, users, programs, the call through the ABI,
// samples, windows and their merge are the engine's own, in virtual time; the plugin ends each call where
// it begins. No socket and no sleep, so that the rest is all that is measured.
//   empty_operation OPERATIONS [closed|open|compiled]   compiled: all of them in one iteration of a task
// Prints one line of JSON with wall and CPU nanoseconds an operation, and how often memory was asked for after the first thousand.
#include <squall/abi.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/host_api.hpp"
#include "engine/loop.hpp"
#include "engine/plan.hpp"
#include "engine/shard.hpp"
#include "fleet/controller.hpp"
#include "plugin_host/extensions.hpp"
#include "plugin_host/registry.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kZeroNs = 1'000'000'000'000, kSecondNs = 1'000'000'000;
constexpr std::uint64_t kOpenRate = 100'000;

// Every malloc of the process comes by here, also those of plugins and libraries.
std::atomic<std::uint64_t> allocations{0};

// ---- a plugin whose only operation is over at once ---------------------------------------------------------

const sq_calls_api* calls = nullptr;
const sq_loop_api* loop_api = nullptr;

sq_status init(const sq_host* host, sq_error*) noexcept {
  calls = static_cast<const sq_calls_api*>(host->get_extension(host, SQ_CALLS_V1, sizeof(sq_calls_api)));
  loop_api = static_cast<const sq_loop_api*>(host->get_extension(host, SQ_LOOP_V1, sizeof(sq_loop_api)));
  return SQ_OK;
}
void fini() noexcept {}
sq_status open_instance(const sq_pair*, std::uint64_t, void** instance, sq_error*) noexcept {
  *instance = &calls;
  return SQ_OK;
}
void close_instance(void*) noexcept {}
sq_status prepare(void*, std::uint32_t, const sq_binding*, std::uint32_t, const sq_wants*, void** prepared,
                  sq_error*) noexcept {
  *prepared = &calls;
  return SQ_OK;
}
void unprepare(void*) noexcept {}
sq_status shard_open(void*, sq_shard* shard, void** state, sq_error*) noexcept {
  *state = shard;
  return SQ_OK;
}
void shard_close(void*, sq_done* done) noexcept { loop_api->done(done, SQ_OK, {"", 0}); }
sq_status session_open(void* shard, std::uint64_t, void** session, sq_error*) noexcept {
  *session = shard;
  return SQ_OK;
}
void session_close(void*) noexcept {}
constexpr std::uint64_t kWarmedUp = 1'000;
std::uint64_t calls_started = 0, calls_in_all = 0, allocated = 0;
void start(void*, const void*, const sq_value*, std::uint32_t, sq_call* call) noexcept {
  if (++calls_started == kWarmedUp) allocations = 0;
  if (calls_started == calls_in_all) allocated = allocations;
  call->outcome = SQ_OUT_OK;
  calls->complete(call);
}
void cancel(void*, sq_call*) noexcept {}
sq_status output(void*, const sq_call*, std::uint32_t, sq_str, sq_value*) noexcept { return SQ_E_INVALID; }
void release(void*, sq_call*) noexcept {}

const sq_param* const kNothing[] = {nullptr};
const sq_op kDo = {sizeof(sq_op), 0, "do", "", kNothing, kNothing, 0, nullptr, 0, 0};
const sq_op* const kOperations[] = {&kDo, nullptr};
const sq_protocol kProtocol = {sizeof(sq_protocol), 0, "empty", kNothing, kOperations, open_instance,
                               close_instance, prepare, unprepare, shard_open, shard_close, session_open,
                               session_close, start, cancel, output, release};
const void* get_interface(const char* id) noexcept {
  return std::string_view(id) == SQ_PROTOCOL_V1 ? &kProtocol : nullptr;
}
const sq_plugin kPlugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "bench.empty", "1", "empty", "-",
                           "", 0, init, fini, get_interface};

// ---- one shard and its controller in this thread -----------------------------------------------------------

Scenario one_task(std::uint64_t iterations, bool open, bool compiled) {
  Scenario scenario;
  scenario.name = "empty";
  scenario.protocols.push_back({"empty", {}, {}});
  OperationStep what;
  what.operation_name = "empty.do";
  what.name = "do";
  what.type = "request";
  Task task;
  task.name = "do";
  if (compiled) task.steps.push_back(Step{CompiledStep{"bench.nothing", {{"calls", Value{static_cast<std::int64_t>(iterations)}}}}, std::nullopt, {}});
  else task.steps.push_back(Step{std::move(what), std::nullopt, {}});
  scenario.tasks.push_back(std::move(task));
  PopulationSpec population;
  population.name = "users";
  population.tasks = {{0, 1.0}};
  population.stop_after.iterations = compiled ? 1 : iterations;
  if (open) {
    population.load.model = Load::Model::open;
    population.load.rate_per_s = kOpenRate;
    scenario.run.for_ns = static_cast<std::int64_t>((iterations / kOpenRate + 2) * kSecondNs);
  } else {
    population.load.users = 1;
  }
  scenario.populations.push_back(std::move(population));
  return scenario;
}

class OneShard final : public ShardLink {
 public:
  explicit OneShard(const Scenario& scenario) : extensions_({}), registry_(extensions_), slots_(1), shared_(scenario) {
    offer_host_tables(extensions_);
    sq_error error{};
    init(extensions_.host(), &error);
    static const Plugin plugin{"empty", &kPlugin, &kProtocol, nullptr};
    registry_.add(plugin);
    if (scenario.has_compiled) {
      if (auto loaded = registry_.load_file(BENCH_TASKS); !loaded) errors_.push_back(loaded.error().text);
    }
    std::vector<PlanError> refused;
    plan_ = Plan::make(scenario, registry_, refused);
    for (const PlanError& error : refused) errors_.push_back(error.text);
    if (!refused.empty()) return;
    controller_ = std::make_unique<Controller>(*plan_, *this, ControllerOptions{});
    loop_ = std::make_unique<Loop>(Loop::Time::virtual_time, kZeroNs - 1);
    shard_ = std::make_unique<Shard>(*plan_, slots_, *loop_, *controller_, shared_, ShardOptions{});
  }

  /// False when the scenario was not understood; errors() says why.
  bool run() {
    if (!shard_) return false;
    if (std::string error = shard_->prepare(kZeroNs); !error.empty()) {
      errors_.push_back(std::move(error));
      return false;
    }
    for (std::uint64_t tick = kZeroNs + kSecondNs; !controller_->is_finished();) {
      const std::uint64_t next = shard_->is_finished() ? tick : std::min(tick, loop_->next_event_ns());
      if (!shard_->is_finished()) loop_->advance_to(next);
      if (next < tick) continue;
      controller_->tick(static_cast<std::int64_t>(tick - kZeroNs));
      tick += kSecondNs;
    }
    return true;
  }
  RunResult result() { return controller_->result(); }
  const std::vector<std::string>& errors() const { return errors_; }

  void grant(std::uint32_t, std::uint32_t budget, const BudgetGrant& grant) override {
    loop_->post([this, budget, grant] { shard_->accept(budget, grant); });
  }
  void stop(std::uint32_t, std::int64_t drain_ns, std::int64_t grace_ns) override {
    loop_->post([this, drain_ns, grace_ns] { shard_->stop(drain_ns, grace_ns); });
  }
  void begin_population(std::uint32_t, std::uint32_t population) override {
    loop_->post([this, population] { shard_->begin_population(population); });
  }

 private:
  Extensions extensions_;
  Registry registry_;
  std::vector<std::string> errors_;
  std::unique_ptr<Plan> plan_;
  SlotTable slots_;
  SharedData shared_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Shard> shard_;
};

double cpu_ns() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3;
}

}  // namespace
}  // namespace squall

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)   // they have their own
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  squall::allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
#endif

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const unsigned long long iterations = std::strtoull(argv[1], nullptr, 10);
  const bool open = argc > 2 && std::string_view(argv[2]) == "open";
  const bool compiled = argc > 2 && std::string_view(argv[2]) == "compiled";
  squall::Scenario scenario = squall::one_task(iterations, open, compiled);
  scenario.has_compiled = compiled;
  squall::calls_in_all = iterations;
  squall::OneShard shard(scenario);
  const auto begin = std::chrono::steady_clock::now();
  const double cpu = squall::cpu_ns();
  const bool ran = shard.run();
  const double cpu_taken = squall::cpu_ns() - cpu;
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
  for (const std::string& error : shard.errors()) std::fprintf(stderr, "empty_operation: %s\n", error.c_str());
  if (!ran) return 1;
  const auto done = shard.result().snapshot.totals().count();
  if (done != iterations) {
    std::fprintf(stderr, "empty_operation: %llu of %llu\n", static_cast<unsigned long long>(done), iterations);
    return 1;
  }
  const auto count = static_cast<double>(done);
  std::printf("{\"operations\": %llu, \"wall_ns\": %.1f, \"cpu_ns\": %.1f, \"allocations\": %llu}\n", iterations,
              taken.count() / count, cpu_taken / count, static_cast<unsigned long long>(squall::allocated));
}
