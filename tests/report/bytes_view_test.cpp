// Bytes for eyes: text as text, the rest as a dump, bounded, and nothing that steers a terminal.
#include "report/bytes_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace squall {
namespace {

const Redaction kNothing({});

TEST(BytesView, ShowsTextLineByLine) {
  EXPECT_EQ(bytes_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n{\"ä\":1}", 35, "> ", kNothing),
            "> GET / HTTP/1.1\n> Host: x\n>\n> {\"ä\":1}\n");
  EXPECT_EQ(bytes_view("", 0, "> ", kNothing), "");
}

TEST(BytesView, DumpsABinaryBodyBelowATextHead) {
  const std::string_view message("HTTP/1.1 200 OK\r\n\r\n\x1f\x8b\0z", 23);
  EXPECT_EQ(bytes_view(message, message.size(), "< ", kNothing),
            "< HTTP/1.1 200 OK\n<\n< 00000000  1f 8b 00 7a                                      |...z|\n");
}

TEST(BytesView, SaysWhatIsLeftOut) {
  const std::string text(kKeptBytes, 'x');
  const std::string shown = bytes_view(text, 1'000'000, "> ", kNothing);
  EXPECT_LT(shown.size(), kShownTextBytes + 200);
  EXPECT_NE(shown.find("… 995,904 more bytes of 1,000,000 are not shown"), std::string::npos) << shown.substr(kShownTextBytes);
  const std::string dump = bytes_view(std::string(1000, '\0'), 1000, "> ", kNothing);
  EXPECT_EQ(std::count(dump.begin(), dump.end(), '\n'), 17);
  EXPECT_NE(dump.find("… 744 more bytes of 1,000"), std::string::npos);
}

TEST(BytesView, ASecretThatCrossesTheLimitIsHidden) {
  const Redaction redaction({"very-long-secret-value"});
  std::string text(kShownTextBytes - 10, 'x');
  text += "very-long-secret-value and more";
  const std::string shown = bytes_view(text, text.size(), "", redaction);
  EXPECT_EQ(shown.find("very"), std::string::npos) << shown.substr(kShownTextBytes - 20);
}

TEST(BytesView, NothingSteersATerminal) {
  for (const std::string_view hostile : {"\x1b[2J", "a\x07", "\xC2\x9B" "2J", "\x7f", "\xff\xfe", "a\b"}) {
    EXPECT_FALSE(is_text(hostile));
    const std::string shown = bytes_view(hostile, hostile.size(), "> ", kNothing) + short_view(hostile, kNothing);
    for (const char c : shown) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << shown;
    EXPECT_EQ(shown.find('\x7f'), std::string::npos);
    EXPECT_EQ(shown.find('\x9B'), std::string::npos);
  }
  EXPECT_EQ(bytes_view("a\rb\n", 4, "> ", kNothing), "> a?b\n") << "a line may not be overwritten";
}

TEST(BytesView, HalfACharacterAtTheCutIsText) {
  EXPECT_TRUE(is_text("gr\xC3", true));
  EXPECT_FALSE(is_text("gr\xC3", false));
  EXPECT_TRUE(is_text("grün €\t\r\n"));
}

TEST(ShortView, FitsInALine) {
  EXPECT_EQ(short_view("a\nb\tc", kNothing), "a\\nb\\tc");
  EXPECT_EQ(short_view(std::string(500, 'x'), kNothing, 5), "xxxxx… (500 bytes)");
  EXPECT_EQ(short_view(std::string_view("\0\1", 2), kNothing), "2 bytes: 00 01");
}

}  // namespace
}  // namespace squall
