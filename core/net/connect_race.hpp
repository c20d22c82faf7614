// One connection attempt at a name with several addresses: the list as it was when the attempt began, and
// the sockets that are on their way beside the stream's newest. A next one starts when the one before has
// failed or has been silent for kNextAttemptNs (as RFC 8305 has it); the first to connect wins, and the
// others are closed. The stream drives it (stream_connect.cpp); a target with one address has none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/address.hpp"
#include "net/environment.hpp"

namespace squall {

class Stream;
class Watch;

struct ConnectRace {
  static constexpr std::uint64_t kNextAttemptNs = 250'000'000;
  struct Attempt {
    int fd;
    Watch* watch;
  };

  std::vector<Address> addresses;
  std::size_t next = 0;              // to be tried
  std::vector<Attempt> others;
  struct Timer : TimerNode { Stream* stream; } timer{};
};

}  // namespace squall
