#include "report/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html_text.hpp"

namespace squall {
namespace {

// The picture in its own units; the page scales it.
constexpr double kWidth = 900, kHeight = 190, kLeft = 80, kRight = 890, kTop = 10, kBottom = 165;
constexpr int kRows = 4, kColumns = 6;

/// At most a point a unit: the page's size does not grow with the run. The highest of each group stays.
std::string path_of(const ChartLine& line, double first, double span, double top) {
  const std::size_t step = std::max<std::size_t>(1, line.points.size() / static_cast<std::size_t>(kRight - kLeft));
  std::string path;
  for (std::size_t i = 0; i < line.points.size(); i += step) {
    double y = 0;
    for (std::size_t k = i; k < std::min(i + step, line.points.size()); ++k) y = std::max(y, line.points[k].y);
    path += fmt::format("{:.1f},{:.1f} ", kLeft + (line.points[i].x - first) / span * (kRight - kLeft),
                        kBottom - y / top * (kBottom - kTop));
  }
  return path;
}

std::string grid(double first, double span, double top, const std::function<std::string(double)>& label) {
  std::string out;
  for (int row = 0; row <= kRows; ++row) {
    const double y = kBottom - (kBottom - kTop) * row / kRows;
    out += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"var(--line)\"/>", kLeft, kRight, y, y);
    if (row % 2 == 0) {
      out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, y + 4,
                         html_escaped(label(top * row / kRows)));
    }
  }
  const double every = std::max(axis_end(span / kColumns), 1.0);
  for (double at = std::ceil(first / every) * every; at <= first + span; at += every) {
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.0f} s</text>",
                       kLeft + (at - first) / span * (kRight - kLeft), kHeight - 8, at);
  }
  return out;
}

}  // namespace

double axis_end(double highest) {
  if (!(highest > 0) || !std::isfinite(highest)) return 1;
  const double power = std::pow(10, std::floor(std::log10(highest)));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (times * power >= highest) return times * power;
  }
  return 10 * power;
}

std::string line_chart(std::string_view title, const std::vector<ChartLine>& lines,
                       const std::function<std::string(double)>& label) {
  if (lines.empty() || lines.front().points.size() < 2) return "";
  double highest = 0;
  for (const ChartLine& line : lines)
    for (const ChartPoint& point : line.points) highest = std::max(highest, point.y);
  const double top = axis_end(highest), first = lines.front().points.front().x;
  const double span = std::max(lines.front().points.back().x - first, 1.0);
  std::string out = fmt::format("<figure><figcaption>{}", html_escaped(title));
  for (const ChartLine& line : lines)
    out += fmt::format(" <span style=\"color:{}\">&#9644; {}</span>", line.color, html_escaped(line.name));
  out += fmt::format("</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}, highest {}\">", kWidth, kHeight,
                     html_escaped(title), html_escaped(label(highest)));
  out += grid(first, span, top, label);
  for (const ChartLine& line : lines) {
    out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"{}\"/>", line.color,
                       path_of(line, first, span, top));
  }
  return out + "</svg></figure>\n";
}

}  // namespace squall
