#include "payload/compression.hpp"

#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace squall {
namespace {

// zlib's state is 256 KiB: made once per thread and reset per message, never one per user.
class Deflater {
 public:
  explicit Deflater(int window_bits) {
    is_open_ = deflateInit2(&stream_, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (is_open_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  bool run(std::string_view bytes, std::string& out) {
    if (!is_open_ || deflateReset(&stream_) != Z_OK) return false;
    const std::size_t begin = out.size();
    out.resize(begin + deflateBound(&stream_, bytes.size()));
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
    stream_.avail_in = static_cast<uInt>(bytes.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + begin);
    stream_.avail_out = static_cast<uInt>(out.size() - begin);
    const bool done = deflate(&stream_, Z_FINISH) == Z_STREAM_END;
    out.resize(begin + (done ? stream_.total_out : 0));
    return done;
  }

 private:
  z_stream stream_{};
  bool is_open_ = false;
};

}  // namespace

bool compress(Coding coding, std::string_view bytes, std::string& out) {
  switch (coding) {
    case Coding::none:
      out += bytes;
      return true;
    case Coding::gzip: {
      thread_local Deflater gzip(15 + 16);
      return gzip.run(bytes, out);
    }
    case Coding::deflate: {
      thread_local Deflater deflate(15);
      return deflate.run(bytes, out);
    }
    case Coding::zstd: {
      struct Free {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
      };
      thread_local std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
      const std::size_t begin = out.size();
      out.resize(begin + ZSTD_compressBound(bytes.size()));
      const std::size_t size = ZSTD_compressCCtx(context.get(), out.data() + begin,
                                                 out.size() - begin, bytes.data(), bytes.size(), 3);
      const bool done = ZSTD_isError(size) == 0;
      out.resize(begin + (done ? size : 0));
      return done;
    }
  }
  return false;
}

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return "gzip";
    case Coding::deflate:
      return "deflate";
    case Coding::zstd:
      return "zstd";
    default:
      return "";
  }
}

}  // namespace squall
