// Bad files: every mistake is found, at its place, in these words.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "catalog_for_tests.hpp"
#include "scenario/loader.hpp"

namespace squall {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

LoadOptions no_environment() {
  LoadOptions options;
  options.env = [](const std::string&) { return std::nullopt; };
  return options;
}

TEST(Mistakes, AFileFullOfThemIsReportedAtOnce) {
  const std::string folder = SQUALL_SOURCE_DIR "/tests/scenario/mistakes";
  const auto result = load_scenario_text(read_file(folder + "/shop.yaml"), "shop.yaml", folder, catalog_for_tests(), no_environment());
  EXPECT_FALSE(result);
  EXPECT_GE(result.diagnostics.count(Severity::error), 20u);
  EXPECT_EQ(result.diagnostics.print(), read_file(folder + "/shop.txt"));
}

struct Case {
  const char* text;      // put into a whole scenario by its first key
  const char* expected;  // "line:column: message | hint", one a line
};

/// The parts of a scenario that a case does not give itself.
std::string complete(const std::string& text) {
  std::string whole = text;
  const auto has = [&](const std::string& key) { return text.starts_with(key + ":") || text.find("\n" + key + ":") != text.npos; };
  if (!has("targets")) whole += "\ntargets: { site: http://h:1, broker: mqtt://h:2 }";
  if (!has("tasks")) whole += "\ntasks: { t: [ http.get: { path: /, name: page } ] }";
  if (!has("populations")) whole += "\npopulations: { p: { load: { users: 1 } } }";
  return whole + "\n";
}

std::string mistakes(const std::string& text) {
  const std::string folder = SQUALL_SOURCE_DIR "/tests/scenario/mistakes";
  const auto result = load_scenario_text(complete(text), "s.yaml", folder, catalog_for_tests(), no_environment());
  std::string out;
  for (const Diagnostic& d : result.diagnostics.sorted()) {
    if (!out.empty()) out += "\n";
    out += std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message;
    if (!d.hint.empty()) out += " | " + d.hint;
  }
  return out;
}

const Case kCases[] = {
#include "mistake_cases.inc"
};

TEST(Mistakes, EachIsToldInTheseWords) {
  for (const Case& one : kCases) EXPECT_EQ(mistakes(one.text), one.expected) << one.text;
}

TEST(Mistakes, TheFileItselfIsTheMistake) {
  const auto load = [](const std::string& path) { return load_scenario(path, catalog_for_tests(), no_environment()).diagnostics.print(); };
  EXPECT_EQ(load("/no/such.yaml"), "/no/such.yaml: error: no such file\n");
  EXPECT_EQ(load("/"), "/: error: this is a directory, not a file\n");
  const auto text = [](const std::string& t) { return load_scenario_text(t, "s.yaml", "", catalog_for_tests(), no_environment()).diagnostics.print(); };
  EXPECT_EQ(text(""), "s.yaml:1:1: error: the file is empty\n    1 | \n      | ^ a scenario has targets, tasks and populations\n");
  EXPECT_EQ(text("- a\n"), "s.yaml:1:1: error: a scenario is a map of keys, this is a list\n    1 | - a\n      | ^ it has targets, tasks and populations\n");
}

TEST(Mistakes, AnyCutOfAGoodFileIsReadWithoutHarm) {
  const std::string good = read_file(SQUALL_SOURCE_DIR "/examples/city-mix.yaml");
  const OperationCatalog catalog = catalog_for_tests();
  LoadOptions options = no_environment();
  options.read_files = false;
  for (std::size_t cut = 0; cut < good.size(); cut += 97) {
    const auto result = load_scenario_text(good.substr(0, cut), "s.yaml", SQUALL_SOURCE_DIR "/examples", catalog, options);
    EXPECT_TRUE(result || result.diagnostics.has_errors());
  }
}

TEST(Mistakes, AnyChangedByteIsReadWithoutHarm) {
  const std::string good = read_file(SQUALL_SOURCE_DIR "/examples/hello-login.yaml") + read_file(SQUALL_SOURCE_DIR "/tests/scenario/mistakes/shop.yaml");
  const OperationCatalog catalog = catalog_for_tests();
  LoadOptions options = no_environment();
  options.read_files = false;
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    std::string text = i % 2 ? good : good.substr(0, good.find("scenario: shop"));
    for (int k = 0; k < 3; ++k) text[random() % text.size()] = "{}[]:,-\"'$ \n%&*!x0"[random() % 19];
    const auto result = load_scenario_text(text, "s.yaml", SQUALL_SOURCE_DIR "/examples", catalog, options);
    EXPECT_TRUE(result || result.diagnostics.has_errors());
  }
}

TEST(Mistakes, VarsThatMultiplyAreStopped) {
  std::string texts = "vars:\n  a0: x\n", lists = "vars:\n  a0: x\n";
  for (int i = 1; i <= 30; ++i) {
    texts += "  a" + std::to_string(i) + ": \"${a" + std::to_string(i - 1) + "}${a" + std::to_string(i - 1) + ":-}\"\n";
    lists += "  a" + std::to_string(i) + ": [ \"${a" + std::to_string(i - 1) + "}\", \"${a" + std::to_string(i - 1) + "}\" ]\n";
  }
  EXPECT_NE(mistakes(texts + "description: \"${a30}\"").find("vars refer to each other too often"), std::string::npos);
  EXPECT_NE(mistakes(lists + "payloads: { p: { json: \"${a30}\" } }").find("vars expand to more than 200000 values"), std::string::npos);
}

}  // namespace
}  // namespace squall
