#include "payload/template.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>

#include "heap_counter.hpp"
#include "payload/json_text.hpp"
#include "test_scope.hpp"

namespace squall {
namespace {

class TemplateTest : public ::testing::Test {
 protected:
  TemplateTest() {
    scope.user_index = 7;
    scope.iteration = 3;
    scope.record = {"a/b", "site \"1\""};
    names.constants["env.HOME"] = {std::string("/home/ada")};
    names.constants["env.NONE"] = {};
    names.constants["limit"] = {std::int64_t{50}};
  }
  Template compile(std::string_view text, Template::Escape escape = Template::Escape::none) {
    auto made = Template::compile(text, names, escape);
    if (auto* error = std::get_if<TemplateError>(&made)) {
      ADD_FAILURE() << text << ": " << error->text << " at " << error->offset;
      return {};
    }
    return std::get<Template>(made);
  }
  std::string render(std::string_view text, Template::Escape escape = Template::Escape::none) {
    std::string out, error;
    if (!compile(text, escape).append(scope, out, error)) return "error: " + error;
    return out;
  }
  std::string mistake(std::string_view text) {
    auto made = Template::compile(text, names);
    auto* error = std::get_if<TemplateError>(&made);
    if (error == nullptr) return "no mistake";
    return std::to_string(error->offset) + ": " + error->text;
  }
  Value value(std::string_view text) {
    auto result = compile(text).evaluate(scope);
    return result ? *result : Value{"error: " + result.error().text};
  }

  TestNames names;
  TestScope scope;
};

TEST_F(TemplateTest, PrintsTextNamesAndConstants) {
  EXPECT_EQ(render(""), "");
  EXPECT_EQ(render("plain $ text } {"), "plain $ text } {");
  EXPECT_EQ(render("/s/${pages.path}?u=${user.index}&i=${ user.iteration }"), "/s/a/b?u=7&i=3");
  EXPECT_EQ(render("${env.HOME}/x"), "/home/ada/x");
  EXPECT_EQ(render("costs $${5}"), "costs ${5}");
  EXPECT_TRUE(compile("${env.HOME}/x").is_constant());
  EXPECT_EQ(compile("${env.HOME}/x").constant(), Value{std::string("/home/ada/x")});
  EXPECT_FALSE(compile("${user.index}").is_constant());
}

TEST_F(TemplateTest, AnyTextHasATemplateThatYieldsIt) {
  EXPECT_EQ(as_template("a ${b} $${c} ${${ $ {d} $"), "a $${b} $$${c} $${$${ $ {d} $");
  for (const char* text : {"", "plain", "${x}", "$${x}", "$$${x}", "${", "$$", "${${", "a$", "{${}}"})
    EXPECT_EQ(render(as_template(text)), text);
}

TEST_F(TemplateTest, KeepsTheTypeOfASingleHole) {
  EXPECT_EQ(value("${limit}"), Value{std::int64_t{50}});
  EXPECT_EQ(value("${limit}s"), Value{std::string("50s")});
  EXPECT_EQ(value("${add(user.index, 0.5)}"), Value{7.5});
  scope.locals[0] = list_value({Value{std::int64_t{1}}, Value{std::string("x")}});
  EXPECT_EQ(value("${token}"), scope.locals[0]);
  EXPECT_EQ(render("<${token}>"), "<[1,\"x\"]>");
  EXPECT_TRUE(compile("${token}").is_single_hole());
  EXPECT_FALSE(compile("${token} ").is_single_hole());
}

TEST_F(TemplateTest, DefaultsStandInForMissingAndEmptyValues) {
  EXPECT_EQ(render("<${token:-none}>"), "<none>");
  EXPECT_EQ(render("<${token:-}>"), "<>");
  EXPECT_EQ(value("${token:-}"), Value{std::string()});
  EXPECT_EQ(render("${env.NONE:-http://127.0.0.1:8080}"), "http://127.0.0.1:8080");
  EXPECT_EQ(render("${token:-${env.HOME}/${user.index}}"), "/home/ada/7");
  EXPECT_EQ(render("${token:-{\"a\":{}}}"), "{\"a\":{}}");
  EXPECT_EQ(value("${count:-5}"), Value{std::int64_t{5}});
  EXPECT_EQ(value("${count:-007}"), Value{std::string("007")});
  EXPECT_EQ(value("${count:-${limit}}"), Value{std::int64_t{50}});
  scope.locals[0] = {std::string("abc")};
  EXPECT_EQ(render("${token:-none}"), "abc");
  scope.locals[0] = {std::string()};
  EXPECT_EQ(render("${token:-none}"), "none");
  EXPECT_EQ(render("<${token}>"), "<>");
}

TEST_F(TemplateTest, AMissingValueFailsWithItsName) {
  EXPECT_EQ(render("x${token}"), "error: 'token' has no value");
  EXPECT_EQ(render("${env.NONE}"), "error: 'env.NONE' has no value");
  scope.record.clear();
  EXPECT_EQ(render("${pages.path}"), "error: 'pages.path' has no value: no record is left");
}

TEST_F(TemplateTest, ReportsMistakesWithTheirPlace) {
  const struct {
    const char *text, *mistake;
  } rows[] = {
      {"ab${", "2: '${' has no '}'"},
      {"ab${user.index", "2: '${' has no '}'"},
      {"${}", "0: '${}' is empty (write ${name}, or $${ for the two characters)"},
      {"x ${rand.itn(1,2)}", "4: unknown function 'rand.itn' (did you mean 'rand.int'?)"},
      {"${rand.int(1)}", "2: 'rand.int' takes 2 arguments, not 1: rand.int(a, b)"},
      {"${rand.int}", "2: 'rand.int' needs arguments: rand.int(a, b)"},
      {"${uuid(1)}", "2: 'uuid' takes no arguments, not 1: uuid"},
      {"${seq(1,2,3)}", "2: 'seq' takes 0 to 2 arguments, not 3: seq(start, step)"},
      {"${uiid}", "2: unknown name 'uiid' (did you mean 'uuid'?)"},
      {"${user.index + 1}", "13: expected '}' instead of '+'"},
      {"${add(1,)}", "8: an argument is missing after ','"},
      {"${add(1 2)}", "8: expected ',' or ')' instead of '2'"},
      {"${add(1,2}", "9: expected ',' or ')' instead of '}'"},
      {"${add(1,2", "2: 'add(' has no ')'"},
      {"${upper('abc)}", "8: the quoted text has no end"},
      {"${upper(${limit})}", "8: within '${…}' a name stands without '${'"},
      {"${seq:-1}${div(1,0)}", "2: unknown name 'seq'"},
      {"aaa${div(limit,0)}", "5: div: division by zero"},
      {"${12abc}", "2: '12abc' is not a number (text is quoted: 'abc')"},
      {"${count:-${nope}}", "11: unknown name 'nope'"},
      {"${rand.int(1,2):-3}", "15: ':-' gives a default to a name, not to a call"},
      {"${*}", "2: expected a name, a number or a quoted text instead of '*'"},
  };
  for (const auto& row : rows) EXPECT_EQ(mistake(row.text), row.mistake) << row.text;
}

TEST_F(TemplateTest, NestingHasALimitAndNoCrash) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "${token:-";
  EXPECT_EQ(mistake(deep), "0: '${' has no '}'");
  std::string calls = "${";
  for (int i = 0; i < 5000; ++i) calls += "abs(";
  EXPECT_NE(mistake(calls).find("nested too deep"), std::string::npos);
}

TEST_F(TemplateTest, ComputesWithWholeAndRealNumbers) {
  const struct {
    const char *text, *result;
  } rows[] = {
      {"${add(1,2,3)}", "6"},
      {"${add(user.index,1)}", "8"},
      {"${sub(1,2)}", "-1"},
      {"${mul(3,1.5)}", "4.5"},
      {"${div(7,2)}", "3.5"},
      {"${div(8,2)}", "4"},
      {"${mod(-1,24)}", "23"},
      {"${mod(7.5,2)}", "1.5"},
      {"${mod(add(user.index,250),256)}", "1"},
      {"${min(3,1,2)}", "1"},
      {"${max(3,1.5)}", "3"},
      {"${round(2.5)}", "3"},
      {"${floor(-0.5)}", "-1"},
      {"${abs(-3)}", "3"},
      {"${add('4','5')}", "9"},
      {"${add(9223372036854775807,1)}", "9223372036854775808"},
      {"${fixed(3.14159,2)}", "3.14"},
      {"${fixed(2,2)}", "2.00"},
      {"${pad(user.index,3)}", "007"},
      {"${pad(-5,4)}", "-005"},
      {"${pad('ab',5,'.')}", "...ab"},
      {"${length('héé')}", "5"},
      {"${add(1s,500ms)}", "1500000000"},
  };
  for (const auto& row : rows) EXPECT_EQ(render(row.text), row.result) << row.text;
  scope.locals[0] = {std::string("x1")};
  EXPECT_EQ(render("${add(token,1)}"), "error: 'x1' is not a number");
}

TEST_F(TemplateTest, TransformsText) {
  const struct {
    const char *text, *result;
  } rows[] = {
      {"${upper('abc')}${lower(\"DEF\")}", "ABCdef"},
      {"${base64('Hello')}", "SGVsbG8="},
      {"${hex.encode('AZ')}", "415a"},
      {"${hex.int(255,4)}", "00ff"},
      {"${hex.int(65536,2)}", "10000"},
      {"${urlencode('a b/ü')}", "a%20b%2F%C3%BC"},
      {"${md5('abc')}", "900150983cd24fb0d6963f7d28e17f72"},
      {"${sha1('abc')}", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"${sha256('abc')}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"${hmac.sha256('key','The quick brown fox jumps over the lazy dog')}",
       "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"},
      {"${crc32('123456789')}", "cbf43926"},
      {"${crc16('123456789')}", "BB3D"},
      {"123456789${crc16()}", "123456789BB3D"},
      {"${concat('a',user.index,'b')}", "a7b"},
      {"${repeat('ab',3)}${repeat('x',0)}", "ababab"},
      {"${substr('abcdef',2,3)}${substr('abc',9)}", "cde"},
      {"${upper(base64(concat('a', pages.path)))}", "YWEVYG=="},
      {"${\"it's\"}${'a\\'b\\n'}", "it'sa'b\n"},
      {"${json(pages.site)}", "\"site \\\"1\\\"\""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(render(row.text), row.result) << row.text;
  }
}

TEST_F(TemplateTest, TellsTheTimeOfTheScope) {
  EXPECT_EQ(render("${now.iso}"), "2016-12-07T11:10:00.250Z");
  EXPECT_EQ(render("${now}"), "2016-12-07T11:10:00.250Z");
  EXPECT_EQ(render("${now.iso_s(-5m)}/${now.iso_s(1m30s)}"),
            "2016-12-07T11:05:00Z/2016-12-07T11:11:30Z");
  EXPECT_EQ(render("${now.unix} ${now.unix_ms()} ${now.unix_ns}"),
            "1481109000 1481109000250 1481109000250000000");
  EXPECT_EQ(render("${now.dsmr}"), "161207111000W");
  EXPECT_EQ(render("${now.date} ${now.time}"), "2016-12-07 11:10:00");
  scope.now_ns = 951'782'400'000'000'000;
  EXPECT_EQ(render("${now.date}"), "2000-02-29");
  EXPECT_EQ(value("${now.unix_ms}"), Value{std::int64_t{951782400000}});
}

TEST_F(TemplateTest, IsTheSameForTheSameSeedUserAndIteration) {
  const Template message =
      compile("${uuid} ${rand.int(1,1000000)} ${rand.hex(9)} ${rand.normal(0,1)} ${choice(a,b,c)}");
  const auto render_for = [&](std::uint64_t seed, std::uint64_t user, std::uint64_t iteration) {
    TestScope other;
    other.seed = seed;
    other.user_index = user;
    other.iteration = iteration;
    std::string out, error;
    EXPECT_TRUE(message.append(other, out, error)) << error;
    return out;
  };
  const std::string first = render_for(42, 7, 3);
  EXPECT_EQ(first, render_for(42, 7, 3));
  EXPECT_NE(first, render_for(43, 7, 3));
  EXPECT_NE(first, render_for(42, 8, 3));
  EXPECT_NE(first, render_for(42, 7, 4));
}

TEST_F(TemplateTest, OpenLoadHangsOnTheArrivalNotOnTheUser) {
  TestScope one, other;
  one.open = other.open = true;
  one.arrival_index = other.arrival_index = 99;
  one.user_index = 1;
  other.user_index = 2;
  other.iteration = 5;
  EXPECT_EQ(one.random(), other.random());
  other.draws = one.draws = 0;
  other.arrival_index = 100;
  EXPECT_NE(one.random(), other.random());
}

TEST_F(TemplateTest, DrawsWithinTheirBounds) {
  std::map<std::string, int> seen;
  for (int i = 0; i < 3000; ++i) {
    scope.iteration = static_cast<std::uint64_t>(i);
    scope.draws = 0;
    ++seen[render("${rand.int(-1,1)}")];
    ++seen[render("${choice(free,'taken',3)}")];
  }
  ASSERT_EQ(seen.size(), 6u);
  for (const auto& [word, count] : seen) EXPECT_NEAR(count, 1000, 130) << word;
  EXPECT_EQ(render("${hex(8)}").size(), 8u);
  EXPECT_EQ(render("${rand.string(33)}").size(), 33u);
  EXPECT_EQ(render("${rand.bytes(13)}").size(), 13u);
  EXPECT_EQ(render("${hex('ab')}"),
            "error: hex(n) draws n random digits; hex.encode(text) encodes a text");
  EXPECT_EQ(render("${hex(-1)}"), "error: hex: -1 is not a whole number from 0 to 1048576");
  EXPECT_EQ(render("${rand.int(2,1)}"), "error: rand.int: the first number is above the second");
  const std::string id = render("${uuid}");
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST_F(TemplateTest, SequencesCountPerUser) {
  const Template counter = compile("${seq}/${seq(10)}/${seq(0,-2)}");
  std::string out, error;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(counter.append(scope, out, error));
    out += ' ';
  }
  EXPECT_EQ(out, "0/10/0 1/11/-2 2/12/-4 ");
}

TEST_F(TemplateTest, WalksStayWithinTheirEndsAndShareTheirId) {
  const Template walk = compile("${walk(temp, 20.0, 0.5, 19, 21)}");
  double before = 20;
  for (int i = 0; i < 2000; ++i) {
    scope.iteration = static_cast<std::uint64_t>(i);
    scope.draws = 0;
    auto result = walk.evaluate(scope);
    ASSERT_TRUE(result);
    double place = 0;
    ASSERT_TRUE(result->to_number(place));
    if (i == 0) {
      EXPECT_EQ(place, 20);
    }
    ASSERT_GE(place, 19);
    ASSERT_LE(place, 21);
    ASSERT_LE(std::abs(place - before), 0.6 + 1e-9);
    before = place;
  }
  const std::uint32_t states = names.next_state;
  compile("${walk(temp, 20.0, 0.5)} ${walk(other, 0, 1)}");
  EXPECT_EQ(names.next_state, states + 1);
}

TEST_F(TemplateTest, MarkovChainsStayAndLead) {
  const Template bay = compile(
      "${markov(bay, 'free*5 > occupied', 'occupied*2 > free:9 broken:1', 'broken > free')}");
  std::map<std::string, int> seen;
  for (int i = 0; i < 50'000; ++i) {
    scope.iteration = static_cast<std::uint64_t>(i);
    scope.draws = 0;
    std::string out, error;
    ASSERT_TRUE(bay.append(scope, out, error));
    if (i == 0) {
      EXPECT_EQ(out, "free");
    }
    ++seen[out];
  }
  EXPECT_NEAR(seen["free"] / 50'000.0, 5 / 7.1, 0.02);
  EXPECT_NEAR(seen["broken"] / 50'000.0, 0.1 / 7.1, 0.005);
  EXPECT_EQ(mistake("${markov(b, 'a > c')}"), "2: markov: unknown state 'c' (did you mean 'a'?)");
  EXPECT_EQ(mistake("${markov(b, 'a')}"), "2: markov: 'a' is not STATE*MESSAGES > STATE:WEIGHT …");
  EXPECT_EQ(mistake("${markov(b, 'a > ')}"), "2: markov: the state 'a' leads nowhere");
  EXPECT_EQ(mistake("${markov(b, 'a > a:x')}"),
            "2: markov: the weight of 'a' is not a number from 0 on");
}

TEST_F(TemplateTest, PlacesStayAndMove) {
  const std::string home = render("${geo.point(lamp, 4.8, 52.3, 5.0, 52.4)}");
  auto place = parse_json(home);
  ASSERT_TRUE(place) << home;
  scope.iteration = 99;
  EXPECT_EQ(render("${geo.point(lamp, 4.8, 52.3, 5.0, 52.4)}"), home);
  EXPECT_NE(render("${geo.point(bin, 4.8, 52.3, 5.0, 52.4)}"), home);

  const Template bus = compile("${geo.walk(bus, 4.9, 52.37, 80, 2000)}");
  const auto at = [&] {
    scope.draws = 0;
    ++scope.iteration;
    std::string out, error;
    EXPECT_TRUE(bus.append(scope, out, error));
    const auto pair = *parse_json(out);
    const auto& list = *std::get<std::shared_ptr<const ValueList>>(pair.data);
    double longitude = 0, latitude = 0;
    EXPECT_TRUE(list[0].to_number(longitude) && list[1].to_number(latitude));
    return std::pair((longitude - 4.9) * 111'320 * std::cos(52.37 * 0.0174533),
                     (latitude - 52.37) * 111'320);
  };
  auto before = at();
  EXPECT_NEAR(std::hypot(before.first, before.second), 0, 0.2);
  for (int i = 0; i < 2000; ++i) {
    const auto now = at();
    EXPECT_NEAR(std::hypot(now.first - before.first, now.second - before.second), 80, 1.5);
    EXPECT_LT(std::hypot(now.first, now.second), 2200);
    before = now;
  }
}

TEST_F(TemplateTest, CurvesFollowTheHour) {
  double value_at = 0;
  ASSERT_TRUE(value("${daily('11:10','12:22')}").to_number(value_at));
  EXPECT_NEAR(value_at, 12.0008, 0.001);     // 11:10:00.25
  scope.now_ns = 1'481'151'600'000'000'000;  // 23:00, between 22 and 2
  ASSERT_TRUE(value("${daily('2:40','22:0')}").to_number(value_at));
  EXPECT_NEAR(value_at, 10, 0.001);
  EXPECT_EQ(render("${daily('3:7')}"), "7");
  EXPECT_EQ(mistake("${daily('3')}"),
            "2: daily: a point is a quoted HOUR:VALUE, for example '7.5:2.9'");
  EXPECT_EQ(mistake("${daily('3:1','2:1')}"), "2: daily: the hours do not ascend at '2:1'");
}

TEST_F(TemplateTest, IdsFollowTheirPattern) {
  const std::string plate = render("${rand.pattern('AA-999-aa')}");
  ASSERT_EQ(plate.size(), 9u);
  EXPECT_TRUE(std::isupper(plate[0]) && std::isdigit(plate[4]) && std::islower(plate[8]) &&
              plate[2] == '-')
      << plate;
  EXPECT_EQ(render("${uuid.of('http://www.example.com/')}"),
            "fcde3c85-2270-590f-9e7c-ee003d65e0e2");
}

TEST_F(TemplateTest, EscapesHolesWithinJsonQuotes) {
  EXPECT_EQ(render("{\"site\":\"${pages.site}\",\"n\":${user.index}}", Template::Escape::json),
            "{\"site\":\"site \\\"1\\\"\",\"n\":7}");
  EXPECT_EQ(render("{\"a\\\"b\":\"${upper('\"')}\"}", Template::Escape::json),
            "{\"a\\\"b\":\"\\\"\"}");
}

TEST_F(TemplateTest, CompilesTreesToJson) {
  const Value tree = map_value({
      {"id", {std::string("urn:${user.index}")}},
      {"n", {std::string("${user.index}")}},
      {"site", {std::string("${pages.site}")}},
      {"both", {std::string("\"${pages.site}\"\n")}},
      {"on", {true}},
      {"none", {}},
      {"half", {0.5}},
      {"list",
       list_value({Value{std::int64_t{1}}, Value{std::string("${choice(1,1)}")}, map_value({})})},
      {"k${user.index}", {std::string("${env.HOME}")}},
      {"yes", {std::string("${choice(true,true)}")}},
  });
  auto made = Template::compile_json(tree, names);
  ASSERT_TRUE(std::holds_alternative<Template>(made));
  std::string out, error;
  ASSERT_TRUE(std::get<Template>(made).append(scope, out, error)) << error;
  EXPECT_EQ(out,
            "{\"id\":\"urn:7\",\"n\":7,\"site\":\"site \\\"1\\\"\",\"both\":\"\\\"site "
            "\\\"1\\\"\\\"\\n\",\"on\":true,"
            "\"none\":null,\"half\":0.5,\"list\":[1,1,{}],\"k7\":\"/home/ada\",\"yes\":true}");
  EXPECT_TRUE(parse_json(out));
}

TEST_F(TemplateTest, AllocatesNothingInTheSteadyState) {
  const Template message = compile(
      "{\"id\":\"${uuid}\",\"t\":\"${now.iso}\",\"n\":${seq},\"v\":${fixed(rand.normal(1,2),2)},"
      "\"w\":${walk(w,1,0.1)},"
      "\"h\":\"${md5(pages.path)}\",\"c\":\"${choice(good,fair,poor)}\",\"p\":${geo.walk(g,4,52,9)}"
      ",\"crc\":\"${crc16()}\"}",
      Template::Escape::json);
  std::string out, error;
  out.reserve(4096);
  const auto one = [&] {
    out.clear();
    ++scope.iteration;
    scope.draws = 0;
    ASSERT_TRUE(message.append(scope, out, error)) << error;
  };
  for (int i = 0; i < 10; ++i) one();
  const std::uint64_t before = allocation_count;
  for (int i = 0; i < 100; ++i) one();
  EXPECT_EQ(allocation_count, before);
}

// Not a fuzzer, but every build runs it: pieces of valid templates in random order.
TEST_F(TemplateTest, GarbageIsRefusedOrRendered) {
  static constexpr std::string_view kPieces[] = {
      "${",  "}",        "$${", ":-",     "(",          ")",     ",",   "'", "\"",   "\\",
      "seq", "rand.int", "1",   "-5m",    "user.index", "token", ".",   " ", "walk", "choice",
      "add", "\x01",     "é",   "markov", "'a > a'",    "daily", "1e9", "{"};
  RandomStream random{7, 0};
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = "${";
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n)
      text += kPieces[random.below(std::size(kPieces))];
    auto made = Template::compile(text, names);
    if (auto* compiled = std::get_if<Template>(&made)) {
      std::string out, error;
      good += compiled->append(scope, out, error) ? 1 : 0;
    } else {
      EXPECT_LE(std::get<TemplateError>(made).offset, text.size()) << text;
      EXPECT_FALSE(std::get<TemplateError>(made).text.empty()) << text;
    }
  }
  EXPECT_GT(good, 100);
}

TEST_F(TemplateTest, JsonMistakesNameTheirString) {
  auto made = Template::compile_json(map_value({{"a", {std::string("x${nope}")}}}), names);
  ASSERT_TRUE(std::holds_alternative<TemplateError>(made));
  EXPECT_EQ(std::get<TemplateError>(made).text, "in 'x${nope}': unknown name 'nope'");
  EXPECT_EQ(std::get<TemplateError>(made).offset, 3u);
}

}  // namespace
}  // namespace squall
