// One JSON line per answered HTTP request, for tests that judge a client's clock by the server's:
// {"t_receive_ns":…,"t_reply_ns":…,"method":"GET","target":"/x?y","path":"/x","status":200,"class":"x","connection":1,
//  "request_bytes":…,"response_bytes":…,"seq":7}
// "target" is what stood in the request line, byte for byte; a byte beyond ASCII is \u00XX in all
// texts. Times are CLOCK_MONOTONIC: the read that completed the header, and just before the first byte of
// the answer is handed to the kernel. "seq" is there when the client sent one (X-Seq or ?seq=). A
// line is written before the answer's last bytes are; when the connection then turns out to be
// gone, a second line with "withdrawn":true takes it back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall::city {

struct JournalEntry {
  std::int64_t t_receive_ns = 0;
  std::int64_t t_reply_ns = 0;
  std::string_view method, target, path, class_name;
  unsigned status = 0;
  std::uint64_t connection = 0;
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  std::optional<std::uint64_t> seq;
  bool is_withdrawn = false;
};

/// One worker's share of the journal. All workers append to the same file, each in whole lines.
class Journal {
 public:
  Journal() = default;
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Appends to `path`, which is made if need be. Throws std::system_error when it cannot be
  /// opened.
  void open(const std::string& path);
  bool is_open() const { return descriptor_ >= 0; }
  void add(const JournalEntry& entry);
  void flush();

 private:
  static constexpr std::size_t kFlushSize = 256 << 10;
  int descriptor_ = -1;
  std::string lines_;
};

}  // namespace squall::city
