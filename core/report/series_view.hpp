// What every rendering of a series needs: its rate, its place in a table, its label.
#pragma once

#include <string>
#include <vector>

#include "stats/snapshot.hpp"

namespace squall {

/// What a rate of it is taken over.
std::int64_t series_rate_time_ns(const SeriesTotals& series, const Snapshot& snapshot);
/// Finished samples a second of the time it was measured over.
double series_rate_per_s(const SeriesTotals& series, const Snapshot& snapshot);

/// The series of the main phase that have something to say, largest first within their population.
std::vector<const SeriesTotals*> series_to_show(const Snapshot& snapshot);

/// "visitors/page"; what is no plain request says what it is: "editors/publish (batch)", "visitors/image (http.asset)".
std::string series_label(const SeriesKey& key);

/// "1.2 ms", "340 µs", "2.1 s": three digits.
std::string time_text(double ns);
/// 12,345.
std::string count_text(std::uint64_t count);
/// "42.1 MB".
std::string bytes_text(double bytes);

/// Names come from answers and files: control characters would move a terminal's cursor.
std::string printable(std::string_view text);

}  // namespace squall
