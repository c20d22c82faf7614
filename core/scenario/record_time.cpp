#include "scenario/record_time.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "scenario/dataset_reader.hpp"

namespace squall {
namespace {

constexpr std::int64_t kNsPerS = 1'000'000'000, kNsPerMs = 1'000'000;
constexpr std::int64_t kMostS = 9'223'372'035;            // ns of more do not fit
constexpr std::int64_t kFirstMs = 100'000'000'000;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Takes a text apart from its begin; what does not fit makes it bad, and stays so.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  bool is_good() const { return is_good_; }
  bool is_done() const { return is_good_ && rest_.empty(); }
  char next() const { return rest_.empty() ? '\0' : rest_[0]; }

  int digits(std::size_t count) {
    int number = 0;
    const bool fits = rest_.size() >= count;
    for (std::size_t i = 0; fits && i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') is_good_ = false;
      number = number * 10 + (rest_[i] - '0');
    }
    if (!fits) is_good_ = false;
    rest_.remove_prefix(fits ? count : rest_.size());
    return number;
  }
  void skip(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == any_of.npos) is_good_ = false;
    else rest_.remove_prefix(1);
  }
  unsigned month_name() {
    for (unsigned month = 0; month < kMonths.size(); ++month) {
      if (!rest_.starts_with(kMonths[month])) continue;
      rest_.remove_prefix(3);
      return month + 1;
    }
    is_good_ = false;
    return 0;
  }
  /// Behind the point; places beyond nanoseconds are cut off.
  std::int64_t fraction_ns() {
    std::int64_t ns = 0, unit = kNsPerS / 10;
    if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') is_good_ = false;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
      ns += (rest_[0] - '0') * unit;
      unit /= 10;
    }
    return ns;
  }
  /// "+0200", "-07:00", "+02"
  std::int64_t zone_s() {
    const bool is_west = next() == '-';
    skip("+-");
    const int hours = digits(2);
    if (next() == ':') rest_.remove_prefix(1);
    const int minutes = rest_.empty() ? 0 : digits(2);
    if (hours > 23 || minutes > 59) is_good_ = false;
    const std::int64_t seconds = hours * 3600 + minutes * 60;
    return is_west ? -seconds : seconds;
  }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

std::optional<std::int64_t> unix_s(int year, unsigned month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;   // 60: a leap second
  return std::chrono::sys_days{date}.time_since_epoch().count() * std::int64_t{86'400} + hour * 3600 + minute * 60 + second;
}

std::optional<std::int64_t> parse_iso_ns(std::string_view text) {
  TimeReader reader(text);
  const int year = reader.digits(4);
  reader.skip("-");
  const int month = reader.digits(2);
  reader.skip("-");
  const int day = reader.digits(2);
  reader.skip("Tt ");
  const int hour = reader.digits(2);
  reader.skip(":");
  const int minute = reader.digits(2);
  reader.skip(":");
  const int second = reader.digits(2);
  std::int64_t fraction_ns = 0, zone_s = 0;
  if (reader.next() == '.' || reader.next() == ',') {
    reader.skip(".,");
    fraction_ns = reader.fraction_ns();
  }
  if (reader.next() == 'Z' || reader.next() == 'z') reader.skip("Zz");
  else if (reader.next() != '\0') zone_s = reader.zone_s();
  if (!reader.is_done()) return std::nullopt;
  const auto local_s = unix_s(year, static_cast<unsigned>(month), day, hour, minute, second);
  if (!local_s || std::abs(*local_s) >= kMostS - 86'400) return std::nullopt;
  return (*local_s - zone_s) * kNsPerS + fraction_ns;
}

std::optional<RecordTime> parse_unix(std::string_view text) {
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.empty() && whole >= kFirstMs) {
    if (whole > kMostS * 1'000) return std::nullopt;
    return RecordTime{whole * kNsPerMs, TimeForm::milliseconds};
  }
  if (std::abs(whole) > kMostS) return std::nullopt;
  std::int64_t fraction_ns = 0;
  if (!rest.empty()) {
    TimeReader reader(rest);
    reader.skip(".");
    fraction_ns = reader.fraction_ns();
    if (!reader.is_done()) return std::nullopt;
  }
  return RecordTime{whole * kNsPerS + (text[0] == '-' ? -fraction_ns : fraction_ns), TimeForm::seconds};
}

std::string_view name_of(TimeForm form) {
  static constexpr std::string_view kNames[] = {"unix seconds", "unix milliseconds", "ISO 8601", "the form of access logs"};
  return kNames[static_cast<std::size_t>(form)];
}

}  // namespace

std::optional<std::int64_t> parse_log_time_s(std::string_view text) {
  TimeReader reader(text);
  const int day = reader.digits(2);
  reader.skip("/");
  const unsigned month = reader.month_name();
  reader.skip("/");
  const int year = reader.digits(4);
  reader.skip(":");
  const int hour = reader.digits(2);
  reader.skip(":");
  const int minute = reader.digits(2);
  reader.skip(":");
  const int second = reader.digits(2);
  reader.skip(" ");
  const std::int64_t zone_s = reader.zone_s();
  if (!reader.is_done()) return std::nullopt;
  const auto local_s = unix_s(year, month, day, hour, minute, second);
  if (!local_s) return std::nullopt;
  return *local_s - zone_s;
}

Result<RecordTime> parse_record_time(std::string_view text) {
  if (const auto time = parse_unix(text)) return *time;
  if (const auto ns = parse_iso_ns(text)) return RecordTime{*ns, TimeForm::iso};
  if (const auto s = parse_log_time_s(text); s && std::abs(*s) <= kMostS) return RecordTime{*s * kNsPerS, TimeForm::log};
  return Error{fmt::format("'{}' is no time (write unix seconds, 2000-10-10T13:55:36Z or 10/Oct/2000:13:55:36 -0700)",
                           text.substr(0, 60))};
}

Result<std::vector<std::int64_t>> record_times_ns(const Dataset& data, std::uint32_t column) {
  if (data.size() > UINT32_MAX) return Error{fmt::format("'{}' has {} records; a replay has at most {}", data.name, data.size(), UINT32_MAX)};
  std::vector<std::int64_t> times;
  times.reserve(data.size());
  std::optional<TimeForm> form;
  DatasetReader reader(data);
  for (std::size_t record = 0; record < data.size(); ++record) {
    const auto cells = reader.read(record);
    if (!cells) return cells.error();
    const std::string_view text = (*cells)[column];
    const auto time = parse_record_time(text);
    if (!time) return Error{fmt::format("record {} of '{}': {}", record + 1, data.name, time.error().text)};
    if (form && *form != time->form) {
      return Error{fmt::format("record {} of '{}': '{}' reads as {}, the first record as {}", record + 1, data.name, text,
                               name_of(time->form), name_of(*form))};
    }
    form = time->form;
    times.push_back(time->ns);
  }
  return times;
}

}  // namespace squall
