#include "delivery.hpp"

#include <squall/plugin.hpp>

#include "trailer.hpp"

namespace squall::mqtt {
namespace {

sq_series* series_of(std::string_view name) {
  if (!plugin::host.samples) return nullptr;
  return plugin::host.samples->series(plugin::str("mqtt.delivery"), plugin::str(name));
}

}  // namespace

DeliverySeries::DeliverySeries()
    : latency(series_of("latency")),
      received(series_of("received")),
      lost(series_of("lost")),
      duplicate(series_of("duplicate")),
      reordered(series_of("reordered")),
      foreign_clock(series_of("foreign_clock")),
      retained(series_of("retained")) {}

DeliveryStatistics::~DeliveryStatistics() {
  for (const auto& [stream, window] : streams_) count(series_.lost, window.missing());
}

void DeliveryStatistics::count(sq_series* series, uint64_t n) {
  if (series && n) plugin::host.samples->count(shard_, session_, series, n);
}

DeliveryStatistics::Seen DeliveryStatistics::received(std::string_view payload, bool retained,
                                                      uint64_t packet_bytes, uint64_t now_ns) {
  count(series_.received, 1);
  Seen seen{payload};
  const auto trailer = Trailer::of(payload);
  if (!trailer) return seen;
  seen.payload.remove_suffix(Trailer::kSize);
  if (retained) {  // kept by the broker: its age is no latency, its number no loss
    count(series_.retained, 1);
    return seen;
  }

  auto known = streams_.find(trailer->stream);
  if (known != streams_.end()) {
    const SequenceWindow::Verdict verdict = known->second.arrived(trailer->sequence);
    count(series_.lost, verdict.lost);
    count(series_.duplicate, verdict.duplicate);
    count(series_.reordered, verdict.reordered);
    seen.duplicate = verdict.duplicate;
  } else if (streams_.size() < kStreamsMax) {
    streams_.emplace(trailer->stream, SequenceWindow(trailer->sequence));
  }

  if (trailer->clock == 0 || trailer->clock != this_clock()) {
    count(series_.foreign_clock, 1);
    return seen;
  }
  seen.latency_ns = now_ns > trailer->sent_ns ? static_cast<int64_t>(now_ns - trailer->sent_ns) : 0;
  if (series_.latency)
    plugin::host.samples->record(shard_, session_, series_.latency, trailer->sent_ns,
                                 std::max(now_ns, trailer->sent_ns), SQ_OUT_OK, SQ_K_NONE,
                                 packet_bytes);
  return seen;
}

}  // namespace squall::mqtt
