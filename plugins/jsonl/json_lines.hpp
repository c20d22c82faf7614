// Renders flat JSON objects, one a line, into one buffer that is used again: no allocation once it
// has grown, no locale, no exception but bad_alloc.  What is not UTF-8 becomes U+FFFD, since bytes
// of any server may end up in a detail.  It does not parse, and it does not check that keys differ.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace squall::jsonl {

class JsonLines {
 public:
  /// {"type":"TYPE"
  void begin(std::string_view type);
  /// `raw` is JSON already: a rendered beginning of a line, or a part of one.
  void append(std::string_view raw) { bytes_.append(raw); }
  /// Keys are ours: plain ASCII without quotes.
  void number(std::string_view key, uint64_t value);
  void number(std::string_view key, int64_t value);
  void real(std::string_view key, double value);  // what JSON cannot say becomes null
  void truth(std::string_view key, bool value);
  void text(std::string_view key, std::string_view value);
  /// "2026-11-21T20:00:00.000000000Z"
  void time(std::string_view key, uint64_t unix_ns);
  /// A key that opens an object or array, written by the caller: `key("buckets"); append("[")`.
  void key(std::string_view key);
  void value(uint64_t number);
  void real_value(double number);
  void quoted(std::string_view text);
  void end() { bytes_.append("}\n"); }

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  void clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

}  // namespace squall::jsonl
