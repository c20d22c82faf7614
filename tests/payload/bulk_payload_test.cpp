// Payloads by the byte: generated blobs, files and folders.
#include <cmath>

#include "payload/compression.hpp"
#include "payload_fixture.hpp"

namespace squall {
namespace {

TEST_F(PayloadTest, BlobsHaveTheirSize) {
  EXPECT_EQ(render("{\"size\": 200}").size(), 200u);
  EXPECT_EQ(render("{\"size\": \"2KiB\"}").size(), 2048u);
  EXPECT_EQ(render("{\"size\": \"9MiB\"}").size(), 9u << 20);  // goes round the arena
  EXPECT_EQ(make("{\"size\": \"2GiB\"}").fixed_size(), std::uint64_t{2} << 30);
  const std::string zero = render("{\"size\": \"3MiB\", \"source\": \"zero\"}");
  EXPECT_EQ(zero, std::string(3 << 20, '\0'));
  const std::string pattern =
      render("{\"size\": \"3MiB\", \"source\": \"pattern\", \"magic\": \"ffd8\"}");
  EXPECT_EQ(hex(pattern.substr(0, 5)), "ffd8020304");
  EXPECT_EQ(static_cast<unsigned char>(pattern[1'500'001]), 1'500'001 % 256);
  scope.draws = 0;
  const auto snapshot =
      make("{\"size\": {\"lognormal\": {\"median\": \"120kB\", \"sigma\": 0.5}}}");
  double sum = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string error;
    ASSERT_TRUE(render_payload(snapshot, scope, body, error));
    sum += static_cast<double>(body.size());
  }
  EXPECT_NEAR(sum / 2000, 136e3, 136e3 * 0.04);
}

TEST_F(PayloadTest, BlobsHaveTheSizesOfAFile) {
  write("sizes.csv", "what,bytes\na,30B\nb,1kB\nc,7B\n");
  const auto replay = make("{\"size\": {\"trace\": {\"file\": \"sizes.csv\", \"column\": \"bytes\"}}}");
  EXPECT_EQ(mistake("{\"size\": {\"trace\": {\"file\": \"sizes.csv\", \"column\": \"byte\"}}}"),
            "size: 'sizes.csv' has no column 'byte' (did you mean 'bytes'?)");
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 4; ++i) sizes.push_back(render(replay).size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{30, 1000, 7, 30}));
  scope.arrive(2);
  EXPECT_EQ(render(replay).size(), 7u);
}

TEST_F(PayloadTest, BlobsDifferByUserAndRepeatWithTheSeed) {
  const auto blob = make("{\"size\": \"4kB\"}");
  const auto of = [&](std::uint64_t user, std::uint64_t iteration) {
    scope.user_index = user;
    scope.iteration = iteration;
    scope.draws = 0;
    return render(blob);
  };
  const std::string first = of(1, 1);
  EXPECT_EQ(first, of(1, 1));
  EXPECT_NE(first, of(2, 1));
  EXPECT_NE(first, of(1, 2));
}

TEST_F(PayloadTest, BlobsCompressAsSaid) {
  for (const double ratio : {1.0, 1.5, 3.0, 8.0, 20.0}) {
    for (const char* size : {"64KiB", "1MiB"}) {
      scope.draws = 0;
      const std::string bytes = render("{\"size\": \"" + std::string(size) +
                                       "\", \"compressible\": " + std::to_string(ratio) + "}");
      std::string packed;
      ASSERT_TRUE(compress(Coding::deflate, bytes, packed));
      EXPECT_NEAR(static_cast<double>(bytes.size()) / static_cast<double>(packed.size()), ratio,
                  ratio * 0.05)
          << ratio << " " << size;
    }
  }
  const std::string bytes = render("{\"size\": \"1MiB\", \"entropy\": 5.5}");
  double counts[256] = {}, entropy = 0;
  for (char byte : bytes) ++counts[static_cast<unsigned char>(byte)];
  for (double count : counts)
    entropy -= count == 0 ? 0 : count / 1048576 * std::log2(count / 1048576);
  EXPECT_NEAR(entropy, 5.5, 0.02);
}

TEST_F(PayloadTest, SendsFilesAsRanges) {
  std::string content(3'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 >> 3);
  write("export.mp4", content);
  const auto whole = make("{\"file\": \"export.mp4\"}");
  EXPECT_EQ(whole.content_type, "video/mp4");
  EXPECT_EQ(whole.fixed_size(), content.size());
  EXPECT_TRUE(render(whole) == content);
  Chunk chunk;
  ASSERT_TRUE(body.next(1 << 20, chunk));
  EXPECT_GE(chunk.fd, 0);
  ASSERT_TRUE(body.next(1 << 20, chunk));
  EXPECT_EQ(chunk.offset, 1u << 20);
  EXPECT_EQ(chunk.size, 1u << 20);
  std::string_view view;
  EXPECT_FALSE(body.contiguous(view));

  const auto chunks = make("{\"file\": \"export.mp4\", \"chunk\": \"1MiB\"}");
  scope.user_index = 0;
  std::string joined;
  for (int i = 0; i < 3; ++i) joined += render(chunks);
  EXPECT_TRUE(joined == content);
  EXPECT_TRUE(render(chunks) == content.substr(0, 1 << 20)) << "begins anew";
  const auto random = make(
      "{\"file\": \"export.mp4\", \"chunk\": {\"uniform\": [\"1kB\", \"9kB\"]}, \"order\": "
      "\"random\"}");
  for (int i = 0; i < 50; ++i) {
    const std::string part = render(random);
    ASSERT_GE(part.size(), 1000u);
    ASSERT_LE(part.size(), 9000u);
    ASSERT_NE(content.find(part), std::string::npos);
  }
  write("small.txt", "small");
  const auto small = make("{\"file\": \"small.txt\"}");
  render(small);
  EXPECT_TRUE(body.contiguous(view));
  EXPECT_EQ(view, "small");
  EXPECT_EQ(mistake("{\"file\": \"none.bin\"}"),
            "cannot read '" + folder + "/none.bin': No such file or directory");
}

TEST_F(PayloadTest, FoldersAreDealtInTurn) {
  std::filesystem::create_directories(folder + "/pictures");
  write("pictures/a.jpg", "A");
  write("pictures/b.jpg", "BB");
  const auto pictures = make("{\"file\": \"pictures\"}");
  scope.user_index = 1;
  std::string joined;
  for (int i = 0; i < 4; ++i) joined += render(pictures) + ",";
  EXPECT_EQ(joined, "BB,A,BB,A,");
  joined.clear();
  for (int arrival = 0; arrival < 3; ++arrival) {   // of open load: whoever takes it
    scope.arrive(static_cast<std::uint64_t>(arrival));
    joined += render(pictures) + ",";
  }
  EXPECT_EQ(joined, "A,BB,A,");
}

}  // namespace
}  // namespace squall
