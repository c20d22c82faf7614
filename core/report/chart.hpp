// A chart of lines over the run's seconds as SVG: axes, grid and legend, no script.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace squall {

struct ChartPoint {
  double x, y;  // seconds of the run; what is shown
};

struct ChartLine {
  std::string_view name;
  std::string_view color;  // CSS
  std::vector<ChartPoint> points;
};

/// "" with fewer than two points. `label` writes a value of the y axis.
std::string line_chart(std::string_view title, const std::vector<ChartLine>& lines,
                       const std::function<std::string(double)>& label);

/// The end of an axis that has room for `highest`: 1, 2 or 5 times a power of ten; 1 for nothing.
double axis_end(double highest);

}  // namespace squall
