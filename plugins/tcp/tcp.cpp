// The protocol "tcp": messages over one connection per session and target, and bulk transfers. This
// file describes the operations and turns a step's values into exchanges and dumps; connection.cpp
// and dump.cpp carry them out over the host's streams.
#include <memory>
#include <mutex>
#include <optional>

#include "connection.hpp"
#include "content.hpp"
#include "dump.hpp"

namespace squall::tcp {
namespace {

using namespace squall::plugin;

// ---- descriptions ------------------------------------------------------------------------------

constexpr sq_param kSeed =
    param(SQ_T_I64, "seed", "of tcp.dump's random bytes", {.default_json = "1"});
constexpr const sq_param* kOptions[] = {&kSeed, nullptr};

constexpr sq_param kPayload = param(SQ_T_SOURCE, "payload", "what is sent");
constexpr const char* kSendFramings[] = {"none", "length-prefix", nullptr};
constexpr sq_param kSendFraming =
    param(SQ_T_STR, "framing", "length-prefix: the payload's length is sent in front of it",
          {.flags = SQ_P_STATIC, .default_json = "\"none\"", .choices = kSendFramings});
constexpr const char* kFramings[] = {"delimiter", "length-prefix", "fixed", "close", nullptr};
constexpr sq_param kFraming =
    param(SQ_T_STR, "framing", "how the end of the answer is known",
          {.flags = SQ_P_STATIC, .default_json = "\"delimiter\"", .choices = kFramings});
constexpr sq_param kDelimiter = param(
    SQ_T_BYTES, "delimiter", "ends the answer, is not part of it and not added to the payload",
    {.flags = SQ_P_STATIC, .default_json = "\"\\n\""});
constexpr sq_param kLengthBytes = param(SQ_T_I64, "length_bytes", "of a length prefix: 1, 2 or 4",
                                        {.flags = SQ_P_STATIC, .default_json = "4"});
constexpr const char* kEndians[] = {"big", "little", nullptr};
constexpr sq_param kEndian =
    param(SQ_T_STR, "endian", "of a length prefix",
          {.flags = SQ_P_STATIC, .default_json = "\"big\"", .choices = kEndians});
constexpr sq_param kFixedSize = param(SQ_T_I64, "size", "of the answer, for framing fixed",
                                      {.flags = SQ_P_STATIC, .unit = SQ_U_BYTES});
constexpr sq_param kPrefix =
    param(SQ_T_BOOL, "prefix", "framing length-prefix: the payload is sent with one, too",
          {.flags = SQ_P_STATIC, .default_json = "true"});
constexpr sq_param kMaxAnswer =
    param(SQ_T_I64, "max_answer", "a longer answer fails with class limit",
          {.flags = SQ_P_STATIC, .unit = SQ_U_BYTES, .default_json = "67108864"});

enum SendParameter : uint32_t { kSendPayload, kSendFramingAt, kSendLengthBytes, kSendEndian };
constexpr const sq_param* kSendParams[] = {&kPayload, &kSendFraming, &kLengthBytes, &kEndian,
                                           nullptr};
enum RequestParameter : uint32_t {
  kRequestPayload,
  kRequestFraming,
  kRequestDelimiter,
  kRequestLengthBytes,
  kRequestEndian,
  kRequestSize,
  kRequestPrefix,
  kRequestMaxAnswer
};
constexpr const sq_param* kRequestParams[] = {&kPayload,     &kFraming,   &kDelimiter,
                                              &kLengthBytes, &kEndian,    &kFixedSize,
                                              &kPrefix,      &kMaxAnswer, nullptr};

enum DumpParameter : uint32_t {
  kDumpBytes,
  kDumpSource,
  kDumpFile,
  kDumpStreams,
  kDumpRate,
  kDumpChecksum,
  kDumpCloseWait
};
constexpr sq_param kBytes =
    param(SQ_T_I64, "bytes", "to send; with a file, default once its size", {.unit = SQ_U_BYTES});
constexpr const char* kSources[] = {"pattern", "random", "file", nullptr};
constexpr sq_param kSource =
    param(SQ_T_STR, "source", "what is sent, repeated as often as needed",
          {.flags = SQ_P_STATIC, .default_json = "\"pattern\"", .choices = kSources});
constexpr sq_param kFile = param(SQ_T_STR, "file", "path, for source file", {.flags = SQ_P_STATIC});
constexpr sq_param kStreams =
    param(SQ_T_I64, "streams", "1 to 64 connections that share the bytes", {.default_json = "1"});
constexpr sq_param kRate =
    param(SQ_T_I64, "rate", "of all streams together; default: as fast as it goes",
          {.unit = SQ_U_BYTES_PER_S});
constexpr sq_param kChecksumParam = param(SQ_T_BOOL, "checksum", "XXH64 of each stream's bytes",
                                          {.flags = SQ_P_STATIC, .default_json = "false"});
constexpr sq_param kCloseWait = param(SQ_T_DURATION, "close_wait",
                                      "for the peer's close, once the kernel's send queue is empty",
                                      {.flags = SQ_P_STATIC, .default_json = "\"2s\""});
constexpr const sq_param* kDumpParams[] = {&kBytes, &kSource,        &kFile,      &kStreams,
                                           &kRate,  &kChecksumParam, &kCloseWait, nullptr};

enum Output : uint32_t { kBodyOutput, kSizeOutput };
constexpr sq_param kBody = param(SQ_T_BYTES, "body", "the answer without its framing");
constexpr sq_param kSize =
    param(SQ_T_I64, "size", "its length; of tcp.send, the bytes sent", {.unit = SQ_U_BYTES});
constexpr const sq_param* kOutputs[] = {&kBody, &kSize, nullptr};

enum DumpOutput : uint32_t { kDumpedOutput, kGoodputOutput, kChecksumOutput, kAcknowledgedOutput };
constexpr sq_param kDumped = param(SQ_T_I64, "size", "bytes sent", {.unit = SQ_U_BYTES});
constexpr sq_param kGoodput =
    param(SQ_T_F64, "goodput", "bytes a second from the first open stream to the end",
          {.unit = SQ_U_BYTES_PER_S});
constexpr sq_param kChecksum =
    param(SQ_T_STR, "checksum", "16 hex digits for each stream, in order, with commas between");
constexpr sq_param kAcknowledged =
    param(SQ_T_STR, "acknowledged", "by what the end is known: peer close, or send queue empty");
constexpr const sq_param* kDumpOutputs[] = {&kDumped, &kGoodput, &kChecksum, &kAcknowledged,
                                            nullptr};

enum Operation : uint32_t {
  kConnectOperation,
  kSendOperation,
  kRequestOperation,
  kCloseOperation,
  kDumpOperation
};
constexpr sq_op kConnect =
    operation("connect", "open the session's connection, if it is not", kNoParams, kNoParams);
constexpr sq_op kSend = operation(
    "send", "send a payload; ends when its last byte is in the kernel", kSendParams, kOutputs);
constexpr sq_op kRequest =
    operation("request", "send a payload and read one framed answer", kRequestParams, kOutputs);
constexpr sq_op kClose = operation("close", "close the session's connection", kNoParams, kNoParams);
constexpr sq_op kDump = operation("dump", "send many bytes over connections of its own",
                                  kDumpParams, kDumpOutputs, {.flags = SQ_OP_BULK});
constexpr const sq_op* kOperations[] = {&kConnect, &kSend, &kRequest, &kClose, &kDump, nullptr};

// ---- instance and prepared operations ----------------------------------------------------------

struct Instance {
  explicit Instance(std::span<const sq_pair> options) {
    if (const sq_value* given = find(options, "seed")) seed = static_cast<uint64_t>(as_int(*given));
  }
  /// The arena of pattern or random bytes, made when first asked for. [any]
  std::shared_ptr<const Content> content(bool is_random) {
    std::lock_guard lock(mutex);
    std::shared_ptr<const Content>& content = contents[is_random];
    if (!content)
      content = std::make_shared<Content>(is_random ? Arena::random(seed) : Arena::pattern());
    return content;
  }

  uint64_t seed = 1;
  std::mutex mutex;
  std::shared_ptr<const Content> contents[2];
};

uint32_t length_bytes_of(const Bound& bound) {
  if (!bound.given) return 4;
  const int64_t bytes = as_int(bound.value);
  if (bytes != 1 && bytes != 2 && bytes != 4) throw invalid("length_bytes must be 1, 2 or 4");
  return static_cast<uint32_t>(bytes);
}

struct Prepared {
  Prepared(Instance& instance, uint32_t op, std::span<const sq_binding> bindings,
           const sq_wants& wants)
      : op(op), args(*kOperations[op], bindings) {
    if (!args.to().given) throw invalid("tcp needs a target: to");
    if (wants.outputs >> kBodyOutput & 1) keep_bytes = wants.keep_bytes;
    if (op == kSendOperation) read_send();
    if (op == kRequestOperation) read_request();
    if (op == kDumpOperation) read_dump(instance);
  }

  uint32_t op;
  Args args;
  uint64_t keep_bytes = 0;
  Framing framing;
  bool adds_prefix = false;
  // Of a dump.
  std::shared_ptr<const Content> content;
  bool has_file = false, has_checksum = false;
  uint64_t close_wait_ns = 2'000'000'000;

  sq_source* payload(const sq_value* values) const {
    return op == kSendOperation || op == kRequestOperation ? as_source(args[0].of(values))
                                                           : nullptr;
  }

  /// Throws Refusal with what is wrong in the values of a dump.
  DumpOrder dump_order(const sq_value* values) const {
    DumpOrder order{};
    order.content = content;
    order.has_checksum = has_checksum;
    order.close_wait_ns = close_wait_ns;
    const int64_t bytes = as_int(args[kDumpBytes].of(values),
                                 has_file ? static_cast<int64_t>(content->period()) : -1);
    const int64_t streams = as_int(args[kDumpStreams].of(values), 1);
    const int64_t rate = as_int(args[kDumpRate].of(values), 0);
    if (bytes < 0) throw invalid("bytes must be 0 or more");
    if (streams < 1 || streams > kMaxStreams) throw invalid("streams must be 1 to 64");
    if (rate < 0) throw invalid("rate must be above 0");
    order.bytes = static_cast<uint64_t>(bytes);
    order.streams = static_cast<uint32_t>(streams);
    order.rate_bytes_per_s = static_cast<uint64_t>(rate);
    return order;
  }

 private:
  void read_send() {
    adds_prefix = as_text(args[kSendFramingAt].value) == "length-prefix";
    framing.kind = adds_prefix ? Framing::Kind::kLengthPrefix : Framing::Kind::kNone;
    framing.length_bytes = length_bytes_of(args[kSendLengthBytes]);
    framing.is_big_endian = as_text(args[kSendEndian].value) != "little";
  }
  void read_request() {
    const std::string_view kind = as_text(args[kRequestFraming].value, "delimiter");
    framing.kind = kind == "length-prefix" ? Framing::Kind::kLengthPrefix
                   : kind == "fixed"       ? Framing::Kind::kFixed
                   : kind == "close"       ? Framing::Kind::kClose
                                           : Framing::Kind::kDelimiter;
    if (args[kRequestDelimiter].given) framing.delimiter = as_text(args[kRequestDelimiter].value);
    if (framing.delimiter.empty()) throw invalid("delimiter is empty");
    framing.length_bytes = length_bytes_of(args[kRequestLengthBytes]);
    framing.is_big_endian = as_text(args[kRequestEndian].value) != "little";
    const int64_t size = as_int(args[kRequestSize].value, -1);
    if (framing.kind == Framing::Kind::kFixed && size < 0)
      throw invalid("framing fixed needs size");
    framing.fixed_size = static_cast<uint64_t>(std::max<int64_t>(size, 0));
    if (args[kRequestMaxAnswer].given)
      framing.max_answer =
          static_cast<uint64_t>(std::max<int64_t>(as_int(args[kRequestMaxAnswer].value), 0));
    if (framing.kind == Framing::Kind::kFixed)
      framing.max_answer = std::max(framing.max_answer, framing.fixed_size);
    adds_prefix =
        framing.kind == Framing::Kind::kLengthPrefix && as_bool(args[kRequestPrefix].value, true);
  }
  void read_dump(Instance& instance) {
    const std::string_view source = as_text(args[kDumpSource].value, "pattern");
    has_file = source == "file";
    has_checksum = as_bool(args[kDumpChecksum].value);
    if (has_file != args[kDumpFile].given)
      throw invalid(has_file ? "source file needs file" : "file needs source: file");
    content = has_file ? std::make_shared<Content>(std::string(as_text(args[kDumpFile].value)))
                       : instance.content(source == "random");
    if (args[kDumpCloseWait].given)
      close_wait_ns =
          static_cast<uint64_t>(std::max<int64_t>(as_int(args[kDumpCloseWait].value), 1));
    if (!has_file && !args[kDumpBytes].given) throw invalid("bytes is missing");
    if (args.all_static()) dump_order(nullptr);
  }
};

// ---- shard and session -------------------------------------------------------------------------

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
    const sq_target* target = prepared.args.target(values);
    if (!target) return complete(call, SQ_OUT_FAILED, SQ_K_OFF_LIST, 0, "the step names no target");
    if (prepared.op == kDumpOperation) return start_dump(prepared, target, values, call);
    Exchange* exchange = shard.take_exchange();
    call->plugin_data = static_cast<CallState*>(exchange);
    exchange->kind = prepared.op == kConnectOperation ? Exchange::Kind::kConnect
                     : prepared.op == kSendOperation  ? Exchange::Kind::kSend
                     : prepared.op == kCloseOperation ? Exchange::Kind::kClose
                                                      : Exchange::Kind::kRequest;
    exchange->call = call;
    exchange->connection = &connection_to(target);
    exchange->framing = &prepared.framing;
    exchange->payload = prepared.payload(values);
    exchange->adds_prefix = prepared.adds_prefix;
    exchange->keep_bytes = prepared.keep_bytes;
    exchange->phases.begin(call);
    exchange->reader.begin(&prepared.framing, 0);
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
