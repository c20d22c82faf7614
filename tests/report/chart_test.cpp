#include "report/chart.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

std::string plain(double value) { return std::to_string(static_cast<long>(value)); }

TEST(Chart, AnAxisEndsAtARoundNumberThatHasRoom) {
  EXPECT_EQ(axis_end(0), 1);
  EXPECT_EQ(axis_end(1), 1);
  EXPECT_EQ(axis_end(1.01), 2);
  EXPECT_EQ(axis_end(2'300), 5'000);
  EXPECT_EQ(axis_end(5'001), 10'000);
  EXPECT_DOUBLE_EQ(axis_end(0.03), 0.05);
}

TEST(Chart, HasAxesLegendAndEachLine) {
  const std::string svg = line_chart("A <b>", {{"up", "red", {{0, 0}, {10, 150}}}, {"down", "blue", {{0, 100}, {10, 0}}}}, plain);
  EXPECT_NE(svg.find(">200</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">100</text>"), std::string::npos);
  EXPECT_NE(svg.find(">0</text>"), std::string::npos);
  EXPECT_NE(svg.find(">10 s</text>"), std::string::npos);
  EXPECT_NE(svg.find("down</span>"), std::string::npos);
  EXPECT_NE(svg.find("A &lt;b&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  // 0 is the bottom and the left, 10 s the right, 150 of 200 three quarters up.
  EXPECT_NE(svg.find("points=\"80.0,165.0 890.0,48.8 \""), std::string::npos) << svg;
}

TEST(Chart, OfADayIsNoLargerThanThePicture) {
  ChartLine line{"rate", "red", {}};
  for (int second = 0; second < 86'400; ++second) line.points.push_back({double(second), second == 43'210 ? 1000.0 : 1.0});
  const std::string svg = line_chart("day", {line}, plain);
  EXPECT_LT(svg.size(), 20'000u);
  EXPECT_NE(svg.find(",10.0 "), std::string::npos) << "the one high second is still there";
}

TEST(Chart, NeedsTwoSeconds) { EXPECT_EQ(line_chart("short", {{"rate", "red", {{0, 5}}}}, plain), ""); }

}  // namespace
}  // namespace squall
