// A window that was handed out and comes again with late records holds them beside what was told
// already.  Whoever adds windows up (outputs do) needs only what came since.
#pragma once

#include "stats/snapshot.hpp"

namespace squall {

/// What `now` counts more than `before`, an earlier revision of the same window: series, and count
/// and sum of metrics; gauges and the generator's own figures are left out.  Exact, but min and max
/// of its histograms are within their bucket.
MergedWindow late_part(const MergedWindow& before, const MergedWindow& now);

}  // namespace squall
