#include "labels.hpp"

#include <algorithm>

namespace squall::prometheus {
namespace {

using namespace squall::plugin;

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

void append_escaped(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const size_t length = std::max<size_t>(utf8_length(value), 1);
    const auto byte = static_cast<unsigned char>(value[0]);
    if (utf8_length(value) == 0 || byte == 0x7f || (byte < 0x20 && byte != '\n'))
      out.append(kReplacement);
    else if (byte == '\n')
      out.append("\\n");
    else if (byte == '\\' || byte == '"')
      out.append("\\").push_back(value[0]);
    else
      out.append(value.substr(0, length));
    value.remove_prefix(length);
  }
}

/// Behind `tag_`, so any of the format's bytes may come first.
std::string tag_label(std::string_view key) {
  std::string name = "tag_";
  for (const char c : key) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name.push_back(is_plain ? c : '_');
  }
  return name;
}

}  // namespace

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!labels.empty()) labels.push_back(',');
  labels.append(name).append("=\"");
  append_escaped(labels, value);
  labels.push_back('"');
}

std::string labels_of(const sq_series_desc& series, bool is_warmup) {
  std::string labels;
  append_label(labels, "population", view(series.population));
  append_label(labels, "task", view(series.task));
  append_label(labels, "name", view(series.name));
  append_label(labels, "operation", view(series.operation));
  append_label(labels, "type", view(series.type));
  append_label(labels, "agent", view(series.agent));
  append_label(labels, "phase", is_warmup ? "warmup" : "main");
  std::vector<std::string> used;
  for (const sq_pair& tag : tags(series)) {
    const std::string base = tag_label(view(tag.key));
    std::string name = base;
    for (int i = 2; std::ranges::find(used, name) != used.end(); ++i)
      name = base + "_" + std::to_string(i);
    std::string value;
    append_text(value, tag.value);
    append_label(labels, name, value);
    used.push_back(std::move(name));
  }
  return labels;
}

}  // namespace squall::prometheus
