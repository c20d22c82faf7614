// The wall clock in the spellings that devices use. The reading is the scope's, one per turn of the
// shard; nothing here looks at a clock. An optional argument shifts it: now.iso(-5m).
#include "payload/expression.hpp"

namespace squall {
namespace {

struct Civil {
  std::int64_t year;
  unsigned month, day, hour, minute, second, milli;
};

// Days to year, month, day: Howard Hinnant's civil_from_days, for the proleptic Gregorian calendar.
Civil civil_of(std::int64_t ns) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  std::int64_t days = ns / kDay, rest = ns % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_index = (5 * day_of_year + 2) / 153;  // from March
  Civil civil{};
  civil.day = day_of_year - (153 * month_index + 2) / 5 + 1;
  civil.month = month_index < 10 ? month_index + 3 : month_index - 9;
  civil.year = static_cast<std::int64_t>(year_of_era) + era * 400 + (civil.month <= 2 ? 1 : 0);
  const auto milliseconds = static_cast<unsigned>(rest / 1'000'000);
  civil.hour = milliseconds / 3'600'000;
  civil.minute = milliseconds / 60'000 % 60;
  civil.second = milliseconds / 1'000 % 60;
  civil.milli = milliseconds % 1'000;
  return civil;
}

void append_digits(std::string& out, unsigned value, int width) {
  char text[4];
  for (int i = width - 1; i >= 0; --i, value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, static_cast<std::size_t>(width));
}

bool shifted_now(Evaluation& evaluation, const CallData& call, std::int64_t& ns) {
  ns = evaluation.scope.unix_ns();
  if (call.arguments.empty()) return true;
  std::int64_t shift = 0;
  Number number;
  if (!call.arguments[0]->number(evaluation, number)) return false;
  shift = number.is_whole ? number.whole : static_cast<std::int64_t>(number.real);
  return !__builtin_add_overflow(ns, shift, &ns) || evaluation.fail("now: the shift is too large");
}

void append_date(std::string& out, const Civil& civil) {
  append_digits(out, static_cast<unsigned>(civil.year), 4);
  out += '-';
  append_digits(out, civil.month, 2);
  out += '-';
  append_digits(out, civil.day, 2);
}

void append_time(std::string& out, const Civil& civil) {
  append_digits(out, civil.hour, 2);
  out += ':';
  append_digits(out, civil.minute, 2);
  out += ':';
  append_digits(out, civil.second, 2);
}

// 2016-12-07T11:10:00.250Z
bool iso(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  const Civil civil = civil_of(ns);
  append_date(out, civil);
  out += 'T';
  append_time(out, civil);
  out += '.';
  append_digits(out, civil.milli, 3);
  out += 'Z';
  return true;
}

// 2016-12-07T11:10:00Z
bool iso_seconds(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  const Civil civil = civil_of(ns);
  append_date(out, civil);
  out += 'T';
  append_time(out, civil);
  out += 'Z';
  return true;
}

bool date(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  append_date(out, civil_of(ns));
  return true;
}

bool time_of_day(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  append_time(out, civil_of(ns));
  return true;
}

// A DSMR telegram's YYMMDDhhmmss and W for winter time: UTC is given, summer time is not guessed.
bool dsmr(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  const Civil civil = civil_of(ns);
  append_digits(out, static_cast<unsigned>(civil.year % 100), 2);
  for (unsigned part : {civil.month, civil.day, civil.hour, civil.minute, civil.second})
    append_digits(out, part, 2);
  out += 'W';
  return true;
}

template <std::int64_t divisor>
bool unix_time(Evaluation& evaluation, const CallData& call, Number& out) {
  std::int64_t ns = 0;
  if (!shifted_now(evaluation, call, ns)) return false;
  std::int64_t whole = ns / divisor;
  if (ns % divisor < 0) --whole;
  out = Number::of(whole);
  return true;
}

Function text_row(std::string_view name, std::string_view usage,
                  bool (*body)(Evaluation&, const CallData&, std::string&)) {
  return {.name = name,
          .usage = usage,
          .max_arguments = 1,
          .kind = Function::Kind::varies,
          .text = body};
}

Function number_row(std::string_view name, std::string_view usage,
                    bool (*body)(Evaluation&, const CallData&, Number&)) {
  return {.name = name,
          .usage = usage,
          .max_arguments = 1,
          .kind = Function::Kind::varies,
          .number = body};
}

}  // namespace

std::vector<Function> time_functions() {
  return {
      text_row("now", "now(shift)", iso),
      text_row("now.iso", "now.iso(shift)", iso),
      text_row("now.iso_s", "now.iso_s(shift)", iso_seconds),
      text_row("now.date", "now.date(shift)", date),
      text_row("now.time", "now.time(shift)", time_of_day),
      text_row("now.dsmr", "now.dsmr(shift)", dsmr),
      number_row("now.unix", "now.unix(shift)", unix_time<1'000'000'000>),
      number_row("now.unix_ms", "now.unix_ms(shift)", unix_time<1'000'000>),
      number_row("now.unix_us", "now.unix_us(shift)", unix_time<1'000>),
      number_row("now.unix_ns", "now.unix_ns(shift)", unix_time<1>),
  };
}

}  // namespace squall
