#include "traces.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "board.hpp"
#include "plugin_host/process_state.hpp"

namespace squall::plugin_check {
namespace {

constexpr int kWarmUp = 20, kLives = 60;   // fewer of those that take long
constexpr auto kPhase = std::chrono::seconds(8);
constexpr double kBytesALife = 8;   // less than the smallest thing that can be forgotten in each
constexpr auto kPatience = std::chrono::seconds(3);   // for threads of a library that are on their way out

std::size_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::size_t threads() {
  std::error_code error;
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) ++count;
  return count;
}

}  // namespace

struct Traces::State {
  ProcessState process;
  std::vector<int> files;
  std::size_t threads;
};

Traces::Traces() : before_(new State{ProcessState::now(), open_descriptors(), threads()}) {}
Traces::~Traces() { delete before_; }

void Traces::look(const Subject& subject) {
  at("fini");
  subject.root->fini();
  at("after fini");
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  while (threads() > before_->threads && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (const std::size_t now = threads(); now > before_->threads) {
    find(fmt::format("{} thread{} of its own still run{} after fini()", now - before_->threads, now - before_->threads == 1 ? "" : "s",
                     now - before_->threads == 1 ? "s" : ""));
  }
  if (const std::string left = left_open(before_->files, open_descriptors()); !left.empty()) find(left);
  if (const std::string change = before_->process.change_until(ProcessState::now()); !change.empty()) find("it changed " + change);
}

void count_the_heap_exactly(char** argv) {
  constexpr const char* kVariable = "GLIBC_TUNABLES";
  constexpr std::string_view kSettings = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0";
  const char* const own = std::getenv(kVariable);
  if (own && std::string_view(own).ends_with(kSettings)) return;
  const std::string all = own && *own ? fmt::format("{}:{}", own, kSettings) : std::string(kSettings);
  ::setenv(kVariable, all.c_str(), 1);
  ::execv("/proc/self/exe", argv);
}

void look_for_leaks(std::string_view what, unsigned count, const std::function<void()>& life) {
  const auto live = [&](int most) {
    const auto limit = std::chrono::steady_clock::now() + kPhase;
    int lives = 0;
    while (lives < most && (lives == 0 || std::chrono::steady_clock::now() < limit)) life(), ++lives;
    return lives;
  };
  const int warm_up = live(kWarmUp);
  // The smallest of several, because a library may keep what it needs once and grow it by steps.
  const std::size_t first = heap_bytes();
  const int one = live(kLives);
  const std::size_t second = heap_bytes();
  const int other = live(kLives);
  const std::size_t third = heap_bytes();
  const double grown = std::min(static_cast<double>(static_cast<std::ptrdiff_t>(second - first)) / one,
                                static_cast<double>(static_cast<std::ptrdiff_t>(third - second)) / other);   // bytes a life
  const auto whole = static_cast<std::ptrdiff_t>(third - first);
  if (grown >= kBytesALife) {
    find(fmt::format("memory grows by {:.1f} bytes for each of its {}: {} bytes after {}", grown / std::max(count, 1u), what, whole,
                     static_cast<unsigned>(one + other) * count));
  }
  note(fmt::format("{} {}, the heap grew by {} bytes", static_cast<unsigned>(warm_up + one + other) * count, what, whole));
}

}  // namespace squall::plugin_check
