// What samples are added up by: population, task, name, operation, type and tags, known by a small
// number.  The table is filled while the plan is compiled, and by compiled tasks while the run goes on;
// a bound keeps data in names from growing it without end.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace squall {

enum class LoadModel : std::uint8_t { open, closed, fleet };
std::string_view load_model_name(LoadModel model);  // "open", "closed", "fleet"

/// Which line of the samples' ledger a series stands in.
enum class SeriesKind : std::uint8_t {
  operation,  // counted in `samples`
  group,      // groups and named untils: a line of their own
  delivery,   // what came in outside a call (subscriptions), own metrics: in no ledger
};

std::string_view series_kind_name(SeriesKind kind);  // "operation", "group", "delivery"

struct SeriesKey {
  std::string population;
  std::string task;
  std::string name;
  std::string operation;
  std::string type = "request";  // "job", "group" or the step's own word
  LoadModel model = LoadModel::closed;
  SeriesKind kind = SeriesKind::operation;
  std::vector<std::pair<std::string, std::string>> tags;  // sorted by the table
  bool background = false;  // a logger's: in no total, ledger or verdict

  friend auto operator<=>(const SeriesKey&, const SeriesKey&) = default;
};

/// Thread: any.
class SeriesTable {
 public:
  static constexpr std::uint32_t kDefaultLimit = 10'000;
  explicit SeriesTable(std::uint32_t limit = kDefaultLimit) : limit_(limit) {}

  /// The number of the series, from 0 without gaps; the same key has the same number.  Past the
  /// limit: the number of `__other__` of that population, task and kind, and overflowed() grows.
  std::uint32_t intern(SeriesKey key);

  std::uint32_t size() const;
  const SeriesKey& key(std::uint32_t series) const;  // stays where it is
  std::uint64_t overflowed() const;

 private:
  mutable std::mutex mutex_;
  std::uint32_t limit_;
  std::uint64_t overflowed_ = 0;
  std::deque<SeriesKey> keys_;
  std::unordered_map<std::string, std::uint32_t> by_text_;
};

}  // namespace squall
