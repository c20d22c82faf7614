#include "scenario/node.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

std::string mistakes(std::string_view text, const ParseLimits& limits = {}) {
  Diagnostics diagnostics;
  parse_yaml(text, "x.yaml", diagnostics, limits);
  std::string out;
  for (const Diagnostic& d : diagnostics.sorted())
    out += std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message + (d.hint.empty() ? "" : " | " + d.hint) + "\n";
  return out;
}

Value read(std::string_view scalar) {
  Diagnostics diagnostics;
  const Node node = parse_yaml("k: " + std::string(scalar), "x.yaml", diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.print();
  return scalar_value(*node.find("k"));
}

TEST(Yaml, ScalarsAreReadAsYaml12AndPeopleReadThem) {
  EXPECT_EQ(read("10"), Value{std::int64_t{10}});
  EXPECT_EQ(read("\"10\""), Value{std::string("10")});
  EXPECT_EQ(read("-1.5"), Value{-1.5});
  EXPECT_EQ(read("true"), Value{true});
  EXPECT_EQ(read("yes"), Value{std::string("yes")});
  EXPECT_EQ(read("0777"), Value{std::string("0777")});
  EXPECT_EQ(read("0x10"), Value{std::string("0x10")});
  EXPECT_EQ(read(".inf"), Value{std::string(".inf")});
  EXPECT_TRUE(read("~").is_null());
  EXPECT_TRUE(read("null").is_null());
  EXPECT_EQ(read("\"null\""), Value{std::string("null")});
}

TEST(Yaml, PlacesCountFromOne) {
  Diagnostics diagnostics;
  const Node node = parse_yaml("a: 1\nb:\n  - { c: \"x\" }\n", "x.yaml", diagnostics);
  const Node& inner = node.find("b")->items[0];
  EXPECT_EQ(node.keys[1].mark.line, 2u);
  EXPECT_EQ(inner.keys[0].mark.line, 3u);
  EXPECT_EQ(inner.keys[0].mark.column, 7u);
  EXPECT_EQ(inner.items[0].mark.column, 10u);
  EXPECT_EQ(inner.items[0].length, 3u);
}

TEST(Yaml, JsonIsYaml) {
  Diagnostics diagnostics;
  const Node node = parse_yaml("{\"a\": {\"b\": [1, \"2\", null]}}", "x.json", diagnostics);
  ASSERT_FALSE(diagnostics.has_errors()) << diagnostics.print();
  EXPECT_EQ(node.find("a")->find("b")->items.size(), 3u);
}

TEST(Yaml, TrapsAreRefused) {
  EXPECT_EQ(mistakes("a: 1\nb: 2\na: 3\n"), "3:1: duplicate key 'a' | it stands first in line 1\n");
  EXPECT_EQ(mistakes("a: &x [1]\nb: *x\n"),
            "1:4: anchors (&name) are not supported | use `vars` and ${name}\n"
            "2:4: aliases (*name) are not supported | use `vars` and ${name}\n");
  EXPECT_EQ(mistakes("b: {<<: {a: 1}}\n"), "1:5: merging of maps (<<) is not supported | use `vars` and ${name}\n");
  EXPECT_EQ(mistakes("a: !!binary abc\n"), "1:4: tags (tag:yaml.org,2002:binary) are not supported\n");
  EXPECT_EQ(mistakes("? [a]\n: 1\n"), "1:3: a key is a word, this is a list\n");
  EXPECT_EQ(mistakes("a: 1\n---\nb: 2\n"), "3:1: a second document; a scenario is one | remove the line '---' before it\n");
  EXPECT_EQ(mistakes(std::string_view("a: \0", 4)), "1:4: a NUL byte; a scenario is text\n");
}

TEST(Yaml, SyntaxErrorsSayWhatToDo) {
  EXPECT_EQ(mistakes("a:\n\tb: 1\n"), "2:3: a tab indents this line; YAML takes spaces only\n");
  EXPECT_EQ(mistakes("a: b: c\n"), "1:5: a ':' where none can stand | a text with ': ' in it needs quotes\n");
  EXPECT_EQ(mistakes("a: [1, 2\n"), "1:4: this '[' is never closed\n");
  EXPECT_EQ(mistakes("a:\n  b: { c: { d: 1 }\n  e: 2\n"), "2:6: this '{' is never closed\n");
  EXPECT_EQ(mistakes("a: { b: 1\n     c: 2 }\n"), "2:7: a '{' is never closed, or a ',' is missing\n");
  EXPECT_EQ(mistakes("a: [ {b: 1}\n     {c: 2} ]\n"), "2:6: a '[' is never closed, or a ',' is missing\n");
  EXPECT_EQ(mistakes("a: \"b\nc: 'd'\n"), "1:4: the text that begins here does not end in its line | is its closing quote missing?\n");
  EXPECT_EQ(mistakes("a: \"b\nc: \"d\"\n"), "1:4: the text that begins here does not end in its line | is its closing quote missing?\n");
  EXPECT_EQ(mistakes("a: \"goes\n  on\"\nb: c: d\n"), "3:5: a ':' where none can stand | a text with ': ' in it needs quotes\n");
  EXPECT_EQ(mistakes("a: it's # not \"\nb: c: d\n"), "2:5: a ':' where none can stand | a text with ': ' in it needs quotes\n");
  EXPECT_EQ(mistakes("nothing\n\na: 1\n"), "1:1: a key and its ':' are missing\n");
}

TEST(Yaml, BytesThatAreNoTextAreTold) {
  const std::string said = ": this is not UTF-8, as a scenario must be | save the file as UTF-8\n";
  EXPECT_EQ(mistakes("a: 1\nb: caf\xE9\n"), "2:7" + said);
  EXPECT_EQ(mistakes("a: \xE2\x82"), "1:4" + said);               // cut off
  EXPECT_EQ(mistakes("\xC3\xA9: \xED\xA0\x80\n"), "1:5" + said);   // a surrogate; columns are bytes
  EXPECT_EQ(mistakes("a: \xC0\xAF\n"), "1:4" + said);               // longer than need be
  EXPECT_EQ(mistakes(std::string("a: 1\nb: x\0y\n", 12)), "2:5: a NUL byte; a scenario is text\n");
}

TEST(Yaml, LimitsHoldExactly) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  ParseLimits limits;
  limits.depth = 5;
  EXPECT_EQ(mistakes(nested(5), limits), "");
  EXPECT_EQ(mistakes(nested(6), limits), "1:6: nested deeper than 5 levels\n");
  limits = {};
  limits.nodes = 4;
  EXPECT_EQ(mistakes("[1, 2, 3]", limits), "");
  EXPECT_EQ(mistakes("[1, 2, 3, 4]", limits), "1:11: more than 4 values in one file\n");
  limits = {};
  limits.scalar_bytes = 3;
  EXPECT_EQ(mistakes("abc", limits), "");
  EXPECT_EQ(mistakes("abcd", limits), "1:1: a text of more than 3 bytes; put it into a file\n");
  limits = {};
  limits.bytes = 1u << 20;
  EXPECT_EQ(mistakes(std::string((1u << 20) + 1, ' '), limits), "1:1: the file has more than 1 MiB\n");
  EXPECT_EQ(mistakes(nested(2000)), "1:65: nested deeper than 64 levels\n");
}

TEST(Diagnostics, DrawsTheLineAndTheCaret) {
  Diagnostics diagnostics;
  diagnostics.add_source("f.yaml", "one\n\t\xC3\xA9\xC3\xA9 iteratons: 5\r\n");
  diagnostics.add({"f.yaml", 2, 7, 9, "unknown key 'iteratons'", "did you mean 'iterations'?"});
  diagnostics.add({"", 0, 0, 1, "--set x: no such var in the scenario", {}});
  diagnostics.add({"f.yaml", 1, 1, 1, "first \x1b[31m", {}, Severity::warning});
  EXPECT_EQ(diagnostics.print(),
            "f.yaml:1:1: warning: first ?[31m\n"
            "    1 | one\n"
            "      | ^\n"
            "f.yaml:2:7: error: unknown key 'iteratons'\n"
            "    2 | \t\xC3\xA9\xC3\xA9 iteratons: 5\n"
            "      | \t   ^~~~~~~~~ did you mean 'iterations'?\n"
            "error: --set x: no such var in the scenario\n");
  EXPECT_EQ(diagnostics.count(Severity::error), 2u);
}

}  // namespace
}  // namespace squall
