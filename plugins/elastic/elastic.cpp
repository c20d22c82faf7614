// The output "elastic": a run as documents in Elasticsearch's data streams, by its bulk API.
//
// write() renders on the io shard and hands over; a thread of the sink's own sends.  A batch is
// answered when it is in the queue: what is lost of it later is told with a later batch, and what
// has come to light since the last one when it closes.
#include <unistd.h>

#include <climits>
#include <optional>
#include <random>
#include <squall/output.hpp>

#include "bulk.hpp"
#include "documents.hpp"
#include "options.hpp"
#include "sink/sender.hpp"

namespace squall::elastic {
namespace {

using namespace squall::plugin;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::unique_ptr<sink::Spool> spool_of(const Options& options) {
  if (options.spool.empty()) return nullptr;
  return std::make_unique<sink::Spool>(options.spool, "elastic", options.spool_bytes,
                                       options.limits.batch_bytes);
}

class Output {
 public:
  Output(std::span<const sq_pair> given, sq_shard* io)
      : io_(io),
        options_(read_options(given)),
        documents_({options_.name_space, host_name(), host.root->version}, options_.samples),
        wire_(options_),
        sink_(options_.limits, wire_, sink::Backoff(std::random_device{}()), spool_of(options_)) {
    if (options_.address.is_tls || options_.address.is_loopback()) return;
    host.log(SQ_LOG_WARN, "elastic: everybody on the way to " + options_.address.url() +
                              " can read what is sent" +
                              (options_.authorization.empty() ? "" : ", the password or key too") +
                              ": write https://");
  }

  Delivery write(const Batch& batch) {
    if (last_batch_ && batch.number() <= *last_batch_) return delivered();
    last_batch_ = batch.number();
    Documents::Rendered rendered = documents_.render(batch);
    // Not before: a run that does not begin has opened its outputs too, and sends nothing.
    if (!sender_) sender_.emplace(sink_);
    sender_->add(std::move(rendered.records));
    const sink::Account account = sink_.account();
    const uint64_t lost = account.own.rejected + account.own.dropped - told_;
    const uint64_t told = std::min(lost, batch.items() - rendered.unknown);
    told_ += told;
    return {told + rendered.unknown, false,
            told > 0               ? account.loss
            : rendered.unknown > 0 ? "items of a series that was never described"
                                   : ""};
  }

  /// When everything is settled; then done(), on the io shard.
  void close(sq_done* done) noexcept {
    done_ = done;
    if (!sender_) return finish();
    ended_ = {{}, [](void* output) noexcept { static_cast<Output*>(output)->finish(); }, this};
    sender_->end([this] { host.loop->post(io_, &ended_); });
  }

 private:
  void finish() noexcept {
    sq_done* const done = done_;
    sq_status status = SQ_OK;
    std::string why;
    const sink::Account account = sink_.account();
    const bool was_used = sender_.has_value();
    if (was_used) {
      const bool has_lost = account.own.rejected + account.own.dropped > 0;
      why = to_text(account.own);
      if (account.own.spooled > 0)
        why += "; the next run with `spool: " + options_.spool + "` sends what is spooled";
      if (has_lost || account.own.spooled > 0)
        why += ": " + (has_lost ? account.loss : account.trouble);
      const bool is_told = account.own.rejected + account.own.dropped == told_;
      if (!is_told || account.own.spooled > 0) status = SQ_E_IO;
      host.log(has_lost || account.own.spooled > 0 ? SQ_LOG_WARN : SQ_LOG_INFO, "elastic: " + why);
      if (account.earlier.accepted > 0)
        host.log(SQ_LOG_INFO, "elastic: left by earlier runs: " + to_text(account.earlier));
    }
    delete this;
    host.loop->done(done, status, status == SQ_OK ? sq_str{} : str(why));
  }

  sq_shard* io_;
  Options options_;
  Documents documents_;
  BulkWire wire_;
  sink::Sink sink_;
  std::optional<uint64_t> last_batch_;
  uint64_t told_ = 0;  // of what was lost: squall knows
  sq_done* done_ = nullptr;
  sq_post ended_{};
  std::optional<sink::Sender> sender_;  // last: its thread uses the above
};

constexpr sq_output kOutput = output<Output>("elastic", kOptions, SQ_OUTPUT_SAMPLES);

}  // namespace
}  // namespace squall::elastic

SQUALL_OUTPUT_PLUGIN_WITH("org.squall.elastic", SQUALL_VERSION,
                          "a run as documents in Elasticsearch", "Apache-2.0",
                          SQ_PLUGIN_OWN_THREADS, squall::elastic::kOutput, squall::plugin::nothing,
                          squall::plugin::nothing)
