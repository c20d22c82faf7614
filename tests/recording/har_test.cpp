// Reading: times, addresses, names of secrets, and what of the file is kept.
#include "recording/har.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "recording/iso_time.hpp"
#include "recording/recorded_url.hpp"
#include "recording/secret_book.hpp"

namespace squall {
namespace {

TEST(IsoTime, ReadsWhatBrowsersWrite) {
  EXPECT_EQ(parse_iso_time_us("1970-01-01T00:00:01Z"), 1'000'000);
  EXPECT_EQ(parse_iso_time_us("1970-01-01T00:00:00.1234567Z"), 123'456);
  EXPECT_EQ(parse_iso_time_us("2026-11-22T12:00:00.5+02:00"), parse_iso_time_us("2026-11-22T10:00:00.500Z"));
  EXPECT_EQ(parse_iso_time_us("2026-11-22T05:30:00-0430"), parse_iso_time_us("2026-11-22T10:00:00Z"));
  EXPECT_EQ(parse_iso_time_us("2024-02-29T00:00:00Z"), 1'709'164'800'000'000);
  for (const char* text : {"", "2026-11-22", "2026-11-22T10:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:00:00.Z",
                           "2026-11-22T10:00:00Zx", "x026-11-22T10:00:00Z", "2026-11-22T10:00:00+2"})
    EXPECT_FALSE(parse_iso_time_us(text)) << text;
}

TEST(RecordedUrl, IsTakenApart) {
  const auto url = parse_recorded_url("HTTPS://anna:pw@Shop.Example:443/a/b?c=d/e#f");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin, "https://shop.example");
  EXPECT_EQ(url->path(), "/a/b");
  EXPECT_EQ(url->query(), "c=d/e");
  EXPECT_EQ(parse_recorded_url("http://[::1]:8080?x")->origin, "http://[::1]:8080");
  EXPECT_EQ(parse_recorded_url("http://[::1]:8080?x")->target, "/?x");
  EXPECT_EQ(parse_recorded_url("http://h")->target, "/");
  for (const char* text : {"", "h/x", "ftp://h/", "http:/h", "http://", "http://h:0/", "http://h:x/", "data:,http://h"}) EXPECT_FALSE(parse_recorded_url(text)) << text;
  EXPECT_EQ(percent_decoded("a%2Fb+c%41", true), "a/b cA");
  EXPECT_EQ(percent_decoded("a+b", false), "a+b");
  for (const char* text : {"%", "%4", "%4g", "a%"}) EXPECT_FALSE(percent_decoded(text, true)) << text;
}

TEST(SecretBook, KnowsSecretsByTheirNames) {
  for (const char* field : {"password", "user[password]", "newPassword2", "PASSWD", "pwd", "access_token", "accessToken", "csrfmiddlewaretoken", "X-Api-Key", "apiKey",
                            "client_secret", "pin", "card-cvv", "PHPSESSIONID", "__RequestVerificationToken", "X-CSRF-Token", "X-Amz-Signature"})
    EXPECT_TRUE(is_secret_name(field)) << field;
  for (const char* field : {"", "user", "opinion", "spinner", "max_tokens", "passenger", "author", "sidebar", "key", "tokenizer", "design"}) EXPECT_FALSE(is_secret_name(field)) << field;
}

TEST(SecretBook, OneNameForOneValue) {
  SecretBook book;
  EXPECT_EQ(book.reference("password", "one-value", "a"), "secret.PASSWORD");
  EXPECT_EQ(book.reference("password", "two", "b"), "secret.PASSWORD_2");
  EXPECT_EQ(book.reference("password", "one-value", "c"), "secret.PASSWORD");
  EXPECT_EQ(book.reference("password_2", "three", "d"), "secret.PASSWORD_2_X");
  EXPECT_EQ(book.reference("2fa-Pin", "four", "e"), "secret.S_2FA_PIN");
  EXPECT_EQ(book.reference("ü", "five", "f"), "secret.VALUE");
  EXPECT_EQ(book.secrets().size(), 5u);
  EXPECT_EQ(book.found_in("x one-value two"), std::vector<std::string>{"PASSWORD"});
}

TEST(Har, EntriesAreInTheOrderInWhichTheyBegan) {
  std::istringstream in(R"(﻿{"log":{"browser":{"name":"B","version":"1"},"pages":[{"id":"p"},{"id":"p","title":"again"}],"entries":[
    {"startedDateTime":"2026-11-22T10:00:01Z","time":-1,"request":{"method":"GET","url":"b"},"response":{"status":0,"content":{"mimeType":"x","text":"dropped"}}},
    {"startedDateTime":"2026-11-22T10:00:00Z","time":1.5,"pageref":"p","_fromCache":"memory","_other":1,
     "request":{"method":"POST","url":"a","bodySize":3,"postData":{"mimeType":"t","text":"kept"}},"response":{"status":200}}]}})");
  const HarResult result = read_har(in);
  ASSERT_TRUE(result.har) << result.mistakes.at(0);
  EXPECT_EQ(result.har->recorder, "B 1");
  EXPECT_EQ(result.har->pages.size(), 1u);
  const HarEntry &first = result.har->entries.at(0), &second = result.har->entries.at(1);
  EXPECT_EQ(first.url, "a");
  EXPECT_EQ(first.index, 1u);
  EXPECT_EQ(first.took_us, 1500);
  EXPECT_TRUE(first.is_cached);
  EXPECT_EQ(first.body->bytes, "kept");
  EXPECT_FALSE(first.lost_body);
  EXPECT_EQ(second.took_us, 0);
  EXPECT_FALSE(second.body);
}

}  // namespace
}  // namespace squall
