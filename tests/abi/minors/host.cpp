// A host of two minors: built from abi.h of today, and as the next minor of the program would be, from abi.h of the next minor (HAS_GROWN).
// The loader is the program's own. `host LIBRARY` loads a plugin, gives its output batch 7 and says what came of it.
#include <fmt/format.h>

#include "plugin_host/extensions.hpp"
#include "plugin_host/plugin.hpp"

struct sq_done {
  std::uint64_t delivered = 0;
  bool is_closed = false;
};

namespace {

constexpr auto done = [](sq_done* account, sq_status, sq_str) noexcept { account->is_closed = true; };
constexpr auto written = [](sq_done* account, const sq_delivery* delivery) noexcept { account->delivered = delivery->delivered; };
constexpr sq_loop_api kLoop{sizeof kLoop, 0, done, written, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
#ifdef HAS_GROWN
constexpr sq_clock_api kClock{sizeof kClock, 0, []() noexcept -> std::uint64_t { return 0; }};
#endif

}  // namespace

int main(int, char** argv) {
  squall::Extensions extensions({});
  extensions.offer(SQ_LOOP_V1, &kLoop, sizeof kLoop);
#ifdef HAS_GROWN
  extensions.offer(SQ_CLOCK_V1, &kClock, sizeof kClock);
#endif
  const auto loaded = squall::load_plugin(argv[1], extensions.host());
  if (!loaded) {
    fmt::print("host {}.{}: refused: {}\n", SQ_ABI_MAJOR, SQ_ABI_MINOR, loaded.error().text);
    return 0;
  }
  const sq_output& output = *(*loaded)->output;
  void* instance = nullptr;
  sq_error error{};
  if (output.open(nullptr, nullptr, 0, &instance, &error) != SQ_OK) return 1;
  bool has_paused = false;
#ifdef HAS_GROWN
  if (SQ_HAS(&output, pause)) {   // what a plugin allocates may end before it
    has_paused = true;
    output.pause(instance, 10);
  }
#endif
  sq_done account;
  sq_batch batch{};
  batch.struct_size = sizeof batch;
  batch.number = 7;
#ifdef HAS_GROWN
  batch.dropped = 5;
#endif
  output.write(instance, &batch, &account);
  output.close(instance, &account);
  if (!account.is_closed) return 1;
  fmt::print("host {}.{}: plugin {}.{}{} delivers {}\n", SQ_ABI_MAJOR, SQ_ABI_MINOR, (*loaded)->root->abi_major, (*loaded)->root->abi_minor,
             has_paused ? " pauses and" : "", account.delivered);
}
