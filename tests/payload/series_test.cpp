// Series in open load: what an arrival is given hangs on its number, whoever takes it and in whatever order.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include "payload/arrival_series.hpp"
#include "payload/expression.hpp"
#include "payload/json_text.hpp"
#include "payload/payload.hpp"
#include "test_scope.hpp"

namespace squall {
namespace {

class SeriesTest : public ::testing::Test {
 protected:
  Template compile(std::string_view text) {
    auto made = Template::compile(text, names);
    if (auto* error = std::get_if<TemplateError>(&made)) {
      ADD_FAILURE() << text << ": " << error->text;
      return {};
    }
    return std::get<Template>(made);
  }
  static std::string render(const Template& text, Scope& scope) {
    std::string out, error;
    return text.append(scope, out, error) ? out : "error: " + error;
  }

  TestNames names;
};

constexpr const char* kAll =
    "${seq} ${seq(100,-5)} ${walk(temp, 20.0, 0.5, 19, 21)} ${walk(register, 0, rand.int(1, 9))} "
    "${markov(bay, 'free*5 > busy', 'busy*2 > free:9 broken:1', 'broken > free')} "
    "${geo.walk(bus, 4.9, 52.37, 80, 2000)} ${uuid}";

TEST_F(SeriesTest, HangOnTheArrivalAlone) {
  const Template text = compile(kAll);
  constexpr std::uint64_t kCount = 700;
  std::vector<std::string> in_order;
  TestScope one;
  one.remembers = true;
  for (std::uint64_t n = 0; n < kCount; ++n) {
    one.arrive(n);
    one.user_index = n % 3;
    in_order.push_back(render(text, one));
  }
  EXPECT_EQ(in_order[7].substr(0, 5), "7 65 ");
  // Another user, another order, each third arrival only, with and without a memory.
  TestScope other, forgetful;
  other.remembers = true;
  for (std::uint64_t n = 2; n < kCount; n += 3) {
    const std::uint64_t turned = n % 2 == 0 ? n : kCount - 1 - n;
    other.arrive(turned);
    other.user_index = 99;
    EXPECT_EQ(render(text, other), in_order[turned]) << turned;
    forgetful.arrive(turned);
    EXPECT_EQ(render(text, forgetful), in_order[turned]) << turned;
  }
  TestScope another_seed;
  another_seed.seed = 43;
  another_seed.arrive(500);
  EXPECT_NE(render(text, another_seed), in_order[500]);
}

TEST_F(SeriesTest, GoOnFromArrivalToArrival) {
  const Template walk = compile("${walk(temp, 20.0, 0.5, 19, 21)}");
  const Template counter = compile("${walk(kwh, 0, rand.int(1, 9))}");
  TestScope scope;
  scope.remembers = true;
  double before = 20, register_before = -1;
  for (std::uint64_t n = 0; n < 2000; ++n) {
    scope.arrive(n);
    double place = 0, reading = 0;
    ASSERT_TRUE(walk.evaluate(scope)->to_number(place));
    ASSERT_TRUE(counter.evaluate(scope)->to_number(reading));
    ASSERT_LE(std::abs(place - before), 0.6 + 1e-9) << n;
    ASSERT_GT(reading, register_before) << n;
    before = place;
    register_before = reading;
  }
  EXPECT_NEAR(register_before, 1999 * 5, 1999 * 0.3);
}

TEST_F(SeriesTest, LeaveTheDrawsOfTheMessageAsTheyWere) {
  const Template plain = compile("${uuid}");
  const Template behind = compile("${markov(m, 'a > b', 'b > a')} ${walk(w, 0, 1)} ${uuid}");
  TestScope scope, other;
  scope.arrive(40);
  other.arrive(40);
  const std::string id = render(plain, scope), text = render(behind, other);
  EXPECT_TRUE(text.ends_with(" " + id)) << text << " " << id;
}

TEST_F(SeriesTest, ASecondMentionGoesOnForThatArrival) {
  const Template twice = compile("${walk(w, 0, 1.0, -9, 9, 3)}|${walk(w, 0, 1.0, -9, 9, 3)}");
  const Template once = compile("${walk(w, 0, 1.0, -9, 9, 3)}");
  TestScope scope, other;
  scope.arrive(5);
  const std::string text = render(twice, scope);
  other.arrive(5);
  const std::string first = render(once, other);
  EXPECT_EQ(text.substr(0, text.find('|')), first);
  EXPECT_NE(text.substr(text.find('|') + 1), first);
  EXPECT_EQ(render(compile("${seq} ${seq}"), other), "5 5") << "two counters";
}

TEST_F(SeriesTest, AreMadeOfDrawsNotOfNames) {
  TestScope scope;
  scope.record = {"12", ""};
  const Template named = compile("${walk(w, pages.path, 1)}");
  EXPECT_EQ(render(named, scope), "12") << "a user's own may begin at its record";
  scope.arrive(3);
  const std::string mistake = ": in open load its arguments are numbers and draws, not names";
  EXPECT_EQ(render(named, scope), "error: walk" + mistake);
  EXPECT_EQ(render(compile("${geo.walk(w, 4, 52, add(token, 1))}"), scope), "error: geo.walk" + mistake);
  EXPECT_EQ(render(compile("${walk(w, 0, seq)}"), scope), "error: walk" + mistake);
  EXPECT_EQ(render(compile("${walk(x, 0, add(rand.int(1, 1), 0))}"), scope), "3");
}

TEST_F(SeriesTest, DistributionsFollowTheArrival) {
  const auto draw = [&](std::string_view json, std::uint64_t arrival) {
    TestNames own;
    auto made = make_distribution(*parse_json(json), UnitKind::any, {&own, ""});
    if (!made) {
      ADD_FAILURE() << made.error().text;
      return std::string();
    }
    TestScope scope;
    scope.arrive(arrival);
    return made->sample_value(scope).to_text();
  };
  std::string phases;
  for (std::uint64_t n = 0; n < 12; ++n)
    phases += draw("{\"markov\": {\"1\": {\"dwell\": 4, \"to\": \"2\"}, \"2\": {\"dwell\": 2, \"to\": \"1\"}}}", n);
  EXPECT_EQ(phases, "111122111122");
}

TEST(ArrivalSeries, RemembersTheLatestAndEverFewerBefore) {
  ArrivalSeries series;
  EXPECT_EQ(series.before(5), nullptr);
  constexpr std::uint64_t kCount = 1'000'000;
  for (std::uint64_t n = 3; n < kCount; ++n) series.remember(n, {static_cast<std::int64_t>(n)});
  series.remember(10, {std::int64_t{-1}});  // too late to be worth it
  EXPECT_EQ(series.before(2), nullptr);
  ASSERT_NE(series.before(3), nullptr);
  EXPECT_EQ(series.before(3)->arrival, 3u);
  EXPECT_EQ(series.before(kCount + 50)->arrival, kCount - 1);
  for (const std::uint64_t back : {1, 100, 10'000, 100'000}) {
    const auto* point = series.before(kCount - 1 - back);
    ASSERT_NE(point, nullptr);
    EXPECT_EQ(point->value, Value{static_cast<std::int64_t>(point->arrival)});
    EXPECT_LE(kCount - 1 - back - point->arrival, ArrivalSeries::kSpacing) << back;
  }
  EXPECT_LT(500'000 - series.before(500'000)->arrival, 100'000u);
}

// ---- the reference names every generator, as it is written

TEST(Generators, StandInTheReference) {
  std::ifstream in(SQUALL_SOURCE_DIR "/docs/scenario.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const Function& function : functions())
    EXPECT_NE(page.find("`" + std::string(function.usage) + "`"), std::string::npos) << function.usage;
}

}  // namespace
}  // namespace squall
