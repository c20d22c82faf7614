#include "stats/series.hpp"

#include <gtest/gtest.h>
#include <squall/abi.h>

#include <algorithm>

#include "stats/sample.hpp"

namespace squall {
namespace {

SeriesKey key(std::string name, std::string operation = "http.get") {
  SeriesKey k;
  k.population = "visitors";
  k.task = "visit";
  k.name = std::move(name);
  k.operation = std::move(operation);
  return k;
}

TEST(Series, TheSameKeyHasTheSameNumber) {
  SeriesTable table;
  EXPECT_EQ(table.intern(key("a")), 0u);
  EXPECT_EQ(table.intern(key("b")), 1u);
  EXPECT_EQ(table.intern(key("a")), 0u);
  SeriesKey tagged = key("a");
  tagged.tags = {{"z", "1"}, {"b", "2"}};
  EXPECT_EQ(table.intern(tagged), 2u);
  std::reverse(tagged.tags.begin(), tagged.tags.end());
  EXPECT_EQ(table.intern(tagged), 2u);
  EXPECT_EQ(table.key(2).tags.front().first, "b");
  EXPECT_EQ(table.size(), 3u);
}

TEST(Series, NoTextRunsOverIntoTheNext) {
  SeriesTable table;
  EXPECT_NE(table.intern(key("ab", "c")), table.intern(key("a", "bc")));
}

TEST(Series, PastTheLimitOneOtherPerPopulationAndTaskTakesTheRest) {
  SeriesTable table(3);
  for (int i = 0; i < 100; ++i) table.intern(key(std::string("page-").append(std::to_string(i))));
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.overflowed(), 97u);
  EXPECT_EQ(table.key(3).name, "__other__");
  EXPECT_EQ(table.intern(key("page-1")), 1u);  // known ones stay themselves
  SeriesKey elsewhere = key("x");
  elsewhere.population = "air";
  EXPECT_EQ(table.intern(elsewhere), 4u);
}

TEST(ErrorClasses, HaveTheWordsThatHoldEverywhere) {
  EXPECT_EQ(error_class_name(ErrorClass::none), "");
  for (const char* word :
       {"resolve", "connect", "tls", "send", "receive", "closed", "protocol", "status", "check",
        "limit", "local_resource", "off_list", "timeout", "plugin"}) {
    const auto error = error_class_by_name(word);
    ASSERT_TRUE(error) << word;
    EXPECT_EQ(error_class_name(*error), word);
  }
  EXPECT_FALSE(error_class_by_name("suspect"));
  EXPECT_FALSE(error_class_by_name(""));
  EXPECT_EQ(error_class_name(static_cast<ErrorClass>(SQ_K_LOCAL_RESOURCE)), "local_resource");
  EXPECT_EQ(error_class_name(static_cast<ErrorClass>(200)), "plugin");
}

}  // namespace
}  // namespace squall
