// A plugin's end of one stream, as a test wants it: everything that was called is kept, and what to
// do at an event can be set.  It asserts the rules every stream obeys: nothing from inside a call,
// nothing after on_closed, on_closed once.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "loop.hpp"
#include "net/net_api.hpp"

namespace squall::test {

class Client {
 public:
  explicit Client(Shard& shard) : shard_(shard) {}
  ~Client() {
    if (!stream_ || is_closed) return;
    close();
    until_closed();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::function<void()> on_open;
  std::function<std::uint64_t(std::string_view)> on_data;   // default: takes everything
  std::function<void(void* tag)> on_written;

  bool is_open = false, is_closed = false, has_eof = false;
  std::string received;
  std::vector<std::uintptr_t> written;
  sq_status status = 99;
  std::uint32_t kind = 99;
  std::string detail, alpn, peer;
  sq_stream_info info{};

  struct Options {
    std::uint32_t flags = 0;
    std::uint64_t connect_timeout_ns = 0, session = 0;
    std::string_view alpn = {};
  };
  sq_status connect(const Target& target, Options options) {
    const sq_connect_opts opts{sizeof opts, options.flags, options.connect_timeout_ns, options.session,
                               {options.alpn.data(), options.alpn.size()}};
    const Inside inside(*this);
    return stream_api()->connect(&shard_, &target, &opts, events(), this, &stream_);
  }
  sq_status connect(const Target& target) { return connect(target, Options{}); }
  sq_status write(std::string_view bytes, std::uintptr_t tag = 0) {
    const sq_buf buffer{bytes.data(), bytes.size()};
    return write({buffer}, tag);
  }
  sq_status write(const std::vector<sq_buf>& buffers, std::uintptr_t tag = 0) {
    const Inside inside(*this);
    return stream_api()->write(stream_, buffers.data(), static_cast<std::uint32_t>(buffers.size()),
                               reinterpret_cast<void*>(tag));
  }
  sq_status send_file(int fd, std::uint64_t offset, std::uint64_t size, std::uintptr_t tag = 0) {
    const Inside inside(*this);
    return stream_api()->send_file(stream_, fd, offset, size, reinterpret_cast<void*>(tag));
  }
  sq_status flush(std::uintptr_t tag) {
    const Inside inside(*this);
    return stream_api()->flush(stream_, reinterpret_cast<void*>(tag));
  }
  void pace(std::uint64_t rate) {
    const Inside inside(*this);
    stream_api()->pace(stream_, rate);
  }
  void read_enable(bool on) {
    const Inside inside(*this);
    stream_api()->read_enable(stream_, on);
  }
  void shutdown() {
    const Inside inside(*this);
    stream_api()->shutdown(stream_);
  }
  void close() {
    const Inside inside(*this);
    stream_api()->close(stream_);
  }

  bool until_open() { return shard_.loop.until([&] { return is_open || is_closed; }) && is_open; }
  bool until_closed() { return shard_.loop.until([&] { return is_closed; }); }
  bool until_received(std::size_t size) {
    return shard_.loop.until([&] { return received.size() >= size || is_closed; });
  }
  bool until_written(std::size_t count) {
    return shard_.loop.until([&] { return written.size() >= count || is_closed; });
  }
  std::string ending() const {   // "6 reset" …: class and detail
    return std::to_string(kind) + " " + detail;
  }

 private:
  struct Inside {   // while it lives no event may come
    explicit Inside(Client& client) : client_(client) { ++client_.inside_; }
    ~Inside() { --client_.inside_; }
    Client& client_;
  };
  static Client& self(void* ctx) {
    Client& client = *static_cast<Client*>(ctx);
    EXPECT_EQ(client.inside_, 0) << "an event came from inside a call";
    EXPECT_FALSE(client.is_closed) << "an event came after on_closed";
    return client;
  }
  static const sq_stream_events* events() {
    static const sq_stream_events table{
        sizeof(sq_stream_events), 0,
        [](void* ctx, sq_stream*, const sq_stream_info* info) noexcept {
          Client& c = self(ctx);
          c.is_open = true;
          c.info = *info;
          c.alpn.assign(info->alpn.ptr ? info->alpn.ptr : "", info->alpn.len);
          c.peer.assign(info->peer.ptr, info->peer.len);
          if (c.on_open) c.on_open();
        },
        [](void* ctx, sq_stream*, const std::uint8_t* data, std::uint64_t len) noexcept -> std::uint64_t {
          Client& c = self(ctx);
          if (len == 0) {
            c.has_eof = true;
            return 0;
          }
          const std::string_view bytes(reinterpret_cast<const char*>(data), len);
          if (c.on_data) return c.on_data(bytes);
          c.received += bytes;
          return len;
        },
        [](void* ctx, sq_stream*, void* tag) noexcept {
          Client& c = self(ctx);
          c.written.push_back(reinterpret_cast<std::uintptr_t>(tag));
          if (c.on_written) c.on_written(tag);
        },
        [](void* ctx, sq_stream*, sq_status why, std::uint32_t kind, sq_str detail) noexcept {
          Client& c = self(ctx);
          c.is_closed = true;
          c.status = why;
          c.kind = kind;
          c.detail.assign(detail.ptr ? detail.ptr : "", detail.len);
        }};
    return &table;
  }

  Shard& shard_;
  sq_stream* stream_ = nullptr;
  int inside_ = 0;
};

}  // namespace squall::test
