// Numbers to text and back, without locale and without allocation: what templates print per
// message. Whole numbers keep their 64 bits; a double is only what has a fraction or does not fit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace squall {

/// A number that remembers whether it is whole.
struct Number {
  bool is_whole = true;
  std::int64_t whole = 0;
  double real = 0;

  static Number of(std::int64_t value) { return {true, value, 0}; }
  static Number of(double value) { return {false, 0, value}; }
  double as_double() const { return is_whole ? static_cast<double>(whole) : real; }
};

/// All of `text` as one finite decimal number: -12, 0.5, 1e6. No spaces, no hex, no inf, no nan.
bool parse_number(std::string_view text, Number& out);

void append_number(std::string& out, std::int64_t value);
void append_number(std::string& out, std::uint64_t value);
/// The shortest text that reads back as the same double; plain digits between 1e-6 and 1e15.
void append_number(std::string& out, double value);
void append_number(std::string& out, const Number& value);
/// With exactly `decimals` digits after the point (0 to 17).
void append_fixed(std::string& out, double value, int decimals);
/// Whole ns, us, ms or s: "1500ms", "2s"; reads back exactly.
void append_duration(std::string& out, std::int64_t ns);

}  // namespace squall
