// squall.tasks/1, checked: options until task_open() returns, a user until user_close().
#include <squall/testing/lent_memory.hpp>

#include <memory>

#include "plugin_host/checked/answers.hpp"
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/open_ends.hpp"
#include "plugin_host/checked/plugin_tables.hpp"
#include "plugin_host/checked/users.hpp"

namespace squall::checked {
namespace {

const sq_tasks& own() { return *own_tables().tasks; }

sq_status task_open(std::uint32_t index, const sq_pair* opts, std::uint64_t n, void** task, sq_error* error) noexcept {
  lent::Memory loan("task_open");
  return judged(own().task_open(index, loan.copy_all(opts, n), n, task, error), error);
}

void task_close(void* task) noexcept { own().task_close(task); }

/// The host's handle of what a plugin keeps for a user.
struct Self {
  void* real = nullptr;
  sq_user* user = nullptr;      // as the plugin has it
  sq_shard* shard = nullptr;
};

sq_status user_open(sq_user* user, void** self, sq_error* error) noexcept {
  auto made = std::make_unique<Self>();
  const auto own_user = std::make_shared<OwnUser>();
  own_user->real = user;
  made->user = users().add(own_user);
  made->shard = host.users->shard(user);
  const sq_status given = own().user_open(made->user, &made->real, error);
  must(what_is_wrong(given).empty(), what_is_wrong(given));
  const sq_status status = judged(given, error);
  if (status == SQ_OK) *self = made.release();
  else users().end(made->user);
  return status;
}

void user_close(void* self) noexcept {
  const std::unique_ptr<Self> made(static_cast<Self*>(self));
  own().user_close(made->real);
  users().end(made->user);
}

void run(void* self, void* task, sq_done* done) noexcept {
  const auto& made = *static_cast<const Self*>(self);
  own().run(made.real, task, open_ends().add(make_open_end(done, made.shard)));
}

void cancel(void* self) noexcept { own().cancel(static_cast<const Self*>(self)->real); }

}  // namespace

sq_tasks checking(const sq_tasks& plugin) {
  return {sizeof(sq_tasks), plugin.flags, plugin.name, plugin.tasks, task_open, task_close, user_open, user_close, run, cancel};
}

}  // namespace squall::checked
