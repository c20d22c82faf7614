#include "fleet/shard_watch.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <fstream>

#include "fleet/thread_stack.hpp"

namespace squall {
namespace {

constexpr std::chrono::milliseconds kAnswerTime{50};

std::uint64_t cpu_ns_of(pthread_t thread) {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// Running, or waiting for a CPU; anything else waits for something else.
bool is_runnable(pid_t thread_id) {
  std::ifstream file(fmt::format("/proc/self/task/{}/stat", thread_id));
  std::string text;
  std::getline(file, text);
  const std::size_t after_name = text.rfind(") ");
  return after_name != text.npos && text.size() > after_name + 2 && text[after_name + 2] == 'R';
}

std::string file_name(const char* path) {
  const std::string_view whole = path ? path : "";
  return std::string(whole.substr(whole.rfind('/') + 1));
}

std::string address_text(const Dl_info& object, const void* address) {
  return fmt::format("{}+{:#x}", file_name(object.dli_fname),
                     static_cast<const char*>(address) - static_cast<const char*>(object.dli_fbase));
}

}  // namespace

ShardWatch::ShardWatch(const Plan& plan) {
  for (const ProtocolInstance& instance : plan.protocols()) {
    Dl_info object{};
    if (::dladdr(instance.protocol->name, &object) == 0) continue;
    plugins_.push_back({instance.protocol->name, object.dli_fbase});
  }
}

void ShardWatch::add(const Loop& loop, pthread_t thread, const std::atomic<pid_t>& thread_id) {
  shards_.push_back({&loop, thread, &thread_id, {}, 0, Stage::moves});
}

std::vector<ShardWatch::Finding> ShardWatch::look(std::uint64_t now_ns) {
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Watched& shard = shards_[i];
    const std::uint64_t turn = shard.loop->busy_turn();
    const std::uint64_t lasted_ns = shard.turns.look(now_ns, turn);
    if (lasted_ns == 0) {
      shard.told = Stage::moves;
      if (turn != 0) shard.cpu_ns = cpu_ns_of(shard.thread);
      continue;
    }
    const Stage stage = lasted_ns >= kHopelessNs ? Stage::hopeless
                        : lasted_ns >= kFaultNs  ? Stage::fault
                        : lasted_ns >= kStallNs  ? Stage::stall
                                                 : Stage::moves;
    if (stage <= shard.told) continue;
    shard.told = stage;
    Finding finding{static_cast<std::uint32_t>(i), stage, lasted_ns, false, {}};
    locate(shard, finding);
    findings.push_back(std::move(finding));
  }
  return findings;
}

bool ShardWatch::is_any_at(Stage stage) const {
  return std::ranges::any_of(shards_, [stage](const Watched& shard) { return shard.told >= stage; });
}

// The innermost frame in a plugin is whose turn it is: what a plugin calls, it has to answer for.
void ShardWatch::locate(const Watched& shard, Finding& finding) const {
  const std::uint64_t had_ns = cpu_ns_of(shard.thread) - shard.cpu_ns;
  if (is_runnable(*shard.thread_id) && had_ns < finding.lasted_ns / 2) {
    finding.where = "it waits for a CPU";
    return;
  }
  const ThreadStack stack = stack_of(shard.thread, kAnswerTime);
  std::string called, own;
  for (void* address : stack.addresses) {
    Dl_info object{};
    if (::dladdr(address, &object) == 0) continue;
    const auto plugin = std::ranges::find(plugins_, object.dli_fbase, &PluginPlace::base);
    if (plugin != plugins_.end()) {
      finding.is_plugin = true;
      finding.where = fmt::format("plugin '{}' ({}{}){}", plugin->name, address_text(object, address), called,
                                  stack.function ? fmt::format(" in {}", stack.function) : "");
      return;
    }
    if (called.empty() && object.dli_sname) called = fmt::format(", in {}", object.dli_sname);
    if (own.empty()) own = address_text(object, address);
  }
  finding.where = own.empty() ? "it does not say where" : fmt::format("in no plugin ({}{})", own, called);
}

}  // namespace squall
