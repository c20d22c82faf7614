// The protocol "tcp": messages over one connection per session and target, and bulk transfers. This
// file keeps shards and sessions and hands their calls on; operations.hpp says what there is,
// connection.cpp and dump.cpp carry it out over the host's streams.
#include <memory>

#include "connection.hpp"
#include "dump.hpp"
#include "operations.hpp"
#include "prepared.hpp"

namespace squall::tcp {
namespace {

using namespace squall::plugin;

struct Shard {
  Shard(Instance&, sq_shard* shard) { streams.shard = shard; }

  /// Ends when the last stream has said on_closed.
  void close(sq_done* done) {
    closing = done;
    if (streams.open_count == 0) return end();
    streams.owner = this;
    streams.all_closed = [](void* self) { static_cast<Shard*>(self)->end(); };
  }
  void end() {
    sq_done* done = closing;
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
  Exchange* take_exchange() {
    if (idle_exchanges.empty()) {
      exchanges.push_back(std::make_unique<Exchange>());
      idle_exchanges.reserve(exchanges.size());
      return exchanges.back().get();
    }
    Exchange* exchange = idle_exchanges.back();
    idle_exchanges.pop_back();
    return exchange;
  }
  Dump* take_dump() {
    if (idle_dumps.empty()) {
      dumps.push_back(std::make_unique<Dump>(
          streams,
          [](void* self, Dump* dump) { static_cast<Shard*>(self)->idle_dumps.push_back(dump); },
          this));
      idle_dumps.reserve(dumps.size());
      return dumps.back().get();
    }
    Dump* dump = idle_dumps.back();
    idle_dumps.pop_back();
    return dump;
  }

  Streams streams{};
  sq_done* closing = nullptr;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::vector<Exchange*> idle_exchanges;
  std::vector<std::unique_ptr<Dump>> dumps;
  std::vector<Dump*> idle_dumps;
};

struct Session {
  Session(Shard& owner, uint64_t session) : shard(owner), id(session) {}

  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    const sq_target* target = prepared.target(values);
    if (!target) return complete(call, SQ_OUT_FAILED, SQ_K_OFF_LIST, 0, "the step names no target");
    if (prepared.operation() == kDumpOperation) return start_dump(prepared, target, values, call);
    Exchange* exchange = shard.take_exchange();
    call->plugin_data = static_cast<CallState*>(exchange);
    exchange->kind = prepared.operation() == kConnectOperation ? Exchange::Kind::kConnect
                     : prepared.operation() == kSendOperation  ? Exchange::Kind::kSend
                     : prepared.operation() == kCloseOperation ? Exchange::Kind::kClose
                                                               : Exchange::Kind::kRequest;
    exchange->call = call;
    exchange->connection = &connection_to(target);
    exchange->framing = &prepared.framing();
    exchange->payload = prepared.payload(values);
    exchange->adds_prefix = prepared.adds_prefix();
    exchange->keep_bytes = prepared.keep_bytes();
    exchange->phases.begin(call);
    exchange->reader.begin(&prepared.framing(), 0);
    exchange->connection->submit(exchange);
  }
  void cancel(sq_call* call) {
    CallState* state = state_of(call);
    if (!state) return;
    if (state->is_dump)
      static_cast<Dump*>(state)->cancel();
    else
      static_cast<Exchange*>(state)->connection->cancel(static_cast<Exchange*>(state));
  }
  sq_status output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
    const CallState* state = state_of(call);
    if (!state) return SQ_E_INVALID;
    if (state->is_dump) return dump_output(*static_cast<const Dump*>(state), index, out);
    const Exchange& exchange = *static_cast<const Exchange*>(state);
    const bool is_request = exchange.kind == Exchange::Kind::kRequest;
    if (exchange.kind != Exchange::Kind::kSend && !is_request) return SQ_E_INVALID;
    switch (index) {
      case kBodyOutput:
        *out = bytes_value(is_request ? exchange.reader.body() : std::string_view());
        return SQ_OK;
      case kSizeOutput:
        *out =
            int_value(static_cast<int64_t>(is_request ? exchange.reader.size() : call->bytes_out));
        return SQ_OK;
    }
    return SQ_E_INVALID;
  }
  void release(sq_call* call) {
    CallState* state = state_of(call);
    if (!state) return;
    if (state->is_dump)
      static_cast<Dump*>(state)->release();
    else
      shard.idle_exchanges.push_back(static_cast<Exchange*>(state));
  }

 private:
  static CallState* state_of(const sq_call* call) {
    return static_cast<CallState*>(call->plugin_data);
  }

  Connection& connection_to(const sq_target* target) {
    for (const auto& connection : connections)
      if (connection->target() == target) return *connection;
    return *connections.emplace_back(std::make_unique<Connection>(shard.streams, target, id));
  }
  void start_dump(const Prepared& prepared, const sq_target* target, const sq_value* values,
                  sq_call* call) {
    Dump* dump = shard.take_dump();
    call->plugin_data = static_cast<CallState*>(dump);
    try {
      DumpOrder order = prepared.dump_order(values);
      order.target = target;
      order.session = id;
      dump->start(std::move(order), call);
    } catch (const Refusal& refusal) {
      dump->refuse(call, refusal.what());
    }
  }
  static sq_status dump_output(const Dump& dump, uint32_t index, sq_value* out) {
    switch (index) {
      case kDumpedOutput:
        *out = int_value(static_cast<int64_t>(dump.size()));
        return SQ_OK;
      case kGoodputOutput:
        *out = float_value(dump.goodput());
        return SQ_OK;
      case kChecksumOutput:
        *out = text_value(dump.checksum());
        return SQ_OK;
      case kAcknowledgedOutput:
        *out = text_value(dump.acknowledged());
        return SQ_OK;
    }
    return SQ_E_INVALID;
  }

  Shard& shard;
  uint64_t id;
  std::vector<std::unique_ptr<Connection>>
      connections;  // a handful: one for each target of the user
};

void need_streams() {
  if (!host.stream || !host.source)
    throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.stream/1 or squall.source/1");
}

constexpr sq_protocol kProtocol =
    protocol<Instance, Prepared, Shard, Session>("tcp", kOperations, kOptions);

}  // namespace
}  // namespace squall::tcp

SQUALL_PROTOCOL_PLUGIN_WITH("org.squall.tcp", SQUALL_VERSION,
                            "framed messages and bulk transfers over TCP", "Apache-2.0", 0,
                            squall::tcp::kProtocol, squall::tcp::need_streams,
                            squall::plugin::nothing)
