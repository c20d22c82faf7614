// squall.users/1, checked: users that are there, arguments that can be read, and values that end with the next.
#include "plugin_host/checked/users.hpp"

#include "plugin_host/checked/host_tables.hpp"

namespace squall::checked {
namespace {

using WaitEnd = void (*)(void* context, sq_status) noexcept;

/// nullptr, and told.
sq_user* real(const sq_user* user, const char* function) {
  const auto own = users().find(user, function);
  return own ? own->real : nullptr;
}

sq_shard* shard(sq_user* user) noexcept {
  sq_user* const own = real(user, "users.shard");
  return own ? host.users->shard(own) : nullptr;
}

const sq_user_info* info(sq_user* user) noexcept {
  sq_user* const own = real(user, "users.info");
  return own ? host.users->info(own) : nullptr;
}

sq_status bind(sq_user* user, sq_str op, const sq_pair* params, std::uint64_t n, sq_opref** out, std::uint64_t* fixed,
               sq_error* error) noexcept {
  sq_user* const own = real(user, "users.bind");
  if (!own || !must(is_view(op), "users.bind(): a name of NULL with a length") ||
      !must(is_view(params, n), "users.bind(): NULL for its parameters") || !must(out, "users.bind() without room for its operation")) {
    return SQ_E_INVALID;
  }
  return host.users->bind(own, op, params, n, out, fixed, error);
}

sq_call* call(sq_user* user, sq_opref* operation, const sq_value* args, std::uint32_t n, const sq_call_events* events,
              void* owner_data) noexcept {
  sq_user* const own = real(user, "users.call");
  if (!own || !must(operation, "users.call() without an operation") || !must(is_view(args, n), "users.call(): NULL for its values") ||
      !must(events, "users.call() without events") ||
      !must(SQ_HAS(events, on_done), "users.call(): the struct_size of its events is too small") ||
      !must(events->flags == 0, "users.call(): events with flags") || !must(events->on_done, "users.call(): events without on_done")) {
    return nullptr;
  }
  return host.users->call(own, operation, args, n, events, owner_data);
}

sq_status output(sq_call* call, sq_str name, sq_str key, sq_value* out) noexcept {
  if (!must(call, "users.output() without a call") || !must(out, "users.output() without room for its value") ||
      !must(is_view(name) && is_view(key), "users.output(): a text of NULL with a length")) {
    return SQ_E_INVALID;
  }
  return host.users->output(call, name, key, out);
}

void judge(sq_call* call, std::uint32_t kind, sq_str why) noexcept {
  if (!must(call, "users.judge() without a call") || !must(is_view(why), "users.judge(): a text of NULL with a length")) return;
  must(kind == SQ_K_NONE || kind == SQ_K_STATUS || kind == SQ_K_CHECK, "users.judge() by a kind that is no verdict");
  host.users->judge(call, kind, why);
}

void cancel(sq_call* call) noexcept {
  if (must(call, "users.cancel() without a call")) host.users->cancel(call);
}

void release(sq_call* call) noexcept {
  if (must(call, "users.release() without a call")) host.users->release(call);
}

sq_status wait(sq_user* user, std::uint64_t ns, WaitEnd fn, void* context) noexcept {
  sq_user* const own = real(user, "users.wait");
  return own && must(fn, "users.wait() without a function") ? host.users->wait(own, ns, fn, context) : SQ_E_INVALID;
}

std::uint64_t random(sq_user* user) noexcept {
  sq_user* const own = real(user, "users.random");
  return own ? host.users->random(own) : 0;
}

std::uint32_t stopping(sq_user* user) noexcept {
  sq_user* const own = real(user, "users.stopping");
  return own ? host.users->stopping(own) : 1;
}

sq_status get(sq_user* user, sq_str name, sq_value* out) noexcept {
  const auto own = users().find(user, "users.get");
  if (!own || !must(is_view(name), "users.get(): a name of NULL with a length") || !must(out, "users.get() without room for its value")) {
    return SQ_E_INVALID;
  }
  const sq_status status = host.users->get(own->real, name, out);   // the name may be what it was given before
  own->value.close();
  if (status == SQ_OK) *out = own->value.copy(*out);
  return status;
}

sq_status set(sq_user* user, sq_str name, const sq_value* value) noexcept {
  sq_user* const own = real(user, "users.set");
  if (!own || !must(is_view(name), "users.set(): a name of NULL with a length") || !must(value, "users.set() without a value")) {
    return SQ_E_INVALID;
  }
  const bool is_text = value->type == SQ_T_STR || value->type == SQ_T_BYTES;
  if (is_text && !must(is_view(value->u.str), "users.set(): a text of NULL with a length")) return SQ_E_INVALID;
  return host.users->set(own, name, value);
}

sq_status group_begin(sq_user* user, sq_str name, sq_str type) noexcept {
  sq_user* const own = real(user, "users.group_begin");
  if (!own || !must(is_view(name) && is_view(type), "users.group_begin(): a text of NULL with a length")) return SQ_E_INVALID;
  return host.users->group_begin(own, name, type);
}

sq_status group_end(sq_user* user, std::uint32_t outcome) noexcept {
  sq_user* const own = real(user, "users.group_end");
  if (!own || !must(outcome <= SQ_OUT_CANCELLED, "users.group_end() with an outcome that does not exist")) return SQ_E_INVALID;
  return host.users->group_end(own, outcome);
}

sq_status metric(sq_user* user, sq_str name, double value) noexcept {
  sq_user* const own = real(user, "users.metric");
  return own && must(is_view(name), "users.metric(): a name of NULL with a length") ? host.users->metric(own, name, value) : SQ_E_INVALID;
}

sq_status sample(sq_user* user, sq_str name, std::uint64_t begin_ns, std::uint64_t end_ns, std::uint32_t outcome,
                 std::uint32_t kind) noexcept {
  sq_user* const own = real(user, "users.sample");
  if (!own || !must(is_view(name), "users.sample(): a name of NULL with a length")) return SQ_E_INVALID;
  return host.users->sample(own, name, begin_ns, end_ns, outcome, kind);
}

}  // namespace

constinit const sq_users_api kUsers{sizeof(sq_users_api), 0, shard, info, bind, call, output, judge, cancel, release, wait,
                                    random, stopping, get, set, group_begin, group_end, metric, sample};

}  // namespace squall::checked
