// squall.loop/1, checked: answers that come once, timers that live, nodes that are posted once at a time. With written()
// the loan of an output's batch is over.
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/open_ends.hpp"
#include "plugin_host/plugin.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall::checked {
namespace {

// ---- answers ----

/// nullptr, and told, when this is no answer to it.
std::shared_ptr<OpenEnd> answered(sq_done* handle, const char* function, bool is_write) {
  const auto end = open_ends().find(handle, function);
  if (!end) return nullptr;
  if (!must(end->thread == std::this_thread::get_id(), fmt::format("{}() is for the shard's thread alone", function), end->shard))
    return nullptr;
  if (!must(end->is_write == is_write, fmt::format("{}() answers what {}() ends", function, end->is_write ? "written" : "done")))
    return nullptr;
  open_ends().end(handle);
  return end;
}

void done(sq_done* handle, sq_status status, sq_str detail) noexcept {
  const auto end = answered(handle, "done", false);
  if (!end) return;
  if (!must(status <= SQ_DONE, fmt::format("done() with {}, which is no status", status))) status = SQ_E_INTERNAL;
  if (!must(is_view(detail), "done(): a detail of NULL with a length")) detail = {};
  host.loop->done(end->real, status, detail);
}

void written(sq_done* handle, const sq_delivery* delivery) noexcept {
  const auto end = answered(handle, "written", true);
  if (!end) return;
  if (delivery && must(SQ_HAS(delivery, why), "written(): the struct_size of its sq_delivery is too small")) {
    must(is_view(delivery->why), "written(): a reason of NULL with a length");
  }
  host.loop->written(end->real, delivery);
}

// ---- the shard ----

std::uint64_t now_ns(sq_shard* shard) noexcept { return must(shard, "now_ns() without a shard") ? host.loop->now_ns(shard) : 0; }
std::uint64_t recent_ns(sq_shard* shard) noexcept {
  return must(shard, "recent_ns() without a shard") ? host.loop->recent_ns(shard) : 0;
}
std::uint32_t index(sq_shard* shard) noexcept { return must(shard, "index() without a shard") ? host.loop->index(shard) : 0; }

// ---- posts ----

/// The host gets this node, and the plugin's is not touched.
struct Posted {
  sq_post own{};
  sq_post* node = nullptr;
  void (*fn)(void*) noexcept = nullptr;
  void* context = nullptr;
};

struct Queue {
  std::mutex mutex;
  std::unordered_map<sq_post*, std::unique_ptr<Posted>> nodes;

  std::unique_ptr<Posted> take(sq_post* node) {
    const std::lock_guard lock(mutex);
    auto found = nodes.extract(node);
    return found ? std::move(found.mapped()) : nullptr;
  }
};
Queue& queue() {
  static auto& all = *new Queue;   // a thread of a plugin may post while the process ends
  return all;
}

void run_posted(void* context) noexcept {
  const auto posted = queue().take(static_cast<Posted*>(context)->node);
  const PluginTurn turn(find_plugin_at(reinterpret_cast<const void*>(posted->fn)), "a posted function");
  posted->fn(posted->context);   // may post the node again, or free it
}

sq_status post(sq_shard* shard, sq_post* node) noexcept {
  if (!must(shard, "post() without a shard") || !must(node, "post() without a node", shard) ||
      !must(node->fn, "post() of a node without a function", shard)) {
    return SQ_E_INVALID;
  }
  auto made = std::make_unique<Posted>();
  Posted& posted = *made;
  posted.node = node;
  posted.fn = node->fn;
  posted.context = node->ctx;
  posted.own.fn = run_posted;
  posted.own.ctx = &posted;
  bool is_new = false;
  {
    const std::lock_guard lock(queue().mutex);
    is_new = queue().nodes.try_emplace(node, std::move(made)).second;
  }
  if (!must(is_new, "post() of a node that is still queued", shard)) return SQ_E_STATE;
  const sq_status status = host.loop->post(shard, &posted.own);
  if (status != SQ_OK) queue().take(node);
  return status;
}

// ---- timers ----

struct Timer {
  sq_timer* real;
};
Handles<sq_timer, Timer>& timers() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_timer, Timer>("timer", "that was freed");
  return all;
}

sq_timer* timer_new(sq_shard* shard, void (*fn)(void*) noexcept, void* context) noexcept {
  if (!must(shard, "timer_new() without a shard")) return nullptr;
  sq_timer* const real = host.loop->timer_new(shard, fn, context);
  return real ? timers().add(std::make_shared<Timer>(real)) : nullptr;
}

void timer_set(sq_timer* timer, std::uint64_t at_ns) noexcept {
  if (const auto own = timers().find(timer, "timer_set")) host.loop->timer_set(own->real, at_ns);
}

void timer_free(sq_timer* timer) noexcept {
  const auto own = timers().find(timer, "timer_free");
  if (!own) return;
  host.loop->timer_free(own->real);
  timers().end(timer);
}

}  // namespace

constinit const sq_loop_api kLoop{sizeof(sq_loop_api), 0, done, written, now_ns, recent_ns, index, post,
                                  timer_new, timer_set, timer_free};

}  // namespace squall::checked
