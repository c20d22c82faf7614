// A plain table: columns as wide as their content, numbers to the right. Where the whole does not fit, what is too
// long in the first column has a line of its own, above its numbers.
#pragma once

#include <string>
#include <vector>

namespace squall {

class Table {
 public:
  /// The first column stands to the left, the others to the right.
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string print(std::size_t width, const std::string& indent = "  ") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of UTF-8 text, not bytes.
std::size_t text_width(std::string_view text);
/// At most `width` characters, with an ellipsis in the middle.
std::string shorten(const std::string& text, std::size_t width);

}  // namespace squall
