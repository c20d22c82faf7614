// The 32 bytes that `trailer: true` appends to a payload: which stream of messages this is, its
// place in it, when it was sent and by which clock. Little-endian. A reader believes a send time
// only when the clock is its own: the monotonic clock of one boot of one machine.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall::mqtt {

struct Trailer {
  uint64_t stream = 0;    // one publisher and topic; random, never used again
  uint64_t sequence = 0;  // from 0
  uint64_t sent_ns = 0;   // monotonic
  uint32_t clock = 0;

  static constexpr size_t kSize = 32;
  void append_to(std::string& payload) const;
  /// Nothing when the payload does not end with one.
  static std::optional<Trailer> of(std::string_view payload);
};

/// Names the monotonic clock of this boot; 0, which matches nothing, when the kernel will not say.
uint32_t this_clock();

}  // namespace squall::mqtt
