#include "payload/units.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace squall {
namespace {

template <typename T>
std::string text_of(const Result<T>& result) {
  return result ? "ok" : result.error().text;
}

TEST(Units, ReadsDurations) {
  const struct {
    const char* text;
    std::int64_t ns;
  } rows[] = {
      {"30s", 30'000'000'000},
      {"340ms", 340'000'000},
      {"1m30s", 90'000'000'000},
      {"1.5s", 1'500'000'000},
      {"5us", 5'000},
      {"7ns", 7},
      {"2h", 7'200'000'000'000},
      {"1d", 86'400'000'000'000},
      {"1d2h3m4s", 93'784'000'000'000},
      {" 10 s ", 10'000'000'000},
      {"0s", 0},
      {"1m0.5s", 60'500'000'000},
      {"106751d", 9'223'286'400'000'000'000},
      {"0.1ms", 100'000},
  };
  for (const auto& row : rows) {
    const auto ns = parse_duration_ns(row.text);
    ASSERT_TRUE(ns) << row.text << ": " << ns.error().text;
    EXPECT_EQ(*ns, row.ns) << row.text;
  }
}

TEST(Units, RefusesWrongDurationsWithAHint) {
  const struct {
    const char *text, *error;
  } rows[] = {
      {"30", "'30' has no unit (write 30s or 30ms)"},
      {"", "the duration is empty (write 30s or 30ms)"},
      {"abc", "'abc' is not a duration (write 30s or 30ms)"},
      {"-5s", "'-5s' is negative"},
      {"-5", "'-5' is negative"},
      {"nan", "'nan' is not a duration (write 30s or 30ms)"},
      {"inf", "'inf' is not a duration (write 30s or 30ms)"},
      {"30sec",
       "unknown unit 'sec' in '30sec' (did you mean 's'? durations take ns us ms s m h d)"},
      {"5 min",
       "unknown unit 'min' in '5 min' (did you mean 'm'? durations take ns us ms s m h d)"},
      {"3x", "unknown unit 'x' in '3x' (durations take ns us ms s m h d)"},
      {"30s1m", "'30s1m' does not go from large to small units (write 1m30s)"},
      {"1m1m", "'1m1m' does not go from large to small units (write 1m30s)"},
      {"1m30", "'1m30' has no unit (write 1m30s or 1m30ms)"},
      {"106752d", "'106752d' is too large (at most 106751d)"},
      {"1e300s", "'1e300s' is too large (at most 106751d)"},
      {"1e999s", "'1e999s' is too large (at most 106751d)"},
      {"1..5s", "'1..5s' is not a duration (write 30s or 30ms)"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(text_of(parse_duration_ns(row.text)), row.error) << row.text;
}

TEST(Units, ReadsSizes) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } rows[] = {{"1B", 1},
              {"2kB", 2000},
              {"3MB", 3'000'000},
              {"4GB", 4'000'000'000},
              {"2KiB", 2048},
              {"1MiB", 1'048'576},
              {"2GiB", 2'147'483'648},
              {"0.5KiB", 512},
              {"4.7GB", 4'700'000'000},
              {"1 TB", 1'000'000'000'000},
              {"0B", 0}};
  for (const auto& row : rows) {
    const auto bytes = parse_size(row.text);
    ASSERT_TRUE(bytes) << row.text << ": " << bytes.error().text;
    EXPECT_EQ(*bytes, row.bytes) << row.text;
  }
}

TEST(Units, RefusesWrongSizesWithAHint) {
  const struct {
    const char *text, *error;
  } rows[] = {
      {"2048", "'2048' has no unit (write 2048B or 2048KiB)"},
      {"2kb", "unknown unit 'kb' in '2kb' (did you mean 'kB'? sizes take B kB MB GB KiB MiB GiB)"},
      {"2M", "unknown unit 'M' in '2M' (did you mean 'MB'? sizes take B kB MB GB KiB MiB GiB)"},
      {"1.5B", "'1.5B' is no whole number of bytes"},
      {"-1kB", "'-1kB' is negative"},
      {"big", "'big' is not a size (write 30B or 30KiB)"},
      {"99999999TiB", "'99999999TiB' is too large (at most 8388607TiB)"},
  };
  for (const auto& row : rows) EXPECT_EQ(text_of(parse_size(row.text)), row.error) << row.text;
}

TEST(Units, ReadsRates) {
  EXPECT_DOUBLE_EQ(*parse_rate_per_s("500/s"), 500);
  EXPECT_DOUBLE_EQ(*parse_rate_per_s("30/m"), 0.5);
  EXPECT_DOUBLE_EQ(*parse_rate_per_s("7200/h"), 2);
  EXPECT_DOUBLE_EQ(*parse_rate_per_s("86400/day"), 1);
  EXPECT_DOUBLE_EQ(*parse_bytes_per_s("500 MB/s"), 5e8);
  EXPECT_DOUBLE_EQ(*parse_bytes_per_s("3Mbit/s"), 375'000);
  EXPECT_DOUBLE_EQ(*parse_bytes_per_s("1KiB/s"), 1024);
  EXPECT_DOUBLE_EQ(*parse_bytes_per_s("60kB/m"), 1000);
}

TEST(Units, RefusesWrongRatesWithAHint) {
  EXPECT_EQ(text_of(parse_rate_per_s("500")), "'500' has no unit (write 500/s or 500/m)");
  EXPECT_EQ(text_of(parse_rate_per_s("500/min")),
            "unknown unit '/min' in '500/min' (did you mean 'm'? rates take /s /m /h /day)");
  EXPECT_EQ(text_of(parse_rate_per_s("500s")),
            "unknown unit 's' in '500s' (rates take /s /m /h /day)");
  EXPECT_EQ(text_of(parse_rate_per_s("-1/s")), "'-1/s' is negative");
  EXPECT_EQ(text_of(parse_bytes_per_s("500")), "'500' has no unit (write 500 MB/s or 500 Mbit/s)");
  EXPECT_EQ(text_of(parse_bytes_per_s("500MB")),
            "'500MB' is a size, but a byte rate is due (write 500MB/s)");
  EXPECT_EQ(
      text_of(parse_bytes_per_s("5MB/sec")),
      "unknown unit 'MB/sec' in '5MB/sec' (did you mean 's'? byte rates take MB/s, KiB/s, Mbit/s)");
}

TEST(Units, ReadsQuantitiesByKind) {
  EXPECT_EQ(*parse_quantity("12", UnitKind::none), 12);
  EXPECT_EQ(*parse_quantity("-1.5", UnitKind::none), -1.5);
  EXPECT_EQ(*parse_quantity(Value{std::int64_t{12}}, UnitKind::none), 12);
  EXPECT_EQ(*parse_quantity(Value{Duration{5}}, UnitKind::duration), 5);
  EXPECT_EQ(text_of(parse_quantity(Value{std::int64_t{12}}, UnitKind::duration)),
            "'12' has no unit (write 12s or 12ms)");
  EXPECT_EQ(text_of(parse_quantity("5s", UnitKind::none)),
            "'5s' has a unit, but a plain number is due");
  EXPECT_EQ(text_of(parse_quantity("x", UnitKind::none)), "'x' is not a number");
  EXPECT_EQ(text_of(parse_quantity(Value{}, UnitKind::size)), "a size is missing");
  EXPECT_EQ(text_of(parse_quantity(Value{true}, UnitKind::rate)), "'true' is not a rate");
  EXPECT_EQ(text_of(parse_quantity(Value{std::nan("")}, UnitKind::none)),
            "'nan' is not a finite number");
}

TEST(Units, WritesForPeople) {
  EXPECT_EQ(format_duration(0), "0ns");
  EXPECT_EQ(format_duration(999), "999ns");
  EXPECT_EQ(format_duration(12'340), "12.3us");
  EXPECT_EQ(format_duration(340'000'000), "340ms");
  EXPECT_EQ(format_duration(999'900'000), "1s");
  EXPECT_EQ(format_duration(1'500'000'000), "1.5s");
  EXPECT_EQ(format_duration(59'990'000'000), "1m");
  EXPECT_EQ(format_duration(90'000'000'000), "1m30s");
  EXPECT_EQ(format_duration(3'600'000'000'000), "1h");
  EXPECT_EQ(format_duration(7'500'000'000'000), "2h5m");
  EXPECT_EQ(format_duration(86'399'000'000'000), "1d");
  EXPECT_EQ(format_duration(-340'000'000), "-340ms");
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(2048), "2.05 kB");
  EXPECT_EQ(format_size(2147483648.0), "2.15 GB");
  EXPECT_EQ(format_rate(500), "500/s");
  EXPECT_EQ(format_rate(0.5), "30/m");
  EXPECT_EQ(format_rate(40000 / 86400.0), "27.8/m");
  EXPECT_EQ(format_rate(0), "0/s");
  EXPECT_EQ(format_byte_rate(5e8), "500 MB/s");
}

}  // namespace
}  // namespace squall
