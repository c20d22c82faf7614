// The number by which plugins and sockets know a session: its population and its index there. The index is
// the user's, or, with `sessions: N`, the session's own below N.
#pragma once

#include <cstdint>

namespace squall {

struct SessionId {
  static constexpr int kPopulationShift = 40;

  std::uint32_t population = 0;
  std::uint64_t index = 0;

  static SessionId of(std::uint64_t number) {
    return {static_cast<std::uint32_t>(number >> kPopulationShift),
            number & ((std::uint64_t{1} << kPopulationShift) - 1)};
  }
  std::uint64_t number() const { return std::uint64_t{population} << kPopulationShift | index; }
};

}  // namespace squall
