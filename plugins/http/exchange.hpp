// One call from start() to release(): what it sends, what it has got so far, and how it ended.
// Exchanges are pooled per shard and keep their buffers' capacity, so a steady load allocates
// nothing; between calls a session holds none, which keeps idle users small.  What every request
// touches stands together, the rest apart in Spare: with thousands of connections a request costs
// as much as the memory that it has to fetch.
#pragma once
#include <array>
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>

#include "decoder.hpp"
#include "request.hpp"

namespace squall::http {

struct AssetFetch;
class Page;
struct Lane;

/// How a call ended.
struct Verdict {
  uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;
  std::string_view detail;  // a literal, or a view of Spare::detail_text

  static Verdict failed(uint32_t kind, std::string_view detail) {
    return {SQ_OUT_FAILED, kind, detail};
  }
};

struct Exchange {
  struct Write {  // its address is the tag
    uint64_t bytes = 0;
    bool is_busy = false;
  };

  static constexpr size_t kFrameBytes = 24;

  // The call.
  sq_call* call = nullptr;
  const Prepared* prepared = nullptr;
  const sq_value* args = nullptr;
  Lane* lane = nullptr;
  Exchange* next = nullptr;  // in the lane's queue
  AssetFetch* asset = nullptr;  // it is no call of the host's, but fetches this one for a page
  Page* page = nullptr;         // it is a page's, whose assets are being fetched, or were
  plugin::PhaseClock clock;
  Hop hop;
  Verdict verdict;
  uint32_t phase = SQ_PH_WAIT_CONN;  // what the time since the last mark belongs to
  uint32_t redirects_left = 0;
  uint32_t connections = 1;     // how many its lane may have when it begins
  bool wants_fresh_connection = false;
  bool has_verdict = false;

  // What goes out.
  bool head_is_whole = false;  // no body follows head_view
  bool head_sent = false, all_sent = false, chunked = false, any_chunk_sent = false;
  bool has_held = false;       // Spare::held waits for a free slot
  uint32_t writes_pending = 0;
  std::string_view head_view;  // the bytes to write first; may hold a whole static request
  const Body* body = nullptr;
  size_t part = 0;         // next part of the body
  uint64_t part_done = 0;  // bytes of it that were handed over
  std::array<Write, 4> writes;

  // What comes in.
  int status = 0;
  bool keeps_this_body = false, is_encoded = false;
  uint64_t body_bytes = 0;                     // as sent, before decoding
  uint64_t progress_out = 0, progress_in = 0;  // already reported

  /// What a plain request has no use for; empty until it is asked for.
  struct Spare {
    std::string head;
    Body scratch;
    char frames[4][kFrameBytes];  // of each write: "\r\n" size "\r\n" of a chunk
    sq_chunk held{};                 // a framed file range
    std::string headers;             // "name\0value\0" pairs, when wanted
    std::string body_text;
    std::string location;
    std::string url;
    std::string hop_path;  // of a redirect
    std::string detail_text;
    std::unique_ptr<Decoder> decoder;
  };
  Spare& spare() {
    is_spare_used_ = true;
    return spare_;
  }

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
  char* frame(const Write& write) { return spare().frames[&write - writes.data()]; }
  /// A piece of the answer's body that needs no decoding: counted, and kept as far as the call wants it.
  void take_body(std::string_view piece);
  /// Renders the hop's request.  Returns nullptr or why it cannot be sent.
  const char* render(const CookieJar* jar, uint64_t now_ns);
  std::string_view find_header(std::string_view name);
  /// The address of the current hop.  Reads args: ask before complete() for the first time.
  const std::string& effective_url();
  CookieJar::Place place();

 private:
  bool is_spare_used_ = false;
  Spare spare_;
};

}  // namespace squall::http
