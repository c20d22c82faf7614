// The table of keys, the reference page and the examples say the same, and what they say loads.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "catalog_for_tests.hpp"
#include "payload/json_text.hpp"
#include "scenario/keys.hpp"
#include "scenario/loader.hpp"

namespace squall {
namespace {

TEST(Keys, EveryRowSaysWhatItIs) {
  for (const KeyTable& table : key_tables())
    for (const Key& key : table.keys) {
      EXPECT_FALSE(key.type.empty()) << table.name << " " << key.name;
      EXPECT_FALSE(key.doc.empty()) << table.name << " " << key.name;
    }
}

TEST(Keys, EveryRowStandsInTheReference) {
  std::ifstream in(SQUALL_SOURCE_DIR "/docs/scenario.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const KeyTable& table : key_tables())
    for (const Key& key : table.keys) {
      std::string row = key.is_later ? "`" + std::string(key.name) + "`" : "| `" + std::string(key.name) + "` | ";
      if (!key.is_later)
        for (const char c : key.type) row += c == '|' ? "\\|" : std::string(1, c);
      EXPECT_NE(page.find(row), std::string::npos) << table.name << ": " << row;
    }
}

class Examples : public testing::TestWithParam<const char*> {};

TEST_P(Examples, LoadWithoutAMistake) {
  const auto result = load_scenario(std::string(SQUALL_SOURCE_DIR "/examples/") + GetParam(), catalog_for_tests());
  ASSERT_TRUE(result) << result.diagnostics.print();
  EXPECT_EQ(result.diagnostics.print(), "");
}
INSTANTIATE_TEST_SUITE_P(All, Examples, testing::Values("hello.yaml", "hello-login.yaml", "city-mix.yaml", "dump-and-requests.yaml", "flash-sale.yaml", "transaction.yaml",
                                                             "cms/cms.yaml", "replay/replay.yaml"));

class NoUser : public Scope {
 public:
  std::int64_t unix_ns() const override { return 1'700'000'000'000'000'000; }
  const Value* local(std::uint32_t) const override { return nullptr; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override { return std::nullopt; }
  Value& state(std::uint32_t slot) override { return states_[slot]; }

 private:
  std::map<std::uint32_t, Value> states_;
};

TEST(CityMix, ClassesSendTheSizesAndCountsOfTheCity) {
  LoadOptions options;
  options.compress = 10;
  const auto result = load_scenario(SQUALL_SOURCE_DIR "/examples/city-mix.yaml", catalog_for_tests(), options);
  ASSERT_TRUE(result) << result.diagnostics.print();
  const Scenario& s = *result.scenario;
  // Fleet: users x for / every, exact.
  const std::map<std::string, double> counts = {{"M2", 54'000}, {"T2", 90'000}, {"B1", 4'800}, {"C2", 3'000}, {"T1", 750}};
  for (const PopulationSpec& p : s.populations)
    if (const auto expected = counts.find(p.name); expected != counts.end()) {
      EXPECT_DOUBLE_EQ(p.load.users * static_cast<double>(s.run.for_ns) / static_cast<double>(std::get<std::int64_t>(p.load.every)), expected->second) << p.name;
    }
  const std::map<std::string, std::pair<double, double>> sizes = {  // mean, tolerance
      {"M2", {890, 5}}, {"L1", {280, 5}}, {"P1", {240, 0}}, {"A1", {1733, 20}}, {"T1", {9896, 250}}, {"T2", {250, 5}},
      {"V1", {350, 10}}, {"B1", {117, 0}}, {"C2", {136'000, 4'000}}, {"K1", {1797, 0}}};
  for (const PayloadSpec& payload : s.payloads) {
    const auto expected = sizes.find(payload.name);
    ASSERT_NE(expected, sizes.end()) << payload.name;
    double sum = 0;
    constexpr int kDraws = 2'000;
    NoUser scope;
    Body body;
    for (int i = 0; i < kDraws; ++i) {
      scope.user_index = static_cast<std::uint64_t>(i % 300);
      scope.iteration = static_cast<std::uint64_t>(i);
      scope.draws = 0;
      std::string error;
      ASSERT_TRUE(render_payload(payload, scope, body, error)) << payload.name << ": " << error;
      sum += static_cast<double>(body.size());
      std::string text;
      if (payload.content_type.find("json") == std::string::npos || i % 20 != 0) continue;
      ASSERT_TRUE(body.append_all(text, error));
      EXPECT_TRUE(parse_json(text)) << text;
    }
    EXPECT_NEAR(sum / kDraws, expected->second.first, expected->second.second) << payload.name;
  }
}

}  // namespace
}  // namespace squall
