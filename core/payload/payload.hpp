// What an operation sends: compiled once from the scenario's `payloads`, rendered per message into
// a Body. Texts are built in a buffer the Body reuses; blobs are views into an arena made at load
// time, files are ranges of a descriptor: the size of a message costs nothing here. Immutable and
// shared by all shards; a Body belongs to one user at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "payload/body.hpp"
#include "payload/distribution.hpp"
#include "payload/template.hpp"
#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

struct PayloadPlan;  // payload_plan.hpp

/// A compiled payload. Copyable: the plan is shared, and immutable once made.
struct PayloadSpec {
  std::string name;
  std::string content_type;      // "" when nothing is said and nothing follows from the kind
  std::string content_encoding;  // "", "gzip", "deflate", "zstd"
  std::shared_ptr<const PayloadPlan> plan;

  /// Every message is the same bytes: it may be rendered once.
  bool is_constant() const;
  /// The size when every message has the same, else UINT64_MAX.
  std::uint64_t fixed_size() const;
};

struct PayloadContext {
  Names& names;
  std::string folder;  // of the scenario file; relative paths begin here
};

/// Reads one entry of `payloads` (or an inline payload: a map of the same form, or a plain string).
/// Errors: unknown key or kind ("did you mean"), template errors with their offset, missing files.
Result<PayloadSpec> make_payload(std::string name, const Value& description,
                                 const PayloadContext& context);

/// Fills `body`; its old content is gone, its memory is reused. The body points into the payload's
/// plan (constants, arena, files): a copy of `payload` outlives the reading of it. False with one
/// line in `error` when a name has no value, a size is impossible or a file cannot be read.
bool render_payload(const PayloadSpec& payload, Scope& scope, Body& body, std::string& error);

}  // namespace squall
