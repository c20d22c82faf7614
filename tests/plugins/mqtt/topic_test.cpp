#include "topic.hpp"

#include <gtest/gtest.h>

namespace squall::mqtt {
namespace {

TEST(Topic, FiltersMatchAsTheStandardSays) {
  const struct {
    const char *filter, *topic;
    bool matches;
  } rows[] = {
      {"a/b", "a/b", true},        {"a/b", "a/b/c", false},      {"a/b", "a", false},
      {"a/+", "a/b", true},        {"a/+", "a", false},          {"a/+", "a/", true},
      {"a/+/c", "a/b/c", true},    {"+/+", "/x", true},          {"+", "/x", false},
      {"#", "a/b/c", true},        {"a/#", "a", true},           {"a/#", "a/b/c", true},
      {"a/#", "ab", false},        {"#", "$SYS/x", false},       {"+/x", "$SYS/x", false},
      {"$SYS/#", "$SYS/x", true},  {"$share/g/a/+", "a/b", true}, {"a//b", "a//b", true},
      {"a/b/#", "a", false},       {"a/+/#", "a", false},        {"a/+/#", "a/x", true},
  };
  for (const auto& row : rows)
    EXPECT_EQ(topic_matches(row.filter, row.topic), row.matches) << row.filter << " " << row.topic;
}

TEST(Topic, KnowsValidNamesAndFilters) {
  EXPECT_TRUE(is_topic_name("a/b"));
  EXPECT_TRUE(is_topic_name("/"));
  EXPECT_FALSE(is_topic_name(""));
  EXPECT_FALSE(is_topic_name("a/#"));
  EXPECT_FALSE(is_topic_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_topic_name(std::string(65536, 'a')));
  EXPECT_TRUE(is_topic_filter("a/+/#"));
  EXPECT_TRUE(is_topic_filter("#"));
  EXPECT_FALSE(is_topic_filter("a#"));
  EXPECT_FALSE(is_topic_filter("#/a"));
  EXPECT_FALSE(is_topic_filter("a+/b"));
  EXPECT_FALSE(is_topic_filter(""));
}

}  // namespace
}  // namespace squall::mqtt
