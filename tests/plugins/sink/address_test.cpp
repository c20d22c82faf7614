// Addresses as users write them, and Retry-After as servers do.
#include "sink/address.hpp"

#include <gtest/gtest.h>
#include <squall/plugin.hpp>

#include "sink/http_client.hpp"

namespace squall::sink {
namespace {

std::string url_of(std::string_view text) { return parse_address("url", text, 9200).url(); }

std::string refusal(std::string_view text) {
  try {
    return "taken as " + url_of(text);
  } catch (const plugin::Refusal& refused) {
    EXPECT_EQ(refused.status, SQ_E_INVALID);
    return refused.what();
  }
}

TEST(Address, AsUsersWriteIt) {
  EXPECT_EQ(url_of("http://search"), "http://search:9200");
  EXPECT_EQ(url_of("https://search.example:443/"), "https://search.example:443");
  EXPECT_EQ(url_of("https://search/es//"), "https://search:9200/es");
  EXPECT_EQ(url_of("http://[::1]:80/a/b"), "http://[::1]:80/a/b");
  EXPECT_EQ(parse_address("url", "http://[::1]", 9200).host, "::1");
}

TEST(Address, WhatIsNoneIsToldWithWhatWouldBe) {
  const char* const hint = ": write https://host:9200";
  const std::pair<const char*, const char*> bad[] = {
      {"", "url: '' begins with neither http:// nor https://"},
      {"search:9200", "url: 'search:9200' begins with neither http:// nor https://"},
      {"ftp://search", "url: 'ftp://search' begins with neither http:// nor https://"},
      {"http://", "url: 'http://' names no host"},
      {"http://:9200", "url: 'http://:9200' names no host"},
      {"http://search:", "url: 'http://search:' has no port from 1 to 65535"},
      {"http://search:0", "url: 'http://search:0' has no port from 1 to 65535"},
      {"http://search:65536", "url: 'http://search:65536' has no port from 1 to 65535"},
      {"http://search:9200x", "url: 'http://search:9200x' has no port from 1 to 65535"},
      {"http://[::1", "url: 'http://[::1' has a [ without its ]"},
      {"http://[::1]x", "url: 'http://[::1]x' has something behind the ]"},
      {"http://search/?q=1", "url: 'http://search/?q=1' has a query or a fragment"},
      {"http://search/a b", "url: 'http://search/a b' has a character that no address has"},
      {"http://search\r\nX: y", "url: 'http://search\r\nX: y' has a character that no address has"},
  };
  for (const auto& [text, why] : bad) EXPECT_EQ(refusal(text), std::string(why) + hint);
}

TEST(Address, APasswordInItIsRefusedAndNotRepeated) {
  for (const char* text : {"https://elastic:hunter2@search:9200", "elastic:hunter2@search"}) {
    EXPECT_EQ(refusal(text), "url: a user or password does not belong into it: there are options");
  }
}

TEST(Address, Loopback) {
  for (const char* host : {"http://localhost", "http://127.0.0.1", "http://127.1.2.3", "http://[::1]", "http://a.localhost"})
    EXPECT_TRUE(parse_address("url", host, 1).is_loopback()) << host;
  for (const char* host : {"http://search", "http://127.example", "http://10.0.0.1", "http://[::2]", "http://localhost.example"})
    EXPECT_FALSE(parse_address("url", host, 1).is_loopback()) << host;
}

TEST(RetryAfter, SecondsOrADate) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_retry_after("7", 0), 7s);
  EXPECT_EQ(parse_retry_after("", 0), 0s);
  EXPECT_EQ(parse_retry_after("-5", 0), 0s);
  EXPECT_EQ(parse_retry_after("soon", 0), 0s);
  EXPECT_EQ(parse_retry_after("999999999999", 0), 1h);
  EXPECT_EQ(parse_retry_after("99999999999999999999999", 0), 0s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30), 30s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 30), 0s);
}

}  // namespace
}  // namespace squall::sink
