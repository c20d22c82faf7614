#include "journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace squall::city {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

Journal::~Journal() {
  if (!is_open()) return;
  flush();
  ::close(descriptor_);
}

void Journal::open(const std::string& path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot open the journal " + path);
  }
}

void Journal::add(const JournalEntry& e) {
  fmt::format_to(std::back_inserter(lines_), R"({{"t_receive_ns":{},"t_reply_ns":{},"method":")",
                 e.t_receive_ns, e.t_reply_ns);
  append_escaped(lines_, e.method);
  lines_ += R"(","target":")";
  append_escaped(lines_, e.target);
  lines_ += R"(","path":")";
  append_escaped(lines_, e.path);
  fmt::format_to(std::back_inserter(lines_), R"(","status":{},"class":")", e.status);
  append_escaped(lines_, e.class_name);
  fmt::format_to(std::back_inserter(lines_),
                 R"(","connection":{},"request_bytes":{},"response_bytes":{})", e.connection,
                 e.request_bytes, e.response_bytes);
  if (e.seq) fmt::format_to(std::back_inserter(lines_), R"(,"seq":{})", *e.seq);
  if (e.is_withdrawn) lines_ += R"(,"withdrawn":true)";
  lines_ += "}\n";
  if (lines_.size() >= kFlushSize) flush();
}

void Journal::flush() {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const auto written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      fmt::print(stderr, "city: cannot write the journal: {}\n",
                 std::generic_category().message(errno));
      break;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  lines_.clear();
}

}  // namespace squall::city
