#include "message.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace syslog {

using namespace squall::plugin;

const char* const kFacilities[] = {"kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",
                                       "cron",   "authpriv", "ftp",  "ntp",    "audit",  "alert",  "clock",  "local0", "local1",
                                       "local2", "local3", "local4", "local5", "local6", "local7", nullptr};
const char* const kSeverities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", nullptr};

namespace {

constexpr std::string_view kNil = "-", kNow = "now";

int index_in(const char* const* names, std::string_view name) {
  for (int i = 0; names[i]; ++i)
    if (name == names[i]) return i;
  return -1;
}
bool is_printable(std::string_view text, size_t longest, std::string_view without = {}) {
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [&](char c) { return c > 32 && c < 127 && without.find(c) == without.npos; });
}
bool is_name(std::string_view text) { return is_printable(text, 32, "= ]\""); }  // SD-NAME

/// The pattern's 0 stands for any digit, all else for itself; where `text` ends.
size_t match(std::string_view text, std::string_view pattern) {
  if (text.size() < pattern.size()) return text.npos;
  for (size_t i = 0; i < pattern.size(); ++i)
    if (pattern[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i]) return text.npos;
  return pattern.size();
}
bool is_timestamp(std::string_view text) {  // its form, with at most six digits of a second, not its calendar
  if (text == kNil || text == kNow) return true;
  size_t at = match(text, "0000-00-00T00:00:00");
  if (at == text.npos) return false;
  text.remove_prefix(at);
  if (text.starts_with('.')) {
    for (at = 1; at < text.size() && text[at] >= '0' && text[at] <= '9';) ++at;
    if (at < 2 || at > 7) return false;
    text.remove_prefix(at);
  }
  return text == "Z" || (text.size() == 6 && (match(text, "+00:00") == 6 || match(text, "-00:00") == 6));
}
Problem check_data(const sq_value& data) {
  if (data.type == SQ_T_NULL) return nullptr;
  if (data.type != SQ_T_MAP) return "structured_data is no map";
  for (const sq_pair& element : as_map(data)) {
    if (!is_name(view(element.key))) return "structured_data: an SD-ID has 1 to 32 printable characters, no = ] \" or blank";
    if (element.value.type != SQ_T_MAP && element.value.type != SQ_T_NULL)
      return "structured_data: an element is a map of values";
    for (const sq_pair& field : as_map(element.value)) {
      if (!is_name(view(field.key))) return "structured_data: a name has 1 to 32 printable characters, no = ] \" or blank";
      if (field.value.type == SQ_T_MAP || field.value.type == SQ_T_LIST) return "structured_data: a value is a text or a number";
    }
  }
  return nullptr;
}

struct Field {
  uint32_t param;
  std::string_view otherwise;
  size_t longest;
  Problem problem;
};
constexpr Field kFields[] = {{kHostname, "-", 255, "hostname is not 1 to 255 printable ASCII characters"},
                             {kAppName, "squall", 48, "app_name is not 1 to 48 printable ASCII characters"},
                             {kProcId, "-", 128, "proc_id is not 1 to 128 printable ASCII characters"},
                             {kMsgId, "-", 32, "msg_id is not 1 to 32 printable ASCII characters"}};

void append_number(std::string& out, uint64_t number, size_t width = 0) {
  char digits[20];
  const size_t length = static_cast<size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
  out.append(width > length ? width - length : 0, '0').append(digits, length);
}
void append_now(std::string& out) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  thread_local time_t second = -1;
  thread_local char text[32];  // up to the second
  if (now.tv_sec != second) {
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    second = now.tv_sec;
  }
  out.append(text).push_back('.');
  append_number(out, static_cast<uint64_t>(now.tv_nsec / 1000), 6);
  out.push_back('Z');
}
void append_data(std::string& out, const sq_value& data, std::string& scratch) {
  if (as_map(data).empty()) out.append(kNil);
  for (const sq_pair& element : as_map(data)) {
    out.append("[").append(view(element.key));
    for (const sq_pair& field : as_map(element.value)) {
      out.append(" ").append(view(field.key)).append("=\"");
      scratch.clear();
      append_text(scratch, field.value);
      for (const char c : scratch) {
        if (c == '"' || c == '\\' || c == ']') out.push_back('\\');
        out.push_back(c);
      }
      out.push_back('"');
    }
    out.push_back(']');
  }
}

}  // namespace

Problem check(uint32_t param, const sq_value& value) {
  if (param == kFacility) return index_in(kFacilities, as_text(value, "user")) < 0 ? "facility is none of the 24" : nullptr;
  if (param == kSeverity) return index_in(kSeverities, as_text(value, "info")) < 0 ? "severity is none of the 8" : nullptr;
  if (param == kTimestamp) return is_timestamp(as_text(value, kNow)) ? nullptr : "timestamp is not now, - or as in RFC 3339";
  if (param == kData) return check_data(value);
  for (const Field& field : kFields)
    if (param == field.param) return is_printable(as_text(value, field.otherwise), field.longest) ? nullptr : field.problem;
  return nullptr;
}

void append_message(std::string& out, const Args& args, const sq_value* values, std::string& scratch) {
  const auto text = [&](uint32_t param, std::string_view otherwise) { return as_text(args[param].of(values), otherwise); };
  out.push_back('<');
  append_number(out, static_cast<uint64_t>(index_in(kFacilities, text(kFacility, "user")) * 8 +
                                           index_in(kSeverities, text(kSeverity, "info"))));
  out.append(">1 ");
  const std::string_view timestamp = text(kTimestamp, kNow);
  if (timestamp == kNow)
    append_now(out);
  else
    out.append(timestamp);
  for (const Field& field : kFields) out.append(" ").append(text(field.param, field.otherwise));
  out.push_back(' ');
  append_data(out, args[kData].of(values), scratch);
  const std::string_view message = text(kMessage, {});
  if (message.empty()) return;
  out.append(as_bool(args[kBom].of(values)) ? " \xEF\xBB\xBF" : " ").append(message);
}

}  // namespace syslog
