// squall.calls/1, checked: with complete() the loan of a call's arguments is over.
#include "plugin_host/checked/flights.hpp"
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/rules.hpp"

namespace squall::checked {
namespace {

void complete(sq_call* call) noexcept {
  if (!must(call, "complete() without a call")) return;
  host.calls->complete(call);
  flights().completed(call);
}

void progress(sq_call* call, std::uint64_t out, std::uint64_t in) noexcept {
  if (must(call, "progress() without a call")) host.calls->progress(call, out, in);
}

}  // namespace

constinit const sq_calls_api kCalls{sizeof(sq_calls_api), 0, complete, progress};

}  // namespace squall::checked
