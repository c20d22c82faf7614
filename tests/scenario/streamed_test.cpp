// A streamed dataset has the records of one in memory, or its mistake at the same place, wherever blocks and pieces end; and
// when its file changes it gives no records but those that were there.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "scenario/dataset_reader.hpp"
#include "scenario/streamed_records.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;
using Format = Dataset::Format;

/// A file that ends with the test.
class TestFile {
 public:
  TestFile() : path_(fs::path(::testing::TempDir()) / ("squall-data-" + std::to_string(::getpid()) + "-" + std::to_string(++count_))) {}
  explicit TestFile(std::string_view bytes) : TestFile() { write(bytes); }
  ~TestFile() { fs::remove(path_); }
  void write(std::string_view bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string path() const { return path_.string(); }

 private:
  static inline int count_ = 0;
  fs::path path_;
};

std::string text_of(const DataError& error) {
  return std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.text;
}

/// All that can be seen of a dataset, or its mistake.
std::string shown(const std::variant<Dataset, DataError>& read, std::size_t most_bytes = DatasetReader::kMostBytes) {
  if (const auto* error = std::get_if<DataError>(&read)) return "mistake " + text_of(*error);
  const Dataset& data = std::get<Dataset>(read);
  std::string out = std::to_string(data.size()) + " records, hash " + std::to_string(data.hash()) + ", left out " +
                    std::to_string(data.left_out().lines) + " of " + std::to_string(data.left_out().of) + " " + text_of(data.left_out().first) + "\n";
  for (const std::string& column : data.columns()) out += "[" + column + "]";
  DatasetReader reader(data, most_bytes);
  for (std::size_t n = 0; n < data.size(); ++n) {
    const auto record = reader.read(n);
    if (!record) return out + record.error().text;
    out += "\n";
    for (std::uint32_t column = 0; column < data.columns().size(); ++column) out += "[" + std::string((*record)[column]) + "]";
  }
  return out;
}

std::string streamed(const std::string& path, Format format, const Dataset::Where& where, std::size_t block_bytes,
                     std::uint64_t piece_bytes, std::size_t most_bytes = DatasetReader::kMostBytes) {
  return shown(Dataset::read(path, {format, where, /*is_streamed=*/true, block_bytes, piece_bytes}), most_bytes);
}

/// Reads it as one block in memory, in blocks in memory, and streamed in blocks and pieces of many sizes.
void expect_same(std::string_view bytes, Format format = Format::csv, const Dataset::Where& where = {}) {
  const TestFile file(bytes);
  const std::string whole = shown(Dataset::parse(bytes, format, where));
  for (const std::size_t block : {4u, 5u, 7u, 16u, 64u, 1u << 20}) {
    EXPECT_EQ(shown(Dataset::read(file.path(), {format, where, false, block, 0})), whole) << "block " << block << " of\n" << bytes;
    for (const std::uint64_t piece : {1u, 20u, 64u, 1u << 20})
      EXPECT_EQ(streamed(file.path(), format, where, block, piece, 100), whole)
          << "block " << block << ", piece " << piece << " of\n" << bytes;
  }
}

std::string rows(int count) {
  std::string text = "id,site,note\n";
  for (int i = 0; i < count; ++i) text += std::to_string(i) + ",site-" + std::to_string(i % 7) + ",\"a, b " + std::to_string(std::int64_t{i} * i) + "\"\n";
  return text;
}

TEST(Streamed, HasTheSameRecords) {
  expect_same(rows(200));
  expect_same("\xEF\xBB\xBFname,\"note, long\"\r\nann,\"says \"\"hi\"\"\r\nand goes\"\r\n\r\nbob,\r\n\"\",plain");
  expect_same("a\n\"x\n\n\ny\"\n\n\nz\n");
  expect_same("a,b\r\n1,2\r\n3,\"4\"\r");                       // ends with half a line end
  expect_same("a\n\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n");   // characters over block borders
  expect_same("a,b\n,\n,\n");
  expect_same("a,b\n");
  expect_same("a");
}

TEST(Streamed, KeepsWhatWhereLeaves) {
  expect_same(rows(200), Format::csv, {{"site", {"site-3", "site-5"}}});
  expect_same(rows(200), Format::csv, {{"id", {"0", "199"}}});        // pieces without a record
  expect_same(rows(200), Format::csv, {{"id", {"nobody"}}});
  expect_same(rows(3), Format::csv, {{"town", {"a"}}});
}

TEST(Streamed, HasTheSameMistakes) {
  for (const char* text : {"", "\n\n", "a,b\n1,2\n3\n", "a,b\n1,\"x\ny\"\n3,4,5\n", "a,a\n", "a,\n", "a,b\n1,\"open\nand on\n",
                           "a,b\n1,\"x\"y\n", "a,b\n1,x\"y\n", "a,b\r1,2\r", "a,b\n1,\xFF\n", "a,b\n1,\xC0\xAF\n", "\xFF\xFE" "a", "\xFF",
                           "\xEF\xBB\xBF" "a,\"b\"c\n", "\xEF\xBB\xBF" "a,\xFF", "\xEF\xBB\xBF", "a\n\xE2\x82", "a\n\xE2\x82\n", "a\n\xF0\x9F\x98\x80\xF0\x9F\n"})
    expect_same(text);
  expect_same(std::string_view("a,b\n1,\0\n", 8));
  expect_same(rows(300) + "300,ragged\n" + rows(2));
  expect_same(rows(300) + "300,x,caf\xE9\n");
  expect_same(rows(300) + "300,\"x\ny\",z\n301,\"x\ny\",\"z\"!\n");
  expect_same(rows(100) + "100,ragged\n100,x,\xFF\n");               // the first of two
  expect_same(rows(100) + "100,x,\xFF\n100,ragged\n");
}

TEST(Streamed, ReadsJsonLinesAndAccessLogs) {
  std::string lines, log;
  for (int i = 0; i < 100; ++i) {
    lines += "{\"id\": " + std::to_string(i) + ", \"site\": \"s" + std::to_string(i % 3) + "\", \"more\": {\"a\": [1, 2]}}\n" + (i % 10 ? "" : "\r\n");
    log += "h - - [10/Oct/2000:13:55:36 -0700] \"GET /" + std::to_string(i) + "\xFF HTTP/1.1\" 200 5\n" + (i == 47 || i == 90 ? "none\n" : i == 48 ? "\r\n" : "");
  }
  expect_same(lines, Format::json_lines);
  expect_same(lines, Format::json_lines, {{"site", {"s1"}}});
  expect_same("\xEF\xBB\xBF" + lines, Format::json_lines);
  expect_same("\xEF\xBB\xBF{\"id\": }", Format::json_lines);
  for (const char* bad : {"{\"id\":1}\n", "[1]\n", "{\"id\": }\n", "{\"id\": \"\xFF\"}\n", "", "{}"}) {
    expect_same(lines + bad, Format::json_lines);
    expect_same(bad, Format::json_lines);
  }
  expect_same(log, Format::combined);
  expect_same(log, Format::combined, {{"path", {"/50\xFF", "/3\xFF"}}});
  expect_same(log + "none\nnone\nnone\nnone\nnone\nnone\nnone\nnone\nnone\nnone\n", Format::combined);
  expect_same("", Format::combined);
}

TEST(Streamed, AnyBytesAreReadAlike) {
  std::mt19937 random(7);
  const auto any = [&](const std::vector<std::string>& parts, int most) {
    std::string text;
    for (int k = static_cast<int>(random() % static_cast<unsigned>(most)); k > 0; --k) text += parts[random() % parts.size()];
    return text;
  };
  const std::vector<std::string> csv = {"a", "bc", ",", ",", "\"", "\"\"", "\n", "\n", "\r\n", "\r", " ", "\xC3\xA9", "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80", "\"x,\ny\"", "\xC3"};
  const std::vector<std::string> json = {"{\"a\":1}\n", "{\"a\":\"\xC3\xA9\"}\n", "{\"a\": [1, {}]}\r\n", "\n", "{\"a\":null}\n",
                                         "{\"a\":1}\n", "{\"a\":1}\n", "{\"b\":1}\n", "{\"a\"", "\xE2\x82\xAC"};
  const std::vector<std::string> log = {"h - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 5\n",
                                        "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\xFF HTTP/1.1\" 200 5\r\n", "\n",
                                        "h - - [10/Oct/2000:13:55:36 -0700] \"POST /b HTTP/1.1\" 200 5\n", "no"};
  for (int i = 0; i < 1'500; ++i) {
    expect_same((random() % 4 ? "a,b\n" : random() % 2 ? "\xEF\xBB\xBF" "a\n" : "") + any(csv, 30), Format::csv);
    if (i % 10 == 0) expect_same(any(json, 12), Format::json_lines);
    if (i % 10 == 5) expect_same(any(log, 30), Format::combined);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Streamed, RowsWithoutEndAreRefusedInLittleMemory) {
  const TestFile file;
  const auto refused = [&](std::string_view head, std::string_view part, int parts, Format format) {
    {
      std::ofstream out(file.path(), std::ios::binary);
      out << head;
      for (int i = 0; i < parts; ++i) out << part;
    }
    const auto whole = shown(Dataset::read(file.path(), {format, {}, false}));
    EXPECT_EQ(shown(Dataset::read(file.path(), {format, {}, true})), whole);
    return whole;
  };
  const std::string mib(1u << 20, 'x'), short_cells = [] { std::string s; while (s.size() < 1u << 20) s += "12345,"; return s; }();
  EXPECT_EQ(refused("a,b\n1,", mib, 20, Format::csv), "mistake 2:3: a field of more than 1 MiB");
  EXPECT_EQ(refused("a,b\n1,\"", mib, 20, Format::csv), "mistake 2:3: a field of more than 1 MiB; is its quote closed?");
  EXPECT_EQ(refused("a,b\n1,2\n", short_cells, 20, Format::csv), "mistake 3:1: a row of more than 16 MiB");
  EXPECT_EQ(refused("{\"a\": 1}\n\n{\"a\": \"", mib, 20, Format::json_lines), "mistake 3:1: a row of more than 16 MiB");
  EXPECT_EQ(refused("h ", mib, 20, Format::combined), "mistake 1:1: a row of more than 16 MiB");
}

TEST(Streamed, LongRowsAreReadWhole) {
  std::string text = "{\"a\": \"first\"}\n";
  for (const std::size_t length : {300u, 3u << 20, 15u << 20, 7u}) text += "{\"a\": \"" + std::string(length, 'y') + "\"}\n";
  const TestFile file(text);
  const std::string whole = shown(Dataset::parse(text, Format::json_lines));
  EXPECT_TRUE(whole.starts_with("5 records")) << whole.substr(0, 100);
  EXPECT_TRUE(streamed(file.path(), Format::json_lines, {}, 4096, 0) == whole);
}

TEST(Streamed, KeepsAnIndexAndForgetsPieces) {
  const TestFile file(rows(100'000));
  const auto read = Dataset::read(file.path(), {Format::csv, {}, true});
  const Dataset& data = std::get<Dataset>(read);
  ASSERT_TRUE(data.is_streamed());
  EXPECT_EQ(data.size(), 100'000u);
  EXPECT_LT(data.memory_bytes(), 8'192u);   // 3 MB in pieces of 16 KiB
  DatasetReader reader(data, 1u << 20);
  std::mt19937 random(3);
  for (int i = 0; i < 2'000; ++i) {
    const std::size_t n = random() % data.size();
    const auto record = reader.read(n);
    ASSERT_TRUE(record) << record.error().text;
    ASSERT_EQ((*record)[0], std::to_string(n));
    ASSERT_LE(reader.memory_bytes(), 1u << 20);
  }
}

TEST(Streamed, TheIndexOfAnyFileIsSmall) {
  EXPECT_EQ(PieceIndex::bytes_for(0), 16u << 10);
  EXPECT_EQ(PieceIndex::bytes_for(std::uint64_t{1} << 33), (16u << 10) + 1);
  for (const std::uint64_t gigabytes : {50u, 1'000u}) {
    const std::uint64_t bytes = gigabytes * 1'000'000'000;
    EXPECT_LE(bytes / PieceIndex::bytes_for(bytes) * sizeof(PieceIndex::Piece), 13'000'000u);
  }
}

// ---- the file changes

class ChangedFile : public ::testing::Test {
 protected:
  ChangedFile() : file_(text_), read_(Dataset::read(file_.path(), {Format::csv, {}, true, 1u << 20, 1'000})) {
    auto& data = std::get<Dataset>(read_);
    data.name = "users";
    data.file = "users.csv";
  }
  std::string record(std::size_t n) {
    DatasetReader reader(std::get<Dataset>(read_));
    const auto got = reader.read(n);
    return got ? std::string((*got)[0]) : got.error().text;
  }
  const std::string text_ = rows(1'000);
  TestFile file_;
  std::variant<Dataset, DataError> read_;
};

TEST_F(ChangedFile, CutOffIsNoRecord) {
  fs::resize_file(file_.path(), 5'000);
  const std::string told = "data 'users': users.csv was cut off, to 5000 of " + std::to_string(text_.size()) + " bytes, since it was read";
  EXPECT_EQ(record(0), told);
  EXPECT_EQ(record(999), told);
  fs::resize_file(file_.path(), 0);
  EXPECT_NE(record(500).find("was cut off, to 0 of"), std::string::npos);
}

TEST_F(ChangedFile, WrittenOverIsNoRecord) {
  std::string other = text_;
  for (char& c : other) if (c == '1') c = '2';
  file_.write(other);
  fs::last_write_time(file_.path(), fs::file_time_type::clock::now() + std::chrono::seconds(2));
  EXPECT_EQ(record(0), "data 'users': users.csv has changed since it was read");
  EXPECT_EQ(record(999), "data 'users': users.csv has changed since it was read");
}

TEST_F(ChangedFile, WrittenOverInSecretIsNoRecordEither) {
  const auto before = fs::last_write_time(file_.path());
  std::string other = text_;
  other[other.size() - 20] ^= 1;
  file_.write(other);
  fs::last_write_time(file_.path(), before);
  EXPECT_EQ(record(0), "0");       // this piece is as it was
  EXPECT_EQ(record(999), "data 'users': users.csv has changed since it was read");
}

TEST_F(ChangedFile, AppendedToIsToldToo) {
  std::ofstream(file_.path(), std::ios::app) << "1000,a,b\n";
  EXPECT_EQ(record(3), "data 'users': users.csv has changed since it was read");
}

TEST_F(ChangedFile, ReplacedIsReadAsItWas) {
  const TestFile other(rows(3));
  fs::rename(other.path(), file_.path());
  EXPECT_EQ(record(0), "0");
  EXPECT_EQ(record(999), "999");
  fs::remove(file_.path());
  EXPECT_EQ(record(998), "998");
}

TEST(DataFile, ThatIsNotThereIsSaid) {
  EXPECT_EQ(shown(Dataset::read("/nowhere/at/all.csv", {})), "mistake 0:0: cannot be read: No such file or directory");
}

}  // namespace
}  // namespace squall
