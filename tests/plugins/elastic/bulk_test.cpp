// What answers of _bulk mean.
#include "bulk.hpp"

#include <gtest/gtest.h>

namespace squall::elastic {
namespace {

using sink::Answer;
using sink::Fate;
using Kind = sink::Answer::Kind;

Answer judge_items(const std::string& items, size_t n) {
  return judge({200, "", "{\"took\":1,\"errors\":true,\"items\":[" + items + "]}", ""}, n, 0);
}

TEST(ElasticBulk, EachItemHasItsFate) {
  const Answer answer = judge_items(
      R"({"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"is there"}}},)"
      R"({"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}},{"create":{"status":503}},)"
      R"({"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse field"}}},)"
      R"({"create":{"status":403,"error":{"type":"security_exception","reason":"not yours"}}})", 6);
  ASSERT_EQ(answer.kind, Kind::judged);
  EXPECT_EQ(answer.fates, (std::vector<Fate>{Fate::delivered, Fate::delivered, Fate::again, Fate::again, Fate::rejected, Fate::rejected}));
  EXPECT_EQ(answer.why, "400: document_parsing_exception: failed to parse field");
  EXPECT_EQ(judge_items(R"({"create":{"status":429,"error":{"type":"busy","reason":"queue full"}}})", 1).why, "429: busy: queue full");
}

TEST(ElasticBulk, ABrokenAnswerIsNone) {
  for (const char* body : {"", "{", "[]", "null", "{}", R"({"items":{}})", R"({"items":[]})", R"({"items":[{"create":{"status":201}}]})",
                           R"({"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]})",
                           R"({"items":[{"create":{"status":201}},{"create":{}}]})", R"({"items":[{"create":{"status":201}},7]})",
                           R"({"items":[{"create":{"status":201}},{"create":{"status":"201"}}]})", "<html>"}) {
    const Answer answer = judge({200, "", body, ""}, 2, 0);
    EXPECT_EQ(answer.kind, Kind::later) << body;
    EXPECT_NE(answer.why, "") << body;
  }
}

TEST(ElasticBulk, AWholeAnswer) {
  const std::pair<unsigned, Kind> kinds[] = {
      {0, Kind::later},   {429, Kind::later},   {500, Kind::later},   {502, Kind::later},   {503, Kind::later},  {504, Kind::later},
      {400, Kind::split}, {413, Kind::split},   {401, Kind::refused}, {403, Kind::refused}, {404, Kind::refused}, {405, Kind::refused},
      {301, Kind::refused}, {204, Kind::refused}};
  for (const auto& [status, kind] : kinds) EXPECT_EQ(judge({status, "", "", "why"}, 1, 0).kind, kind) << status;
  EXPECT_EQ(judge({0, "", "", "cannot connect"}, 1, 0).why, "cannot connect");
  const Answer busy = judge({503, "7", R"({"error":{"type":"busy","reason":"come\nagain"},"status":503})", ""}, 1, 0);
  EXPECT_EQ(busy.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(busy.why, "503: busy: come again");
  EXPECT_EQ(judge({400, "", R"({"error":"no handler"})", ""}, 1, 0).why, "400: no handler");
  EXPECT_EQ(judge({502, "", "<html>Bad Gateway</html>", ""}, 1, 0).why, "502");
  EXPECT_EQ(judge({302, "", "", ""}, 1, 0).why, "302: it is somewhere else: write that as the url");
  EXPECT_LT(judge({400, "", R"({"error":")" + std::string(5000, 'x') + R"("})", ""}, 1, 0).why.size(), 320u);
}

}  // namespace
}  // namespace squall::elastic
