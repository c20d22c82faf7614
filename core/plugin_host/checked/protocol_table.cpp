// squall.protocol/1, checked: what is lent to a protocol, and what it answers.
#include <squall/testing/lent_memory.hpp>

#include <memory>

#include "plugin_host/checked/answers.hpp"
#include "plugin_host/checked/flights.hpp"
#include "plugin_host/checked/open_ends.hpp"
#include "plugin_host/checked/plugin_tables.hpp"

namespace squall::checked {
namespace {

const sq_protocol& own() { return *own_tables().protocol; }

// ---- [main] ----

sq_status open(const sq_pair* opts, std::uint64_t n, void** instance, sq_error* error) noexcept {
  lent::Memory loan("open");
  return judged(own().open(loan.copy_all(opts, n), n, instance, error), error);
}

void close(void* instance) noexcept { own().close(instance); }

/// The host's handle of what was prepared: start() must know of which operation it is.
struct Prepared {
  void* real = nullptr;
  const sq_op* op = nullptr;
};

sq_status prepare(void* instance, std::uint32_t op, const sq_binding* bindings, std::uint32_t n, const sq_wants* wants,
                  void** prepared, sq_error* error) noexcept {
  auto made = std::make_unique<Prepared>();
  made->op = own().ops[op];
  lent::Memory loan("prepare");
  const sq_status given =
      own().prepare(instance, op, loan.copy_all(bindings, n), n, loan.copy(wants, 1), &made->real, error);
  const sq_status status = judged(given, made->real, "prepared operation", error);
  if (status == SQ_OK) *prepared = made.release();
  return status;
}

void unprepare(void* prepared) noexcept {
  const std::unique_ptr<Prepared> made(static_cast<Prepared*>(prepared));
  own().unprepare(made->real);
}

// ---- [shard] ----

/// The host's handle of what the plugin keeps for a shard.
struct OnShard {
  void* real = nullptr;
  sq_shard* shard = nullptr;
};

sq_status shard_open(void* instance, sq_shard* shard, void** out, sq_error* error) noexcept {
  auto made = std::make_unique<OnShard>();
  made->shard = shard;
  const sq_status status = judged(own().shard_open(instance, shard, &made->real, error), error);
  if (status == SQ_OK) *out = made.release();
  return status;
}

void shard_close(void* on_shard, sq_done* done) noexcept {
  const std::unique_ptr<OnShard> made(static_cast<OnShard*>(on_shard));
  own().shard_close(made->real, open_ends().add(make_open_end(done, made->shard)));
}

sq_status session_open(void* on_shard, std::uint64_t id, void** session, sq_error* error) noexcept {
  const sq_status given = own().session_open(static_cast<OnShard*>(on_shard)->real, id, session, error);
  if (given == SQ_OK && !*session) return given;   // the host has a word for it
  must(what_is_wrong(given).empty(), what_is_wrong(given));
  return judged(given, error);
}

void session_close(void* session) noexcept { own().session_close(session); }

void start(void* session, const void* prepared, const sq_value* args, std::uint32_t n, sq_call* call) noexcept {
  const auto& made = *static_cast<const Prepared*>(prepared);
  lent::Memory& loan = flights().begin(call, made.op).args;
  own().start(session, made.real, loan.copy_all(args, n), n, call);
}

void cancel(void* session, sq_call* call) noexcept { own().cancel(session, call); }

bool is_text(std::uint32_t type) { return type == SQ_T_STR || type == SQ_T_BYTES; }

/// Of a list or map the value of one key is asked for. The host has a word for types that no output has.
bool fits(std::uint32_t described, std::uint32_t given) {
  return described == given || (is_text(described) && is_text(given)) || described == SQ_T_NULL || described == SQ_T_LIST ||
         described == SQ_T_MAP || given > SQ_T_DURATION;
}

/// What cannot be read is found here, in the plugin's turn.
void touch(sq_str text) {
  constexpr std::uint64_t kPage = 4096, kTextBytesMax = 64u << 20;   // the host has a word for longer ones
  if (!text.ptr || text.len == 0 || text.len > kTextBytesMax) return;
  const volatile char* const bytes = text.ptr;
  for (std::uint64_t i = 0; i < text.len; i += kPage) static_cast<void>(bytes[i]);
  static_cast<void>(bytes[text.len - 1]);
}

sq_status output(void* session, const sq_call* call, std::uint32_t index, sq_str key, sq_value* out) noexcept {
  lent::Memory loan("output");
  sq_value* const lent = loan.copy(out, 1);
  const sq_status status = own().output(session, call, index, loan.copy(key), lent);
  *out = *lent;
  if (!must(what_is_wrong(status).empty(), what_is_wrong(status))) return SQ_E_INTERNAL;
  const sq_op* const op = flights().operation(call);
  if (status != SQ_OK || out->type == SQ_T_NULL || !op) return status;
  const sq_param& described = *op->outputs[index];
  if (!fits(described.type, out->type)) {
    tell(fmt::format("{}: the output '{}' is described with type {} and given with type {}", op->name, described.name, described.type,
                     out->type));
  }
  if (is_text(out->type)) touch(out->u.str);
  return status;
}

void release(void* session, sq_call* call) noexcept {
  own().release(session, call);
  flights().end(call);
}

}  // namespace

sq_protocol checking(const sq_protocol& plugin) {
  return {sizeof(sq_protocol), plugin.flags, plugin.name, plugin.options, plugin.ops, open, close, prepare, unprepare, shard_open,
          shard_close, session_open, session_close, start, cancel, output, release};
}

}  // namespace squall::checked
