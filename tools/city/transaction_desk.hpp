// Transactions over several protocols: a message by MQTT names one, it can be seen by HTTP some time later, and a file by TCP
// names it again. Between message and site there is a bridge that loses messages and hands some on twice, as it is
// told; the journal says which. Shared by all workers and the MQTT thread behind a mutex.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace squall::city {

/// How the bridge hands messages on. What becomes of one is a function of its id, the seed, and how often that id came.
struct TransactionBehaviour {
  std::int64_t visible_after_ns = 200'000'000;  // from a message's arrival: median
  double visible_sigma = 0;                     // of a lognormal delay; 0: always the median
  double drop_rate = 0;                         // messages that never become visible
  double double_rate = 0;                       // others that are seen twice
  std::int64_t double_within_ns = 100'000'000;  // the second comes within this after the first, spread evenly
  std::uint64_t seed = 1;
};

class TransactionDesk {
 public:
  struct Counts {
    std::uint64_t published = 0, dropped = 0, doubled = 0, visible = 0;
    std::uint64_t files = 0, file_bytes = 0;
    std::uint64_t early_files = 0;  // of the files: their transaction was not visible
    std::uint64_t unnamed = 0;      // messages that are no JSON object with a text `id`
  };
  struct Event {
    std::int64_t at_ns = 0;
    const char* what = "";  // "published", "dropped", "visible", "doubled", "file", "early_file"
    std::string id;
    std::uint64_t bytes = 0;  // of the message or of the file; 0 with the others
  };

  /// A message of MQTT: `{"id":"…"}`, whatever else is in it.
  void take_message(std::string_view payload, std::int64_t now_ns);
  /// A message of TCP. It is a file when it begins with `tx ID` and a line feed; what follows is the file.
  void take_file(std::string_view message, std::int64_t now_ns);
  /// How often this id's message can be seen; 0: not yet, or never.
  std::uint64_t seen(std::string_view id, std::int64_t now_ns) const;

  /// What has happened by now.
  Counts counts(std::int64_t now_ns) const;
  /// In the order in which things happened; what is still to come is not in it.
  std::vector<Event> journal(std::int64_t now_ns) const;
  void behave(const TransactionBehaviour& behaviour);
  /// Transactions and journal as at the start; the behaviour stays.
  void reset();

 private:
  struct Transaction {
    std::uint64_t messages = 0;
    std::vector<std::int64_t> visible_ns;  // of each time that it is seen
  };
  std::uint64_t seen_locked(std::string_view id, std::int64_t now_ns) const;

  mutable std::mutex mutex_;
  TransactionBehaviour behaviour_;
  std::map<std::string, Transaction, std::less<>> transactions_;  // by id
  std::vector<Event> journal_;
  std::uint64_t unnamed_ = 0;
};

}  // namespace squall::city
