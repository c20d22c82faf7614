// The protocol "redis": commands over the C library hiredis, whose own asynchronous interface runs on squall's loop.
// docs/plugins.md, "A C library's own loop", says what there is to know.
//   reply.cpp   what the server said
//   client.cpp  hiredis on squall.fdwatch/1
//   link.cpp    the connection of a session, and its calls one behind the other
//   redis.cpp   descriptions, bindings, and the table of functions
// Of hiredis 0.14: it has no TLS, no RESP 3, and allocates for each command.
#include "link.hpp"

using namespace squall::plugin;

namespace {

constexpr sq_param kUser = param(SQ_T_STR, "user", "of AUTH; the default user when absent");
constexpr sq_param kPassword = param(SQ_T_STR, "password", "of AUTH, which each connection begins with", {.flags = SQ_P_SECRET});
constexpr sq_param kDatabase = param(SQ_T_I64, "database", "of SELECT; 0 when absent");
constexpr const sq_param* kOptions[] = {&kUser, &kPassword, &kDatabase, nullptr};

constexpr sq_param kCommand = param(SQ_T_LIST, "command", "its name and arguments, as [ SET, key, value ]", {.flags = SQ_P_REQUIRED});
constexpr sq_param kAllowError =
    param(SQ_T_BOOL, "allow_error", "an error is a reply like any other, to be looked at; else it fails the call", {.flags = SQ_P_STATIC});
constexpr const sq_param* kParams[] = {&kCommand, &kAllowError, nullptr};

enum Output : uint32_t { kText, kInteger, kType, kItem, kSize };
constexpr sq_param kOutText = param(SQ_T_BYTES, "text", "of a string, a status or an error");
constexpr sq_param kOutInteger = param(SQ_T_I64, "integer", "the number that was replied");
constexpr sq_param kOutType = param(SQ_T_STR, "type", "string, status, integer, nil, array or error");
constexpr sq_param kOutItem = param(SQ_T_MAP, "item", "`item.N`: one of an array, from 0; `item.N.M` of an array in it");
constexpr sq_param kOutSize = param(SQ_T_I64, "size", "how many an array has");
constexpr const sq_param* kOutputs[] = {&kOutText, &kOutInteger, &kOutType, &kOutItem, &kOutSize, nullptr};

constexpr sq_op kCommandOp = operation("command", "one command and its reply", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kCommandOp, nullptr};

bool is_plain_tcp(const sq_target* target) { return view(host.target->info(target)->scheme) == "tcp"; }

struct Session {  // one user, or several
  Session(Shard& shard, uint64_t id) : shard(shard), id(id) {}

  Link& link_to(const sq_target* target) {
    for (const auto& link : links)
      if (link->target() == target) return *link;
    return *links.emplace_back(std::make_unique<Link>(shard, id, target));
  }
  void start(const Prepared& prepared, const sq_value* args, sq_call* call) {
    call->plugin_data = nullptr;
    const sq_target* const target = prepared.args.target(args);
    if (!target || !is_plain_tcp(target)) return complete(call, SQ_OUT_FAILED, SQ_K_PLUGIN, 0, "target is not tcp://");
    Link& link = link_to(target);
    Exchange* const exchange = shard.take();
    exchange->call = call;
    exchange->prepared = &prepared;
    exchange->args = args;
    call->plugin_data = exchange;
    link.start(exchange);
  }
  void cancel(sq_call* call) {
    auto* const exchange = static_cast<Exchange*>(call->plugin_data);
    if (exchange) exchange->link->cancel(exchange);
  }
  sq_status output(const sq_call* call, uint32_t index, std::string_view key, sq_value* out) {
    const auto* const exchange = static_cast<const Exchange*>(call->plugin_data);
    if (!exchange || index > kSize) return SQ_E_INVALID;
    const Reply& reply = exchange->reply;
    *out = make_value(SQ_T_NULL);
    switch (index) {
      case kText:
        if (reply.has_text()) *out = bytes_value(reply.text);
        break;
      case kInteger:
        if (reply.type == REDIS_REPLY_INTEGER) *out = int_value(reply.integer);
        break;
      case kType: *out = text_value(type_name(reply.type)); break;
      case kItem: {
        const Reply* const item = reply.find(key);
        if (item && item->type == REDIS_REPLY_INTEGER) *out = int_value(item->integer);
        else if (item && item->has_text()) *out = bytes_value(item->text);
        break;
      }
      case kSize:
        if (reply.type == REDIS_REPLY_ARRAY) *out = int_value(static_cast<int64_t>(reply.elements.size()));
        break;
    }
    return SQ_OK;
  }
  void release(sq_call* call) {
    auto* const exchange = static_cast<Exchange*>(std::exchange(call->plugin_data, nullptr));
    if (!exchange) return;
    exchange->is_released = true;
    if (!exchange->is_in_flight) shard.give_back(exchange);
  }

  Shard& shard;
  uint64_t id;
  std::vector<std::unique_ptr<Link>> links;
};

void need_tables() {
  if (!host.fdwatch || !host.target) throw Refusal(SQ_E_UNSUPPORTED, "host lacks squall.fdwatch/1 or squall.target/1");
}

}  // namespace

Instance::Instance(std::span<const sq_pair> options) {
  if (const sq_value* const value = find(options, "user")) user = as_text(*value);
  if (const sq_value* const value = find(options, "password")) password = as_text(*value);
  if (const sq_value* const value = find(options, "database")) database = as_int(*value);
  if (!user.empty() && password.empty()) throw invalid("redis: a user needs a password");
  if (database < 0) throw invalid("redis: database is a number from 0");
}

Prepared::Prepared(Instance& instance, uint32_t, std::span<const sq_binding> bindings, const sq_wants& wants)
    : args(kCommandOp, bindings), outputs(wants.outputs), keep_bytes(wants.keep_bytes),
      allows_error(as_bool(args[1].of(nullptr))) {
  if (!args.to().given) throw invalid("redis needs a target: to");
  if (args.to().is_static() && !is_plain_tcp(as_target(args.to().value)))
    throw invalid("redis speaks plain TCP alone: write the target as tcp://host:port");
  if (!args[0].is_static()) return;
  Shard scratch(instance, nullptr);
  if (const char* const fault = put_command(args[0].value, scratch)) throw invalid(fault);
}

namespace {
constexpr sq_protocol kProtocol = protocol<Instance, Prepared, Shard, Session>("redis", kOperations, kOptions);
}  // namespace

SQUALL_PROTOCOL_PLUGIN_WITH("org.example.redis", "0.1.0", "Redis commands (hiredis)", "Apache-2.0", 0, kProtocol, need_tables, nothing)
