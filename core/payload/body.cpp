#include "payload/body.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "payload/arena.hpp"
#include "payload/open_file.hpp"

namespace squall {

void Body::clear() {
  buffer_.clear();
  pieces_.clear();
  size_ = 0;
  text_begin_ = 0;
  rewind();
}

void Body::rewind() {
  piece_ = 0;
  done_ = 0;
}

void Body::add(const Piece& piece) {
  if (piece.size == 0) return;
  pieces_.push_back(piece);
  size_ += piece.size;
}

void Body::close_text() {
  add({Piece::Kind::text, nullptr, text_begin_, buffer_.size() - text_begin_});
  text_begin_ = buffer_.size();
}

void Body::add_view(std::string_view bytes) {
  close_text();
  add({Piece::Kind::view, bytes.data(), 0, bytes.size()});
}

void Body::add_arena(const Arena& arena, std::uint64_t start, std::uint64_t size) {
  close_text();
  add({Piece::Kind::arena, &arena, start, size});
}

void Body::add_file(const OpenFile& file, std::uint64_t offset, std::uint64_t size) {
  close_text();
  add({Piece::Kind::file, &file, offset, size});
}

Chunk Body::chunk_of(const Piece& piece, std::uint64_t done, std::uint64_t max) const {
  Chunk chunk;
  chunk.size = std::min(max, piece.size - done);
  switch (piece.kind) {
    case Piece::Kind::text:
      chunk.data = buffer_.data() + piece.start + done;
      break;
    case Piece::Kind::view:
      chunk.data = static_cast<const char*>(piece.source) + piece.start + done;
      break;
    case Piece::Kind::arena: {
      const std::string_view bytes = static_cast<const Arena*>(piece.source)->bytes();
      const std::uint64_t place = (piece.start + done) % bytes.size();
      chunk.data = bytes.data() + place;
      chunk.size = std::min<std::uint64_t>(chunk.size, bytes.size() - place);
      break;
    }
    case Piece::Kind::file:
      chunk.fd = static_cast<const OpenFile*>(piece.source)->descriptor();
      chunk.offset = piece.start + done;
      break;
  }
  return chunk;
}

bool Body::next(std::uint64_t max, Chunk& out) {
  if (piece_ == pieces_.size() || max == 0) return false;
  out = chunk_of(pieces_[piece_], done_, max);
  done_ += out.size;
  if (done_ == pieces_[piece_].size) {
    ++piece_;
    done_ = 0;
  }
  return true;
}

bool Body::contiguous(std::string_view& out) const {
  if (pieces_.empty()) {
    out = {};
    return true;
  }
  if (pieces_.size() != 1) return false;
  const Chunk chunk = chunk_of(pieces_[0], 0, size_);
  if (chunk.fd >= 0 || chunk.size != size_) return false;
  out = std::string_view(chunk.data, chunk.size);
  return true;
}

void Body::truncate(std::uint64_t size) {
  if (size >= size_) return;
  std::uint64_t left = size;
  std::size_t count = 0;
  while (left > 0) {
    pieces_[count].size = std::min(pieces_[count].size, left);
    left -= pieces_[count].size;
    ++count;
  }
  pieces_.resize(count);
  size_ = size;
  rewind();
}

bool Body::append_all(std::string& out, std::string& error) const {
  out.reserve(out.size() + size_);
  for (const Piece& piece : pieces_) {
    for (std::uint64_t done = 0; done < piece.size;) {
      const Chunk chunk = chunk_of(piece, done, piece.size);
      done += chunk.size;
      if (chunk.fd < 0) {
        out.append(chunk.data, chunk.size);
        continue;
      }
      const std::size_t begin = out.size();
      out.resize(begin + chunk.size);
      for (std::uint64_t read = 0; read < chunk.size;) {
        const ssize_t count = ::pread(chunk.fd, out.data() + begin + read, chunk.size - read,
                                      static_cast<off_t>(chunk.offset + read));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
          const std::string& path = static_cast<const OpenFile*>(piece.source)->path();
          error = "cannot read '" + path +
                  "': " + (count < 0 ? std::strerror(errno) : "it has become shorter");
          return false;
        }
        read += static_cast<std::uint64_t>(count);
      }
    }
  }
  return true;
}

}  // namespace squall
