#include "engine/host_api.hpp"

#include <fmt/format.h>

#include <mutex>

#include "engine/call.hpp"
#include "engine/compiled_pass.hpp"
#include "engine/shard.hpp"
#include "engine/shard_handle.hpp"
#include "net/net_api.hpp"
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/rules.hpp"

namespace squall {
namespace {

Loop& loop_of(sq_shard* shard) { return *static_cast<ShardHandle*>(shard)->loop; }

// ---- squall.calls/1 ----

void complete(sq_call* call) noexcept {
  Call& own = *static_cast<Call*>(call);
  own.owner->on_complete(own);
}

void progress(sq_call* call, std::uint64_t out, std::uint64_t in) noexcept {
  Call& own = *static_cast<Call*>(call);
  own.owner->on_progress(own, out, in);
}

const sq_calls_api kCalls = {sizeof(sq_calls_api), 0, complete, progress};

// ---- squall.loop/1 ----

void done(sq_done* handle, sq_status status, sq_str detail) noexcept { handle->done(handle, status, detail); }

void written(sq_done* handle, const sq_delivery* delivery) noexcept { handle->written(handle, delivery); }

std::uint64_t now_ns(sq_shard* shard) noexcept { return loop_of(shard).now_ns(); }

std::uint64_t recent_ns(sq_shard* shard) noexcept { return loop_of(shard).recent_ns(); }

std::uint32_t index(sq_shard* shard) noexcept { return static_cast<ShardHandle*>(shard)->number; }

sq_status post(sq_shard* shard, sq_post* node) noexcept { return loop_of(shard).post(*node); }

sq_timer* timer_new(sq_shard* shard, void (*fn)(void*) noexcept, void* context) noexcept {
  return loop_of(shard).plugin_timers().make(fn, context);
}

void timer_set(sq_timer* timer, std::uint64_t at_ns) noexcept {
  PluginTimers::set(*timer, at_ns);
}

void timer_free(sq_timer* timer) noexcept {
  if (timer) PluginTimers::free(*timer);
}

const sq_loop_api kLoop = {sizeof(sq_loop_api), 0, done, written, now_ns, recent_ns, index, post,
                           timer_new, timer_set, timer_free};

// ---- squall.source/1 ----

std::uint64_t source_size(sq_source* source) noexcept { return source->body.size(); }

sq_status source_next(sq_source* source, std::uint64_t max, sq_chunk* out) noexcept {
  *out = {};
  out->fd = -1;
  Chunk chunk;
  if (!source->body.next(max, chunk)) return SQ_OK;
  out->mem = {chunk.data, chunk.fd < 0 ? chunk.size : 0};
  out->fd = chunk.fd;
  out->offset = chunk.offset;
  out->len = chunk.size;
  return SQ_OK;
}

sq_status source_rewind(sq_source* source) noexcept {
  source->body.rewind();
  return SQ_OK;
}

const sq_source_api kSource = {sizeof(sq_source_api), 0, source_size, source_next, source_rewind};

// ---- squall.samples/1 ----

// Names are few and made while plugins open; a handle is the place of the name, plus one.
std::mutex names_mutex;
std::vector<DeliveryName> names;

sq_series* series(sq_str operation, sq_str name) noexcept {
  try {
    std::lock_guard lock(names_mutex);
    const DeliveryName wanted{std::string(to_view(operation)), std::string(to_view(name))};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].operation == wanted.operation && names[i].name == wanted.name) {
        return reinterpret_cast<sq_series*>(i + 1);
      }
    }
    names.push_back(wanted);
    return reinterpret_cast<sq_series*>(names.size());
  } catch (...) {
    return nullptr;
  }
}

std::uint32_t handle_of(sq_series* series) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(series)) - 1;
}

void record(sq_shard* shard, std::uint64_t session, sq_series* series, std::uint64_t due_ns,
            std::uint64_t end_ns, std::uint32_t outcome, std::uint32_t kind, std::uint64_t bytes) noexcept {
  if (Shard* own = static_cast<ShardHandle*>(shard)->shard; own && series) {
    own->record_delivery(session, handle_of(series), due_ns, end_ns, outcome, kind, bytes);
  }
}

void count(sq_shard* shard, std::uint64_t session, sq_series* series, std::uint64_t n) noexcept {
  if (Shard* own = static_cast<ShardHandle*>(shard)->shard; own && series) {
    own->count_delivery(session, handle_of(series), n);
  }
}

const sq_samples_api kSamples = {sizeof(sq_samples_api), 0, series, record, count};

// ---- what the checking tables find ----

const sq_host* root = nullptr;   // of the plugins that are checked

void tell_fault(sq_shard* of, std::string_view what) noexcept {
  if (Environment::running) return Environment::running->plugin_fault(what);
  const PluginTurn::Words turn = PluginTurn::now();
  const PluginTurn own(turn.plugin ? turn.plugin : find_plugin_on_stack().plugin, turn.function ? turn.function : "a thread of its own");
  if (of) return loop_of(of).plugin_fault(what);
  const auto [plugin, function] = PluginTurn::now();
  const std::string text = fmt::format("plugin '{}', in {}: {}", plugin ? plugin->name() : "unknown", function, what);
  root->log(root, SQ_LOG_ERROR, to_str(text));
}

}  // namespace

std::vector<DeliveryName> delivery_names() {
  std::lock_guard lock(names_mutex);
  return names;
}

void offer_host_tables(Extensions& extensions, bool is_checked) {
  root = extensions.host();
  if (is_checked) checked::tell_by(tell_fault);
  const auto offer = [&](std::string_view id, const auto* table) {
    extensions.offer(id, is_checked ? checked::host_table(id, table) : table, sizeof(*table));
  };
  offer(SQ_CALLS_V1, &kCalls);
  offer(SQ_LOOP_V1, &kLoop);
  offer(SQ_SOURCE_V1, &kSource);
  offer(SQ_USERS_V1, users_api());
  offer(SQ_RECORDS_V1, records_api());
  offer(SQ_SAMPLES_V1, &kSamples);
  offer(SQ_STREAM_V1, stream_api());
  offer(SQ_FDWATCH_V1, fdwatch_api());
  offer(SQ_DATAGRAM_V1, datagram_api());
  offer(SQ_TARGET_V1, target_api());
}

}  // namespace squall
