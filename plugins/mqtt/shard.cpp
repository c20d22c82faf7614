#include "shard.hpp"

#include <sys/random.h>

#include <charconv>

namespace squall::mqtt {
namespace {

// The walk over all clients takes a second, in slices, so that no slice holds the loop up: at 10,000
// clients one is 0.1 ms.
constexpr uint64_t kSlicesPerSecond = 16;
constexpr uint64_t kSliceNs = 1'000'000'000 / kSlicesPerSecond;

uint64_t random_seed() {
  uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = std::random_device{}();
  return seed;
}

sq_series* series_of(std::string_view operation, std::string_view name) {
  if (!plugin::host.samples) return nullptr;
  return plugin::host.samples->series(plugin::str(operation), plugin::str(name));
}

char* append_hex(char* at, char* end, uint64_t number) {
  return std::to_chars(at, end, number, 16).ptr;
}

}  // namespace

Instance::Instance(std::span<const sq_pair> options)
    : defaults(default_options(options)),
      connect_series(series_of("mqtt.connect", "mqtt.connect")),
      resubscribe_series(series_of("mqtt.subscribe", "subscribed again")) {}

Shard::Shard(Instance& instance, sq_shard* handle)
    : instance_(instance),
      handle_(handle),
      random_(random_seed()),
      house_timer_(handle, tick, this) {}

std::string Shard::make_client_id() {
  static const uint64_t process = random_seed() & 0xFFFFFFFFFF;  // 40 bits
  static std::atomic<uint32_t> number{0};
  char text[24] = {'s', 'q'};
  char* const end = text + sizeof text;
  char* at = append_hex(text + 2, end, process);
  *at++ = 'n';
  at = append_hex(at, end, number.fetch_add(1, std::memory_order_relaxed));
  return {text, at};
}

void Shard::keep(Housekept& one) {
  one.house_index = kept_.size();
  kept_.push_back(&one);
  if (!std::exchange(house_timer_armed_, true)) house_timer_.set_at(now_ns() + kSliceNs);
}

void Shard::forget(Housekept& one) {
  if (one.house_index == SIZE_MAX) return;
  Housekept* const last = kept_.back();
  kept_[one.house_index] = last;
  last->house_index = one.house_index;
  kept_.pop_back();
  one.house_index = SIZE_MAX;
}

void Shard::tick(void* context) noexcept {
  Shard& self = *static_cast<Shard*>(context);
  self.house_timer_armed_ = false;
  // keep_house() may remove a client, which moves another into its place: that one is looked at a
  // round later, which no keep-alive notices.
  size_t slice = (self.kept_.size() + kSlicesPerSecond - 1) / kSlicesPerSecond;
  for (; slice > 0 && !self.kept_.empty(); --slice) {
    if (self.next_kept_ >= self.kept_.size()) self.next_kept_ = 0;
    self.kept_[self.next_kept_++]->keep_house();
  }
  if (self.kept_.empty()) return;
  self.house_timer_armed_ = true;
  self.house_timer_.set_at(self.now_ns() + kSliceNs);
}

void Shard::ended() {
  --under_way_;
  finish_if_idle();
}

void Shard::close(sq_done* done) {
  done_ = done;
  finish_if_idle();
}

void Shard::finish_if_idle() {
  if (!done_ || under_way_ > 0) return;
  sq_done* const done = done_;
  delete this;
  plugin::host.loop->done(done, SQ_OK, {});
}

}  // namespace squall::mqtt
