// Labels of the exposition format: names that it allows, values escaped, whatever bytes they hold.
#pragma once
#include <squall/output.hpp>
#include <string>
#include <string_view>

namespace squall::prometheus {

/// Appends `name="value"`, after a comma when something stands there already; nothing when the
/// value is empty, which to Prometheus is the same.  In the value \, " and line ends are escaped;
/// what is not UTF-8, and control characters, become U+FFFD.
void append_label(std::string& labels, std::string_view name, std::string_view value);

/// The labels of a series: population, task, name, operation, type, agent, phase, and tag_… of each
/// tag.  Bytes that a label's name cannot have become _; of two tags that would be called the same,
/// the later has _2 behind it.
std::string labels_of(const sq_series_desc& series, bool is_warmup);

}  // namespace squall::prometheus
