// What an operation sends: compiled once from the scenario's `payloads`, rendered per message into a
// Body. Texts are built in a buffer the Body reuses; blobs are views into an arena made at load time,
// files are ranges of a descriptor: the size of a message costs nothing here.
// Immutable and shared by all shards; a Body belongs to one user at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "payload/distribution.hpp"
#include "payload/template.hpp"
#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

/// A piece of a body: memory when fd < 0, else `size` bytes of the file from `offset`.
/// Valid until the Body is rendered anew or dies.
struct Chunk {
  const char* data = nullptr;
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class Arena;       // arena.hpp
class OpenFile;    // open_file.hpp
struct PayloadPlan;

/// One message, read in chunks: `while (body.next(max, chunk)) …`.
class Body {
 public:
  std::uint64_t size() const { return size_; }
  /// The next piece of at most `max` bytes; false at the end.
  bool next(std::uint64_t max, Chunk& out);
  /// Back to the first byte, for a redirect or a retry.
  void rewind();
  /// The whole body when it is one piece of memory (most are); false for files and wrapped blobs.
  bool contiguous(std::string_view& out) const;
  /// The bytes from `offset` on are not sent: a byte budget shortens the last operation.
  void truncate(std::uint64_t size);
  /// Everything as one string; reads files. For tests, `squall sample`, encoders.
  bool append_all(std::string& out, std::string& error) const;

  // For those who build one.
  void clear();
  std::string& buffer() { return buffer_; }
  /// Bytes of buffer() since the last call become the next piece.
  void close_text();
  void add_view(std::string_view bytes);  // bytes outlive the Body's use: a plan's constants
  void add_arena(const Arena& arena, std::uint64_t start, std::uint64_t size);
  void add_file(const OpenFile& file, std::uint64_t offset, std::uint64_t size);

 private:
  struct Piece {
    enum class Kind : std::uint8_t { text, view, arena, file } kind = Kind::text;
    const void* source = nullptr;  // view's bytes, Arena, OpenFile
    std::uint64_t start = 0;
    std::uint64_t size = 0;
  };
  Chunk part(const Piece& piece, std::uint64_t from) const;

  std::string buffer_;
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
  std::size_t text_begin_ = 0;
  std::size_t piece_ = 0;     // read position
  std::uint64_t done_ = 0;    // of that piece
};

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
Result<PayloadSpec> make_payload(std::string name, const Value& description, const PayloadContext& context);

/// Fills `body`; its old content is gone, its memory is reused. False with one line in `error` when a
/// name has no value, a size is impossible or a file cannot be read.
bool render_payload(const PayloadSpec& payload, Scope& scope, Body& body, std::string& error);

}  // namespace squall
