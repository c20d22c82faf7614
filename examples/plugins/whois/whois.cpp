// The protocol "whois" (RFC 3912) as a plugin of its own: connect, send one line, read until the server
// closes. The smallest whole protocol plugin over host streams; docs/plugins.md walks through it. It opens one
// connection for each call, as the protocol wants it, and keeps no state between calls but idle memory.
#include <memory>
#include <squall/plugin.hpp>

namespace {

using namespace squall::plugin;

constexpr sq_param kDomain = param(SQ_T_STR, "domain", "what is asked for", {.flags = SQ_P_REQUIRED});
constexpr const sq_param* kParams[] = {&kDomain, nullptr};
constexpr sq_param kText = param(SQ_T_BYTES, "text", "the whole answer");
constexpr const sq_param* kOutputs[] = {&kText, nullptr};
constexpr sq_op kQuery =
    operation("query", "asks for one name; ends when the server has closed", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kQuery, nullptr};

struct Instance {
  explicit Instance(std::span<const sq_pair>) {}  // whois has no options
};

struct Prepared {  // one step of a scenario, compiled once and read by every shard
  Prepared(Instance&, uint32_t, std::span<const sq_binding> bindings, const sq_wants& wants)
      : args(kQuery, bindings), keep_bytes(wants.outputs & 1 ? wants.keep_bytes : 0) {
    if (!args.to().given) throw invalid("whois needs a target: to");
  }
  Args args;
  uint64_t keep_bytes;
};

struct Exchange {  // one call, from start() to release()
  sq_call* call = nullptr;
  sq_stream* stream = nullptr;
  std::string question, answer, detail;
  uint64_t keep_bytes = 0;
  bool is_answered = false, is_cancelled = false;

  void opened() {
    const sq_buf bytes = buf(question);
    if (host.stream->write(stream, &bytes, 1, nullptr) != SQ_OK) return host.stream->close(stream);
    call->bytes_out = question.size();
  }
  void received(std::string_view data) {
    if (data.empty()) {  // the server has closed: the answer is whole
      is_answered = true;
      call->end_ns = host.loop->now_ns(call->shard);
      return host.stream->close(stream);
    }
    if (call->first_byte_ns == 0) call->first_byte_ns = host.loop->now_ns(call->shard);
    call->bytes_in += data.size();
    answer.append(data.substr(0, keep_bytes - std::min(keep_bytes, answer.size())));
  }
  void closed(uint32_t kind, std::string_view why) {  // the stream's last event ends the call
    if (is_answered) return complete(call, SQ_OUT_OK, SQ_K_NONE);
    if (is_cancelled) {
      const bool is_late = call->deadline_ns && host.loop->now_ns(call->shard) >= call->deadline_ns;
      return complete(call, is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED, SQ_K_NONE);
    }
    detail = why;  // complete() keeps a view until release()
    complete(call, SQ_OUT_FAILED, kind ? kind : uint32_t{SQ_K_CLOSED}, 0, detail);
  }
};

constexpr sq_stream_events kEvents = {
    sizeof(sq_stream_events), 0,
    [](void* self, sq_stream*, const sq_stream_info*) noexcept { static_cast<Exchange*>(self)->opened(); },
    [](void* self, sq_stream*, const uint8_t* data, uint64_t size) noexcept {
      static_cast<Exchange*>(self)->received({reinterpret_cast<const char*>(data), size});
      return size;
    },
    [](void*, sq_stream*, void*) noexcept {},
    [](void* self, sq_stream*, sq_status, uint32_t kind, sq_str why) noexcept {
      static_cast<Exchange*>(self)->closed(kind, view(why));
    }};

struct Shard {  // one thread; exchanges are used again, so that a steady run allocates nothing
  Shard(Instance&, sq_shard* shard) : shard(shard) {}
  void close(sq_done* done) {  // every call has ended, and with it every stream
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
  Exchange* take() {
    if (idle.empty()) {
      all.push_back(std::make_unique<Exchange>());
      idle.reserve(all.size());
      return all.back().get();
    }
    Exchange* exchange = idle.back();
    idle.pop_back();
    return exchange;
  }
  sq_shard* shard;
  std::vector<std::unique_ptr<Exchange>> all;
  std::vector<Exchange*> idle;
};

struct Session {  // one user
  Session(Shard& shard, uint64_t id) : shard(shard), id(id) {}

  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    Exchange* exchange = shard.take();
    exchange->call = call;
    exchange->question.assign(as_text(prepared.args[0].of(values))).append("\r\n");
    exchange->answer.clear();
    exchange->keep_bytes = prepared.keep_bytes;
    exchange->is_answered = exchange->is_cancelled = false;
    call->plugin_data = exchange;
    sq_connect_opts options{};
    options.struct_size = sizeof options;
    options.session = id;
    const sq_target* target = prepared.args.target(values);
    if (!target || host.stream->connect(shard.shard, target, &options, &kEvents, exchange,
                                        &exchange->stream) != SQ_OK)
      complete(call, SQ_OUT_FAILED, SQ_K_CONNECT, 0, "refused by the host");
  }
  void cancel(sq_call* call) {
    Exchange* exchange = static_cast<Exchange*>(call->plugin_data);
    if (exchange->is_answered || std::exchange(exchange->is_cancelled, true)) return;
    host.stream->close(exchange->stream);  // closed() follows and completes the call
  }
  sq_status output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
    if (index != 0) return SQ_E_INVALID;
    *out = bytes_value(static_cast<const Exchange*>(call->plugin_data)->answer);
    return SQ_OK;
  }
  void release(sq_call* call) { shard.idle.push_back(static_cast<Exchange*>(call->plugin_data)); }

  Shard& shard;
  uint64_t id;
};

void need_streams() {
  if (!host.stream) throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.stream/1");
}

constexpr sq_protocol kProtocol =
    protocol<Instance, Prepared, Shard, Session>("whois", kOperations, kNoParams);

}  // namespace

SQUALL_PROTOCOL_PLUGIN_WITH("org.example.whois", "0.1.0", "WHOIS client", "Apache-2.0", 0, kProtocol, need_streams, nothing)
