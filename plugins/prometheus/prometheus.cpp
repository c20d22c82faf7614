// The output "prometheus": the run so far as a page that Prometheus reads, at /metrics.
//
// write() adds up on the io shard, the server's thread renders; a mutex stands between them.  A
// page is rendered at most once for each batch and format, however many read it.
#include <mutex>
#include <squall/output.hpp>

#include "exposition.hpp"
#include "options.hpp"
#include "run_metrics.hpp"
#include "server.hpp"

namespace squall::prometheus {
namespace {

using namespace squall::plugin;

class Sink {
 public:
  Sink(std::span<const sq_pair> given, sq_shard* io)
      : io_(io),
        options_(read_options(given)),
        run_(Bounds(options_.buckets_ns), options_.percentiles),
        server_(options_.listen, options_.hosts, [this](Format format) { return page(format); }) {
    host.log(SQ_LOG_INFO, "prometheus: " + url());
    if (!options_.listen.address().is_loopback())
      host.log(SQ_LOG_WARN, "prometheus: every machine that reaches " + url() + " can read it");
  }

  Delivery write(const Batch& batch) {
    const std::lock_guard lock(mutex_);
    const uint64_t unknown = run_.add(batch);
    for (auto& page : pages_) page.reset();
    return {unknown, false, unknown > 0 ? "windows of a series that was never described" : ""};
  }

  /// Stays for a last reader; then done(), on the io shard.
  void close(sq_done* done) noexcept {
    bool has_begun = false;
    {
      const std::lock_guard lock(mutex_);
      has_begun = run_.has_begun();
      run_.end();
      for (auto& page : pages_) page.reset();
    }
    done_ = done;
    ended_ = {{}, [](void* sink) noexcept { static_cast<Sink*>(sink)->finish(); }, this};
    // Without a batch there is nothing worth waiting for.
    const auto linger = has_begun ? options_.linger : options_.linger.zero();
    if (linger > linger.zero())
      host.log(SQ_LOG_INFO,
               "prometheus: the load is over; " + url() + " stays until it is read once more, " +
                   std::to_string(std::chrono::ceil<std::chrono::seconds>(linger).count()) +
                   " s at most");
    server_.end_after(linger, [this] { host.loop->post(io_, &ended_); });
  }

 private:
  std::string url() const {
    const auto address = server_.endpoint().address();
    const std::string text =
        address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
    return "http://" + text + ":" + std::to_string(server_.endpoint().port()) + "/metrics";
  }

  Page page(Format format) {
    const std::lock_guard lock(mutex_);
    auto& text = pages_[static_cast<size_t>(format)];
    if (!text)
      text = std::make_shared<const std::string>(
          exposition(run_, format, host.root->version, options_.percentile_names));
    return {text, run_.has_begun() && !run_.is_active()};
  }

  void finish() {
    sq_done* const done = done_;
    delete this;
    host.loop->done(done, SQ_OK, {});
  }

  sq_shard* io_;
  Options options_;
  std::mutex mutex_;  // of the two below
  RunMetrics run_;
  std::shared_ptr<const std::string>
      pages_[2];  // by format; empty: not rendered since the last batch
  sq_done* done_ = nullptr;
  sq_post ended_{};
  Server server_;  // last: its thread uses all of the above
};

constexpr sq_output kOutput = output<Sink>("prometheus", kOptions);

}  // namespace
}  // namespace squall::prometheus

SQUALL_OUTPUT_PLUGIN_WITH("org.squall.prometheus", SQUALL_VERSION,
                          "a run as a page for Prometheus to read", "Apache-2.0",
                          SQ_PLUGIN_OWN_THREADS, squall::prometheus::kOutput,
                          squall::plugin::nothing, squall::plugin::nothing)
