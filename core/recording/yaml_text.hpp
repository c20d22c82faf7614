// Values as YAML that squall reads back as the same values and that a person reads with ease: words stand without quotes, what
// fits in a line stands in one, texts of several lines stand as such.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace squall {

/// Longest line that is made of several values; one long text may be longer.
inline constexpr std::size_t kYamlWidth = 120;

/// A text, plain where nothing can be misunderstood, else in double quotes. `text` is UTF-8.
std::string yaml_text(std::string_view text);
/// In one line: { a: 1, b: [ x, y ] }.
std::string yaml_in_line(const nlohmann::ordered_json& value);
/// "KEY: value" and a line feed, over as many lines as it takes; the first begins with `begin`, the others are indented as far.
void append_yaml_entry(std::string& out, std::string_view begin, std::string_view key, const nlohmann::ordered_json& value);
/// `text` as a comment holds it: one line without control characters, of at most `longest` bytes.
std::string yaml_comment(std::string_view text, std::size_t longest = 100);

}  // namespace squall
