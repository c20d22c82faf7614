// One message, as a list of pieces: text it owns, constants, stretches of an arena, ranges of a
// file. Read it in chunks; nothing is copied until the socket does. Belongs to one user at a time
// and is rendered anew for each message, keeping its memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "payload/value.hpp"

namespace squall {

class Arena;
class OpenFile;

/// A piece of a body: memory when fd < 0, else `size` bytes of the file from `offset`.
/// Valid until the Body is rendered anew or dies.
struct Chunk {
  const char* data = nullptr;
  int fd = -1;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class Body {
 public:
  Body() = default;
  Body(Body&&) = default;  // chunks given out before are void
  Body& operator=(Body&&) = default;

  std::uint64_t size() const { return size_; }
  /// The next piece of at most `max` bytes; false at the end. `while (body.next(max, chunk)) …`
  bool next(std::uint64_t max, Chunk& out);
  /// Back to the first byte, for a redirect or a retry.
  void rewind();
  /// The whole body when it is one piece of memory (most are); false for files and wrapped blobs.
  bool contiguous(std::string_view& out) const;
  /// The bytes from `size` on are not sent: a byte budget shortens the last operation.
  void truncate(std::uint64_t size);
  /// Everything as one string; reads files. For encoders, tests, `squall sample`.
  bool append_all(std::string& out, std::string& error) const;

  // For those who fill one.
  void clear();
  std::string& buffer() { return buffer_; }
  /// What was appended to buffer() since the last piece becomes the next piece.
  void close_text();
  void add_view(std::string_view bytes);  // bytes outlive the message: a plan's constants
  void add_arena(const Arena& arena, std::uint64_t start, std::uint64_t size);
  void add_file(const OpenFile& file, std::uint64_t offset, std::uint64_t size);
  /// Values of the payload's fields while it renders; here because their memory is reused with the
  /// Body.
  std::vector<Value>& fields() { return fields_; }

 private:
  struct Piece {
    enum class Kind : std::uint8_t { text, view, arena, file } kind = Kind::text;
    const void* source = nullptr;  // the view's bytes, the Arena, the OpenFile
    std::uint64_t start = 0;
    std::uint64_t size = 0;
  };
  void add(const Piece& piece);
  Chunk chunk_of(const Piece& piece, std::uint64_t done, std::uint64_t max) const;

  std::string buffer_;
  std::vector<Piece> pieces_;
  std::vector<Value> fields_;
  std::uint64_t size_ = 0;
  std::uint64_t text_begin_ = 0;  // of the piece that is being written
  std::size_t piece_ = 0;         // read position: the piece, and how much of it is done
  std::uint64_t done_ = 0;
};

}  // namespace squall
