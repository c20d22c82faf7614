#include "recording/recorded_headers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "payload/template.hpp"
#include "recording/ascii.hpp"

namespace squall {
namespace {

constexpr std::size_t kLongestName = 128;

// What browsers and proxies send by themselves, what squall sends itself, and the conditions of a cache that a new visitor
// does not have.
constexpr std::string_view kDropped[] = {
    "accept-charset", "accept-encoding", "accept-language", "alt-used", "cache-control", "connection", "content-length", "cookie", "cookie2",
    "device-memory", "dnt", "downlink", "dpr", "ect", "expect", "host", "http2-settings", "if-modified-since", "if-none-match", "keep-alive",
    "pragma", "priority", "proxy-authorization", "proxy-connection", "purpose", "referer", "rtt", "save-data", "te", "trailer",
    "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "viewport-width", "width", "x-client-data"};

/// HTTP/2 has names in lower case only; in HTTP/1.1 they are read better as Content-Type.
std::string as_in_http1(const std::string& name) {
  if (name != lower(name)) return name;
  std::string out = name;
  for (std::size_t i = 0; i < out.size(); ++i)
    if ((i == 0 || out[i - 1] == '-') && out[i] >= 'a' && out[i] <= 'z') out[i] = static_cast<char>(out[i] - 32);
  return out;
}

bool is_value(std::string_view value) {
  return std::ranges::none_of(value, [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f; });
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

bool is_plain_base64(std::string_view text) {
  const auto is_digit = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '='; };
  return !text.empty() && text.size() % 4 == 0 && std::ranges::all_of(text, is_digit);
}

}  // namespace

RecordedHeaders recorded_headers(const HarEntry& entry, std::string_view target, std::string_view request,
                                 const std::vector<std::pair<std::string, std::string>>& origins, SecretBook& secrets) {
  RecordedHeaders made;
  const bool only_reads = entry.method == "GET" || entry.method == "HEAD";
  std::vector<std::pair<std::string, std::string>> seen;  // lower case → as in `fields`
  for (const HarField& field : entry.headers) {
    const std::string small = lower(field.name);
    if (small.starts_with(':') || small.starts_with("sec-") || field.value.empty()) continue;
    if (std::ranges::find(kDropped, small) != std::end(kDropped)) continue;
    if (!is_token(small) || small.size() > kLongestName || !is_value(field.value)) {
      ++made.unusable;
      continue;
    }
    if (small == "accept" && field.value == "*/*") continue;  // squall's own
    if (small == "content-type") made.content_type = field.value;
    // Servers look at the origin of what changes something, against forged requests.
    if (small == "origin" && only_reads) continue;

    std::string value = as_template(field.value);
    if (small == "origin") {
      for (const auto& [origin, stands_for_it] : origins)
        if (origin == field.value) value = stands_for_it;
    } else if (small == "authorization") {
      const std::string_view said = field.value;
      const bool is_bearer = said.starts_with("Bearer ") && said.size() > 7;
      const bool is_basic = said.starts_with("Basic ") && is_plain_base64(said.substr(6));
      if (is_bearer) {
        made.auth = {{"bearer", "${" + secrets.reference(upper(target) + "_TOKEN", said.substr(7), fmt::format("bearer token of {}", request)) + "}"}};
      } else if (is_basic) {
        made.auth = {{"basic", "${" + secrets.reference(upper(target) + "_LOGIN", said.substr(6), fmt::format("USER:PASSWORD of {}", request)) + "}"}};
      } else {
        value = "${" + secrets.reference(upper(target) + "_AUTHORIZATION", said, fmt::format("header Authorization of {}", request)) + "}";
      }
      if (is_bearer || is_basic) continue;
    } else if (is_secret_name(small)) {
      value = "${" + secrets.reference(field.name, field.value, fmt::format("header {} of {}", field.name, request)) + "}";
    }
    const auto before = std::ranges::find(seen, small, &std::pair<std::string, std::string>::first);
    if (before != seen.end()) {  // several lines of one header are one list
      auto& list = made.fields[before->second];
      list = list.get<std::string>() + ", " + value;
      continue;
    }
    seen.emplace_back(small, as_in_http1(field.name));
    made.fields[seen.back().second] = std::move(value);
  }
  return made;
}

}  // namespace squall
