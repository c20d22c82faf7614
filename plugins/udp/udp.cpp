// The protocol "udp": udp.send hands one datagram to the kernel, udp.request also waits for the
// next one that comes back.  This file describes them and keeps each session's channels;
// channel.cpp sends and listens.
#include "channel.hpp"

namespace squall::udp {
namespace {

using namespace squall::plugin;

constexpr sq_param kPayload =
    param(SQ_T_SOURCE, "payload", "the datagram's bytes, at most 65507", {.flags = SQ_P_REQUIRED});
constexpr const char* kFramings[] = {"none", nullptr};
constexpr sq_param kFraming =
    param(SQ_T_STR, "framing", "one datagram is one message",
          {.flags = SQ_P_STATIC, .default_json = "\"none\"", .choices = kFramings});
constexpr const sq_param* kParams[] = {&kPayload, &kFraming, nullptr};

enum Output : uint32_t { kBodyOutput, kSizeOutput };
constexpr sq_param kBody = param(SQ_T_BYTES, "body", "the answering datagram");
constexpr sq_param kSize = param(
    SQ_T_I64, "size", "length of the answer; of udp.send, the length sent", {.unit = SQ_U_BYTES});
constexpr const sq_param* kOutputs[] = {&kBody, &kSize, nullptr};

enum Operation : uint32_t { kSendOperation, kRequestOperation };
constexpr sq_op kSend = operation("send", "hand one datagram to the kernel", kParams, kOutputs);
constexpr sq_op kRequest =
    operation("request", "send one datagram and wait for the next that comes", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kSend, &kRequest, nullptr};

struct Instance {
  explicit Instance(std::span<const sq_pair>) {}
};

struct Prepared {
  Prepared(Instance&, uint32_t op, std::span<const sq_binding> bindings, const sq_wants& wants)
      : waits_for_answer(op == kRequestOperation),
        args(*kOperations[op], bindings),
        keep_bytes(wants.outputs >> kBodyOutput & 1 ? wants.keep_bytes : 0) {
    if (!args.to().given) throw invalid("udp needs a target: to");
  }
  bool waits_for_answer;
  Args args;
  uint64_t keep_bytes;
};

struct Shard {
  Shard(Instance&, sq_shard* shard) : shard(shard) {}

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
  void close(sq_done* done) {
    delete this;
    host.loop->done(done, SQ_OK, {});
  }

  sq_shard* shard;
  std::vector<std::unique_ptr<Exchange>> all;
  std::vector<Exchange*> idle;
};

struct Session {
  Session(Shard& owner, uint64_t number) : shard(owner), id(number) {}

  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    const sq_target* target = prepared.args.target(values);
    if (!target) return complete(call, SQ_OUT_FAILED, SQ_K_OFF_LIST, 0, "the step names no target");
    Channel& channel = channel_to(target);
    Exchange* exchange = shard.take();
    call->plugin_data = exchange;
    exchange->call = call;
    exchange->channel = &channel;
    exchange->payload = as_source(prepared.args[0].of(values));
    exchange->has_packet = false;
    exchange->waits_for_answer = prepared.waits_for_answer;
    exchange->keep_bytes = prepared.keep_bytes;
    exchange->phases.begin(call);
    exchange->body.clear();
    exchange->size = 0;
    channel.submit(exchange);
  }
  void cancel(sq_call* call) {
    if (Exchange* exchange = exchange_of(call)) exchange->channel->cancel(exchange);
  }
  sq_status output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
    const Exchange* exchange = exchange_of(call);
    switch (index) {
      case kBodyOutput:
        *out = bytes_value(exchange ? exchange->body : std::string_view());
        return SQ_OK;
      case kSizeOutput:
        *out = int_value(exchange ? static_cast<int64_t>(exchange->size) : 0);
        return SQ_OK;
    }
    return SQ_E_INVALID;
  }
  void release(sq_call* call) {
    if (Exchange* exchange = exchange_of(call)) shard.idle.push_back(exchange);
  }

 private:
  static Exchange* exchange_of(const sq_call* call) {
    return static_cast<Exchange*>(call->plugin_data);
  }
  Channel& channel_to(const sq_target* target) {
    for (const auto& channel : channels)
      if (channel->target() == target) return *channel;
    return *channels.emplace_back(std::make_unique<Channel>(shard.shard, target, id));
  }

  Shard& shard;
  const uint64_t id;
  std::vector<std::unique_ptr<Channel>> channels;  // a handful: one for each target of the user
};

void need_sockets() {
  if (!host.datagram || !host.source)
    throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.datagram/1 or squall.source/1");
}

constexpr sq_protocol kProtocol =
    protocol<Instance, Prepared, Shard, Session>("udp", kOperations, kNoParams);

}  // namespace
}  // namespace squall::udp

SQUALL_PROTOCOL_PLUGIN_WITH("org.squall.udp", SQUALL_VERSION, "datagrams", "Apache-2.0", 0,
                            squall::udp::kProtocol, squall::udp::need_sockets,
                            squall::plugin::nothing)
