// Labels: every name and every value that a scenario or a server can bring is one that the format allows.
#include "labels.hpp"

#include <gtest/gtest.h>

#include "fake_output.hpp"

namespace squall::prometheus {
namespace {

using fake::str;
using plugin::text_value;

std::string value(std::string_view given) {
  std::string labels;
  append_label(labels, "x", given);
  return labels;
}

TEST(PrometheusLabels, ValuesAreEscaped) {
  EXPECT_EQ(value("plain ü € 𝄞"), "x=\"plain ü € 𝄞\"");
  EXPECT_EQ(value("say \"x\""), R"(x="say \"x\"")");
  EXPECT_EQ(value("C:\\new"), R"(x="C:\\new")");
  EXPECT_EQ(value("two\nlines"), R"(x="two\nlines")");
  EXPECT_EQ(value("} 1\nevil_metric{} 7"), R"(x="} 1\nevil_metric{} 7")");   // cannot begin a line of its own
  EXPECT_EQ(value(""), "");
}

TEST(PrometheusLabels, WhatIsNoTextIsReplaced) {
  EXPECT_EQ(value("a\xff\xfe"), "x=\"a\ufffd\ufffd\"");
  EXPECT_EQ(value("cut \xe2\x82"), "x=\"cut \ufffd\ufffd\"");
  EXPECT_EQ(value("\xc0\xaf"), "x=\"\ufffd\ufffd\"");
  EXPECT_EQ(value(std::string_view("nul\0!", 5)), "x=\"nul\ufffd!\"");
  EXPECT_EQ(value("\r\t\x1b[2J\x7f"), "x=\"\ufffd\ufffd\ufffd[2J\ufffd\"");
}

TEST(PrometheusLabels, OfASeries) {
  const sq_series_desc page = fake::series(3, "page");
  EXPECT_EQ(labels_of(page, false),
            R"(population="visitors",task="visit",name="page",operation="http.get",type="request",phase="main")");
  EXPECT_TRUE(labels_of(page, true).ends_with(R"(,phase="warmup")"));
  sq_series_desc bare{};
  bare.name = str("x");
  EXPECT_EQ(labels_of(bare, false), R"(name="x",phase="main")");
}

TEST(PrometheusLabels, TagsHaveNamesThatTheFormatAllows) {
  const sq_pair tags[] = {{str("site"), text_value("a")},   {str("le"), text_value("b")},  {str("a-b"), text_value("c")},
                          {str("a.b"), text_value("d")},    {str("a_b_2"), text_value("e")}, {str("ü"), text_value("f")},
                          {str(""), text_value("g")},       {str("1"), plugin::int_value(7)}, {str("none"), text_value("")}};
  sq_series_desc page = fake::series(0, "page");
  page.tags = tags;
  page.n_tags = std::size(tags);
  EXPECT_TRUE(labels_of(page, false).ends_with(R"(phase="main",tag_site="a",tag_le="b",tag_a_b="c",tag_a_b_2="d",)"
                                               R"(tag_a_b_2_2="e",tag___="f",tag_="g",tag_1="7")"))
      << labels_of(page, false);
}

}  // namespace
}  // namespace squall::prometheus
