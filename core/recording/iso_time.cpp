#include "recording/iso_time.hpp"

#include <chrono>

namespace squall {
namespace {

/// Takes parts off the front of a text; once something does not fit, nothing does.
class Taker {
 public:
  explicit Taker(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    int number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= rest_.size() || rest_[i] < '0' || rest_[i] > '9') return fail();
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }
  char one_of(std::string_view known) {
    if (rest_.empty() || known.find(rest_[0]) == known.npos) return static_cast<char>(fail());
    const char found = rest_[0];
    rest_.remove_prefix(1);
    return found;
  }
  bool skip(char c) {
    const bool is_there = rest_.starts_with(c);
    if (is_there) rest_.remove_prefix(1);
    return is_there;
  }
  /// The digits behind a point, as millionths.
  int millionths() {
    int number = 0, place = 100'000;
    if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') return fail();
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1), place /= 10) number += (rest_[0] - '0') * place;
    return number;
  }
  bool is_done() const { return fits_ && rest_.empty(); }

 private:
  int fail() {
    fits_ = false;
    return 0;
  }
  std::string_view rest_;
  bool fits_ = true;
};

}  // namespace

std::optional<std::int64_t> parse_iso_time_us(std::string_view text) {
  using namespace std::chrono;
  Taker take(text);
  const int y = take.digits(4);
  take.one_of("-");
  const int m = take.digits(2);
  take.one_of("-");
  const int d = take.digits(2);
  take.one_of("Tt ");
  const int hour = take.digits(2);
  take.one_of(":");
  const int minute = take.digits(2);
  take.one_of(":");
  const int second = take.digits(2);
  const int fraction = take.skip('.') ? take.millionths() : 0;
  int offset_minutes = 0;
  if (const char zone = take.one_of("Zz+-"); zone == '+' || zone == '-') {
    offset_minutes = take.digits(2) * 60;
    take.skip(':');
    offset_minutes += take.digits(2);
    if (zone == '-') offset_minutes = -offset_minutes;
  }
  const year_month_day date(year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d)));
  if (!take.is_done() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto time = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute - offset_minutes) + seconds(second);
  return duration_cast<microseconds>(time).count() + fraction;
}

}  // namespace squall
