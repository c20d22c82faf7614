// Distributions that take their values from a column of a file: quantiles in any order, a trace in the file's.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "distribution_helpers.hpp"
#include "test_scope.hpp"

namespace squall {
namespace {

// Files beside a scenario; gone with the test.
struct Folder {
  std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / ("squall-distribution-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const char* file, const char* text) const { std::ofstream(path / file) << text; }
};

TEST(Distribution, QuantilesOfAFileAreItsValues) {
  const Folder folder;
  folder.write("pages.csv", "url,size\na,30kB\nb,10kB\nc,20kB\nd,90kB\n");
  folder.write("one.csv", "size\n5kB\n");
  const DistributionContext context{nullptr, folder.path.string()};
  const auto of = [&](const char* file) {
    return make_distribution(yaml(std::string("{\"quantiles\": {\"file\": \"") + file + "\", \"column\": \"size\"}}"),
                             UnitKind::size, context);
  };
  const auto sizes = of("pages.csv");
  ASSERT_TRUE(sizes) << sizes.error().text;
  EXPECT_EQ(sizes->lowest(), 10e3);
  EXPECT_EQ(sizes->highest(), 90e3);
  const auto values = draw(*sizes, kCount);
  const auto cdf = [](double x) { return x < 30e3 ? (x - 10e3) / 30e3 : 2.0 / 3 + (x - 30e3) / 180e3; };
  EXPECT_LT(ks_distance(values, cdf), kKsLimit);
  EXPECT_EQ(of("one.csv").error().text, "'quantiles' needs two values or more in its file");
}

TEST(Distribution, TraceGivesTheFilesValuesInOrder) {
  const Folder files;
  const auto& folder = files.path;
  std::ofstream(folder / "gaps.csv") << "name,gap\r\na,1\r\n\"b,\"\"x\",2.5\r\n\r\nc,3\r\n";
  TestNames names;
  TestScope scope, other;
  const DistributionContext context{&names, folder.string()};
  auto wraps = make_distribution(yaml("{\"trace\": {\"file\": \"gaps.csv\", \"column\": \"gap\"}}"),
                                 UnitKind::none, context);
  ASSERT_TRUE(wraps) << wraps.error().text;
  std::vector<double> values;
  for (int i = 0; i < 5; ++i) values.push_back(wraps->sample(scope));
  EXPECT_EQ(values, (std::vector<double>{1, 2.5, 3, 1, 2.5}));
  EXPECT_EQ(wraps->sample(other), 1) << "each user has its own place";
  auto holds = make_distribution(yaml("{\"trace\": {\"file\": \"gaps.csv\", \"column\": \"gap\", "
                                      "\"on_end\": \"hold\"}, \"min\": 2, \"over\": \"clip\"}"),
                                 UnitKind::none, context);
  ASSERT_TRUE(holds) << holds.error().text;
  values.clear();
  for (int i = 0; i < 5; ++i) values.push_back(holds->sample(scope));
  EXPECT_EQ(values, (std::vector<double>{2, 2.5, 3, 3, 3}));
  auto wrong = make_distribution(yaml("{\"trace\": {\"file\": \"gaps.csv\", \"column\": \"gpa\"}}"),
                                 UnitKind::none, context);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text, "'gaps.csv' has no column 'gpa' (did you mean 'gap'?)");

  const auto trace = [&](std::string_view more, UnitKind unit, bool is_gap = false) {
    return make_distribution(yaml("{\"trace\": {\"file\": \"gaps.csv\", \"column\": \"gap\"" + std::string(more) + "}"),
                             unit, {&names, folder.string(), is_gap});
  };
  EXPECT_EQ(trace("}", UnitKind::duration).error().text, "gaps.csv, row 1: '1' has no unit (write 1s or 1ms)");
  EXPECT_TRUE(trace("}, \"unit\": \"ms\"", UnitKind::duration));
  EXPECT_EQ(trace(", \"on_end\": \"loop\"}", UnitKind::none).error().text, "on_end: 'loop' is none of wrap, hold, stop");
  EXPECT_EQ(trace(", \"on_end\": \"stop\"}", UnitKind::none).error().text,
            "on_end: stop ends a device's 'every'; here write wrap or hold");
  EXPECT_EQ(trace("}, \"max\": 2", UnitKind::none).error().text,
            "min and max of 'trace' need over: clip (its values come in order)");

  // Gaps of a schedule: no user is at hand, the place is the stream's.
  auto gaps = trace(", \"on_end\": \"stop\"}, \"unit\": \"s\"", UnitKind::duration, /*is_gap=*/true);
  ASSERT_TRUE(gaps) << gaps.error().text;
  EXPECT_TRUE(gaps->is_trace());
  EXPECT_EQ(gaps->mean(), 6.5 / 3 * 1e9);
  RandomStream stream{1, 1};
  EXPECT_EQ(gaps->sample_int(stream), 2'500'000'000);
  EXPECT_EQ(gaps->sample_int(stream), 3'000'000'000);
  EXPECT_EQ(gaps->sample_int(stream), INT64_MAX) << "no further gap";
  EXPECT_EQ(trace(", \"on_end\": \"stop\"}, \"unit\": \"s\", \"max\": \"2s\", \"over\": \"clip\"", UnitKind::duration, true).error().text,
            "'max' would hide the end of the trace (on_end: stop)");
}

TEST(Distribution, TraceOfOpenLoadFollowsTheArrival) {
  const Folder folder;
  folder.write("gaps.csv", "gap\n5\n7\n11\n");
  TestNames names;
  auto trace = make_distribution(yaml("{\"trace\": {\"file\": \"gaps.csv\", \"column\": \"gap\"}}"), UnitKind::any,
                                 {&names, folder.path.string()});
  ASSERT_TRUE(trace) << trace.error().text;
  TestScope scope;
  for (const auto& [arrival, value] : std::map<std::uint64_t, std::int64_t>{{0, 5}, {1, 7}, {3, 5}, {5, 11}, {2, 11}}) {
    scope.arrive(arrival);
    EXPECT_EQ(trace->sample_value(scope), Value{value}) << arrival;
  }
}

}  // namespace
}  // namespace squall
