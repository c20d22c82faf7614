// See exchange.hpp.
#include "exchange.hpp"

#include <utility>

#include "encoding.hpp"
#include "page.hpp"
#include "url.hpp"

namespace squall::http {
namespace {

constexpr size_t kKeptCapacity = 256 * 1024;
constexpr uint64_t kProgressFrom = 1 << 20;

void recycle(std::string& text) {
  if (text.capacity() > kKeptCapacity)
    text = std::string();
  else
    text.clear();
}

}  // namespace

void Exchange::reset() {
  call = nullptr;
  prepared = nullptr;
  args = nullptr;
  lane = nullptr;
  next = nullptr;
  asset = nullptr;
  page = nullptr;
  clock = {};
  hop = {};
  verdict = {};
  phase = SQ_PH_WAIT_CONN;
  connections = 1;
  wants_fresh_connection = has_verdict = false;
  body = nullptr;
  progress_out = progress_in = 0;
  reset_request();
  reset_answer();
  if (!std::exchange(is_spare_used_, false)) return;
  recycle(spare_.head);
  recycle(spare_.scratch.text);
  spare_.scratch.clear();
  recycle(spare_.headers);
  recycle(spare_.body_text);
  spare_.location.clear();
  recycle(spare_.url);
  spare_.hop_path.clear();
  spare_.detail_text.clear();
}

void Exchange::reset_request() {
  head_view = {};
  head_is_whole = head_sent = all_sent = chunked = any_chunk_sent = has_held = false;
  part = 0;
  part_done = 0;
}

void Exchange::reset_answer() {
  status = 0;
  body_bytes = 0;
  keeps_this_body = is_encoded = false;
  if (!is_spare_used_) return;
  spare_.headers.clear();
  spare_.body_text.clear();
  spare_.location.clear();
}

void Exchange::report_progress() {
  if (call->bytes_out + call->bytes_in - progress_out - progress_in < kProgressFrom &&
      progress_out + progress_in == 0)
    return;
  plugin::host.calls->progress(asset ? asset->page->call() : call, call->bytes_out - progress_out,
                               call->bytes_in - progress_in);
  progress_out = call->bytes_out;
  progress_in = call->bytes_in;
}

void Exchange::take_body(std::string_view piece) {
  body_bytes += piece.size();
  if (!keeps_this_body) return;
  std::string& kept = spare().body_text;
  kept.append(piece.substr(0, prepared->keep_bytes - kept.size()));
  if (kept.size() >= prepared->keep_bytes) keeps_this_body = false;  // the rest is only counted
}

Exchange::Write* Exchange::free_write() {
  for (Write& write : writes)
    if (!write.is_busy) return &write;
  return nullptr;
}

const char* Exchange::render(const CookieJar* jar, uint64_t now_ns) {
  reset_request();
  const bool sends_jar =
      jar && !jar->empty() && !(hop.sends_credentials && prepared->user_sends_cookie(args));
  const bool is_static = hop.is_first && !prepared->static_head().empty();
  if (is_static && !sends_jar && !prepared->static_request().empty()) {
    head_view = prepared->static_request();
    head_is_whole = true;
    return nullptr;
  }
  const char* problem = nullptr;
  if (!body) body = &prepared->body(args, spare().scratch, &problem);
  if (problem) return problem;
  std::string& head = spare().head;
  head.clear();
  if (is_static)
    head = prepared->static_head();
  else
    problem = prepared->append_head(head, args, hop, *body);
  if (problem) return problem;
  if (sends_jar) jar->append_header(head, place(), now_ns);
  head += "\r\n";
  head_view = head;
  head_is_whole = !hop.sends_body || !body->is_given;
  chunked = !head_is_whole && body->size == UINT64_MAX;
  return nullptr;
}

CookieJar::Place Exchange::place() {
  return {plugin::view(hop.info->host), path_of(effective_url()),
          (hop.info->flags & SQ_TG_TLS) != 0};
}

std::string_view Exchange::find_header(std::string_view name) {
  const std::string& headers = spare().headers;
  for (size_t at = 0; at < headers.size();) {
    const size_t value_at = headers.find('\0', at) + 1;
    const size_t end = headers.find('\0', value_at);
    if (equals_ignoring_case(std::string_view(headers).substr(at, value_at - 1 - at), name))
      return std::string_view(headers).substr(value_at, end - value_at);
    at = end + 1;
  }
  return {};
}

const std::string& Exchange::effective_url() {
  std::string& url = spare().url;
  if (url.empty() && hop.info) {
    append_origin(url, *hop.info);
    const size_t path_at = url.size();
    if (hop.is_first)
      prepared->append_target(url, args, *hop.info);
    else
      append_path(url, hop.path);
    // Sent as it is, it may be `*` or a whole address: no place below the origin.
    if (!std::string_view(url).substr(path_at).starts_with('/')) url.replace(path_at, std::string::npos, "/");
  }
  return url;
}

}  // namespace squall::http
