// The output "jsonl" as a host drives it, its file read back by another JSON library: every line is
// an object, the sums of the end line hold, whatever bytes a server sent.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "fake_output.hpp"

namespace {

using fake::Batch;
using fake::series;
using fake::str;
using fake::text_value;
using nlohmann::json;

const sq_output& plugin() { return fake::load_output("jsonl"); }

/// Limits the size of files for a while; SIGXFSZ is ignored so that write() tells.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_;
};

class Jsonl : public ::testing::Test {
 protected:
  ~Jsonl() override { ::unlink(path.c_str()); }
  sq_status open(const std::string& file, bool has_samples = true) {
    const sq_pair options[] = {{str("file"), text_value(file)},
                               {str("samples"), squall::plugin::bool_value(has_samples)}};
    return plugin().open(nullptr, options, 2, &output, &error);
  }
  void write(Batch& batch) {
    const int before = account.written;
    plugin().write(output, batch.view(), &account);
    EXPECT_EQ(account.written, before + 1);
  }
  void close() {
    plugin().close(output, &account);
    EXPECT_EQ(account.done, 1);
  }
  static std::vector<json> parse(std::istream& file) {
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) {
      json parsed = json::parse(line, nullptr, false);
      EXPECT_TRUE(parsed.is_object()) << line;
      lines.push_back(std::move(parsed));
    }
    return lines;
  }
  std::vector<json> lines() {
    std::ifstream file(path);
    return parse(file);
  }

  std::string path = ::testing::TempDir() + "squall-jsonl-" + std::to_string(::getpid()) + ".jsonl";
  void* output = nullptr;
  sq_error error{};
  sq_done account;
};

TEST_F(Jsonl, ARunWithoutAnythingHasItsFirstAndLastLine) {
  ASSERT_EQ(open(path), SQ_OK);
  close();
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["type"], "run");
  EXPECT_EQ(all[0]["schema_version"], 1);
  EXPECT_EQ(all[1],
            json::parse(R"({"type":"end","samples":0,"windows":0,"events":0,"batches":0})"));
}

TEST_F(Jsonl, ASampleIsOneLine) {
  ASSERT_EQ(open(path), SQ_OK);
  Batch batch(0);
  const sq_series_desc page = series(3, "page \"x\"");
  batch.series = {&page};
  batch.add_sample(3);
  sq_sample& failed = batch.add_sample(3);
  failed.outcome = SQ_OUT_FAILED;
  failed.kind = SQ_K_STATUS;
  failed.code = -503;
  failed.detail = str("503");
  failed.record = str("row 7");
  failed.first_byte_ns = 0;
  batch.add_sample(3).outcome = SQ_OUT_TIMEOUT;
  batch.add_sample(99).outcome = SQ_OUT_CANCELLED;  // a series that was never described
  write(batch);
  close();
  EXPECT_EQ(account.delivered, 4u);
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(all[1], json::parse(R"({"type":"series","id":3,"population":"visitors","task":"visit",
      "name":"page \"x\"","operation":"http.get","sample_type":"request","tags":{}})"));
  EXPECT_EQ(all[2],
            json::parse(R"({"type":"sample","series":3,"name":"page \"x\"","user":5,"iteration":7,
      "due_ns":1795000000000001000,"start_ns":1795000000000001200,"first_byte_ns":1795000000000002000,
      "end_ns":1795000000000003500,"response_ns":2500,"service_ns":2300,"outcome":"ok","code":200,
      "bytes_out":100,"bytes_in":4000000000})"));
  EXPECT_EQ(all[3]["outcome"], "failed");
  EXPECT_EQ(all[3]["error"], "status");
  EXPECT_EQ(all[3]["code"], -503);
  EXPECT_EQ(all[3]["detail"], "503");
  EXPECT_EQ(all[3]["record"], "row 7");
  EXPECT_FALSE(all[3].contains("first_byte_ns"));
  EXPECT_EQ(all[4]["error"], "timeout");
  EXPECT_EQ(all[5]["outcome"], "cut");
  EXPECT_EQ(all[5]["series"], 99);
  EXPECT_EQ(all[6]["samples"], 4);
}

TEST_F(Jsonl, AWindowHasItsHistogramsAndErrors) {
  ASSERT_EQ(open(path), SQ_OK);
  Batch batch(4);
  const sq_series_desc page = series(0, "page");
  const sq_pair tag{str("site"), text_value("a")};
  sq_series_desc tagged = page;
  tagged.tags = &tag;
  tagged.n_tags = 1;
  batch.series = {&tagged};
  const uint32_t index[] = {500, 1023, 1024,
                            5120};  // 5120: octave of 2^18, where a bucket holds 512
  const uint64_t count[] = {50, 44, 1, 5};
  const sq_error_count errors[] = {{SQ_K_STATUS, 404, str("404"), 2},
                                   {SQ_K_TIMEOUT, 0, str(""), 1}};
  sq_window& window = batch.windows.emplace_back().window;
  window = {0,  SQ_W_FINAL, 100, 3, 10, 20, {index, count, 4, 100, 123'456, 500, 262'999},
            {}, errors,     2,   0};
  sq_window& counted = batch.add_window(0);
  counted.flags = SQ_W_WARMUP;
  counted.told = 7;
  write(batch);
  close();
  EXPECT_EQ(account.delivered, 2u);
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[1]["tags"], json::parse(R"({"site":"a"})"));
  const json& first = all[2];
  EXPECT_EQ(first["type"], "window");
  EXPECT_EQ(first["name"], "page");
  EXPECT_EQ(first["time"], "2026-11-18T11:06:44.000000000Z") << first["begin_ns"];
  EXPECT_EQ(first["end_ns"].get<uint64_t>() - first["begin_ns"].get<uint64_t>(), 1'000'000'000u);
  EXPECT_EQ(first["count"], 100);
  EXPECT_EQ(first["failed"], 3);
  EXPECT_TRUE(first["final"]);
  const json& response = first["response"];
  EXPECT_EQ(response["buckets"], json::parse("[[500,50],[1023,44],[1024,1],[5120,5]]"));
  EXPECT_EQ(response["p50_ns"], 500);
  EXPECT_EQ(response["p95_ns"], 1'024);
  EXPECT_EQ(response["p99_ns"], 262'144 + 255);
  EXPECT_EQ(response["sum_ns"], 123'456);
  EXPECT_EQ(first["service"], json::parse(R"({"count":0})"));
  EXPECT_EQ(first["errors"], json::parse(R"([{"class":"status","code":404,"detail":"404","count":2},
                                             {"class":"timeout","code":0,"detail":"","count":1}])"));
  EXPECT_FALSE(first.contains("warmup"));
  EXPECT_FALSE(first.contains("told"));
  EXPECT_TRUE(all[3]["warmup"]);
  EXPECT_EQ(all[3]["told"], 7);
  EXPECT_EQ(all[4]["windows"], 2);
}

TEST_F(Jsonl, GaugesAndEvents) {
  ASSERT_EQ(open(path), SQ_OK);
  Batch batch(0);
  batch.gauges = {{str("users"), 12}, {str("memory \"mb\""), 0.1}, {str("lost"), NAN}};
  batch.events = {{1'795'000'000'123'456'789, str("start"), str("line\nbreak")}};
  write(batch);
  close();
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1]["values"], json::parse(R"({"users":12,"memory \"mb\"":0.1,"lost":null})"));
  EXPECT_EQ(all[2], json::parse(R"({"type":"event","time":"2026-11-18T11:06:40.123456789Z",
      "unix_ns":1795000000123456789,"kind":"start","text":"line\nbreak"})"));
  EXPECT_EQ(account.delivered, 4u);
}

TEST_F(Jsonl, AnyBytesBecomeValidJson) {
  struct Row {
    std::string bytes, text;
  };
  const std::string bad = "\ufffd";
  std::vector<Row> rows = {
      {"plain", "plain"},
      {"\"\\/\b\f\n\r\t\x7f", "\"\\/\b\f\n\r\t\x7f"},
      {std::string("nul\0!", 5), std::string("nul\0!", 5)},
      {"ü € 𝄞", "ü € 𝄞"},
      {"\xff\xfe", bad + bad},
      {"a\xc3", "a" + bad},
      {"\xc0\xaf", bad + bad},                      // overlong
      {"\xed\xa0\x80", bad + bad + bad},            // a surrogate
      {"\xf4\x90\x80\x80", bad + bad + bad + bad},  // above U+10FFFF
      {"\xe2\x82(", bad + bad + "("},
  };
  ASSERT_EQ(open(path), SQ_OK);
  Batch batch(0);
  for (const Row& row : rows) batch.add_sample(0).detail = str(row.bytes);
  std::string all_pairs;
  for (int i = 0; i < 65'536; ++i)
    all_pairs += {static_cast<char>(i >> 8), static_cast<char>(i), 'x'};
  batch.add_sample(0).detail = str(all_pairs);
  write(batch);
  close();
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), rows.size() + 3);
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(all[i + 1]["detail"].get<std::string>(), rows[i].text);
}

TEST_F(Jsonl, WithoutSamplesOnlyWindowsAreWritten) {
  ASSERT_EQ(open(path, false), SQ_OK);
  Batch batch(0);
  batch.add_sample(0);
  batch.windows.emplace_back();
  write(batch);
  close();
  const std::vector<json> all = lines();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]["samples"], false);
  EXPECT_EQ(all[1]["type"], "window");
  EXPECT_EQ(all[2]["samples"], 0);
}

TEST_F(Jsonl, ABatchShownAgainIsNotWrittenAgain) {
  ASSERT_EQ(open(path), SQ_OK);
  for (const uint64_t number : {0, 0, 1, 1, 2}) {
    Batch batch(number);
    batch.add_sample(0);
    write(batch);
  }
  close();
  EXPECT_EQ(account.delivered, 5u);
  EXPECT_EQ(lines().back()["samples"], 3);
}

TEST_F(Jsonl, ACompressedFileHoldsTheSame) {
  path += ".gz";
  ASSERT_EQ(open(path), SQ_OK);
  for (uint64_t number = 0; number < 5; ++number) {
    Batch batch(number);
    for (int i = 0; i < 10'000; ++i) batch.add_sample(0);
    write(batch);
  }
  close();
  const std::string plain = path + ".plain";
  ASSERT_EQ(std::system(("gzip -dc " + path + " > " + plain).c_str()), 0);
  EXPECT_LT(std::filesystem::file_size(path) * 10, std::filesystem::file_size(plain));
  std::ifstream file(plain);
  const std::vector<json> all = parse(file);
  std::filesystem::remove(plain);
  EXPECT_EQ(all.size(), 50'002u);
  EXPECT_EQ(all.back()["samples"], 50'000);
}

TEST_F(Jsonl, AFileThatCannotBeWrittenIsSaid) {
  EXPECT_EQ(open("/nonexistent/x.jsonl"), SQ_E_INVALID);
  EXPECT_STREQ(error.text, "cannot write /nonexistent/x.jsonl: No such file or directory");
  EXPECT_EQ(open(""), SQ_E_INVALID);
  EXPECT_STREQ(error.text, "jsonl needs file: a path");
  EXPECT_EQ(open("/dev/full"), SQ_E_IO);
  EXPECT_STREQ(error.text, "cannot write /dev/full: No space left on device");
}

TEST_F(Jsonl, AFullDiskRejectsTheRestAndLeavesWholeLines) {
  ASSERT_EQ(open(path), SQ_OK);
  Batch first(0);
  first.add_sample(0);
  write(first);
  const FileSizeLimit limit(600);  // of a file's size: as if the disk were full
  Batch second(1);
  for (int i = 0; i < 100; ++i) second.add_sample(0);
  write(second);
  EXPECT_EQ(account.delivered, 1u);
  EXPECT_EQ(account.rejected, 100u);
  EXPECT_EQ(account.why, "cannot write " + path + ": File too large");
  Batch third(2);
  third.add_sample(0);
  write(third);
  EXPECT_EQ(account.rejected, 101u);
  close();
  EXPECT_EQ(account.status, SQ_E_IO);
  const std::vector<json> all = lines();  // each line parses
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.back()["type"], "sample");  // no end line: the file says that it was cut
}

TEST_F(Jsonl, RendersFast) {
  ASSERT_EQ(open("/dev/null"), SQ_OK);
  Batch batch(0);
  const sq_series_desc page = series(0, "GET /s/${pages.path}");
  batch.series = {&page};
  for (int i = 0; i < 100'000; ++i) batch.add_sample(0).end_ns += static_cast<uint64_t>(i);
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t number = 0; number < 5; ++number) {
    batch.abi.number = number;
    write(batch);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  close();
  EXPECT_EQ(account.delivered, 500'000u);
  RecordProperty("lines_per_s", static_cast<int>(500'000 / seconds));
}

}  // namespace
