#include "scenario/record_scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "scenario/text_check.hpp"

namespace squall {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

RecordReader::Taken RecordScan::read(std::string_view window, bool is_last) {
  std::size_t mark = 0;
  if (is_first_) {
    if (window.size() < kByteOrderMark.size() && !is_last) return {};
    if (is_text_ && (window.starts_with("\xFF\xFE") || window.starts_with("\xFE\xFF")))
      return {0, DataError{"the file is UTF-16; save it as UTF-8", 1, 1}};
    if (window.starts_with(kByteOrderMark)) mark = kByteOrderMark.size();
    if (mark > 0) reader_.skip(static_cast<std::uint32_t>(mark));
    is_first_ = false;
  }
  const std::string_view text = window.substr(mark);
  const CheckedText check = is_text_ ? check_text(text.substr(checked_), is_last) : CheckedText{text.size() - checked_, false};
  const std::size_t good = checked_ + check.good;
  RecordReader::Taken taken = reader_.read(text.substr(0, good), is_last && !check.is_bad);
  if (!taken.error && check.is_bad) taken.error = bad_byte(text, taken.bytes, good);
  checked_ = good - taken.bytes;
  taken.bytes += mark;
  return taken;
}

DataError RecordScan::bad_byte(std::string_view text, std::size_t taken, std::size_t at) const {
  const std::string_view before = text.substr(taken, at - taken);
  const std::size_t feed = before.rfind('\n');
  const std::uint64_t line = reader_.line() + static_cast<std::uint64_t>(std::ranges::count(before, '\n'));
  const std::size_t column = feed == before.npos ? reader_.indent() + before.size() + 1 : before.size() - feed;
  return {text[at] == '\0' ? "a NUL byte; data files are text"
                           : fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(text[at])),
          line, static_cast<std::uint32_t>(column)};
}

std::optional<DataError> scan_records(std::string_view bytes, RecordReader& reader, bool is_text, std::uint64_t& hash) {
  hash = FileHash::of(bytes);
  if (auto error = RecordScan(reader, is_text).read(bytes, /*is_last=*/true).error) return error;
  return reader.finish();
}

std::optional<DataError> scan_records(const DataFile& file, RecordReader& reader, bool is_text, std::size_t block_bytes,
                                      std::uint64_t& hash) {
  RecordScan scan(reader, is_text);
  FileHash whole;
  std::string window(block_bytes, '\0');
  std::uint64_t offset = 0;
  for (std::size_t filled = 0;;) {
    const auto got = file.read(window.data() + filled, window.size() - filled, offset);
    if (!got) return DataError{got.error().text, 0, 0};
    whole.add({window.data() + filled, *got});
    offset += *got;
    filled += *got;
    const bool is_last = *got == 0;
    const RecordReader::Taken taken = scan.read(std::string_view(window).substr(0, filled), is_last);
    if (taken.error) return taken.error;
    if (is_last) break;
    filled -= taken.bytes;
    std::memmove(window.data(), window.data() + taken.bytes, filled);
    if (filled > window.size() / 2) window.resize(2 * window.size());   // a long row; the reader refuses one without end
  }
  hash = whole.digest();
  return reader.finish();
}

}  // namespace squall
