// Comfort for protocols over host streams (squall.stream/1): a connection that its owner may drop at any moment. The
// host may still read what was written, and owes a last event, after that; here is what waits for it, so that sessions
// need not. Header only and compiled into the plugin, as plugin.hpp is. It copies what is written: for bulk use
// host.stream.
#pragma once
#include <squall/plugin.hpp>

namespace squall::plugin {

/// A protocol's Shard, or the base of it: it ends when every stream that was opened on it has had its last event.
class StreamShard {
 public:
  template <class Instance>
  StreamShard(Instance&, sq_shard* shard) : shard_(shard) {}
  StreamShard(const StreamShard&) = delete;
  StreamShard& operator=(const StreamShard&) = delete;
  virtual ~StreamShard() = default;

  sq_shard* handle() const { return shard_; }
  void close(sq_done* done) {
    closing_ = done;
    end_if_idle();
  }

 private:
  template <class Owner>
  friend class Stream;
  void stream_ended() {
    --streams_;
    end_if_idle();
  }
  void end_if_idle() {
    if (!closing_ || streams_ > 0) return;
    sq_done* const done = closing_;
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
  sq_shard* shard_;
  uint32_t streams_ = 0;
  sq_done* closing_ = nullptr;
};

/// What the host has measured of a connect, as phases of the call that wanted it.
inline void note_connect(sq_call* call, const sq_stream_info& info) {
  call->phase_ns[SQ_PH_RESOLVE] = info.resolve_ns;
  call->phase_ns[SQ_PH_CONNECT] = info.connect_ns;
  call->phase_ns[SQ_PH_TLS] = info.tls_ns;
}

/// One connection at a time, of an owner who has these functions, which are called from the loop and throw nothing:
///   void opened(const sq_stream_info&)
///   size_t received(std::string_view bytes)   how many were taken; the rest is shown again, with more. Empty: the peer
///                                             has finished sending
///   void closed(uint32_t kind, std::string_view why)   it could not be opened, or is gone: SQ_K_*, never SQ_K_NONE.
///                                             Not called after drop()
/// All of it [shard].
template <class Owner>
class Stream {
 public:
  Stream(StreamShard& shard, Owner& owner) : shard_(shard), owner_(owner) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { drop(); }

  /// From connect() to drop() or closed(), open already or not.
  explicit operator bool() const { return link_ != nullptr; }
  const sq_target* target() const { return target_; }

  /// `session` as in session_open(). Only without a connection. When it returns SQ_OK, opened() or closed() follows.
  sq_status connect(const sq_target* target, uint64_t session) {
    target_ = target;
    link_ = new Link{shard_, this};
    sq_connect_opts options{};
    options.struct_size = sizeof options;
    options.flags = SQ_S_NODELAY | SQ_S_DIRECT;
    options.session = session;
    const sq_status status = host.stream->connect(shard_.handle(), target, &options, &kEvents, link_, &link_->handle);
    if (status == SQ_OK)
      ++shard_.streams_;
    else
      delete std::exchange(link_, nullptr);
    return status;
  }
  /// After opened(). Copies the bytes; they go out in order, at once if the kernel takes them. < 0: the connection is
  /// going down.
  sq_status write(std::string_view bytes) {
    link_->next.append(bytes);
    return link_->is_writing ? SQ_OK : push(*link_);
  }
  /// Ends the connection, if there is one; nothing more is heard of it.
  void drop() {
    if (!link_) return;
    link_->stream = nullptr;
    host.stream->close(std::exchange(link_, nullptr)->handle);
  }

 private:
  struct Link {  // from connect() to the host's last event
    StreamShard& shard;
    Stream* stream;  // nullptr: dropped
    sq_stream* handle = nullptr;
    std::string writing = {}, next = {};  // the host reads the one while the other grows
    bool is_writing = false;
  };
  static sq_status push(Link& link) {
    while (!link.next.empty()) {
      link.writing.swap(link.next);
      link.next.clear();
      const sq_buf bytes = buf(link.writing);
      const sq_status status = host.stream->write(link.handle, &bytes, 1, nullptr);
      if (status < 0) return status;
      link.is_writing = status != SQ_DONE;
      if (link.is_writing) break;  // on_written follows
    }
    return SQ_OK;
  }
  static void on_open(void* context, sq_stream*, const sq_stream_info* info) noexcept {
    if (Stream* stream = static_cast<Link*>(context)->stream) stream->owner_.opened(*info);
  }
  static uint64_t on_data(void* context, sq_stream*, const uint8_t* data, uint64_t size) noexcept {
    Stream* const stream = static_cast<Link*>(context)->stream;
    return stream ? stream->owner_.received({reinterpret_cast<const char*>(data), static_cast<size_t>(size)}) : size;
  }
  static void on_written(void* context, sq_stream*, void*) noexcept {
    Link& link = *static_cast<Link*>(context);
    link.is_writing = false;
    if (link.stream) push(link);  // when it fails, on_closed says why
  }
  static void on_closed(void* context, sq_stream*, sq_status, uint32_t kind, sq_str why) noexcept {
    Link* const link = static_cast<Link*>(context);
    StreamShard& shard = link->shard;
    Stream* const stream = link->stream;
    delete link;
    if (stream) {
      stream->link_ = nullptr;
      stream->owner_.closed(kind ? kind : uint32_t{SQ_K_CLOSED}, view(why));
    }
    shard.stream_ended();
  }
  static constexpr sq_stream_events kEvents = {sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

  StreamShard& shard_;
  Owner& owner_;
  const sq_target* target_ = nullptr;
  Link* link_ = nullptr;
};

}  // namespace squall::plugin
