// How a sink reaches its target: the one thing that every kind of target does in its own way.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace squall::sink {

/// Rendered, as it goes over the wire.  A sink neither reads nor changes it.
struct Record {
  std::string bytes;
  uint32_t items = 1;  // how many it stands for in the account
};

enum class Fate : uint8_t { delivered, rejected, again };

/// What a target made of a batch.
struct Answer {
  enum class Kind : uint8_t {
    judged,   // each record has its fate
    later,    // nothing is known to be there: the same once more, after a while
    split,    // too large or not understood as a whole: in two halves
    refused,  // as a whole, and it would be again (a wrong password, say)
  };
  Kind kind = Kind::later;
  std::vector<Fate> fates{};               // judged: one for each record
  std::chrono::nanoseconds retry_after{};  // as the target asked; 0: it did not
  std::string why{};                       // of the first record that was not delivered
};

class Wire {
 public:
  virtual ~Wire() = default;
  /// Waits for the answer, at most `limit`.  [the sink's thread]
  virtual Answer send(std::span<const Record> batch, std::chrono::nanoseconds limit) = 0;
};

}  // namespace squall::sink
