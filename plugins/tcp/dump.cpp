#include "dump.hpp"

#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>

namespace squall::tcp {
namespace {

using plugin::host;
using plugin::view;

constexpr uint32_t kWritesAhead = 2;      // one in the kernel's hands, one ready
constexpr uint64_t kFileBytes = 1 << 20;  // one zero-copy send
constexpr uint64_t kLeastPacedBytes = 16 << 10;

// What on_written() is told: bytes of ours were taken, or the kernel's queue is empty.
char bytes_tag, empty_tag;

}  // namespace

Lane::~Lane() { XXH64_freeState(hash); }

Dump::Dump(Streams& streams, void (*idle)(void*, Dump*), void* owner)
    : CallState{true},
      streams_(streams),
      idle_(idle),
      owner_(owner),
      close_timer_(streams.shard, &Dump::on_timer, this) {}

void Dump::start(DumpOrder order, sq_call* call) {
  order_ = std::move(order);
  call_ = call;
  phases_.begin(call);
  has_opened_ = false;
  opened_ns_ = sent_ = transfer_ns_ = 0;
  outcome_ = SQ_OUT_OK;
  kind_ = SQ_K_NONE;
  detail_.clear();
  checksum_.clear();
  acknowledged_ = {};
  // All that may throw comes before the first stream.
  while (lanes_.size() < order_.streams) lanes_.push_back(std::make_unique<Lane>());
  for (uint32_t i = 0; i < order_.streams && order_.has_checksum; ++i) {
    XXH64_state_s*& hash = lanes_[i]->hash;
    if (!hash && !(hash = XXH64_createState())) throw std::bad_alloc();
    XXH64_reset(hash, 0);
  }

  const uint64_t rate =
      order_.rate_bytes_per_s ? std::max<uint64_t>(order_.rate_bytes_per_s / order_.streams, 1) : 0;
  sq_connect_opts options{};
  options.struct_size = sizeof options;
  options.session = order_.session;
  uint64_t position = 0;
  for (uint32_t i = 0; i < order_.streams && kind_ == SQ_K_NONE; ++i) {
    Lane& lane = *lanes_[i];
    lane.dump = this;
    lane.next = position;
    lane.end = position += order_.bytes / order_.streams + (i < order_.bytes % order_.streams);
    // A slow stream is cut finer, so that progress shows ten times a second.
    lane.chunk = rate ? std::clamp(rate / 10, kLeastPacedBytes, kPieceBytes) : 0;
    lane.in_flight = lane.buffer_in_use = 0;
    lane.is_closing = lane.is_peer_done = lane.is_shut_down = false;
    lane.copies = order_.has_checksum;
    lane.empty_ns = lane.peer_closed_ns = 0;
    const sq_status status = host.stream->connect(streams_.shard, order_.target, &options, &kEvents,
                                                  &lane, &lane.stream);
    if (status == SQ_OK) {
      ++streams_.open_count;
      ++open_lanes_;
      if (rate) host.stream->pace(lane.stream, rate);
    } else {
      lane.stream = nullptr;
      fail(SQ_OUT_FAILED,
           status == SQ_E_LIMIT || status == SQ_E_NOMEM ? SQ_K_LOCAL_RESOURCE : SQ_K_CONNECT,
           "no stream from the host");
    }
  }
  if (open_lanes_ == 0) finish();
}

void Dump::refuse(sq_call* call, std::string why) {
  call_ = call;
  phases_.begin(call);
  order_ = {};
  has_opened_ = false;
  sent_ = transfer_ns_ = 0;
  acknowledged_ = {};
  checksum_.clear();
  outcome_ = SQ_OUT_FAILED;
  kind_ = SQ_K_CHECK;
  detail_ = std::move(why);
  finish();
}

void Dump::cancel() {
  if (!call_) return;
  fail(call_->deadline_ns && now() >= call_->deadline_ns ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED,
       SQ_K_NONE, "");
}

void Dump::release() {
  order_.content.reset();
  idle_(owner_, this);
}

double Dump::goodput() const {
  return transfer_ns_ ? static_cast<double>(sent_) * 1e9 / static_cast<double>(transfer_ns_) : 0;
}

// ---- stream events -----------------------------------------------------------------------------

void Dump::on_open(void* context, sq_stream*, const sq_stream_info* info) noexcept {
  Lane& lane = *static_cast<Lane*>(context);
  Dump& dump = *lane.dump;
  if (lane.is_closing) return;
  if (!std::exchange(dump.has_opened_, true)) {
    dump.opened_ns_ = dump.now();
    note_connect(dump.phases_, dump.call_, *info, dump.opened_ns_);
  }
  dump.send_more(lane);
}

uint64_t Dump::on_data(void* context, sq_stream*, const uint8_t*, uint64_t length) noexcept {
  Lane& lane = *static_cast<Lane*>(context);
  Dump& dump = *lane.dump;
  if (lane.is_closing) return length;
  dump.call_->bytes_in += length;  // a sink that talks is not listened to
  if (length > 0) return length;
  lane.is_peer_done = true;
  if (lane.is_shut_down) {
    lane.peer_closed_ns = dump.now();
    dump.close_lane(lane);
  }
  return 0;
}

void Dump::on_written(void* context, sq_stream*, void* tag) noexcept {
  Lane& lane = *static_cast<Lane*>(context);
  Dump& dump = *lane.dump;
  if (lane.is_closing) return;
  if (tag == &empty_tag) {
    lane.empty_ns = dump.now();
    if (lane.is_peer_done)
      return dump.close_lane(lane);  // it said so before our end: no later sign comes
    dump.close_timer_.set_at(lane.empty_ns +
                             dump.order_.close_wait_ns);  // the last lane sets it last
    return;
  }
  const uint64_t bytes = lane.write_bytes[0];
  lane.write_bytes[0] = lane.write_bytes[1];
  --lane.in_flight;
  dump.sent_ += bytes;
  host.calls->progress(dump.call_, bytes, 0);
  dump.send_more(lane);
}

void Dump::on_closed(void* context, sq_stream*, sq_status, uint32_t kind, sq_str detail) noexcept {
  Lane& lane = *static_cast<Lane*>(context);
  Streams& streams = lane.dump->streams_;
  lane.dump->lane_closed(lane, kind, view(detail));
  streams.closed();
}

/// The bound is over for those whose queue has been empty for so long.
void Dump::on_timer(void* self) noexcept {
  Dump& dump = *static_cast<Dump*>(self);
  for (uint32_t i = 0; i < dump.order_.streams; ++i) {
    Lane& lane = *dump.lanes_[i];
    if (lane.stream && lane.empty_ns && lane.empty_ns + dump.order_.close_wait_ns <= dump.now())
      dump.close_lane(lane);
  }
}

// ---- a lane's work -----------------------------------------------------------------------------

void Dump::send_more(Lane& lane) {
  while (lane.next < lane.end && lane.in_flight < kWritesAhead) {
    const sq_status status = send_next(lane);
    if (status == SQ_E_IO)
      return fail(SQ_OUT_FAILED, SQ_K_LOCAL_RESOURCE, "the file cannot be read");
    if (status != SQ_OK) return fail(SQ_OUT_FAILED, SQ_K_SEND, "the stream is going down");
  }
  if (!lane.has_sent_all()) return;
  phases_.mark(call_, SQ_PH_SEND, now());
  host.stream->flush(lane.stream, &empty_tag);  // before the half-close: it is a write like others
  if (lane.is_peer_done) return;  // closed on both sides, the stream would end before the answer
  lane.is_shut_down = true;
  host.stream->shutdown(lane.stream);
}

sq_status Dump::send_next(Lane& lane) {
  const Content& content = *order_.content;
  const Arena* arena = content.arena();
  uint64_t size = std::min(lane.end - lane.next, lane.chunk ? lane.chunk : kPieceBytes);
  sq_status status = SQ_E_UNSUPPORTED;
  if (!arena && !lane.copies) {
    const uint64_t offset = lane.next % content.period();
    size = std::min(
        {lane.end - lane.next, lane.chunk ? lane.chunk : kFileBytes, content.period() - offset});
    status = host.stream->send_file(lane.stream, content.file(), offset, size, &bytes_tag);
  }
  if (status == SQ_E_UNSUPPORTED) {  // from memory: an arena, or a file to be hashed or encrypted
    lane.copies = true;
    std::string_view piece;
    if (arena) {
      piece = arena->at(lane.next, size);
    } else {
      if (!lane.buffers) lane.buffers.reset(new (std::nothrow) char[kWritesAhead * kPieceBytes]);
      if (!lane.buffers) return SQ_E_IO;
      size = std::min(size, kPieceBytes);
      char* const buffer = lane.buffers.get() + lane.buffer_in_use * kPieceBytes;
      lane.buffer_in_use = (lane.buffer_in_use + 1) % kWritesAhead;
      if (!read_file(lane, buffer, size)) return SQ_E_IO;
      piece = {buffer, static_cast<size_t>(size)};
    }
    if (order_.has_checksum) XXH64_update(lane.hash, piece.data(), piece.size());
    const sq_buf bytes = plugin::buf(piece);
    status = host.stream->write(lane.stream, &bytes, 1, &bytes_tag);
  }
  if (status != SQ_OK) return status == SQ_E_IO ? SQ_E_CLOSED : status;
  lane.write_bytes[lane.in_flight++] = size;
  lane.next += size;
  return SQ_OK;
}

/// The file's bytes from the lane's position on, over its end as often as needed.
bool Dump::read_file(Lane& lane, char* into, uint64_t size) {
  const Content& content = *order_.content;
  for (uint64_t done = 0; done < size;) {
    const uint64_t offset = (lane.next + done) % content.period();
    const uint64_t part = std::min(size - done, content.period() - offset);
    const ssize_t n = ::pread(content.file(), into + done, part, static_cast<off_t>(offset));
    if (n <= 0) return false;  // the file has become shorter
    done += static_cast<uint64_t>(n);
  }
  return true;
}

// ---- ends --------------------------------------------------------------------------------------

void Dump::close_lane(Lane& lane) {
  if (lane.stream && !std::exchange(lane.is_closing, true)) host.stream->close(lane.stream);
}

void Dump::lane_closed(Lane& lane, uint32_t kind, std::string_view detail) {
  lane.stream = nullptr;
  --open_lanes_;
  const bool is_acknowledged = lane.empty_ns || lane.peer_closed_ns;
  if (!is_acknowledged && outcome_ == SQ_OUT_OK)
    fail(SQ_OUT_FAILED, kind == SQ_K_NONE ? uint32_t{SQ_K_CLOSED} : kind, detail);
  if (open_lanes_ == 0) finish();
}

/// The first failure is the call's; it takes the other streams along and ends when all are closed.
void Dump::fail(uint32_t outcome, uint32_t kind, std::string_view detail) {
  if (outcome_ != SQ_OUT_OK) return;
  outcome_ = outcome;
  kind_ = kind;
  detail_ = detail;
  for (uint32_t i = 0; i < order_.streams; ++i) close_lane(*lanes_[i]);
}

void Dump::finish() {
  close_timer_.disarm();
  sq_call* call = std::exchange(call_, nullptr);
  call->bytes_out = sent_;
  call->end_ns = now();
  if (outcome_ == SQ_OUT_OK) {
    call->end_ns = opened_ns_;
    acknowledged_ = "peer close";
    for (uint32_t i = 0; i < order_.streams; ++i) {
      const Lane& lane = *lanes_[i];
      if (!lane.peer_closed_ns) acknowledged_ = "send queue empty";
      call->end_ns =
          std::max(call->end_ns, lane.peer_closed_ns ? lane.peer_closed_ns : lane.empty_ns);
      if (!order_.has_checksum) continue;
      char digits[24];
      std::snprintf(digits, sizeof digits, "%s%016llx", i ? "," : "",
                    static_cast<unsigned long long>(XXH64_digest(lane.hash)));
      checksum_ += digits;
    }
  }
  transfer_ns_ = has_opened_ ? call->end_ns - opened_ns_ : 0;
  phases_.mark(call,
               !has_opened_            ? SQ_PH_CONNECT
               : outcome_ == SQ_OUT_OK ? SQ_PH_RECEIVE
                                       : SQ_PH_SEND,
               call->end_ns);
  plugin::complete(call, outcome_, kind_, 0, detail_);
}

}  // namespace squall::tcp
