#include "scenario/match.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

class OneLocal : public Scope {
 public:
  Value value;
  std::int64_t unix_ns() const override { return 0; }
  const Value* local(std::uint32_t slot) const override { return slot == 0 ? &value : nullptr; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override { return std::nullopt; }
  Value& state(std::uint32_t) override { return state_; }

 private:
  Value state_;
};

class LocalName : public Names {
 public:
  Result<Reference> resolve(std::string_view) override { return Reference{.kind = Reference::Kind::local, .index = 0, .column = 0, .value = {}}; }
  std::uint32_t add_state(std::string_view) override { return 0; }
};

Matcher::Rule rule(Matcher::Op op, Value value = {}) {
  Matcher::Rule result;
  result.op = op;
  result.value = Template(std::move(value));
  return result;
}

std::string why(const Matcher& matcher, const MatchInput& input) {
  OneLocal scope;
  std::string reason;
  return matcher.matches(input, scope, &reason) ? "holds" : reason;
}

TEST(Matcher, ComparesTextsAndNumbers) {
  Matcher equals;
  equals.add(rule(Matcher::Op::equals, Value{std::int64_t{200}}));
  EXPECT_EQ(why(equals, MatchInput::of_number(200)), "holds");
  EXPECT_EQ(why(equals, MatchInput::of_number(503)), "is 503, not 200");
  EXPECT_EQ(why(equals, MatchInput::of("200")), "holds");
  EXPECT_EQ(why(equals, MatchInput::of("200.0")), "holds");
  Matcher text;
  text.add(rule(Matcher::Op::equals, Value{std::string("007")}));
  EXPECT_EQ(why(text, MatchInput::of("007")), "holds");
  EXPECT_EQ(why(text, MatchInput::of("7")), "is not '007'");
  Matcher contains;
  contains.add(rule(Matcher::Op::contains, Value{std::string("rev:")}));
  EXPECT_EQ(why(contains, MatchInput::of("<!-- rev:7 -->")), "holds");
  EXPECT_EQ(why(contains, MatchInput::of("nothing")), "does not contain 'rev:'");
}

TEST(Matcher, DurationsAreComparedInNanoseconds) {
  Matcher below;
  below.add(rule(Matcher::Op::below, Value{Duration{2'000'000'000}}));
  EXPECT_EQ(why(below, MatchInput::of_duration(1'999'999'999)), "holds");
  EXPECT_NE(why(below, MatchInput::of_duration(2'000'000'000)), "holds");
}

TEST(Matcher, RegexYieldsItsFirstGroupToTheOtherRules) {
  Matcher matcher;
  matcher.look_at_group_of(*Regex::compile("rev:(\\d+)"));
  matcher.add(rule(Matcher::Op::above, Value{std::int64_t{41}}));
  EXPECT_EQ(why(matcher, MatchInput::of("<!-- rev:42 -->")), "holds");
  EXPECT_EQ(why(matcher, MatchInput::of("<!-- rev:41 -->")), "is not above 41");
  EXPECT_EQ(why(matcher, MatchInput::of("<!-- none -->")), "does not match 'rev:(\\d+)'");
}

TEST(Matcher, RulesMayUseWhatWasCaptured) {
  LocalName names;
  auto compiled = Template::compile("${rev}", names);
  Matcher::Rule above;
  above.op = Matcher::Op::above;
  above.value = std::get<Template>(compiled);
  Matcher matcher;
  matcher.add(above);
  OneLocal scope;
  scope.value = Value{std::string("41")};
  EXPECT_TRUE(matcher.matches(MatchInput::of("42"), scope));
  scope.value = Value{std::string("42")};
  EXPECT_FALSE(matcher.matches(MatchInput::of("42"), scope));
  scope.value = Value{std::string("x")};
  std::string reason;
  EXPECT_FALSE(matcher.matches(MatchInput::of("42"), scope, &reason));
  EXPECT_EQ(reason, "'${rev}' is not a number");
}

TEST(Matcher, JsonLooksInsideAndNotTurnsAround) {
  auto inner = std::make_shared<Matcher>();
  inner->add(rule(Matcher::Op::equals, Value{std::int64_t{3}}));
  Matcher::Rule json;
  json.op = Matcher::Op::json;
  json.path = *JsonPath::parse("a.b[1]");
  json.inner = inner;
  Matcher matcher;
  matcher.add(json);
  EXPECT_EQ(why(matcher, MatchInput::of(R"({"a":{"b":[1,3]}})")), "holds");
  EXPECT_EQ(why(matcher, MatchInput::of(R"({"a":{"b":[1,4]}})")), "a.b[1] is 4, not 3");
  EXPECT_EQ(why(matcher, MatchInput::of(R"({"a":{}})")), "no 'a.b[1]' in the JSON");
  EXPECT_EQ(why(matcher, MatchInput::of("<html>")), "not JSON");
  Matcher inverse;
  Matcher::Rule not_rule;
  not_rule.op = Matcher::Op::none_of;
  not_rule.inner = std::make_shared<Matcher>(matcher);
  inverse.add(not_rule);
  EXPECT_EQ(why(inverse, MatchInput::of("<html>")), "holds");
  EXPECT_EQ(why(inverse, MatchInput::of(R"({"a":{"b":[1,3]}})")), "matches what it must not");
}

TEST(Matcher, OneOfTakesRangesAndTexts) {
  Matcher::Rule one;
  one.op = Matcher::Op::one_of;
  one.ranges = {{200, 299}};
  one.texts = {Template(Value{std::int64_t{304}})};
  Matcher matcher;
  matcher.add(one);
  EXPECT_EQ(why(matcher, MatchInput::of_number(204)), "holds");
  EXPECT_EQ(why(matcher, MatchInput::of_number(304)), "holds");
  EXPECT_EQ(why(matcher, MatchInput::of_number(404)), "is 404");
}

TEST(Regex, IsLinearAndSaysWhatIsWrong) {
  const auto slow = Regex::compile("(a|b)*c");
  ASSERT_TRUE(slow);
  std::string_view found;
  EXPECT_FALSE((*slow)->find(std::string(1'000'000, 'a'), found));
  const auto whole = Regex::compile("b+");
  EXPECT_TRUE((*whole)->find("abbbc", found));
  EXPECT_EQ(found, "bbb");
  const auto broken = Regex::compile("(a");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().text, "'(a' is not a regular expression: missing ): (a");
}

TEST(JsonPath, DotsBracketsAndPointersNameTheSamePlaces) {
  const std::string document = R"({"a":{"b":[{"c":7},true]},"x.y":"dot","":{"~/":"odd"},"n":null,"big":18446744073709551615,"f":1.5})";
  const auto find = [&](std::string_view path) {
    const auto parsed = JsonPath::parse(path);
    if (!parsed) return "bad path: " + parsed.error().text;
    const auto value = parsed->find(document);
    return value ? value->to_text() : value.error().text;
  };
  EXPECT_EQ(find("a.b[0].c"), "7");
  EXPECT_EQ(find("$.a.b[0].c"), "7");
  EXPECT_EQ(find("/a/b/0/c"), "7");
  EXPECT_EQ(find("['x.y']"), "dot");
  EXPECT_EQ(find("/x.y"), "dot");
  EXPECT_EQ(find("//~0~1"), "odd");
  EXPECT_EQ(find("a.b"), "[{\"c\":7},true]");
  EXPECT_EQ(find("big"), "18446744073709551615");
  EXPECT_EQ(find("f"), "1.5");
  EXPECT_EQ(find("a.b[2]"), "no 'a.b[2]' in the JSON");
  EXPECT_EQ(find("a.z"), "no 'a.z' in the JSON");
  EXPECT_EQ(find("a..b"), "bad path: 'a..b' is not a JSON path: a name is missing");
  EXPECT_EQ(find("a[x]"), "bad path: 'a[x]' is not a JSON path: a number or a quoted name stands in [ ]");
  EXPECT_EQ(find("a[0"), "bad path: 'a[0' is not a JSON path: '[' is not closed");
}

TEST(JsonPath, HostileDocumentsAreRefusedNotFollowed) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 0; i < 100; ++i) deep += "]";
  deep += "}";
  EXPECT_EQ((*JsonPath::parse("a")).find(deep).error().text, "nested deeper than 64");
}

}  // namespace
}  // namespace squall
