// Lines of access logs as Apache and nginx write them, and lines that are none.
#include "scenario/access_log.hpp"

#include <gtest/gtest.h>

#include "scenario/dataset.hpp"

namespace squall {
namespace {

AccessLogLine read(const std::string& text) {
  static std::string kept;   // the line's views look into it
  kept = text;
  AccessLogLine line;
  const auto mistake = read_access_log_line(kept, line);
  EXPECT_FALSE(mistake) << text << ": " << (mistake ? mistake->text : "");
  return line;
}

std::string mistake(const std::string& text) {
  AccessLogLine line;
  const auto found = read_access_log_line(text, line);
  return found ? std::to_string(found->offset) + ": " + found->text : "no mistake";
}

const std::string kHead = "h - - [10/Oct/2000:13:55:36 -0700] ";
std::string of_request(const std::string& request) { return kHead + "\"" + request + "\" 200 5"; }

TEST(AccessLog, CommonFormat) {
  const auto line = read(R"(127.0.0.1 ident frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif?a=b HTTP/1.0" 200 2326)");
  EXPECT_EQ(line.host, "127.0.0.1");
  EXPECT_EQ(line.ident, "ident");
  EXPECT_EQ(line.user, "frank");
  EXPECT_EQ(line.time_s, 971'211'336);
  EXPECT_EQ(line.method, "GET");
  EXPECT_EQ(line.path, "/apache_pb.gif?a=b");
  EXPECT_EQ(line.protocol, "HTTP/1.0");
  EXPECT_EQ(line.request, "GET /apache_pb.gif?a=b HTTP/1.0");
  EXPECT_EQ(line.status, "200");
  EXPECT_EQ(line.bytes, "2326");
  EXPECT_EQ(line.referer, "");
  EXPECT_EQ(line.user_agent, "");
}

TEST(AccessLog, CombinedFormat) {
  const auto line = read(R"x(::1 - John Doe [10/Oct/2000:13:55:36 -0700] "POST / HTTP/2" 204 - "-" "Mozilla/5.0 (\"x\")" "10.0.0.1")x");
  EXPECT_EQ(line.host, "::1");
  EXPECT_EQ(line.ident, "");
  EXPECT_EQ(line.user, "John Doe");
  EXPECT_EQ(line.protocol, "HTTP/2");
  EXPECT_EQ(line.bytes, "0");
  EXPECT_EQ(line.referer, "");
  EXPECT_EQ(line.user_agent, "Mozilla/5.0 (\"x\")");
}

TEST(AccessLog, EscapesAreUndoneAndNothingElseIsTouched) {
  EXPECT_EQ(read(of_request(R"(GET /\"q\"/\\b/\x41\xc3\xBC\x00?a=%20+\t HTTP/1.1)")).path,
            std::string("/\"q\"/\\b/A\xC3\xBC\0?a=%20+\t", 20));
  EXPECT_EQ(read(of_request("GET /\xFF\xC3 HTTP/1.1")).path, "/\xFF\xC3");   // bytes that stand there as they are
  EXPECT_EQ(read(of_request("GET /a b  c HTTP/1.1")).path, "/a b  c");
  EXPECT_EQ(read(of_request("OPTIONS * HTTP/1.1")).path, "*");
  EXPECT_EQ(read(of_request("CONNECT h:443 HTTP/1.1")).path, "h:443");
  EXPECT_EQ(read(of_request("GET http://h/x HTTP/1.1")).path, "http://h/x");
}

TEST(AccessLog, WhatIsNoRequestIsSaid) {
  EXPECT_EQ(mistake(of_request("-")), "35: the request is no METHOD PATH HTTP/VERSION but '-'");
  EXPECT_EQ(mistake(of_request(R"(\x16\x03\x01\x00\xEE)")),
            "35: the request is no METHOD PATH HTTP/VERSION but '\\x16\\x03\\x01\\x00\\xee'");
  for (const char* request : {"", "GET", "GET /", "GET HTTP/1.1", "GET  HTTP/1.1", "GET / HTTP/1.1x", "GET / FTP/1.1", " / HTTP/1.1",
                              "G(T / HTTP/1.1", "SSH-2.0-Go"})
    EXPECT_EQ(mistake(of_request(request)), std::string("35: the request is no METHOD PATH HTTP/VERSION but '") + request + "'");
}

TEST(AccessLog, WhatIsNoLineIsSaidWithItsPlace) {
  EXPECT_EQ(mistake(""), "0: the line does not begin with host, ident, user and [time]");
  EXPECT_EQ(mistake("host,ident"), "0: the line does not begin with host, ident, user and [time]");
  EXPECT_EQ(mistake("h - - 10/Oct/2000 x"), "0: the line does not begin with host, ident, user and [time]");
  EXPECT_EQ(mistake("h - - [10/Oct/2000] \"GET / HTTP/1.1\" 200 5"), "7: '10/Oct/2000' is no time such as 10/Oct/2000:13:55:36 -0700");
  EXPECT_EQ(mistake(kHead + "GET / HTTP/1.1 200 5"), "35: the request: a '\"' is missing");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1 200 5"), "35: the request: the quote is never closed");
  EXPECT_EQ(mistake(of_request(R"(GET /\u0041 HTTP/1.1)")), "35: the request: an escape that neither Apache nor nginx writes");
  EXPECT_EQ(mistake(of_request(R"(GET /\x4 HTTP/1.1)")), "35: the request: an escape that neither Apache nor nginx writes");
  EXPECT_EQ(mistake(of_request(R"(GET / HTTP/1.1"x)")), "35: the request: text after the closing quote");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1\" ok 5"), "52: 'ok' is no status");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1\" 200"), "55: '' is no number of bytes");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1\" 200 5 0.3"), "57: the referer: a '\"' is missing");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1\" 200 5 \"-\""), "61: the user agent is missing");
  EXPECT_EQ(mistake(kHead + "\"GET / HTTP/1.1\" 200 5 \"-\" \"x\"y"), "65: the user agent: text after the closing quote");
  const std::string whole = of_request("GET / HTTP/1.1");   // what a full disk cuts short, anywhere
  for (std::size_t length = 0; length < whole.size(); ++length) EXPECT_NE(mistake(whole.substr(0, length)), "no mistake") << length;
}

std::variant<Dataset, DataError> parse(const std::string& text, const Dataset::Where& where = {}) {
  return Dataset::parse(text, Dataset::Format::combined, where);
}

TEST(AccessLogData, HasAColumnForEachPart) {
  const auto parsed = parse(of_request("GET /a HTTP/1.1") + "\r\n\n" + of_request("HEAD /b HTTP/1.1") + " \"r\" \"u\"");
  const Dataset& data = std::get<Dataset>(parsed);
  EXPECT_EQ(data.columns(), (std::vector<std::string>{"host", "ident", "user", "time", "method", "path", "protocol", "request",
                                                      "status", "bytes", "referer", "user_agent"}));
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data.field(0, *data.column("path")), "/a");
  EXPECT_EQ(data.field(1, *data.column("time")), "971211336");
  EXPECT_EQ(data.field(1, *data.column("request")), "HEAD /b HTTP/1.1");
  EXPECT_EQ(data.field(1, *data.column("user_agent")), "u");
  EXPECT_EQ(data.left_out().lines, 0u);
  EXPECT_EQ(data.left_out_text(), "");
  EXPECT_EQ(std::get<Dataset>(parse(of_request("GET /a HTTP/1.1") + "\n" + of_request("HEAD /b HTTP/1.1"), {{"method", {"HEAD"}}})).size(), 1u);
}

TEST(AccessLogData, LeavesOutUpToATenthAndSaysSo) {
  std::string text;
  for (int i = 0; i < 18; ++i) text += of_request("GET /" + std::to_string(i) + " HTTP/1.1") + "\n";
  const std::string garbage = of_request("-") + "\n";
  auto parsed = parse(text + garbage + garbage);
  Dataset& data = std::get<Dataset>(parsed);
  data.name = "log";
  data.file = "a.log";
  EXPECT_EQ(data.size(), 18u);
  EXPECT_EQ(data.left_out().lines, 2u);
  EXPECT_EQ(data.left_out().of, 20u);
  EXPECT_EQ(data.left_out_text(), "dataset 'log': 2 of 20 lines are no requests and are left out; the first is a.log:19:36: "
                                  "the request is no METHOD PATH HTTP/VERSION but '-'");
  const auto refused = parse(garbage + text + garbage + garbage);
  const DataError& error = std::get<DataError>(refused);
  EXPECT_EQ(error.line, 1u);
  EXPECT_EQ(error.column, 36u);
  EXPECT_EQ(error.text, "the request is no METHOD PATH HTTP/VERSION but '-'; so are 3 of 21 lines, and more than a tenth is no access "
                        "log (`format` says what the file is)");
  EXPECT_EQ(std::get<DataError>(parse("\n\r\n")).text, "the file is empty");
}

}  // namespace
}  // namespace squall
