// Requests in pieces, the little text functions, and the way a path takes.
#include "http_request.hpp"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>

#include "http_routes.hpp"

namespace squall::city {
namespace {

struct Kept final : BodySink {
  void add(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

TEST(HttpRequest, IsTheSameWhereverItIsCut) {
  const std::string wire =
      "POST /T1/echo?seq=7&x=%41 HTTP/1.1\r\nHost: c\r\nx-class: P1\r\nCookie: a=1; session=tok\r\n"
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n";
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    RequestHead head;
    Kept body;
    HttpRequest request(head, body);
    std::size_t used = 0;
    for (const std::size_t end : {cut, wire.size()}) {
      boost::beast::error_code error;
      while (!request.is_done() && used < end) {
        const auto now = request.put(boost::asio::buffer(wire.data() + used, end - used), error);
        used += now;
        if (error) {
          ASSERT_EQ(error, http::error::need_more) << cut;
          break;
        }
      }
    }
    ASSERT_TRUE(request.is_done()) << cut;
    EXPECT_EQ(used, wire.size());
    EXPECT_EQ(head.path(), "/T1/echo");
    EXPECT_EQ(query_value(head.query(), "seq"), "7");
    EXPECT_EQ(head.class_field, "P1");
    EXPECT_EQ(cookie_value(head.cookie, "session"), "tok");
    EXPECT_EQ(body.text, "hello world");
  }
}

TEST(HttpRequest, RefusesAHeaderPastTheLimit) {
  RequestHead head;
  Kept body;
  HttpRequest request(head, body);
  const std::string wire =
      "GET / HTTP/1.1\r\nX-Long: " + std::string(2 * HttpRequest::kMaxHeaderSize, 'x');
  boost::beast::error_code error;
  request.put(boost::asio::buffer(wire), error);
  EXPECT_EQ(error, http::error::header_limit);
}

TEST(QueryValue, FindsWholeNamesOnly) {
  EXPECT_EQ(query_value("xseq=1&seq=2&seq=3", "seq"), "2");
  EXPECT_EQ(query_value("seq", "seq"), "");
  EXPECT_EQ(query_value("", "seq"), "");
  EXPECT_EQ(query_value("a=&b=1", "a"), "");
}

TEST(UrlDecode, LeavesBrokenEscapes) {
  EXPECT_EQ(url_decode("a%2Fb+c%zz%4"), "a/b c%zz%4");
  EXPECT_EQ(url_decode("%41"), "A");
}

TEST(ToNumber, IsAllDigitsOrNothing) {
  EXPECT_EQ(to_number("18446744073709551615"), 18446744073709551615ull);
  for (const auto* text : {"", "-1", "1x", " 1", "18446744073709551616"})
    EXPECT_EQ(to_number(text), std::nullopt) << text;
}

TEST(FindWay, ClassComesFromHeaderThenQueryThenPath) {
  RequestHead head;
  const auto way = [&](const char* target) {
    head.target = target;
    return find_way(head);
  };
  EXPECT_EQ(way("/").class_name, "root");
  EXPECT_EQ(way("/page/a/b").class_name, "page");
  EXPECT_EQ(way("/page/a/b").rest, "a/b");
  EXPECT_EQ(way("/T1").class_name, "T1");
  EXPECT_EQ(way("/T1").route->name, "");
  EXPECT_EQ(way("/C2/snapshots/9").route->name, "snapshots");
  EXPECT_EQ(way("/C2/snapshots/9").class_prefix, "/C2");
  EXPECT_EQ(way("/C2/snapshots/9?class=U1").class_name, "U1");
  EXPECT_EQ(way("/nowhere").route->name, "?");
  EXPECT_EQ(way("*").route->name, "?");
  head.class_field = "K1";
  EXPECT_EQ(way("/C2/snapshots/9?class=U1").class_name, "K1");
}

}  // namespace
}  // namespace squall::city
