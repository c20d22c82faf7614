// The protocol "syslog" as a plugin of squall: messages in the format of RFC 5424, one datagram each (RFC 5426). Nobody
// answers: a call ends when the kernel has the datagram. What ICMP says of it later fails the next call on the same socket.
#include <squall/plugin.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "message.hpp"

namespace syslog {
namespace {

using namespace squall::plugin;

// ---- what a scenario may say, and read: ${size} ------------------------------------------------------------------

constexpr sq_param kParam[] = {
    param(SQ_T_STR, "facility", "the part of the system that speaks", {.default_json = "\"user\"", .choices = kFacilities}),
    param(SQ_T_STR, "severity", "how bad it is", {.default_json = "\"info\"", .choices = kSeverities}),
    param(SQ_T_STR, "hostname", "HOSTNAME: who sends; -: none", {.default_json = "\"-\""}),
    param(SQ_T_STR, "app_name", "APP-NAME; -: none", {.default_json = "\"squall\""}),
    param(SQ_T_STR, "proc_id", "PROCID; -: none", {.default_json = "\"-\""}),
    param(SQ_T_STR, "msg_id", "MSGID, the kind of message; -: none", {.default_json = "\"-\""}),
    param(SQ_T_STR, "timestamp", "now, - for none, or a text as in RFC 3339", {.default_json = "\"now\""}),
    param(SQ_T_MAP, "structured_data", "elements by SD-ID, each a map of values: { example@32473: { key: value } }"),
    param(SQ_T_STR, "message", "MSG: free text", {.default_json = "\"\""}),
    param(SQ_T_BOOL, "bom", "put a byte order mark before the message, which says that it is UTF-8", {.default_json = "false"})};
constexpr const sq_param* kParams[] = {&kParam[0], &kParam[1], &kParam[2], &kParam[3], &kParam[4], &kParam[5],
                                       &kParam[6], &kParam[7], &kParam[8], &kParam[9], nullptr};
constexpr sq_param kSize = param(SQ_T_I64, "size", "length of the datagram", {.unit = SQ_U_BYTES});
constexpr const sq_param* kOutputs[] = {&kSize, nullptr};
constexpr sq_op kSend = operation("send", "sends one message of RFC 5424 as a datagram", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kSend, nullptr};
constexpr size_t kLargestDatagram = 65507;

// ---- the plugin --------------------------------------------------------------------------------------------------

struct Instance {
  explicit Instance(std::span<const sq_pair>) {}
};

struct Prepared {  // a step of the scenario, made once and read by all threads; what is thrown, `squall check` says
  Prepared(Instance&, uint32_t, std::span<const sq_binding> bindings, const sq_wants&) : args(kSend, bindings) {
    if (!args.to().given) throw invalid("needs a target: to");
    const sq_target* const target = as_target(args.to().value);
    if (target && view(host.target->info(target)->scheme) != "udp") throw invalid("needs a target of udp://");
    for (uint32_t i = 0; kParams[i]; ++i) {
      if (!args[i].is_static())
        varying.push_back(i);
      else if (const Problem problem = check(i, args[i].value))
        throw invalid(problem);
    }
  }
  Args args;
  std::vector<uint32_t> varying;
};

struct Shard {
  Shard(Instance&, sq_shard* shard) : shard(shard) {}
  void close(sq_done* done) {  // every session has closed its sockets
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
  sq_shard* shard;
  std::string datagram, scratch;  // of one send(), which has them to itself
};

struct Session {  // a user: a socket for each target. Calls wait while the target's name is looked up
  Session(Shard& shard, uint64_t number) : shard(shard), number(number) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    for (const auto& link : links) host.datagram->close(link->socket);
  }

  void start(const Prepared& step, const sq_value* values, sq_call* call) {
    for (const uint32_t i : step.varying)
      if (const Problem problem = check(i, step.args[i].of(values))) return fail(call, SQ_K_CHECK, problem);
    Link* const link = link_to(step.args.target(values));
    if (!link) return fail(call, SQ_K_CONNECT, "no socket from the host");
    if (link->is_open) return send({link, &step, values, call});
    waiting.push_back({link, &step, values, call});
  }
  void cancel(sq_call* call) {  // it waits, or it has ended
    const auto one = std::find_if(waiting.begin(), waiting.end(), [call](const Waiting& other) { return other.call == call; });
    if (one == waiting.end()) return;
    waiting.erase(one);
    const bool is_late = call->deadline_ns && host.loop->now_ns(shard.shard) >= call->deadline_ns;
    complete(call, is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED, SQ_K_NONE);
  }
  sq_status output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
    if (index != 0) return SQ_E_INVALID;
    *out = int_value(static_cast<int64_t>(call->bytes_out));
    return SQ_OK;
  }
  void release(sq_call*) {}

 private:
  struct Link {
    Session& session;
    const sq_target* target;
    sq_dgram* socket = nullptr;
    bool is_open = false;        // its target has an address
    bool is_refused = false;     // by ICMP, since the last call
  };
  struct Waiting {
    Link* link;
    const Prepared* step;
    const sq_value* values;
    sq_call* call;
  };

  static void fail(sq_call* call, uint32_t kind, Problem why, int32_t code = 0) { complete(call, SQ_OUT_FAILED, kind, code, why); }
  Link* link_to(const sq_target* target) {
    for (const auto& link : links)
      if (link->target == target) return host.target->note(shard.shard, target, SQ_CN_REUSED), link.get();
    auto link = std::make_unique<Link>(Link{*this, target});
    if (!target || host.datagram->open(shard.shard, target, number, &kEvents, link.get(), &link->socket) != SQ_OK) return nullptr;
    return links.emplace_back(std::move(link)).get();
  }
  void send(const Waiting& one) {
    shard.datagram.clear();
    append_message(shard.datagram, one.step->args, one.values, shard.scratch);
    if (shard.datagram.size() > kLargestDatagram) return fail(one.call, SQ_K_LIMIT, "larger than a datagram");
    const sq_buf packet = buf(shard.datagram);
    const int32_t taken = host.datagram->send(one.link->socket, &packet, 1);
    if (taken == 0) return fail(one.call, SQ_K_LOCAL_RESOURCE, "the socket's buffer is full");
    if (taken < 0) return fail(one.call, SQ_K_SEND, "not sent");
    one.call->bytes_out = shard.datagram.size();
    if (std::exchange(one.link->is_refused, false)) return fail(one.call, SQ_K_RECEIVE, "ICMP: an earlier message did not arrive");
    complete(one.call, SQ_OUT_OK, SQ_K_NONE);
  }
  template <class Act>
  void for_waiting(const Link& link, Act act) {
    std::erase_if(waiting, [&](const Waiting& one) { return one.link == &link && (act(one), true); });
  }
  static void on_open(void* context, sq_dgram*) noexcept {
    Link& link = *static_cast<Link*>(context);
    link.is_open = true;
    link.session.for_waiting(link, [&](const Waiting& one) { link.session.send(one); });
  }
  static void on_receive(void*, sq_dgram*, const sq_buf*, uint32_t) noexcept {}  // syslog has no answers
  static void on_error(void* context, sq_dgram*, int32_t sys_errno) noexcept {
    Link& link = *static_cast<Link*>(context);
    if (link.is_open) link.is_refused = true;
    else link.session.has_no_socket(link, sys_errno);
  }
  void has_no_socket(Link& link, int32_t sys_errno) {  // the next call asks anew
    for_waiting(link, [&](const Waiting& one) { fail(one.call, SQ_K_RESOLVE, "no address", sys_errno); });
    host.datagram->close(link.socket);
    std::erase_if(links, [&](const auto& other) { return other.get() == &link; });
  }
  static constexpr sq_dgram_events kEvents = {sizeof(sq_dgram_events), 0, on_open, on_receive, on_error};

  Shard& shard;
  const uint64_t number;
  std::vector<std::unique_ptr<Link>> links;
  std::vector<Waiting> waiting;
};

void need_datagrams() {
  if (!host.datagram || !host.target) throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.datagram/1 or squall.target/1");
}

constexpr sq_protocol kProtocol = protocol<Instance, Prepared, Shard, Session>("syslog", kOperations, kNoParams);

}  // namespace
}  // namespace syslog

SQUALL_PROTOCOL_PLUGIN_WITH("org.example.syslog", "0.1.0", "syslog messages of RFC 5424 over UDP", "Apache-2.0", 0, syslog::kProtocol,
                            syslog::need_datagrams, squall::plugin::nothing)
