// XXH64 (seed 0) of bytes that come in pieces: the checksum both ends of a transfer compare.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

namespace squall::city {

class StreamHash {
 public:
  StreamHash() : state_(XXH64_createState(), XXH64_freeState) {
    if (!state_) throw std::bad_alloc();
    restart();
  }
  void restart() { XXH64_reset(state_.get(), 0); }
  void add(std::string_view bytes) { XXH64_update(state_.get(), bytes.data(), bytes.size()); }
  std::uint64_t value() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state_;
};

}  // namespace squall::city
