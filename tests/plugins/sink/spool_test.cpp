// Segment files: what is written is read again, in order, also by another run; what is damaged is told.
#include "sink/spool.hpp"

#include <gtest/gtest.h>
#include <squall/plugin.hpp>

#include <fstream>

#include "scratch_folder.hpp"

namespace squall::sink {
namespace {

std::vector<Record> records(int from, int to) {
  std::vector<Record> made;
  for (int i = from; i < to; ++i) made.push_back({"record " + std::to_string(i) + std::string("\0\n", 2), uint32_t(i)});
  return made;
}

std::vector<std::string> all_of(Spool& spool) {
  std::vector<std::string> found;
  while (!spool.is_empty()) {
    const auto segment = spool.front();
    for (const Record& record : segment->records) found.push_back(record.bytes + "/" + std::to_string(record.items));
    spool.remove_front();
  }
  return found;
}

std::vector<std::string> texts(std::span<const Record> given) {
  std::vector<std::string> made;
  for (const Record& record : given) made.push_back(record.bytes + "/" + std::to_string(record.items));
  return made;
}

size_t files_in(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += entry.path().filename() != "lock";
  return count;
}

std::string refusal(const std::string& folder, const char* kind) {
  try {
    Spool(folder, kind, 1 << 20, 100);
  } catch (const plugin::Refusal& refused) {
    return refused.what();
  }
  return "";
}

TEST(Spool, GivesBackWhatItWasGivenInOrder) {
  ScratchFolder folder;
  {
    Spool spool(folder.path + "/made/for/it", "test", 1 << 20, 100);
    EXPECT_EQ(spool.append(records(0, 30)), 30u);
    EXPECT_GT(files_in(spool.folder()), 5u);
    EXPECT_FALSE(spool.front()->is_earlier);
  }
  Spool spool(folder.path + "/made/for/it", "test", 1 << 20, 100);
  EXPECT_EQ(spool.earlier_items(), uint64_t(29 * 30 / 2));
  EXPECT_TRUE(spool.front()->is_earlier);
  EXPECT_EQ(spool.append(records(30, 40)), 10u);
  EXPECT_EQ(all_of(spool), texts(records(0, 40)));
  EXPECT_EQ(files_in(spool.folder()), 0u);
}

TEST(Spool, AppendsAfterTheLastFileWasTaken) {
  ScratchFolder folder;
  Spool spool(folder.path, "test", 1 << 20, 1 << 20);
  spool.append(records(0, 2));
  const auto segment = spool.front();
  EXPECT_EQ(texts(segment->records), texts(records(0, 2)));
  spool.append(records(2, 4));   // not into what is on its way
  spool.remove_front();
  EXPECT_EQ(all_of(spool), texts(records(2, 4)));
}

TEST(Spool, KeepsOnlyWhatIsLeftOfASegment) {
  ScratchFolder folder;
  {
    Spool spool(folder.path, "test", 1 << 20, 1 << 20);
    spool.append(records(1, 9));
    spool.front();
    spool.append(records(9, 10));
    EXPECT_TRUE(spool.replace_front(records(5, 9)));
  }
  Spool spool(folder.path, "test", 1 << 20, 1 << 20);
  EXPECT_EQ(all_of(spool), texts(records(5, 10)));
}

TEST(Spool, TakesNoMoreThanItsLimit) {
  ScratchFolder folder;
  Spool spool(folder.path, "test", 300, 100);
  const size_t taken = spool.append(records(0, 100));
  EXPECT_GT(taken, 3u);
  EXPECT_LT(taken, 20u);
  EXPECT_EQ(spool.problem(), "spool: " + folder.path + " is full (spool_limit)");
  spool.remove_front();
  EXPECT_GT(spool.append(records(0, 1)), 0u);
}

TEST(Spool, ATornOrDamagedRecordEndsItsFileAndIsTold) {
  for (const bool is_torn : {true, false}) {
    ScratchFolder folder;
    Spool spool(folder.path, "test", 1 << 20, 1 << 20);
    spool.append(records(1, 5));
    const std::string path = folder.path + "/segment-000000000001";
    const auto size = std::filesystem::file_size(path);
    if (is_torn) {
      std::filesystem::resize_file(path, size - 1);
    } else {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(size - 1));
      file.put('X');
    }
    const auto segment = spool.front();
    EXPECT_EQ(texts(segment->records), texts(records(1, 4)));
    EXPECT_EQ(segment->lost_items, 4u);
    EXPECT_EQ(spool.problem(), "spool: " + path + " is damaged");
  }
}

TEST(Spool, AFileWithoutItsFirstLineIsOneWithoutRecords) {
  ScratchFolder folder;
  std::ofstream(folder.path + "/segment-000000000003") << "squall-sp";
  Spool spool(folder.path, "test", 1 << 20, 100);
  EXPECT_EQ(spool.earlier_items(), 0u);
  EXPECT_TRUE(spool.front()->records.empty());
}

TEST(Spool, IsOneOutputsAndOneRunsAtATime) {
  ScratchFolder folder;
  {
    Spool spool(folder.path, "test", 1 << 20, 100);
    spool.append(records(0, 1));
    EXPECT_EQ(refusal(folder.path, "test"),
              "spool: " + folder.path + " is another run's at the moment: give each a folder of its own");
  }
  EXPECT_EQ(refusal(folder.path, "other"),
            "spool: " + folder.path + "/segment-000000000001 is of another output: `squall-spool 1 other` would be its first line. "
            "Give each output a folder of its own");
  std::ofstream(folder.path + "/file") << "x";
  EXPECT_EQ(refusal(folder.path + "/file", "test"), "spool: cannot make " + folder.path + "/file: Not a directory");
}

}  // namespace
}  // namespace squall::sink
