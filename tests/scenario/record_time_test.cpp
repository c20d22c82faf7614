// The ways in which data files write a moment.
#include "scenario/record_time.hpp"

#include <gtest/gtest.h>

#include "scenario/dataset.hpp"

namespace squall {
namespace {

constexpr std::int64_t kS = 1'000'000'000;

std::int64_t ns_of(std::string_view text) {
  const auto time = parse_record_time(text);
  EXPECT_TRUE(time) << text << ": " << (time ? "" : time.error().text);
  return time ? time->ns : -1;
}

TEST(LogTime, IsUnixTimeWhateverTheZone) {
  EXPECT_EQ(parse_log_time_s("10/Oct/2000:13:55:36 -0700"), 971'211'336);
  EXPECT_EQ(parse_log_time_s("10/Oct/2000:20:55:36 +0000"), 971'211'336);
  EXPECT_EQ(parse_log_time_s("11/Oct/2000:02:25:36 +0530"), 971'211'336);
  EXPECT_EQ(parse_log_time_s("01/Jan/1970:00:00:00 +0000"), 0);
  EXPECT_EQ(parse_log_time_s("29/Feb/2024:23:59:60 +0000"), 1'709'251'200);   // a leap second
  for (const char* text : {"", "-", "10/Oct/2000:13:55:36", "10/Oct/2000:13:55:36 0700", "10/oct/2000:13:55:36 +0000",
                           "31/Feb/2000:13:55:36 +0000", "10/Oct/2000:24:00:00 +0000", "10/Oct/2000:13:55:36 +0000 ",
                           "1/Oct/2000:13:55:36 +0000", "10/Oct/2000:13:55:36 +2400", "10/Okt/2000:13:55:36 +0000"})
    EXPECT_FALSE(parse_log_time_s(text)) << text;
}

TEST(RecordTime, IsReadInEachOfItsForms) {
  EXPECT_EQ(ns_of("971211336"), 971'211'336 * kS);
  EXPECT_EQ(ns_of("971211336.25"), 971'211'336 * kS + kS / 4);
  EXPECT_EQ(ns_of("971211336.1234567891"), 971'211'336 * kS + 123'456'789);
  EXPECT_EQ(ns_of("0"), 0);
  EXPECT_EQ(ns_of("-1.5"), -kS - kS / 2);
  EXPECT_EQ(ns_of("-0.5"), -kS / 2);
  EXPECT_EQ(ns_of("971211336250"), 971'211'336 * kS + kS / 4);        // milliseconds
  EXPECT_EQ(ns_of("100000000000"), 100'000'000 * kS);
  EXPECT_EQ(ns_of("2000-10-10T20:55:36Z"), 971'211'336 * kS);
  EXPECT_EQ(ns_of("2000-10-10 20:55:36"), 971'211'336 * kS);           // no zone: UTC
  EXPECT_EQ(ns_of("2000-10-10T13:55:36.250-07:00"), 971'211'336 * kS + kS / 4);
  EXPECT_EQ(ns_of("2000-10-10T22:55:36,25+02"), 971'211'336 * kS + kS / 4);
  EXPECT_EQ(ns_of("10/Oct/2000:13:55:36 -0700"), 971'211'336 * kS);
}

TEST(RecordTime, OfAnotherFormIsRefused) {
  for (const char* text : {"", " 1", "1 ", "x", "1.", ".5", "1e9", "nan", "99999999999", "9223372036854775807", "2000-10-10",
                           "2000-13-10T20:55:36Z", "2000-10-10T20:55:36.Z", "2000-10-10T20:55:36Zx", "20:55:36", "2300-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_record_time(text)) << text;
  EXPECT_EQ(parse_record_time("noon").error().text,
            "'noon' is no time (write unix seconds, 2000-10-10T13:55:36Z or 10/Oct/2000:13:55:36 -0700)");
}

Result<std::vector<std::int64_t>> times_of(const std::string& rows) {
  auto data = std::get<Dataset>(Dataset::parse("n,at\n" + rows, Dataset::Format::csv));
  data.name = "d";
  return record_times_ns(data, 1);
}

TEST(RecordTime, OfAColumnIsAllInOneForm) {
  EXPECT_EQ(*times_of("a,7\nb,5.5\n"), (std::vector<std::int64_t>{7 * kS, 5 * kS + kS / 2}));
  EXPECT_EQ(times_of("a,7\nb,\n").error().text,
            "record 2 of 'd': '' is no time (write unix seconds, 2000-10-10T13:55:36Z or 10/Oct/2000:13:55:36 -0700)");
  EXPECT_EQ(times_of("a,1000000000\nb,1000000000000\n").error().text,
            "record 2 of 'd': '1000000000000' reads as unix milliseconds, the first record as unix seconds");
}

}  // namespace
}  // namespace squall
