// Adding workers' counts up, telling classes apart, and the shape of the JSON.
#include "counters.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "counters_json.hpp"

namespace squall::city {
namespace {

TEST(ClassOfPayload, IsACapitalAndADigit) {
  struct {
    const char* name;
    std::string_view payload, expected;
  } const cases[] = {
      {"tag and a space", "T2 \x01\x02", "T2"},
      {"tag and binary", "V1\xff", "V1"},
      {"tag alone", "M1", "M1"},
      {"small letter", "t2 ", "udp"},
      {"no digit", "TT2", "udp"},
      {"one byte", "T", "udp"},
      {"empty", "", "udp"},
  };
  for (const auto& c : cases) EXPECT_EQ(class_of_payload(c.payload, "udp"), c.expected) << c.name;
}

TEST(ByClass, InventedNamesDoNotFillTheMemory) {
  ByClass<Tally> classes;
  for (int i = 0; i < 10'000; ++i) classes.at("name-" + std::to_string(i)) += Tally{1, 2};
  EXPECT_EQ(classes.entries().size(), ByClass<Tally>::kMaxClasses + 1);
  EXPECT_EQ(classes.at("__other__").count, 10'000 - ByClass<Tally>::kMaxClasses);
}

TEST(HttpCounters, AddUp) {
  HttpCounters a, b;
  a.requests = 1;
  a.statuses[200] = 1;
  a.by_class.at("T1") += HttpTally{1, 10, 0, 5};
  b.requests = 2;
  b.statuses[200] = 1;
  b.statuses[503] = 1;
  b.by_class.at("T1") += HttpTally{2, 20, 1, 6};
  a += b;
  EXPECT_EQ(a.requests, 3u);
  EXPECT_EQ(a.statuses[200], 2u);
  EXPECT_EQ(a.statuses[503], 1u);
  EXPECT_EQ(a.by_class.at("T1").count, 3u);
  EXPECT_EQ(a.by_class.at("T1").response_bytes, 11u);
}

TEST(DumpCounters, KeepABoundedListOfStreams) {
  DumpCounters sum, part;
  part.streams.resize(DumpCounters::kMaxStreams - 1);
  sum += part;
  sum += part;
  EXPECT_EQ(sum.streams.size(), DumpCounters::kMaxStreams);
  EXPECT_EQ(sum.streams_left_off, DumpCounters::kMaxStreams - 2);
}

TEST(CountersJson, AClassNameOfAnyBytesIsStillJson) {
  Counters counters;
  counters.http.by_class.at("\xff\"x") += HttpTally{1, 0, 0, 0};
  counters.dump.has_checksums = true;
  counters.dump.streams.push_back({5, 0xabc});
  const auto json = nlohmann::json::parse(to_json(counters, 7));
  EXPECT_EQ(json["clock_ns"], 7);
  EXPECT_EQ(json["http"]["by_class"].size(), 1u);
  EXPECT_EQ(json["dump"]["streams"][0]["xxh64"], "0000000000000abc");
}

}  // namespace
}  // namespace squall::city
