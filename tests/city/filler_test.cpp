// Made-up bodies: their bytes across block ends, and gzip's frame (RFC 1952).
#include "filler.hpp"

#include <gtest/gtest.h>

namespace squall::city {
namespace {

TEST(Filler, ByteIIsTheIthLetterAcrossBlocks) {
  const Filler filler;
  std::string whole;
  const std::uint64_t size = Filler::kBlockSize + 1000;
  while (whole.size() < size) whole += filler.piece(whole.size(), size - whole.size());
  ASSERT_EQ(whole.size(), size);
  for (std::size_t i = 0; i < whole.size(); ++i)
    ASSERT_EQ(whole[i], static_cast<char>('a' + i % 26)) << i;
}

TEST(GzipFiller, HasTheFrameOfAGzipFile) {
  const Filler filler;
  GzipFiller gzip(filler);
  for (const std::uint64_t size : {0ull, 1ull, 60ull, 100'000ull, 3'000'000ull}) {
    const auto body = gzip.body(size);
    ASSERT_GE(body.size(), 18u);
    EXPECT_EQ(body.substr(0, 3), "\x1f\x8b\x08");
    std::uint64_t stated = 0;
    for (int i = 0; i < 4; ++i)
      stated |= std::uint64_t{static_cast<unsigned char>(body[body.size() - 4 + i])} << 8 * i;
    EXPECT_EQ(stated, size);
  }
}

TEST(GzipFiller, MakesTheSameBytesAgainAfterForgetting) {
  const Filler filler;
  GzipFiller gzip(filler);
  const std::string first(gzip.body(500));
  for (std::uint64_t size = 1000; size < 1100; ++size) gzip.body(size);
  EXPECT_EQ(gzip.body(500), first);
}

}  // namespace
}  // namespace squall::city
