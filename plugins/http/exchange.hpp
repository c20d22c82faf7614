// One call from start() to release(): what it sends, what it has got so far, and how it ended.
// Exchanges are pooled per shard and keep their buffers' capacity, so a steady load allocates
// nothing; between calls a session holds none, which keeps idle users small.
#pragma once
#include <array>
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>

#include "decoder.hpp"
#include "request.hpp"

namespace squall::http {

struct Lane;

/// How a call ended.
struct Verdict {
  uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;
  std::string_view detail;  // a literal, or a view of Exchange::detail_text

  static Verdict failed(uint32_t kind, std::string_view detail) {
    return {SQ_OUT_FAILED, kind, detail};
  }
};

struct Exchange {
  // The call.
  sq_call* call = nullptr;
  const Prepared* prepared = nullptr;
  const sq_value* args = nullptr;
  Lane* lane = nullptr;
  Exchange* next = nullptr;  // in the lane's queue
  plugin::PhaseClock clock;
  uint32_t phase = SQ_PH_WAIT_CONN;  // what the time since the last mark belongs to
  Hop hop;
  std::string hop_path;  // of a redirect
  uint32_t redirects_left = 0;
  bool wants_fresh_connection = false;
  bool has_verdict = false;
  Verdict verdict;
  std::string detail_text;

  // What goes out.
  std::string head;
  Body scratch;
  const Body* body = nullptr;
  std::string_view head_view;  // the bytes to write first; may hold a whole static request
  bool head_is_whole = false;  // no body follows head_view
  bool head_sent = false, all_sent = false, chunked = false, any_chunk_sent = false;
  size_t part = 0;         // next part of the body
  uint64_t part_done = 0;  // bytes of it that were handed over
  sq_chunk held{};         // a framed file range that waits for a free slot
  bool has_held = false;
  struct Write {  // its address is the tag
    bool is_busy = false;
    uint64_t bytes = 0;
    char frame[24];  // "\r\n" size "\r\n" of a chunk
  };
  std::array<Write, 4> writes;
  uint32_t writes_pending = 0;

  // What comes in.
  int status = 0;
  uint64_t body_bytes = 0;  // as sent, before decoding
  std::string headers;      // "name\0value\0" pairs, when wanted
  std::string body_text;
  std::string location;
  std::string url;
  bool keeps_this_body = false, is_encoded = false;
  std::unique_ptr<Decoder> decoder;
  uint64_t progress_out = 0, progress_in = 0;  // already reported

  /// Ready for another call.  Large buffers are given back: one big body must not stay for ever.
  void reset();
  /// Ready for the answer to another request of the same call.
  void reset_answer();
  void reset_request();

  void mark(uint64_t now_ns) { clock.mark(call, phase, now_ns); }
  void enter(uint32_t next_phase, uint64_t now_ns) {
    mark(now_ns);
    phase = next_phase;
  }
  /// A long transfer moves its deadline by moving: it is told from 1 MiB on.
  void report_progress();
  Write* free_write();
  /// Renders the hop's request.  Returns nullptr or why it cannot be sent.
  const char* render(const CookieJar* jar, uint64_t now_ns);
  std::string_view find_header(std::string_view name) const;
  /// The address of the current hop.  Reads args: ask before complete() for the first time.
  const std::string& effective_url();
  CookieJar::Place place();
};

}  // namespace squall::http
