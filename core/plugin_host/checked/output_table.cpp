// squall.output/1, checked: options until open() returns, a batch until written().
#include <memory>

#include "plugin_host/checked/answers.hpp"
#include "plugin_host/checked/lent_batch.hpp"
#include "plugin_host/checked/open_ends.hpp"
#include "plugin_host/checked/plugin_tables.hpp"

namespace squall::checked {
namespace {

const sq_output& own() { return *own_tables().output; }

/// The host's handle of an output.
struct Output {
  void* real = nullptr;
  sq_shard* io = nullptr;
};

sq_status open(sq_shard* io, const sq_pair* opts, std::uint64_t n, void** instance, sq_error* error) noexcept {
  auto made = std::make_unique<Output>();
  made->io = io;
  lent::Memory loan("open");
  const sq_status given = own().open(io, loan.copy_all(opts, n), n, &made->real, error);
  const sq_status status = judged(given, made->real, "output", error);
  if (status == SQ_OK) *instance = made.release();
  return status;
}

void write(void* instance, const sq_batch* batch, sq_done* done) noexcept {
  const auto& output = *static_cast<const Output*>(instance);
  const auto end = make_open_end(done, output.io);
  end->is_write = true;
  const sq_batch* const lent = lend(*batch, end->batch);
  own().write(output.real, lent, open_ends().add(end));
}

void close(void* instance, sq_done* done) noexcept {
  const std::unique_ptr<Output> output(static_cast<Output*>(instance));
  own().close(output->real, open_ends().add(make_open_end(done, output->io)));
}

}  // namespace

sq_output checking(const sq_output& plugin) {
  return {sizeof(sq_output), plugin.flags, plugin.name, plugin.options, open, write, close};
}

}  // namespace squall::checked
