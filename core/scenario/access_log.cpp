#include "scenario/access_log.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "scenario/record_time.hpp"

namespace squall {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_token(std::string_view text) {   // RFC 9110, 5.6.2
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kOthers.find(c) != kOthers.npos;
  });
}

/// "HTTP/1.1", "HTTP/2"
bool is_protocol(std::string_view text) {
  if (!text.starts_with("HTTP/")) return false;
  text.remove_prefix(5);
  return (text.size() == 1 && is_digit(text[0])) || (text.size() == 3 && is_digit(text[0]) && text[1] == '.' && is_digit(text[2]));
}

std::string_view or_none(std::string_view text) { return text == "-" ? std::string_view() : text; }

/// Garbage may hold anything, and is said in a terminal.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) out += fmt::format("\\x{:02x}", byte);
    else out += c;
  }
  return text.size() > kMost ? out + "…" : out;
}

class LineReader {
 public:
  explicit LineReader(std::string_view line) : line_(line) {}

  std::size_t offset() const { return at_; }
  bool is_done() const { return at_ == line_.size(); }
  bool take(char c) {
    if (is_done() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_until(std::string_view end) {
    const std::size_t found = std::min(line_.find(end, at_), line_.size());
    const std::string_view taken = line_.substr(at_, found - at_);
    at_ = found;
    return taken;
  }
  /// What stands in quotes, its escapes undone. Errors: text.
  std::string_view take_quoted(std::string& into) {
    into.clear();
    if (!take('"')) return "a '\"' is missing";
    for (; at_ < line_.size() && line_[at_] != '"'; ++at_) {
      if (line_[at_] != '\\') {
        into += line_[at_];
        continue;
      }
      constexpr std::string_view kLetters = "\"\\bfnrtv", kMeant = "\"\\\b\f\n\r\t\v";
      const char letter = at_ + 1 < line_.size() ? line_[at_ + 1] : '\0';
      if (const std::size_t known = kLetters.find(letter); letter != '\0' && known != kLetters.npos) {
        into += kMeant[known];
        ++at_;
      } else if (letter == 'x' && at_ + 3 < line_.size() && hex_digit(line_[at_ + 2]) >= 0 && hex_digit(line_[at_ + 3]) >= 0) {
        into += static_cast<char>(hex_digit(line_[at_ + 2]) * 16 + hex_digit(line_[at_ + 3]));
        at_ += 3;
      } else {
        return "an escape that neither Apache nor nginx writes";
      }
    }
    return take('"') ? "" : "the quote is never closed";
  }

 private:
  std::string_view line_;
  std::size_t at_ = 0;
};

/// METHOD PATH PROTOCOL: the path is all between the first blank and the last.
bool split_request(AccessLogLine& line) {
  const std::string_view request = line.request;
  const std::size_t first = request.find(' '), last = request.rfind(' ');
  if (first == request.npos || last <= first + 1) return false;
  line.method = request.substr(0, first);
  line.path = request.substr(first + 1, last - first - 1);
  line.protocol = request.substr(last + 1);
  return is_token(line.method) && is_protocol(line.protocol);
}

}  // namespace

std::optional<AccessLogMistake> read_access_log_line(std::string_view text, AccessLogLine& line) {
  LineReader reader(text);
  std::size_t begin = 0;
  const auto wrong = [&](std::string what) { return AccessLogMistake{std::move(what), begin}; };

  line.host = reader.take_until(" ");
  reader.take(' ');
  line.ident = or_none(reader.take_until(" "));
  reader.take(' ');
  line.user = or_none(reader.take_until(" ["));   // names may hold blanks
  if (!reader.take(' ') || !reader.take('[') || line.host.empty()) return wrong("the line does not begin with host, ident, user and [time]");
  begin = reader.offset();
  const std::string_view time_text = reader.take_until("]");
  const auto time_s = parse_log_time_s(time_text);
  if (!time_s || !reader.take(']') || !reader.take(' ')) return wrong(fmt::format("'{}' is no time such as 10/Oct/2000:13:55:36 -0700", shown(time_text)));
  line.time_s = *time_s;

  begin = reader.offset();
  if (const std::string_view why = reader.take_quoted(line.request); !why.empty()) return wrong(fmt::format("the request: {}", why));
  if (!split_request(line)) return wrong(fmt::format("the request is no METHOD PATH HTTP/VERSION but '{}'", shown(line.request)));
  if (!reader.take(' ')) return wrong("the request: text after the closing quote");

  begin = reader.offset();
  line.status = reader.take_until(" ");
  if (line.status.size() != 3 || !std::ranges::all_of(line.status, is_digit)) return wrong(fmt::format("'{}' is no status", shown(line.status)));
  reader.take(' ');
  begin = reader.offset();
  line.bytes = reader.take_until(" ");
  if (line.bytes == "-") line.bytes = "0";
  if (line.bytes.empty() || !std::ranges::all_of(line.bytes, is_digit)) return wrong(fmt::format("'{}' is no number of bytes", shown(line.bytes)));

  line.referer.clear();
  line.user_agent.clear();
  if (reader.is_done()) return std::nullopt;   // the common format
  for (auto [into, name] : {std::pair{&line.referer, "referer"}, std::pair{&line.user_agent, "user agent"}}) {
    begin = reader.offset();
    if (!reader.take(' ')) return wrong(fmt::format("the {} is missing", name));
    if (const std::string_view why = reader.take_quoted(*into); !why.empty()) return wrong(fmt::format("the {}: {}", name, why));
    if (*into == "-") into->clear();
  }
  begin = reader.offset();
  if (!reader.is_done() && !reader.take(' ')) return wrong("the user agent: text after the closing quote");
  return std::nullopt;
}

}  // namespace squall
