#include "filler.hpp"

#include <algorithm>
#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>
#include <stdexcept>

namespace squall::city {
namespace {

void append_le32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

// RFC 1952: ten header bytes, raw deflate, CRC-32 and size of the plain bytes.
std::string make_gzip(const Filler& filler, std::uint64_t size) {
  namespace zlib = boost::beast::zlib;
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  const std::size_t header = out.size();
  zlib::deflate_stream deflate;
  boost::crc_32_type crc;
  out.resize(header + deflate.upper_bound(size) + 64);
  zlib::z_params params;
  params.next_out = out.data() + header;
  params.avail_out = out.size() - header;
  boost::system::error_code ec;
  for (std::uint64_t done = 0; done < size;) {
    const auto piece = filler.piece(done, size - done);
    crc.process_bytes(piece.data(), piece.size());
    done += piece.size();
    params.next_in = piece.data();
    params.avail_in = piece.size();
    deflate.write(params, zlib::Flush::none, ec);
    if (ec || params.avail_in > 0) throw std::runtime_error("deflate failed: " + ec.message());
  }
  params.next_in = nullptr;
  params.avail_in = 0;
  deflate.write(params, zlib::Flush::finish, ec);
  if (ec != zlib::error::end_of_stream) throw std::runtime_error("deflate failed: " + ec.message());
  out.resize(header + params.total_out);
  append_le32(out, crc.checksum());
  append_le32(out, static_cast<std::uint32_t>(size));
  return out;
}

}  // namespace

Filler::Filler() : block_(kBlockSize, 'a') {
  for (std::size_t i = 0; i < block_.size(); ++i) block_[i] = static_cast<char>('a' + i % 26);
}

std::string_view Filler::piece(std::uint64_t offset, std::uint64_t size) const {
  const std::size_t from = offset % kBlockSize;
  return std::string_view(block_).substr(from, std::min<std::uint64_t>(size, kBlockSize - from));
}

std::string_view GzipFiller::body(std::uint64_t size) {
  auto found = made_.find(size);
  if (found == made_.end()) {
    if (made_.size() >= 32) made_.clear();
    found = made_.emplace(size, make_gzip(filler_, size)).first;
  }
  return found->second;
}

}  // namespace squall::city
