// Access logs. What one holds came from the clients of a server that was open to all: bytes in any encoding, and requests
// that are none. The columns' bytes are handed on as they are.
#include <fmt/format.h>

#include <algorithm>

#include "scenario/access_log.hpp"
#include "scenario/record_reader.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kMostLeftOut = 10;   // one in so many

class AccessLogReader final : public RecordReader {
 public:
  using RecordReader::RecordReader;

  std::optional<DataError> finish() override {
    if (left_out_.of == 0) return DataError{"the file is empty", 1, 1};
    if (left_out_.lines * kMostLeftOut <= left_out_.of) return std::nullopt;
    return DataError{fmt::format("{}; so are {} of {} lines, and more than a tenth is no access log (`format` says what the file is)",
                                 left_out_.first.text, left_out_.lines, left_out_.of),
                     left_out_.first.line, left_out_.first.column};
  }

 private:
  std::optional<DataError> read_rows(std::string_view text, bool is_last) override {
    if (columns_.empty()) {
      if (auto error = set_columns({"host", "ident", "user", "time", "method", "path", "protocol", "request", "status",
                                    "bytes", "referer", "user_agent"})) return error;
    }
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view in = until_row_limit(text, at);
      const std::size_t end = std::min(in.find('\n', at), in.size());
      if (end == in.size() && in.size() < text.size()) return row_too_long();
      if (end == in.size() && !is_last) break;
      read_line(in.substr(at, end - at));
      at = std::min(end + 1, in.size());
      line_ends();
      row_ends(at);
    }
    return std::nullopt;
  }

  void read_line(std::string_view text) {
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) return;
    ++left_out_.of;
    if (auto mistake = read_access_log_line(text, request_)) {
      if (++left_out_.lines == 1)
        left_out_.first = {std::move(mistake->text), line_, indent_ + static_cast<std::uint32_t>(mistake->offset + 1)};
      return;
    }
    const AccessLogLine& is = request_;
    const std::string time = std::to_string(is.time_s);
    for (const std::string_view cell : {is.host, is.ident, is.user, std::string_view(time), is.method, is.path, is.protocol,
                                        std::string_view(is.request), is.status, is.bytes, std::string_view(is.referer),
                                        std::string_view(is.user_agent)}) {
      table_.append(cell);
      table_.end_cell();
    }
    add_record();
  }

  AccessLogLine request_;
};

}  // namespace

std::unique_ptr<RecordReader> make_access_log_reader(const DataFilter& where) { return std::make_unique<AccessLogReader>(where); }

}  // namespace squall
