// What is secret does not get through, in whatever form it travels; what is not stays readable.
#include "report/redaction.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

const Redaction kRedaction({"s3cret \"/pass", "tiny", "tiny-and-longer", ""});

TEST(Redaction, HidesASecretInEachForm) {
  EXPECT_EQ(kRedaction.text("a s3cret \"/pass b"), "a *** b");
  EXPECT_EQ(kRedaction.text(R"({"p":"s3cret \"/pass"})"), R"({"p":"***"})");
  EXPECT_EQ(kRedaction.text("/x?p=s3cret%20%22%2Fpass&q=1"), "/x?p=***&q=1");
  EXPECT_EQ(kRedaction.text("/x?p=s3cret%20%22%2fpass"), "/x?p=***");
  EXPECT_EQ(kRedaction.text("p=s3cret+%22%2Fpass&q=1"), "p=***&q=1");
}

TEST(Redaction, HidesASecretInBase64WhereverItBegins) {
  // base64 of "s3cret \"/pass", "us3cret \"/pass", "uss3cret \"/pass".
  for (const char* text : {"czNjcmV0ICIvcGFzcw==", "dXMzY3JldCAiL3Bhc3M=", "dXNzM2NyZXQgIi9wYXNz"}) {
    const std::string hidden = kRedaction.text(text);
    EXPECT_NE(hidden.find("***"), std::string::npos) << hidden;
    EXPECT_LE(hidden.size(), 3u + 5u) << hidden << ": only what stands around it may be left";
  }
}

TEST(Redaction, TakesTheLongestOfSeveral) { EXPECT_EQ(kRedaction.text("tiny-and-longer tiny"), "*** ***"); }

TEST(Redaction, KeepsThePlacesOfBytes) {
  EXPECT_EQ(kRedaction.same_length(std::string_view("\0tiny\1", 6)), std::string_view("\0****\1", 6));
}

TEST(Redaction, HidesCredentialsOfHeaders) {
  const Redaction nothing({});
  EXPECT_EQ(nothing.text("GET / HTTP/1.1\r\nAuthorization: Bearer abc\r\nHost: x\r\n\r\n"),
            "GET / HTTP/1.1\r\nAuthorization: Bearer ***\r\nHost: x\r\n\r\n");
  EXPECT_EQ(nothing.text("cookie: a=1; b=2\r\n"), "cookie: a=***; b=***\r\n");
  EXPECT_EQ(nothing.text("Set-Cookie: sid=abc; Path=/; HttpOnly\n"), "Set-Cookie: sid=***; Path=/; HttpOnly\n");
  EXPECT_EQ(nothing.text("X-Api-Key:k\nProxy-Authorization: abc"), "X-Api-Key:***\nProxy-Authorization: ***");
  EXPECT_EQ(nothing.text("X-CSRF-Token: 1\nContent-Type: text/plain\n"), "X-CSRF-Token: ***\nContent-Type: text/plain\n");
}

}  // namespace
}  // namespace squall
