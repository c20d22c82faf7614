// A file that takes whole batches of lines, compressed when its name ends in .gz.  After an error
// it is cut back to the last batch that was whole and takes nothing more: half a line never stands
// in the middle of a file.  Blocking; for the io shard.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

struct z_stream_s;

namespace squall::jsonl {

class FileSink {
 public:
  /// Creates or empties the file.  Throws plugin::Refusal with path and reason.
  explicit FileSink(const std::string& path);
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink();

  /// When it returns true the kernel has every byte (of a .gz: compressed and flushed).
  bool write(std::string_view bytes);
  /// Ends the file; also says what an earlier write could not do.
  bool close();
  /// Why the file takes nothing more; empty while it does.
  const std::string& problem() const { return problem_; }

 private:
  bool put(std::string_view bytes);
  bool compress(std::string_view bytes, bool is_last);
  void fail(int error);

  std::string path_, problem_;
  int fd_ = -1;
  uint64_t written_ = 0, whole_ = 0;  // bytes of the file: all, and up to the last whole batch
  z_stream_s* deflater_ = nullptr;
  std::string compressed_;
};

}  // namespace squall::jsonl
