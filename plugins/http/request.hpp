// A prepared operation: its bindings, and the request they make.  What does not vary is rendered
// once at prepare(); the rest is appended per call to the exchange's pooled buffers.  Sends
// nothing.
#pragma once
#include <atomic>
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cookies.hpp"

namespace squall::http {

inline constexpr uint32_t kConnectionsDefault = 6;  // as the described parameters say

struct Instance {
  explicit Instance(std::span<const sq_pair> options);
  uint32_t header_limit = 64 * 1024;
  uint64_t decode_limit = 64ull << 20;
  uint32_t connections = kConnectionsDefault;
  mutable std::atomic<uint32_t> operations = 0;  // prepared so far
};

/// A stretch of a request's body.  Text lies in the Body's own buffer, because that may move as it
/// grows.
struct BodyPart {
  enum class Kind { kText, kView, kFile, kSource } kind;
  uint64_t offset = 0, length = 0;
  sq_str bytes{};
  int fd = -1;
  sq_source* source = nullptr;
};
struct Body {
  std::string text;
  std::vector<BodyPart> parts;
  std::vector<int> files;  // opened for this body, closed with it
  uint64_t size = 0;       // UINT64_MAX: unknown
  bool is_given = false;
  const char* type = nullptr;  // Content-Type, when the user gave none

  Body() = default;
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  ~Body() { clear(); }
  void clear();
  void add_text(uint64_t from);  // text from there to the end of `text`
  void add_view(sq_str bytes);
  void add_file(int fd, uint64_t length);
  void add_source(sq_source* source);
  std::string_view view(const BodyPart& part) const;
};

/// One request of an exchange: the first, or one that follows a redirect.
struct Hop {
  const sq_target* target = nullptr;
  const sq_target_info* info = nullptr;
  std::string_view method;
  std::string_view path;  // path and query of a redirect; of the first hop: empty
  bool is_first = true;
  bool sends_body = true;
  bool sends_credentials = true;  // false once a redirect has left the first target
};

/// 1 to 64, or the default; throws Refusal.
uint32_t connections_of(const sq_value& value);

struct PagePlan;

class Prepared {
 public:
  Prepared(const Instance& instance, uint32_t operation, std::span<const sq_binding> bindings,
           const sq_wants& wants);
  /// The request that each asset of a page is fetched with, but for its place.
  static std::unique_ptr<const Prepared> for_assets(const Instance& instance,
                                                    std::span<const sq_binding> bindings);
  ~Prepared();

  const Instance& instance;
  const uint32_t operation;
  const uint32_t number;  // of this prepared operation in its instance, from 0
  plugin::Args args;
  bool keeps_headers = false, keeps_body = false, wants_url = false;
  bool decodes = true, fresh_connection = false, closes_connection = false;
  bool sends_as_is = false;   // the path's bytes are the request target
  bool learns_heads = false;  // its answers are worth a place in KnownHeads
  uint32_t redirects = 10;
  uint64_t keep_bytes = 0;
  std::unique_ptr<const PagePlan> page;  // of `page` alone

  std::string_view method(const sq_value* values) const;
  /// The body; the static one is shared, others are rendered into `scratch`.
  /// Errors: a text (a literal) when the values cannot be sent, in `problem`.
  const Body& body(const sq_value* values, Body& scratch, const char** problem) const;
  /// Appends request line and header fields, all but cookies and the empty line.
  /// Returns nullptr, or why the values cannot be sent (a literal).
  const char* append_head(std::string& out, const sq_value* values, const Hop& hop,
                          const Body& body) const;
  /// Path and query of the first hop; as it is, where that was asked for, and then as it stands in the
  /// request line.
  void append_target(std::string& out, const sq_value* values, const sq_target_info& info) const;

  /// The head of the first hop when nothing in it varies; empty otherwise.
  std::string_view static_head() const { return static_head_; }
  /// The same with the empty line and a body in memory: one buffer, ready to be written as it is.
  std::string_view static_request() const { return static_request_; }
  /// Whether the user's own headers hold a Cookie; it replaces the session's.
  bool user_sends_cookie(const sq_value* values) const;

 private:
  enum class Use { kCall, kAsset };
  Prepared(const Instance& instance, uint32_t operation, std::span<const sq_binding> bindings,
           const sq_wants& wants, Use use);
  bool takes_body() const;
  void render_body(Body& body, const sq_value* values, const char** problem) const;
  void render_multipart(Body& body, std::span<const sq_value> parts, const char** problem) const;

  std::string static_method_;
  std::string static_head_, static_request_;
  Body static_body_;
  bool body_is_static_ = true;
};

}  // namespace squall::http
