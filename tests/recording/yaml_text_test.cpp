// What is written is what squall's own reader reads.
#include "recording/yaml_text.hpp"

#include <gtest/gtest.h>

#include <random>

#include "scenario/node.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

Json read_back(const Node& node) {
  if (node.is_map()) {
    Json map = Json::object();
    for (std::size_t i = 0; i < node.keys.size(); ++i) map[node.keys[i].text] = read_back(node.items[i]);
    return map;
  }
  if (node.is_list()) {
    Json list = Json::array();
    for (const Node& item : node.items) list.push_back(read_back(item));
    return list;
  }
  const Value value = scalar_value(node);
  if (const auto* text = value.text()) return *text;
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return *whole;
  if (const auto* real = std::get_if<double>(&value.data)) return *real;
  return nullptr;
}

void expect_same(const Json& value) {
  std::string text = "list:\n";
  append_yaml_entry(text, "  - ", "key", value);
  text += "  - " + yaml_in_line(value) + "\n";
  Diagnostics mistakes;
  const Node node = parse_yaml(text, "s.yaml", mistakes);
  ASSERT_FALSE(mistakes.has_errors()) << mistakes.print() << text;
  EXPECT_EQ(read_back(node), (Json{{"list", {Json{{"key", value}}, value}}})) << text;
}

TEST(YamlText, AnyTextComesBack) {
  for (const char* text : {"", " ", "a", "true", "No", "null", "~", "12", "0x1f", "1e5", "-", "- a", "a: b", "a #b", "#", "/x?y=z", "a, b", "[", "{a}",
                           "\"", "'", "\\", "\\n", "a\nb", "a\nb\n", "a\nb\n\n", "\na", " a\nb", "a \nb", "a\n\n  b\n\tc", "a\n---\n...\nb", "\t", "\r\n", "a\r\nb",
                           "é ü 漢字 🙂", "\u2028\u2029\u0085\ufeff\u200b\u202e", "\x01\x1f\x7f", "${x}", "%a", "@a", "`a", "!a", "&a", "*a", "? a", "a ? b", "a:", ":a", "<<", "=",
                           "a\n# no comment\nb", "a b  c", "a ", "key: |\n  x"}) {
    expect_same(text);
    if (*text != '\0' && std::string_view(text) != "<<") expect_same(Json::object({{text, Json::array({text, 1})}}));
  }
}

TEST(YamlText, AnyMixOfSignsComesBack) {
  constexpr std::string_view kSigns[] = {"a", "b", "0", " ", " ", "\n", ":", "#", "-", "?", ",", "[", "]", "{", "}", "\"", "'", "\\", "&", "*", "!", "|", ">", "%", "@", "/", "=", "\t", "\r", "é", "~"};
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto left = random() % 12; left > 0; --left) text += kSigns[random() % std::size(kSigns)];
    expect_same(text);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(YamlText, ValuesComeBackOverOneLineOrMany) {
  const Json inner = Json::parse(R"({"a":1,"b":-2.5,"c":null,"d":true,"e":{},"f":[],"g":["x",{"y":[1,[2]]}]})");
  expect_same(inner);
  Json wide = inner;
  wide["long"] = std::string(150, 'x') + "\n" + std::string(20, ' ') + "y";
  wide["more"] = inner;
  expect_same(wide);
  expect_same(Json::array({wide, inner, "a\nb"}));
}

TEST(YamlText, IsPlainWhereItCanBe) {
  EXPECT_EQ(yaml_text("GET /page/1"), "GET /page/1");
  EXPECT_EQ(yaml_text("application/json; charset=utf-8"), "application/json; charset=utf-8");
  EXPECT_EQ(yaml_text("http://h"), "\"http://h\"");
  EXPECT_EQ(yaml_comment("a\nb\u2028c"), "a b c");
  EXPECT_EQ(yaml_comment("äöü", 4), "äö…");
}

}  // namespace
}  // namespace squall
