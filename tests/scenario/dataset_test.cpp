#include "scenario/dataset.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace squall {
namespace {

Dataset read(std::string text, Dataset::Format format = Dataset::Format::csv, const Dataset::Where& where = {}) {
  auto parsed = Dataset::parse(std::move(text), format, where);
  if (const auto* error = std::get_if<DataError>(&parsed)) {
    ADD_FAILURE() << error->line << ":" << error->column << ": " << error->text;
    return {};
  }
  return std::move(std::get<Dataset>(parsed));
}

std::string mistake(std::string text, Dataset::Format format = Dataset::Format::csv, const Dataset::Where& where = {}) {
  const auto parsed = Dataset::parse(std::move(text), format, where);
  const auto* error = std::get_if<DataError>(&parsed);
  return error ? std::to_string(error->line) + ":" + std::to_string(error->column) + ": " + error->text : "no mistake";
}

TEST(Dataset, ReadsRfc4180WithAllItsFreedoms) {
  const Dataset data = read("\xEF\xBB\xBFname,\"note, long\"\r\n"
                            "ann,\"says \"\"hi\"\"\r\nand goes\"\r\n"
                            "\r\n"
                            "bob,\r\n"
                            "\"\",plain");
  ASSERT_EQ(data.columns(), (std::vector<std::string>{"name", "note, long"}));
  ASSERT_EQ(data.size(), 3u);
  EXPECT_EQ(data.field(0, 0), "ann");
  EXPECT_EQ(data.field(0, 1), "says \"hi\"\r\nand goes");
  EXPECT_EQ(data.field(1, 0), "bob");
  EXPECT_EQ(data.field(1, 1), "");
  EXPECT_EQ(data.field(2, 0), "");
  EXPECT_EQ(data.field(2, 1), "plain");
  EXPECT_EQ(data.column("note, long"), 1u);
  EXPECT_FALSE(data.column("note"));
}

TEST(Dataset, MistakesNameLineAndColumn) {
  EXPECT_EQ(mistake(""), "1:1: the file is empty; its first line names the columns");
  EXPECT_EQ(mistake("\n\n"), "1:1: the file is empty; its first line names the columns");
  EXPECT_EQ(mistake("a,b\n1,2\n3\n"), "3:1: 1 field where the header has 2");
  EXPECT_EQ(mistake("a,b\n1,\"x\ny\"\n3,4,5\n"), "4:1: 3 fields where the header has 2");
  EXPECT_EQ(mistake("a,a\n"), "1:1: column 'a' stands twice in the header");
  EXPECT_EQ(mistake("a,\n"), "1:1: column 2 has no name");
  EXPECT_EQ(mistake("a,b\n1,\"open\nand on\n"), "2:3: the quote that opens here is never closed");
  EXPECT_EQ(mistake("a,b\n1,\"x\"y\n"), "2:6: text after the closing quote; a quote inside a quoted field is written twice");
  EXPECT_EQ(mistake("a,b\n1,x\"y\n"), "2:4: a quote inside a field that does not begin with one");
  EXPECT_EQ(mistake("a,b\r1,2\r"), "1:4: a carriage return without a line feed; line ends are LF or CRLF");
  EXPECT_EQ(mistake(std::string("a,b\n1,\0\n", 8)), "2:3: a NUL byte; data files are text");
  EXPECT_EQ(mistake("a,b\n1,\xFF\n"), "2:3: byte 0xff is not UTF-8");
  EXPECT_EQ(mistake("a,b\n1,\xC0\xAF\n"), "2:3: byte 0xc0 is not UTF-8");
  EXPECT_EQ(mistake("\xFF\xFE" "a"), "1:1: the file is UTF-16; save it as UTF-8");
  EXPECT_EQ(mistake("a\n\"" + std::string((1u << 20) + 1, 'x')), "2:1: a field of more than 1 MiB; is its quote closed?");
}

TEST(Dataset, KeepsMillionsOfBytesOfFieldsInOneBuffer) {
  std::string text = "id,site\n";
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i) + ",site-" + std::to_string(i % 7) + "\n";
  const std::size_t bytes = text.size();
  const Dataset data = read(std::move(text));
  ASSERT_EQ(data.size(), 50'000u);
  EXPECT_EQ(data.field(49'999, 0), "49999");
  EXPECT_EQ(data.field(49'999, 1), "site-5");
  EXPECT_LT(data.memory_bytes(), bytes + 100'001 * 8 + 64);
}

TEST(Dataset, JsonLinesKeepTypesAsText) {
  const Dataset data = read("{\"a\": 1, \"b\": \"x\\n\\u00e9\", \"c\": {\"d\": [1, 2]}}\n\n{\"c\": null, \"b\": true, \"a\": 1.5}\r\n",
                            Dataset::Format::json_lines);
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.field(0, 0), "1");
  EXPECT_EQ(data.field(0, 1), "x\n\xC3\xA9");
  EXPECT_EQ(data.field(0, 2), "{\"d\":[1,2]}");
  EXPECT_EQ(data.field(1, 0), "1.5");
  EXPECT_EQ(data.field(1, 1), "true");
  EXPECT_EQ(data.field(1, 2), "");
  const auto lines = Dataset::Format::json_lines;
  EXPECT_EQ(mistake("{\"a\":1}\n{\"b\":1}\n", lines), "2:1: no 'a', which the first line has");
  EXPECT_EQ(mistake("{\"a\":1}\n{\"a\":1,\"b\":2}\n", lines), "2:1: 'b', which the first line does not have");
  EXPECT_EQ(mistake("{\"a\":1}\n[1]\n", lines), "2:1: each line is one JSON object");
  EXPECT_EQ(mistake("{\"a\":1}\n{\"a\":}\n", lines), "2:6: not a JSON value");
  EXPECT_EQ(mistake("", lines), "1:1: the file is empty");
}

TEST(Dataset, WhereKeepsOnlySomeRecords) {
  const std::string text = "id,site\n1,a\n2,b\n3,a\n";
  const Dataset data = read(text, Dataset::Format::csv, {{"site", {"a"}}});
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.field(1, 0), "3");
  const Dataset lines = read("{\"id\":1,\"site\":\"a\"}\n{\"id\":2,\"site\":\"b\"}\n{\"id\":3,\"site\":\"a\"}", Dataset::Format::json_lines, {{"site", {"a"}}, {"id", {"3"}}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines.field(0, 1), "a");
  EXPECT_EQ(mistake(text, Dataset::Format::csv, {{"town", {"a"}}}), "1:1: no column 'town', which `where` asks for");
}

TEST(Dataset, AnyBytesGiveRowsOrAMistakeAndNothingElse) {
  std::mt19937 random(1);
  const std::string alphabet = "ab,\"\n\r \xC3\xA9";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int k = random() % 24; k > 0; --k) text += alphabet[random() % alphabet.size()];
    const auto parsed = Dataset::parse(text, Dataset::Format::csv);
    if (const auto* data = std::get_if<Dataset>(&parsed)) {
      std::size_t bytes = 0;
      for (std::size_t r = 0; r < data->size(); ++r)
        for (std::uint32_t c = 0; c < data->columns().size(); ++c) bytes += data->field(r, c).size();
      EXPECT_LE(bytes, text.size());
    } else {
      EXPECT_GE(std::get<DataError>(parsed).line, 1u);
      EXPECT_GE(std::get<DataError>(parsed).column, 1u);
    }
  }
}

TEST(Permuted, IsAPermutationForEveryCountAndKey) {
  for (const std::uint64_t count : {1u, 2u, 3u, 7u, 64u, 1000u, 4097u}) {
    for (std::uint64_t key = 0; key < 3; ++key) {
      std::set<std::uint64_t> seen;
      for (std::uint64_t i = 0; i < count; ++i) seen.insert(permuted(i, count, key));
      EXPECT_EQ(seen.size(), count);
      EXPECT_EQ(*seen.rbegin(), count - 1);
    }
  }
  EXPECT_LT(permuted(5, std::uint64_t{1} << 40, 9), std::uint64_t{1} << 40);
}

TEST(PickRecord, RandomIsUniformAndTheSameForTheSameTurn) {
  constexpr std::size_t kRecords = 50, kTurns = 100'000;
  std::vector<int> hits(kRecords);
  for (std::size_t i = 0; i < kTurns; ++i) ++hits[*pick_record(Pick::random, OnEnd::wrap, kRecords, {.seed = 1, .user = i % 10, .turn = i / 10})];
  double chi2 = 0;
  for (const int n : hits) chi2 += std::pow(n - 2000.0, 2) / 2000.0;
  EXPECT_LT(chi2, 85.4);  // 49 degrees of freedom, p = 0.001
  const PickAt at{.seed = 1, .dataset = 2, .population = 3, .user = 4, .turn = 5};
  EXPECT_EQ(pick_record(Pick::random, OnEnd::wrap, 1'000'000, at), pick_record(Pick::random, OnEnd::wrap, 1'000'000, at));
  PickAt other = at;
  other.dataset = 1;
  EXPECT_NE(pick_record(Pick::random, OnEnd::wrap, 1'000'000, at), pick_record(Pick::random, OnEnd::wrap, 1'000'000, other));
}

TEST(PickRecord, LinesWrapOrEnd) {
  const auto at = [](Pick pick, OnEnd end, std::uint64_t position) { return pick_record(pick, end, 3, {.seed = 1, .position = position}); };
  EXPECT_EQ(at(Pick::sequential, OnEnd::wrap, 4), 1u);
  EXPECT_EQ(at(Pick::sequential, OnEnd::stop_task, 2), 2u);
  EXPECT_EQ(at(Pick::sequential, OnEnd::stop_task, 3), std::nullopt);
  EXPECT_EQ(at(Pick::unique, OnEnd::stop_task, 2), 2u);
  EXPECT_EQ(at(Pick::unique, OnEnd::stop_task, 3), std::nullopt);
  EXPECT_EQ(pick_record(Pick::per_user, OnEnd::wrap, 3, {.user = 4}), 1u);
  EXPECT_EQ(pick_record(Pick::per_user, OnEnd::fail, 3, {.user = 4}), std::nullopt);
  for (const Pick pick : {Pick::random, Pick::sequential, Pick::shuffled, Pick::unique, Pick::per_user, Pick::exclusive})
    EXPECT_EQ(pick_record(pick, OnEnd::wrap, 0, {}), std::nullopt);
}

TEST(PickRecord, ShuffledGivesEachRecordOnceAPassAndANewOrderEachPass) {
  std::vector<std::size_t> first, second;
  for (std::uint64_t i = 0; i < 100; ++i) first.push_back(*pick_record(Pick::shuffled, OnEnd::wrap, 100, {.seed = 5, .position = i}));
  for (std::uint64_t i = 100; i < 200; ++i) second.push_back(*pick_record(Pick::shuffled, OnEnd::wrap, 100, {.seed = 5, .position = i}));
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 100u);
  EXPECT_EQ(std::set(second.begin(), second.end()).size(), 100u);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace squall
