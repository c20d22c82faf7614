#include "recording/har.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "recording/ascii.hpp"
#include "recording/har_document.hpp"
#include "recording/iso_time.hpp"

namespace squall {
namespace {

using Json = nlohmann::json;

constexpr double kLongestMs = 1e10;  // 115 days: what is longer is no time of a request

/// `text` of base64 with its padding; nullopt: it is none.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > INT32_MAX) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(length) - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return bytes;
}

const char* kind_of(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a text";
  if (value.is_number()) return "a number";
  if (value.is_boolean()) return "true or false";
  return "null";
}

/// A value together with where it stands, so that whoever takes something out of it can say what is wrong with it. What is
/// missing where it must not be, or of another type, becomes a mistake and an empty value.
class Place {
 public:
  Place(const Json* value, std::string path, std::vector<std::string>& mistakes)
      : value_(value), path_(std::move(path)), mistakes_(mistakes) {}

  Place object(const char* key, bool is_required = true) const { return below(key, is_required, &Json::is_object, "an object"); }
  Place list(const char* key, bool is_required = true) const { return below(key, is_required, &Json::is_array, "a list"); }
  std::string text(const char* key, bool is_required = false) const {
    const Place found = below(key, is_required, &Json::is_string, "a text");
    return found.value_ ? found.value_->get<std::string>() : std::string();
  }
  std::optional<double> number(const char* key, bool is_required = false) const {
    const Place found = below(key, is_required, &Json::is_number, "a number");
    return found.value_ ? std::optional(found.value_->get<double>()) : std::nullopt;
  }
  /// The items of a list; each must be an object.
  template <typename Take>
  void each(Take take) const {
    if (!value_) return;
    for (std::size_t i = 0; i < value_->size(); ++i) {
      const Json& item = (*value_)[i];
      const Place at(&item, fmt::format("{}[{}]", path_, i), mistakes_);
      if (item.is_object()) take(at, i);
      else at.wrong(fmt::format("is {}, it must be an object", kind_of(item)));
    }
  }

  explicit operator bool() const { return value_ != nullptr; }
  bool is_empty() const { return !value_ || value_->empty(); }
  void wrong(std::string_view why) const { mistakes_.push_back(fmt::format("{} {}", path_, why)); }
  void wrong(const char* key, std::string_view why) const { mistakes_.push_back(fmt::format("{}.{} {}", path_, key, why)); }

 private:
  Place below(const char* key, bool is_required, bool (Json::*is_right)() const noexcept, const char* wanted) const {
    Place found(nullptr, path_.empty() ? key : fmt::format("{}.{}", path_, key), mistakes_);
    if (!value_) return found;  // said already
    const auto member = value_->find(key);
    if (member == value_->end() || member->is_null()) {
      if (is_required) found.wrong("is missing");
    } else if (!((*member).*is_right)()) {
      found.wrong(fmt::format("is {}, it must be {}", kind_of(*member), wanted));
    } else {
      found.value_ = &*member;
    }
    return found;
  }

  const Json* value_;
  std::string path_;
  std::vector<std::string>& mistakes_;
};

HarBody read_body(const Place& at) {
  HarBody body;
  body.type = at.text("mimeType");
  body.bytes = at.text("text");
  if (at.text("encoding") == "base64") {
    if (auto bytes = from_base64(body.bytes)) body.bytes = std::move(*bytes);
    else at.wrong("text", "is not base64, which 'encoding' says it is");
  }
  at.list("params", false).each([&](const Place& param, std::size_t) {
    body.params.push_back({param.text("name", true), param.text("value"), param.text("fileName"), param.text("contentType")});
  });
  return body;
}

void read_request(const Place& at, HarEntry& entry) {
  entry.method = at.text("method", true);
  if (!entry.method.empty() && !is_token(entry.method)) at.wrong("method", "is no HTTP method");
  entry.url = at.text("url", true);
  at.list("headers", false).each([&](const Place& header, std::size_t) {
    entry.headers.push_back({header.text("name", true), header.text("value")});
  });
  if (const Place body = at.object("postData", false)) entry.body = read_body(body);
  const bool is_there = entry.body && (!entry.body->bytes.empty() || !entry.body->params.empty());
  if (!is_there) {
    entry.lost_body = at.number("bodySize").value_or(0) > 0;
    entry.body.reset();
  }
}

void read_response(const Place& at, HarEntry& entry) {
  const double status = at.number("status", true).value_or(0);
  if (status < 0 || status > 999 || status != std::floor(status)) at.wrong("status", fmt::format("is {}, which is no status", status));
  else entry.status = static_cast<int>(status);
  entry.redirect_url = at.text("redirectURL");
  entry.answer_type = at.object("content", false).text("mimeType");
}

HarEntry read_entry(const Place& at, std::size_t index) {
  HarEntry entry;
  entry.index = index;
  const std::string started = at.text("startedDateTime", true);
  if (const auto time = parse_iso_time_us(started)) entry.started_us = *time;
  else if (!started.empty()) at.wrong("startedDateTime", "is no time such as 2026-11-22T10:20:30.123Z");
  const double took_ms = at.number("time").value_or(0);
  if (took_ms > kLongestMs) at.wrong("time", "is longer than 100 days");
  else if (took_ms > 0) entry.took_us = std::llround(took_ms * 1000);
  entry.page = at.text("pageref");
  entry.is_cached = !at.text("_fromCache").empty();
  entry.resource = at.text("_resourceType");
  read_request(at.object("request"), entry);
  read_response(at.object("response"), entry);
  return entry;
}

std::string recorder_of(const Place& log) {
  for (const char* key : {"browser", "creator"}) {
    const Place who = log.object(key, false);
    const std::string name = who.text("name"), version = who.text("version");
    if (!name.empty()) return version.empty() ? name : name + " " + version;
  }
  return {};
}

}  // namespace

HarResult read_har(std::istream& in) {
  HarResult result;
  const auto document = read_har_document(in);
  if (!document) {
    result.mistakes.push_back(document.error().text);
    return result;
  }
  if (!document->is_object()) {
    result.mistakes.push_back(fmt::format("not a recording: the file is {}, it must be an object with 'log'", kind_of(*document)));
    return result;
  }
  const Place log = Place(&*document, "", result.mistakes).object("log");
  const Place entries = log.list("entries");
  Har har;
  har.recorder = recorder_of(log);
  std::set<std::string> ids;
  log.list("pages", false).each([&](const Place& page, std::size_t) {
    HarPage read{page.text("id", true), page.text("title")};
    if (ids.insert(read.id).second) har.pages.push_back(std::move(read));
  });
  entries.each([&](const Place& at, std::size_t index) { har.entries.push_back(read_entry(at, index)); });
  if (result.mistakes.empty() && entries.is_empty()) result.mistakes.push_back("log.entries is empty: nothing was recorded");
  if (!result.mistakes.empty()) return result;
  std::ranges::stable_sort(har.entries, {}, &HarEntry::started_us);
  result.har = std::move(har);
  return result;
}

}  // namespace squall
