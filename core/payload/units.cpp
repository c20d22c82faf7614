#include "payload/units.hpp"

#include <charconv>
#include <cmath>
#include <span>

#include "payload/number_text.hpp"

namespace squall {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit kDurations[] = {{"d", 86400e9}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9},
                               {"ms", 1e6},    {"us", 1e3},   {"ns", 1}};
constexpr Unit kSizes[] = {{"B", 1},        {"kB", 1e3},     {"MB", 1e6},
                           {"GB", 1e9},     {"TB", 1e12},    {"KiB", 1024},
                           {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
constexpr Unit kBits[] = {{"bit", 0.125}, {"kbit", 125}, {"Mbit", 125e3}, {"Gbit", 125e6}};
constexpr Unit kPeriods[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"day", 86400}};

// What people write instead; the hint names the right one, nothing is guessed.
struct Alias {
  std::string_view wrong, right;
};
constexpr Alias kDurationAliases[] = {
    {"sec", "s"},  {"secs", "s"},          {"second", "s"}, {"seconds", "s"}, {"S", "s"},
    {"min", "m"},  {"mins", "m"},          {"minute", "m"}, {"minutes", "m"}, {"M", "m"},
    {"hr", "h"},   {"hrs", "h"},           {"hour", "h"},   {"hours", "h"},   {"H", "h"},
    {"day", "d"},  {"days", "d"},          {"D", "d"},      {"msec", "ms"},   {"millis", "ms"},
    {"MS", "ms"},  {"milliseconds", "ms"}, {"usec", "us"},  {"µs", "us"},     {"micros", "us"},
    {"nsec", "ns"}};
constexpr Alias kSizeAliases[] = {
    {"b", "B"},     {"bytes", "B"},   {"byte", "B"},    {"k", "kB"},      {"K", "kB"},
    {"kb", "kB"},   {"KB", "kB"},     {"M", "MB"},      {"mb", "MB"},     {"Mb", "MB"},
    {"G", "GB"},    {"gb", "GB"},     {"Gb", "GB"},     {"T", "TB"},      {"kib", "KiB"},
    {"kiB", "KiB"}, {"Ki", "KiB"},    {"mib", "MiB"},   {"Mi", "MiB"},    {"gib", "GiB"},
    {"Gi", "GiB"},  {"kBit", "kbit"}, {"MBit", "Mbit"}, {"mbit", "Mbit"}, {"GBit", "Gbit"}};
constexpr Alias kPeriodAliases[] = {{"sec", "s"},  {"second", "s"}, {"min", "m"},   {"minute", "m"},
                                    {"hour", "h"}, {"d", "day"},    {"days", "day"}};

struct Kind {
  std::string_view noun;           // "duration"
  std::string_view units;          // for the list in the hint
  std::string_view first, second;  // what a bare 30 may have meant
};
constexpr Kind kDuration{"duration", "ns us ms s m h d", "s", "ms"};
constexpr Kind kSize{"size", "B kB MB GB KiB MiB GiB", "B", "KiB"};
constexpr Kind kRate{"rate", "/s /m /h /day", "/s", "/m"};
constexpr Kind kByteRate{"byte rate", "MB/s, KiB/s, Mbit/s", " MB/s", " Mbit/s"};

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Splits "1.5 GB/s" into 1.5 and "GB/s". The number is unsigned here; signs are told apart before.
bool take_number(std::string_view& text, double& number) {
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return false;
  std::size_t digits = 0;
  while (digits < text.size() &&
         ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.'))
    ++digits;
  // An exponent only where digits follow: "2e3" is a number, "2e" a number and a wrong unit.
  if (digits + 1 < text.size() && (text[digits] == 'e' || text[digits] == 'E')) {
    std::size_t end = digits + 1;
    if (text[end] == '+' || text[end] == '-') ++end;
    const std::size_t first = end;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end > first) digits = end;
  }
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error == std::errc::result_out_of_range) number = HUGE_VAL;
  if (error == std::errc::invalid_argument || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return true;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::string alias_of(std::span<const Alias> aliases, std::string_view name) {
  for (const Alias& alias : aliases) {
    if (alias.wrong == name) return "did you mean " + quoted(alias.right) + "? ";
  }
  return "";
}

Error no_such_thing(std::string_view text, const Kind& kind) {
  return {quoted(text) + " is not a " + std::string(kind.noun) + " (write 30" +
          std::string(kind.first) + " or 30" + std::string(kind.second) + ")"};
}

Error bare_number(std::string_view text, const Kind& kind) {
  return {quoted(text) + " has no unit (write " + std::string(text) + std::string(kind.first) +
          " or " + std::string(text) + std::string(kind.second) + ")"};
}

Error unknown_unit(std::string_view unit, std::string_view text, const Kind& kind,
                   const std::string& hint) {
  return {"unknown unit " + quoted(unit) + " in " + quoted(text) + " (" + hint +
          std::string(kind.noun) + "s take " + std::string(kind.units) + ")"};
}

// The mistakes that all kinds share; nullopt-like: an empty text means none.
std::string common_mistake(std::string_view text, const Kind& kind) {
  if (text.empty()) {
    return "the " + std::string(kind.noun) + " is empty (write 30" + std::string(kind.first) +
           " or 30" + std::string(kind.second) + ")";
  }
  if (text.front() == '-') {
    std::string_view rest = text.substr(1);
    double number = 0;
    if (take_number(rest, number)) return quoted(text) + " is negative";
  }
  return "";
}

Error too_large(std::string_view text, std::string_view limit) {
  return {quoted(text) + " is too large (at most " + std::string(limit) + ")"};
}

constexpr Kind const& kind_of(UnitKind kind) {
  switch (kind) {
    case UnitKind::size:
      return kSize;
    case UnitKind::rate:
      return kRate;
    case UnitKind::byte_rate:
      return kByteRate;
    default:
      return kDuration;
  }
}

// "3 significant digits": 1.5, 12.3, 340.
void append_short(std::string& out, double value) {
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::string text;
  append_fixed(text, value, decimals);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  out += text;
}

}  // namespace

Result<std::int64_t> parse_duration_ns(std::string_view given) {
  const std::string_view text = trimmed(given);
  if (std::string mistake = common_mistake(text, kDuration); !mistake.empty())
    return Error{mistake};
  std::string_view rest = text;
  double total = 0, smallest = HUGE_VAL;
  while (!rest.empty()) {
    double number = 0;
    if (!take_number(rest, number)) return no_such_thing(text, kDuration);
    std::size_t length = 0;
    while (length < rest.size() && !(rest[length] >= '0' && rest[length] <= '9') &&
           rest[length] != ' ' && rest[length] != '.') {
      ++length;
    }
    const std::string_view name = rest.substr(0, length);
    if (name.empty()) return bare_number(text, kDuration);
    const Unit* unit = find_unit(kDurations, name);
    if (unit == nullptr)
      return unknown_unit(name, text, kDuration, alias_of(kDurationAliases, name));
    if (unit->factor >= smallest) {
      return Error{quoted(text) + " does not go from large to small units (write 1m30s)"};
    }
    smallest = unit->factor;
    total += number * unit->factor;
    rest.remove_prefix(length);
  }
  if (!(total < 0x1p63)) return too_large(text, "106751d");
  return std::llround(total);
}

Result<std::uint64_t> parse_size(std::string_view given) {
  const std::string_view text = trimmed(given);
  if (std::string mistake = common_mistake(text, kSize); !mistake.empty()) return Error{mistake};
  std::string_view name = text;
  double number = 0;
  if (!take_number(name, number)) return no_such_thing(text, kSize);
  if (name.empty()) return bare_number(text, kSize);
  const Unit* unit = find_unit(kSizes, name);
  if (unit == nullptr) return unknown_unit(name, text, kSize, alias_of(kSizeAliases, name));
  const double bytes = number * unit->factor;
  if (!(bytes < 0x1p63)) return too_large(text, "8388607TiB");
  // 4.7GB is meant to be whole although 4.7 is not exact in binary.
  const double whole = std::round(bytes);
  if (std::fabs(whole - bytes) > 1e-6 * std::fmax(1.0, bytes * 1e-9)) {
    return Error{quoted(text) + " is no whole number of bytes"};
  }
  return static_cast<std::uint64_t>(whole);
}

Result<double> parse_rate_per_s(std::string_view given) {
  const std::string_view text = trimmed(given);
  if (std::string mistake = common_mistake(text, kRate); !mistake.empty()) return Error{mistake};
  std::string_view rest = text;
  double number = 0;
  if (!take_number(rest, number)) return no_such_thing(text, kRate);
  if (rest.empty()) return bare_number(text, kRate);
  if (rest.front() != '/') return unknown_unit(rest, text, kRate, "");
  const std::string_view name = rest.substr(1);
  const Unit* period = find_unit(kPeriods, name);
  if (period == nullptr) return unknown_unit(rest, text, kRate, alias_of(kPeriodAliases, name));
  if (!std::isfinite(number)) return too_large(text, "1e308/s");
  return number / period->factor;
}

Result<double> parse_bytes_per_s(std::string_view given) {
  const std::string_view text = trimmed(given);
  if (std::string mistake = common_mistake(text, kByteRate); !mistake.empty())
    return Error{mistake};
  std::string_view rest = text;
  double number = 0;
  if (!take_number(rest, number)) return no_such_thing(text, kByteRate);
  if (rest.empty()) return bare_number(text, kByteRate);
  const std::size_t slash = rest.find('/');
  const std::string_view name = rest.substr(0, slash);
  const Unit* unit = find_unit(kSizes, name);
  if (unit == nullptr) unit = find_unit(kBits, name);
  if (unit == nullptr) return unknown_unit(rest, text, kByteRate, alias_of(kSizeAliases, name));
  if (slash == std::string_view::npos) {
    return Error{quoted(text) + " is a size, but a byte rate is due (write " + std::string(text) +
                 "/s)"};
  }
  const std::string_view period_name = rest.substr(slash + 1);
  const Unit* period = find_unit(kPeriods, period_name);
  if (period == nullptr)
    return unknown_unit(rest, text, kByteRate, alias_of(kPeriodAliases, period_name));
  const double rate = number * unit->factor / period->factor;
  if (!std::isfinite(rate)) return too_large(text, "1e308B/s");
  return rate;
}

Result<double> parse_quantity(std::string_view text, UnitKind kind) {
  switch (kind) {
    case UnitKind::duration: {
      auto ns = parse_duration_ns(text);
      if (!ns) return ns.error();
      return static_cast<double>(*ns);
    }
    case UnitKind::size: {
      auto bytes = parse_size(text);
      if (!bytes) return bytes.error();
      return static_cast<double>(*bytes);
    }
    case UnitKind::rate:
      return parse_rate_per_s(text);
    case UnitKind::byte_rate:
      return parse_bytes_per_s(text);
    default:
      break;
  }
  text = trimmed(text);
  Number number;
  if (parse_number(text, number)) return number.as_double();
  std::string_view rest = text;
  double value = 0;
  if (take_number(rest, value) && !rest.empty()) {
    return Error{quoted(text) + " has a unit, but a plain number is due"};
  }
  return Error{quoted(text) + " is not a number"};
}

Result<double> parse_quantity(const Value& value, UnitKind kind) {
  if (const std::string* text = value.text()) return parse_quantity(*text, kind);
  if (const auto* duration = std::get_if<Duration>(&value.data)) {
    if (kind == UnitKind::duration) return static_cast<double>(duration->ns);
  }
  const bool is_number = std::holds_alternative<std::int64_t>(value.data) ||
                         std::holds_alternative<double>(value.data);
  const bool needs_unit = kind != UnitKind::none && kind != UnitKind::any;
  double number = 0;
  if (is_number && value.to_number(number)) {
    if (!std::isfinite(number)) return Error{quoted(value.to_text()) + " is not a finite number"};
    if (needs_unit) return parse_quantity(value.to_text(), kind);  // refused with the hint
    return number;
  }
  const std::string noun = needs_unit ? std::string(kind_of(kind).noun) : "number";
  if (value.is_null()) return Error{"a " + noun + " is missing"};
  return Error{quoted(value.to_text()) + " is not a " + noun};
}

std::string format_duration(std::int64_t ns) {
  std::string out;
  if (ns < 0) {
    out = "-";
    ns = ns == INT64_MIN ? INT64_MAX : -ns;
  }
  const double value = static_cast<double>(ns);
  // Thresholds a little below the unit, so that 999.9995 ms is 1s and not "1000ms".
  if (ns < 1'000) {
    append_number(out, ns);
    out += "ns";
  } else if (value < 999.5e3) {
    append_short(out, value / 1e3);
    out += "us";
  } else if (value < 999.5e6) {
    append_short(out, value / 1e6);
    out += "ms";
  } else if (value < 59.95e9) {
    append_short(out, value / 1e9);
    out += "s";
  } else {
    // Two neighbouring units are as much as anybody reads: 1m30s, 2h5m, 3d4h.
    struct Pair {
      std::int64_t large, small;
      const char *large_name, *small_name;
    };
    static constexpr Pair kPairs[] = {
        {86400, 3600, "d", "h"}, {3600, 60, "h", "m"}, {60, 1, "m", "s"}};
    const std::int64_t seconds = ns / 1'000'000'000 + (ns % 1'000'000'000 >= 500'000'000 ? 1 : 0);
    for (const Pair& pair : kPairs) {
      const std::int64_t rounded = (seconds + pair.small / 2) / pair.small * pair.small;
      if (rounded < pair.large) continue;
      append_number(out, rounded / pair.large);
      out += pair.large_name;
      if (const std::int64_t rest = rounded % pair.large / pair.small; rest != 0) {
        append_number(out, rest);
        out += pair.small_name;
      }
      break;
    }
  }
  return out;
}

std::string format_size(double bytes) {
  static constexpr const char* kNames[] = {" B", " kB", " MB", " GB", " TB", " PB"};
  std::size_t unit = 0;
  while (std::fabs(bytes) >= 999.5 && unit + 1 < std::size(kNames)) {
    bytes /= 1000;
    ++unit;
  }
  std::string out = bytes < 0 ? "-" : "";
  append_short(out, std::fabs(bytes));
  return out + kNames[unit];
}

std::string format_rate(double per_s) {
  std::string out;
  // Slow rates by the period in which they are at least 1: 0.4/s says less than 27.8/m.
  static constexpr Unit kSlow[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}, {"/day", 86400}};
  const Unit* chosen = &kSlow[0];
  for (const Unit& unit : kSlow) {
    chosen = &unit;
    if (per_s == 0 || per_s * unit.factor >= 1) break;
  }
  if (per_s == 0) chosen = &kSlow[0];
  const double value = per_s * chosen->factor;
  if (value >= 100 && value < 1e15) {
    append_number(out, static_cast<std::int64_t>(std::llround(value)));
  } else {
    append_short(out, value);
  }
  return out + std::string(chosen->name);
}

std::string format_byte_rate(double bytes_per_s) { return format_size(bytes_per_s) + "/s"; }

}  // namespace squall
