#include "recording/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace squall {
namespace {

constexpr std::size_t kNamedHosts = 4;

/// A form in the singular and one in the plural.
std::string counted(std::size_t count, const char* one, const char* many) { return fmt::format("{} {}", count, count == 1 ? one : many); }

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

bool is_asset(const HarEntry& entry, const RecordedUrl& url) {
  if (entry.method != "GET" && entry.method != "HEAD") return false;
  constexpr std::string_view kTypes[] = {"image/", "font/", "audio/", "video/", "text/css", "text/javascript", "application/javascript",
                                         "application/x-javascript", "text/ecmascript", "application/ecmascript", "application/font",
                                         "application/x-font", "application/vnd.ms-fontobject", "application/wasm"};
  const std::string_view type = entry.answer_type;
  if (std::ranges::any_of(kTypes, [&](std::string_view known) { return type.starts_with(known); })) return true;
  // An answer without a body (304) or with bytes of no known kind: what the browser took it for, or what it is called.
  if (!type.empty() && type != "x-unknown" && !type.starts_with("application/octet-stream") && !type.starts_with("binary/")) return false;
  constexpr std::string_view kResources[] = {"image", "font", "stylesheet", "script", "media"};
  if (!entry.resource.empty()) return std::ranges::find(kResources, entry.resource) != std::end(kResources);
  constexpr std::string_view kEndings[] = {".css", ".js", ".mjs", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico",
                                           ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".webm", ".wasm"};
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return url.path().ends_with(ending); });
}

/// The origin of the first page, and those that its address was redirected over: http to https, to www, to a login.
std::set<std::string> first_origins(const Har& har, const std::vector<SelectedEntry>& requests) {
  const auto is_document = [](const SelectedEntry& request) {
    return request.entry->resource == "document" || request.entry->answer_type.starts_with("text/html") || is_redirect(request.entry->status);
  };
  const auto is_of_first_page = [&](const SelectedEntry& request) { return request.entry->page == har.pages.front().id; };
  auto first = requests.end();
  if (!har.pages.empty()) first = std::ranges::find_if(requests, [&](const auto& r) { return is_of_first_page(r) && is_document(r); });
  if (first == requests.end()) first = std::ranges::find_if(requests, is_document);
  if (first == requests.end()) first = requests.begin();
  std::set<std::string> origins;
  for (; first != requests.end(); ++first) {
    origins.insert(first->url.origin);
    if (!is_redirect(first->entry->status)) break;
    const auto next = parse_recorded_url(first->entry->redirect_url);  // a relative one stays at the origin
    if (!next) break;
    const std::string& origin = next->origin;
    origins.insert(origin);
    first = std::find_if(first + 1, requests.end(), [&](const SelectedEntry& request) { return request.url.origin == origin; });
    if (first == requests.end()) break;
    --first;  // the loop goes on to it
  }
  return origins;
}

}  // namespace

std::string LeftOut::text() const {
  std::vector<std::string> parts;
  if (assets > 0) parts.push_back(counted(assets, "static file", "static files") + " (--assets keeps them)");
  if (!hosts.empty()) {
    std::size_t requests = 0;
    std::vector<std::pair<std::string, std::size_t>> most(hosts.begin(), hosts.end());
    for (const auto& [host, count] : most) requests += count;
    std::ranges::stable_sort(most, std::greater(), &std::pair<std::string, std::size_t>::second);
    std::vector<std::string> named;
    for (std::size_t i = 0; i < std::min(kNamedHosts, most.size()); ++i) named.push_back(fmt::format("{} {}", most[i].first, most[i].second));
    if (most.size() > kNamedHosts) named.push_back(counted(most.size() - kNamedHosts, "more host", "more hosts"));
    parts.push_back(fmt::format("{} to other hosts: {} (--all-hosts keeps them)", counted(requests, "request", "requests"), fmt::join(named, ", ")));
  }
  if (websockets > 0) parts.push_back(counted(websockets, "WebSocket", "WebSockets"));
  for (const auto& [scheme, count] : schemes) parts.push_back(fmt::format("{} {}:", count, scheme));
  if (failed > 0) parts.push_back(fmt::format("{} without an answer", failed));
  if (cached > 0) parts.push_back(fmt::format("{} from the browser's cache", cached));
  if (tunnels > 0) parts.push_back(fmt::format("{} CONNECT", tunnels));
  if (unusable > 0) parts.push_back(counted(unusable, "address", "addresses") + " that no target may have");
  return fmt::format("{}", fmt::join(parts, ", "));
}

Selection select_requests(const Har& har, const JourneyOptions& options) {
  Selection selection;
  LeftOut& left_out = selection.left_out;
  std::vector<SelectedEntry> sent;
  for (const HarEntry& entry : har.entries) {
    const std::string scheme = scheme_of(entry.url);
    if (scheme == "ws" || scheme == "wss" || (entry.status == 101 && (scheme == "http" || scheme == "https"))) {
      ++left_out.websockets;
    } else if (entry.method == "CONNECT") {
      ++left_out.tunnels;
    } else if (scheme != "http" && scheme != "https") {
      if (scheme.empty()) ++left_out.unusable;
      else ++left_out.schemes[scheme];
    } else if (entry.status == 0) {
      ++left_out.failed;
    } else if (entry.is_cached) {
      ++left_out.cached;
    } else if (auto url = parse_recorded_url(entry.url)) {
      sent.push_back({&entry, std::move(*url)});
    } else {
      ++left_out.unusable;
    }
  }
  const std::set<std::string> origins = first_origins(har, sent);
  for (SelectedEntry& request : sent) {
    if (!options.all_hosts && !origins.contains(request.url.origin)) {
      ++left_out.hosts[request.url.host];
      continue;
    }
    selection.activity.push_back(request.entry);
    if (!options.assets && is_asset(*request.entry, request.url)) ++left_out.assets;
    else selection.requests.push_back(std::move(request));
  }
  return selection;
}

}  // namespace squall
