// squall.target/1, checked: the addresses that a name has, and what a session uses for TLS, are lent.
#include <squall/testing/lent_memory.hpp>

#include <memory>
#include <mutex>
#include <unordered_set>

#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/rules.hpp"

namespace squall::checked {
namespace {

using Answer = void (*)(void* context, sq_status, sq_str text) noexcept;

struct Lookup {
  Answer answer;
  void* context;
};

/// Those that are under way: a shard that ends answers no more.
class Lookups {
 public:
  Lookup* add(Answer answer, void* context) {
    const std::lock_guard lock(mutex_);
    return lookups_.insert(std::make_unique<Lookup>(answer, context)).first->get();
  }
  Lookup take(Lookup* lookup) {
    const std::lock_guard lock(mutex_);
    const Lookup taken = *lookup;
    std::erase_if(lookups_, [&](const auto& own) { return own.get() == lookup; });
    return taken;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<std::unique_ptr<Lookup>> lookups_;
};
Lookups& lookups() {
  static auto& all = *new Lookups;   // a thread that was given up may use it while the process ends
  return all;
}

void answer(void* context, sq_status status, sq_str text) noexcept {
  const Lookup own = lookups().take(static_cast<Lookup*>(context));
  lent::Memory loan("the answer of resolve");
  own.answer(own.context, status, loan.copy(text));
}

const sq_target_info* info(const sq_target* target) noexcept {
  return must(target, "target.info() without a target") ? host.targets->info(target) : nullptr;
}

const sq_target* match(sq_str url) noexcept {
  return must(is_view(url), "target.match(): a URL of NULL with a length") ? host.targets->match(url) : nullptr;
}

sq_status resolve(sq_shard* shard, const sq_target* target, Answer fn, void* context) noexcept {
  if (!must(shard, "target.resolve() without a shard") || !must(target, "target.resolve() without a target") ||
      !must(fn, "target.resolve() without a function")) {
    return SQ_E_INVALID;
  }
  Lookup* const lookup = lookups().add(fn, context);
  const sq_status status = host.targets->resolve(shard, target, answer, lookup);
  if (status != SQ_OK) lookups().take(lookup);
  return status;
}

const sq_tls_info* tls(const sq_target* target, std::uint64_t session) noexcept {
  if (!must(target, "target.tls() without a target")) return nullptr;
  static thread_local lent::Memory loan("the next tls");
  loan.close();
  const sq_tls_info* const info = host.targets->tls(target, session);
  sq_tls_info* const lent = loan.copy(info, 1);
  if (!lent) return nullptr;
  for (sq_str sq_tls_info::*text : {&sq_tls_info::ca, &sq_tls_info::cert, &sq_tls_info::key, &sq_tls_info::server_name}) {
    lent->*text = loan.copy(info->*text);
  }
  return lent;
}

sq_str local_address(const sq_target* target, std::uint64_t session) noexcept {
  return must(target, "target.local_address() without a target") ? host.targets->local_address(target, session) : sq_str{};
}

void note(sq_shard* shard, const sq_target* target, std::uint32_t what) noexcept {
  if (must(shard, "target.note() without a shard") && must(target, "target.note() without a target")) {
    host.targets->note(shard, target, what);
  }
}

}  // namespace

constinit const sq_target_api kTargets{sizeof(sq_target_api), 0, info, match, resolve, tls, local_address, note};

}  // namespace squall::checked
