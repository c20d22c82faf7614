// The protocol "acme" as a plugin of squall: a line goes out, a line comes back that begins with "ok" or "error", over
// one connection a user, which the first request opens and later ones use again. It is whole and runs as it stands:
// make it yours from the top. How a call lives, and what may be done where, is in squall's docs/plugins.md.
#include <squall/stream.hpp>
#include <squall/turns.hpp>

namespace {

using namespace squall::plugin;

// ---- what a scenario may say, `acme.request: { to: server, text: hello }`, and read, `${answer}` ----------------

constexpr sq_param kText = param(SQ_T_STR, "text", "the line to send", {.flags = SQ_P_REQUIRED});
constexpr const sq_param* kParams[] = {&kText, nullptr};
constexpr sq_param kAnswer = param(SQ_T_STR, "answer", "the line that came back, without its first word");
constexpr const sq_param* kOutputs[] = {&kAnswer, nullptr};
constexpr sq_op kRequest = operation("request", "sends a line and waits for its answer", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kRequest, nullptr};
constexpr size_t kLongestLine = 1 << 20;

struct Instance {  // the run; options under `plugins: { acme: … }` would come in here
  explicit Instance(std::span<const sq_pair>) {}
};

struct Prepared {  // a step of the scenario, made once and read by all threads; what is thrown, `squall check` says
  Prepared(Instance&, uint32_t, std::span<const sq_binding> bindings, const sq_wants&) : args(kRequest, bindings) {
    if (!args.to().given) throw invalid("needs a target: to");
  }
  Args args;
};

using Shard = StreamShard;  // a thread of load; what its users share would go into a class derived from it

struct Session {  // a user; all of it runs on the thread of its shard, so nothing is locked
  Session(Shard& shard, uint64_t id) : shard(shard), id(id), stream(shard, *this) {}

  // ---- what squall asks for -------------------------------------------------------------------------------------

  void start(const Prepared& step, const sq_value* values, sq_call* call) {
    turns.add(step, values, call);
    begin_next();
  }
  void cancel(sq_call* call) {              // its time is over, or the run is
    if (turns.cancel(call)) stream.drop();  // its answer may still come, and is not the next one's
  }
  sq_status output(const sq_call*, uint32_t index, std::string_view, sq_value* out) {
    if (index != 0) return SQ_E_INVALID;  // there is but one
    *out = text_value(answer);
    return SQ_OK;
  }
  void release(sq_call* call) {  // its answer has been read
    if (turns.release(call)) begin_next();
  }

  // ---- a request from its turn to its answer --------------------------------------------------------------------

  void begin_next() {
    if (!turns.next()) return;
    answer.clear();
    const sq_target* target = turns.step().args.target(turns.values());
    if (stream && stream.target() != target) stream.drop();
    if (stream) {
      host.target->note(shard.handle(), target, SQ_CN_REUSED);
      send();
    } else if (stream.connect(target, id) != SQ_OK) {
      turns.end(SQ_OUT_FAILED, SQ_K_CONNECT, "no stream from the host");
    }
  }
  void opened(const sq_stream_info& info) {
    note_connect(turns.call(), info);
    send();
  }
  void send() {
    line.assign(as_text(turns.step().args[0].of(turns.values()))).push_back('\n');
    turns.call()->bytes_out = line.size();
    if (stream.write(line) < 0) fail(SQ_K_SEND, "the connection is going down");
  }
  size_t received(std::string_view bytes) {  // returns how many it took; the rest is shown again, with more
    if (bytes.empty()) return fail(SQ_K_CLOSED, "eof"), 0;
    if (!turns.is_running()) return bytes.size();  // nobody has asked for it
    sq_call* call = turns.call();
    if (call->first_byte_ns == 0) call->first_byte_ns = host.loop->recent_ns(shard.handle());
    const size_t length = bytes.find('\n');
    if (length == bytes.npos && bytes.size() > kLongestLine) fail(SQ_K_LIMIT, "the line is too long");
    if (length == bytes.npos) return 0;
    call->bytes_in = length + 1;
    const std::string_view got = bytes.substr(0, length), word = got.substr(0, got.find(' '));
    answer = got.substr(std::min(word.size() + 1, length));
    if (word == "ok")
      turns.end(SQ_OUT_OK, SQ_K_NONE);
    else if (word == "error")
      turns.end(SQ_OUT_FAILED, SQ_K_STATUS, "error");
    else
      fail(SQ_K_PROTOCOL, "neither ok nor error");
    return length + 1;
  }
  void closed(uint32_t kind, std::string_view why) { fail(kind, why); }
  void fail(uint32_t kind, std::string_view why) {  // takes the connection along
    stream.drop();
    turns.end(SQ_OUT_FAILED, kind, why);
  }

  Shard& shard;
  uint64_t id;
  Turns<Prepared> turns;
  Stream<Session> stream;
  std::string line, answer;
};

constexpr sq_protocol kProtocol = protocol<Instance, Prepared, Shard, Session>("acme", kOperations, kNoParams);

}  // namespace

SQUALL_PROTOCOL_PLUGIN("org.example.acme", "0.1.0", "a line out, a line back", "Apache-2.0", kProtocol)
