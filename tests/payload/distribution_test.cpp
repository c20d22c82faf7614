// The acceptance checks of the workload page, n = 10,000 unless a row says more; fixed seeds.
#include <cmath>
#include <map>

#include "distribution_helpers.hpp"
#include "test_scope.hpp"

namespace squall {
namespace {

TEST(Distribution, ConstantsAreConstant) {
  for (double value : draw(make("\"340ms\"", UnitKind::duration), 100)) EXPECT_EQ(value, 340e6);
  EXPECT_TRUE(make("\"2KiB\"", UnitKind::size).is_constant());
  EXPECT_EQ(make("{\"constant\": 12}").mean(), 12);
  EXPECT_EQ(Distribution().sample_int(*std::make_unique<TestScope>()), 0);
  EXPECT_EQ(make("\"340ms\"", UnitKind::duration).text(), "340ms");
}

TEST(Distribution, UniformIsUniform) {
  const auto values = draw(make("{\"uniform\": [\"1s\", \"3s\"]}", UnitKind::duration), kCount);
  EXPECT_LT(ks_distance(values, [](double x) { return (x / kSecond - 1) / 2; }), kKsLimit);
}

TEST(Distribution, UniformOverWholeNumbersIncludesBothEnds) {
  std::map<double, int> seen;
  for (double value : draw(make("{\"uniform\": [1, 4]}"), kCount)) ++seen[value];
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen.begin()->first, 1);
  EXPECT_EQ(seen.rbegin()->first, 4);
  for (const auto& [value, count] : seen) EXPECT_NEAR(count, 2500, 140) << value;
  for (double bytes : draw(make("{\"uniform\": [\"1600B\", \"2400B\"]}", UnitKind::size), 1000)) {
    ASSERT_EQ(bytes, std::floor(bytes));
  }
}

TEST(Distribution, NormalHasItsMeanAndResamplesItsEnds) {
  const auto plain = draw(make("{\"normal\": [\"890B\", \"15B\"]}", UnitKind::size), kCount);
  EXPECT_NEAR(mean_of(plain), 890, 3 * 15 / std::sqrt(kCount));
  const auto normal = [](double x) { return 0.5 * std::erfc(-(x - 890) / 15 / std::sqrt(2)); };
  EXPECT_LT(ks_distance(plain, normal), kKsLimit);

  const auto cut =
      draw(make("{\"normal\": [\"280B\", \"30B\"], \"min\": \"250B\", \"max\": \"310B\"}",
                UnitKind::size),
           kCount);
  EXPECT_GE(*std::min_element(cut.begin(), cut.end()), 250);
  EXPECT_LE(*std::max_element(cut.begin(), cut.end()), 310);
  EXPECT_LT(std::count(cut.begin(), cut.end(), 250.0), 2) << "clipped instead of resampled";
  EXPECT_NEAR(mean_of(cut), 280, 3 * 16.2 / std::sqrt(kCount));
}

TEST(Distribution, LognormalTakesThreePairs) {
  // Main and embedded objects of the 3GPP HTTP model: mean and sd give these medians.
  const auto main_object = draw(
      make("{\"lognormal\": {\"mean\": \"10710B\", \"sd\": \"25032B\"}}", UnitKind::size), 100'000);
  EXPECT_NEAR(quantile(main_object, 0.5), 4213, 4213 * 0.02);
  EXPECT_NEAR(std::log(quantile(main_object, 0.8413)) - std::log(quantile(main_object, 0.5)), 1.366,
              0.03);
  const auto embedded = draw(
      make("{\"lognormal\": {\"mean\": \"7758B\", \"sd\": \"126168B\"}}", UnitKind::size), 100'000);
  EXPECT_NEAR(quantile(embedded, 0.5), 476, 476 * 0.03);
  EXPECT_NEAR(std::log(quantile(embedded, 0.8413)) - std::log(quantile(embedded, 0.5)), 2.363, 0.05);
  EXPECT_NEAR(
      make("{\"lognormal\": {\"mean\": \"10710B\", \"sd\": \"25032B\"}}", UnitKind::size).mean(),
      10710, 0.01);

  const auto cdf = [](double median, double sigma) {
    return
        [=](double x) { return 0.5 * std::erfc(-(std::log(x / median) / sigma) / std::sqrt(2)); };
  };
  EXPECT_LT(ks_distance(draw(make("{\"lognormal\": {\"median\": \"120kB\", \"sigma\": 0.5}}",
                                  UnitKind::size),
                             kCount),
                        cdf(120e3, 0.5)),
            kKsLimit);
  const auto by_quantiles =
      draw(make("{\"lognormal\": {\"p50\": \"2s\", \"p90\": \"5s\"}}", UnitKind::duration), kCount);
  EXPECT_LT(ks_distance(by_quantiles, cdf(2e9, std::log(2.5) / 1.2815515655446004)), kKsLimit);
}

TEST(Distribution, ExponentialIsCutWhereSaid) {
  const auto values = draw(make("{\"exponential\": \"7s\"}", UnitKind::duration), kCount);
  EXPECT_LT(ks_distance(values, [](double x) { return 1 - std::exp(-x / 7e9); }), kKsLimit);
  const auto cut = make("{\"exponential\": \"7s\", \"max\": \"70s\"}", UnitKind::duration);
  for (double value : draw(cut, kCount)) ASSERT_LE(value, 70e9);
  EXPECT_NEAR(cut.mean(), 7e9, 0.15e9);
  EXPECT_EQ(make("{\"exponential\": {\"rate\": \"4/s\"}}", UnitKind::duration).mean(), 0.25e9);
  EXPECT_EQ(cut.text(), "exponential 7s, max 70s");
}

TEST(Distribution, ParetoTellsClipFromResample) {
  const auto clip = draw(
      make(
          "{\"pareto\": {\"shape\": 2.5, \"min\": \"20B\"}, \"max\": \"200B\", \"over\": \"clip\"}",
          UnitKind::size),
      200'000);
  EXPECT_NEAR(mean_of(clip), 32.91, 0.2);
  EXPECT_NEAR(static_cast<double>(std::count(clip.begin(), clip.end(), 200.0)) / 2000, 0.32, 0.06);
  EXPECT_NEAR(quantile(clip, 0.5), 26.4, 0.15);
  const auto resample = draw(
      make("{\"pareto\": {\"shape\": 2.5, \"min\": \"20B\", \"max\": \"200B\"}}", UnitKind::size),
      200'000);
  EXPECT_NEAR(mean_of(resample), 32.38, 0.2);
  EXPECT_EQ(std::count(resample.begin(), resample.end(), 200.0), 0);
}

TEST(Distribution, ZipfHasItsPopularUrls) {
  const auto values = draw(make("{\"zipf\": {\"s\": 1.0, \"n\": 1498}}"), 200'000);
  const auto share = [&](double rank) {
    return static_cast<double>(
               std::count_if(values.begin(), values.end(), [&](double x) { return x <= rank; })) /
           2000;
  };
  EXPECT_NEAR(share(1), 12.7, 0.25);
  EXPECT_NEAR(share(10), 37.1, 0.35);
  EXPECT_GE(*std::min_element(values.begin(), values.end()), 1);
  EXPECT_LE(*std::max_element(values.begin(), values.end()), 1498);
  for (const char* s : {"0", "0.5", "0.9999999999", "1.03", "2.5"}) {
    const auto some = make("{\"zipf\": {\"s\": " + std::string(s) + ", \"n\": 50}}");
    EXPECT_NEAR(mean_of(draw(some, 100'000)), some.mean(), 0.02 * some.mean()) << s;
  }
}

TEST(Distribution, BetaPeaksWhereItShould) {
  const auto values =
      draw(make("{\"beta\": [3, 4], \"scale\": \"10s\"}", UnitKind::duration), 100'000);
  EXPECT_NEAR(mean_of(values), 10e9 * 3 / 7, 0.02e9);
  const auto cdf = [](double x) {  // of Beta(3, 4): 20 u^3 - 45 u^4 + 36 u^5 - 10 u^6
    const double u = x / 10e9;
    return u * u * u * (20 + u * (-45 + u * (36 - 10 * u)));
  };
  EXPECT_LT(ks_distance(values, cdf), 0.0052);
  const auto near_peak = std::count_if(values.begin(), values.end(),
                                       [](double x) { return std::fabs(x - 4e9) < 0.25e9; });
  EXPECT_NEAR(static_cast<double>(near_peak) / 100'000 / 0.05, 2.07, 0.06);
}

TEST(Distribution, GeometricBatchesAreNeverEmpty) {
  const auto values = draw(make("{\"geometric\": 4}"), kCount);
  EXPECT_NEAR(mean_of(values), 4, 0.12);
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 1);
  for (double value : draw(make("{\"geometric\": 1}"), 100)) EXPECT_EQ(value, 1);
}

TEST(Distribution, ChoiceFollowsItsWeights) {
  std::map<double, int> seen;
  const auto periods = make(
      "{\"choice\": {\"24h\": 0.4, \"2h\": 0.4, \"1h\": 0.15, \"30m\": 0.05}}", UnitKind::duration);
  for (double value : draw(periods, kCount)) ++seen[value];
  const std::map<double, double> expected = {
      {24 * 3600e9, 4000}, {2 * 3600e9, 4000}, {3600e9, 1500}, {1800e9, 500}};
  double chi_square = 0;
  for (const auto& [value, count] : expected)
    chi_square += (seen[value] - count) * (seen[value] - count) / count;
  EXPECT_LT(chi_square, 11.34);  // p = 0.01 at 3 degrees of freedom
  EXPECT_NEAR(periods.mean(), (24 * 0.4 + 2 * 0.4 + 0.15 + 0.025) * 3600e9, 1);

  const auto lanes = make("{\"choice\": {\"4\": 0.2, \"8\": 0.6, \"12\": 0.2}}");
  std::map<double, int> lane_counts;
  for (double value : draw(lanes, kCount)) ++lane_counts[value];
  chi_square = std::pow(lane_counts[4] - 2000, 2) / 2000 + std::pow(lane_counts[8] - 6000, 2) / 6000 +
               std::pow(lane_counts[12] - 2000, 2) / 2000;
  EXPECT_LT(chi_square, 9.21);  // p = 0.01 at 2 degrees of freedom

  std::map<double, int> listed;
  for (double value : draw(make("{\"choice\": [4, 8, 12]}"), 3000)) ++listed[value];
  EXPECT_EQ(listed.size(), 3u);
  for (double value : draw(make("{\"choice\": {\"1\": 0, \"2\": 5, \"3\": 0}}"), 1000))
    EXPECT_EQ(value, 2);
}

TEST(Distribution, ChoiceOverTextsGivesTexts) {
  const auto states = make("{\"choice\": {\"free\": 3, \"occupied\": 1}}", UnitKind::any);
  TestScope scope;
  int free = 0;
  for (int i = 0; i < 4000; ++i)
    free += states.sample_value(scope) == Value{std::string("free")} ? 1 : 0;
  EXPECT_NEAR(free, 3000, 100);
  EXPECT_EQ(make("{\"choice\": [1, 1]}", UnitKind::any).sample_value(scope),
            Value{std::int64_t{1}});
}

constexpr const char* kGaps =
    "{\"histogram\": {\"0.00-0.15\": 8950, \"0.15-0.25\": 45893, \"0.25-0.35\": 67129, "
    "\"0.35-0.55\": 45797, "
    "\"0.55-0.95\": 4328, \"0.95-1.05\": 10009}, \"unit\": \"s\"";

TEST(Distribution, HistogramKeepsItsSharesAndRescales) {
  const auto plain = make(std::string(kGaps) + "}", UnitKind::duration);
  const double edges[] = {0, 0.15, 0.25, 0.35, 0.55, 0.95, 1.05},
               counts[] = {8950, 45893, 67129, 45797, 4328, 10009};
  const auto values = draw(plain, kCount);
  for (int i = 0; i < 6; ++i) {
    const auto inside = std::count_if(values.begin(), values.end(), [&](double x) {
      return x >= edges[i] * 1e9 && x < edges[i + 1] * 1e9;
    });
    EXPECT_NEAR(static_cast<double>(inside) / kCount, counts[i] / 182'106, 0.01) << i;
  }
  EXPECT_NEAR(plain.mean(), 0.351e9, 0.0005e9);
  const auto rescaled = make(std::string(kGaps) + ", \"mean\": \"340ms\"}", UnitKind::duration);
  EXPECT_NEAR(rescaled.mean(), 0.340e9, 1);
  EXPECT_NEAR(mean_of(draw(rescaled, kCount)), 0.340e9, 0.006e9);
  EXPECT_EQ(make("{\"histogram\": {\"-5--1\": 1}}").highest(), -1);
  EXPECT_EQ(make("{\"histogram\": {\"10ms-20ms\": 1}}", UnitKind::duration).lowest(), 10e6);
}

TEST(Distribution, QuantilesAreLinearInBetween) {
  const auto page = make(
      "{\"quantiles\": [0, 1.37, 144.7, 319.5, 479.5, 632, 783, 938, 1099, 1265, 1448, 1648, 1876, "
      "2142, "
      "2465, 2866, 3402, 4156, 5400, 8038, 223212], \"unit\": \"kB\"}",
      UnitKind::size);
  const auto values = draw(page, 100'000);
  EXPECT_NEAR(quantile(values, 0.5), 1448e3, 25e3);
  EXPECT_NEAR(quantile(values, 0.9), 5400e3, 100e3);
  EXPECT_NEAR(quantile(values, 0.25), 632e3, 15e3);
  EXPECT_EQ(page.highest(), 223212e3);
  EXPECT_NEAR(mean_of(draw(make("{\"quantiles\": [0, 10, 40]}"), 100'000)), 15, 0.2);
}

TEST(Distribution, QuantilesOfPagesAndRequests) {
  const auto requests = make(
      "{\"quantiles\": [0, 2, 15, 25, 34, 42, 49, 56, 63, 70, 78, 86, 95, 105, 117, 130, 147, 170, 205, 281, 3920]}");
  const auto values = draw(requests, 100'000);
  EXPECT_NEAR(quantile(values, 0.5), 78, 1.5);
  EXPECT_NEAR(quantile(values, 0.05), 2, 0.3);
  EXPECT_NEAR(quantile(values, 0.9), 205, 3);
}

TEST(Distribution, MarkovCannotBeAGap) {
  TestNames names;
  const auto made = make_distribution(yaml("{\"markov\": {\"15s\": {\"to\": \"15s\"}}}"), UnitKind::duration, {&names, "", true});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text, "'markov' cannot stand here: each gap is drawn for itself (write histogram or choice)");
}

TEST(Distribution, MarkovHasItsStationaryShare) {
  TestNames names;
  auto parking = make_distribution(
      yaml("{\"markov\": {\"free\": {\"dwell\": 3, \"to\": \"occupied\"}, \"occupied\": "
           "{\"dwell\": {\"geometric\": 6}, \"to\": {\"free\": 9, \"occupied\": 1}}}}"),
      UnitKind::any, {&names, ""});
  ASSERT_TRUE(parking) << parking.error().text;
  TestScope scope;
  int free = 0;
  constexpr int kSamples = 100'000;
  for (int i = 0; i < kSamples; ++i) {
    scope.iteration = static_cast<std::uint64_t>(i);
    scope.draws = 0;
    const Value state = parking->sample_value(scope);
    if (i < 3) {
      EXPECT_EQ(state, Value{std::string("free")});
    }
    free += state == Value{std::string("free")} ? 1 : 0;
  }
  // Visits: free 1, occupied 1 / 0.9; samples: 3 and 6 each.
  EXPECT_NEAR(static_cast<double>(free) / kSamples, 3 / (3 + 6 / 0.9), 0.02);

  auto timed = make_distribution(yaml("{\"markov\": {\"1\": {\"dwell\": \"2s\", \"to\": \"2\"}, "
                                      "\"2\": {\"dwell\": \"1s\", \"to\": \"1\"}}, "
                                      "\"step\": \"500ms\"}"),
                                 UnitKind::any, {&names, ""});
  ASSERT_TRUE(timed) << timed.error().text;
  std::string phases;
  for (int i = 0; i < 12; ++i) phases += timed->sample_value(scope).to_text();
  EXPECT_EQ(phases, "111122111122");
}

TEST(Distribution, FixedIsDrawnOncePerUser) {
  const auto period = make("{\"fixed\": {\"uniform\": [\"10s\", \"20s\"]}}", UnitKind::duration);
  EXPECT_TRUE(period.is_fixed());
  TestScope scope;
  const double first = period.sample(scope);
  scope.iteration = 9;
  scope.draws = 5;
  EXPECT_EQ(period.sample(scope), first);
  EXPECT_EQ(scope.draws, 5u);
  scope.user_index = 1;
  EXPECT_NE(period.sample(scope), first);
  EXPECT_EQ(make("{\"fixed\": \"5s\"}", UnitKind::duration).mean(), 5e9);
}

TEST(Distribution, IsTheSameForTheSameSeedUserAndIteration) {
  const auto wait = make("{\"exponential\": \"2s\"}", UnitKind::duration);
  TestScope one, other;
  one.iteration = other.iteration = 4;
  const double first = wait.sample(one);
  EXPECT_EQ(first, wait.sample(other));
  EXPECT_NE(first, wait.sample(other)) << "the second draw is another one";
  EXPECT_EQ(one.draws, 1u);
  EXPECT_EQ(wait.sample_value(one).data.index(), Value{Duration{}}.data.index());
}

TEST(Distribution, RefusesMistakesWithAHint) {
  const struct {
    const char* json;
    UnitKind unit;
    const char* error;
  } rows[] = {
      {"{\"exponental\": \"7s\"}", UnitKind::duration,
       "unknown distribution 'exponental' (did you mean 'exponential'?)"},
      {"{\"exponential\": 7}", UnitKind::duration, "'7' has no unit (write 7s or 7ms)"},
      {"7", UnitKind::duration, "'7' has no unit (write 7s or 7ms)"},
      {"{\"exponential\": \"7s\", \"mx\": \"70s\"}", UnitKind::duration,
       "unknown key 'mx' beside 'exponential' (did you mean 'max'?)"},
      {"{\"normal\": [1, 2], \"uniform\": [1, 2]}", UnitKind::none,
       "two distributions at once: 'normal' and 'uniform'"},
      {"{\"min\": 3}", UnitKind::none,
       "no distribution is named (uniform, normal, exponential, choice …)"},
      {"[1, 2]", UnitKind::none, "a list is not a distribution (write uniform: [a, b])"},
      {"{\"uniform\": 5}", UnitKind::none, "'uniform' takes two values (write uniform: [a, b])"},
      {"{\"uniform\": [5, 1]}", UnitKind::none, "uniform: the first value is above the second"},
      {"{\"normal\": [\"1s\", \"1s\"]}", UnitKind::duration,
       "'normal' gives values below 0 (add min, for example min: 0s)"},
      {"{\"normal\": [1, -1]}", UnitKind::none, "normal: the standard deviation is negative"},
      {"{\"normal\": [100, 1], \"max\": 90}", UnitKind::none,
       "min and max leave less than 0.1 % of 'normal'"},
      {"{\"uniform\": [1, 5], \"min\": 4, \"max\": 3}", UnitKind::none, "min is above max"},
      {"{\"lognormal\": {\"mean\": 1, \"sigma\": 2}}", UnitKind::none,
       "'lognormal' takes two of a kind (write lognormal: {median: m, sigma: s}, or mean and sd, "
       "or p50 and p90)"},
      {"{\"lognormal\": {\"median\": 0, \"sigma\": 2}}", UnitKind::none,
       "lognormal: 'median' must be above 0"},
      {"{\"lognormal\": {\"medain\": 0, \"sigma\": 2}}", UnitKind::none,
       "unknown parameter 'medain' of 'lognormal' (did you mean 'median'?)"},
      {"{\"pareto\": {\"shape\": 2}}", UnitKind::none, "'pareto' needs 'min'"},
      {"{\"zipf\": {\"s\": 1, \"n\": 0}}", UnitKind::none, "zipf: 'n' is a whole number from 1 on"},
      {"{\"beta\": [3, 4]}", UnitKind::duration,
       "'beta' needs 'scale' here (write beta: [3, 4], scale: 10s)"},
      {"{\"geometric\": 0.5}", UnitKind::none,
       "geometric: the mean is at least 1 (1, 2, 3 … come out)"},
      {"{\"choice\": {\"a\": 1}}", UnitKind::none, "'a' is not a number"},
      {"{\"choice\": {\"1\": -1}}", UnitKind::none, "the weight of '1' is negative"},
      {"{\"choice\": {\"1\": 0}}", UnitKind::none, "choice: all weights are 0"},
      {"{\"histogram\": {\"1\": 1}}", UnitKind::none, "the range '1' is not LOW-HIGH"},
      {"{\"histogram\": {\"0-1\": 1}}", UnitKind::duration,
       "'0' has no unit (write 0s or 0ms); or give all of them a unit (unit: …)"},
      {"{\"histogram\": {\"0-1\": 1}, \"unit\": \"sec\"}", UnitKind::duration,
       "unit: unknown unit 'sec' in '1sec' (did you mean 's'? durations take ns us ms s m h d)"},
      {"{\"quantiles\": [1, 3, 2]}", UnitKind::none, "quantiles: '2' is below the one before it"},
      {"{\"exponential\": 1, \"unit\": \"s\"}", UnitKind::none,
       "'unit' belongs to histogram, quantiles, trace, not to 'exponential'"},
      {"{\"exponential\": 1, \"over\": \"cut\"}", UnitKind::none,
       "over: 'cut' is neither resample nor clip"},
      {"{\"fixed\": {\"uniform\": [1, 2]}, \"min\": 1}", UnitKind::none,
       "'fixed' stands around a distribution, not beside one (write fixed: {…})"},
      {"{\"trace\": {\"file\": \"a\", \"column\": \"b\"}}", UnitKind::none,
       "cannot read 'a': No such file or directory"},
      {"{\"markov\": {\"a\": {\"to\": \"b\"}}}", UnitKind::any,
       "unknown state 'b' (did you mean 'a'?)"},
      {"{\"markov\": {\"a\": {\"dwell\": \"3s\", \"to\": \"a\"}}}", UnitKind::any,
       "dwell of 'a': '3s' has a unit, but a plain number is due (dwell counts samples; with step: "
       "D beside 'markov' it is a time)"},
      {"{\"pareto\": {\"shape\": 1, \"min\": 1}, \"mean\": 5}", UnitKind::none,
       "mean: 'pareto' has no mean that could be rescaled"},
  };
  for (const auto& row : rows) EXPECT_EQ(mistake(row.json, row.unit), row.error) << row.json;
}

TEST(Distribution, IsToldFromOtherMaps) {
  EXPECT_TRUE(is_distribution(yaml("{\"exponential\": 7, \"max\": 1}")));
  EXPECT_TRUE(is_distribution(yaml("{\"fixed\": {\"uniform\": [1, 2]}}")));
  EXPECT_FALSE(is_distribution(yaml("{\"heartbeat\": \"1h\"}")));
  EXPECT_FALSE(is_distribution(yaml("\"1h\"")));
}

}  // namespace
}  // namespace squall
