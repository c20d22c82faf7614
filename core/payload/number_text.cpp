#include "payload/number_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace squall {
namespace {

template <typename... Arguments>
void append_chars(std::string& out, Arguments... arguments) {
  char text[400];  // 1e308 in plain digits with 17 decimals fits
  auto [end, error] = std::to_chars(text, text + sizeof text, arguments...);
  if (error == std::errc()) out.append(text, end);
}

}  // namespace

bool parse_number(std::string_view text, Number& out) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  const char* digits = begin != end && *begin == '-' && begin == text.data() ? begin + 1 : begin;
  // from_chars would also take "inf" and "nan"; a number begins with a digit or a point.
  if (digits == end || !((*digits >= '0' && *digits <= '9') || *digits == '.')) return false;
  std::int64_t whole = 0;
  auto [whole_end, whole_error] = std::from_chars(begin, end, whole);
  if (whole_error == std::errc() && whole_end == end) {
    out = Number::of(whole);
    return true;
  }
  double real = 0;
  auto [real_end, real_error] = std::from_chars(begin, end, real);
  if (real_error != std::errc() || real_end != end || !std::isfinite(real)) return false;
  out = Number::of(real);
  return true;
}

void append_number(std::string& out, std::int64_t value) { append_chars(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_chars(out, value); }

void append_number(std::string& out, double value) {
  const double size = std::fabs(value);
  if (value == 0) {
    out += '0';  // never -0
  } else if (size >= 1e-6 && size < 1e15) {
    append_chars(out, value, std::chars_format::fixed);
  } else {
    append_chars(out, value);
  }
}

void append_number(std::string& out, const Number& value) {
  if (value.is_whole) {
    append_number(out, value.whole);
  } else {
    append_number(out, value.real);
  }
}

void append_fixed(std::string& out, double value, int decimals) {
  append_chars(out, value, std::chars_format::fixed, std::clamp(decimals, 0, 17));
}

void append_duration(std::string& out, std::int64_t ns) {
  struct Unit {
    std::int64_t ns;
    const char* name;
  };
  static constexpr Unit kUnits[] = {
      {1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
  for (const Unit& unit : kUnits) {
    if (ns % unit.ns == 0) {
      append_number(out, ns / unit.ns);
      out += unit.name;
      return;
    }
  }
}

}  // namespace squall
