// What a subscription receives in the background, as series of operation "mqtt.delivery": latency,
// received, lost, duplicate, reordered, foreign_clock (a trailer of another machine: counted, not
// timed), retained. One object per link that has subscribed.
#pragma once
#include <squall/abi.h>

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "sequence_window.hpp"

namespace squall::mqtt {

/// The series of one shard, asked for once.
struct DeliverySeries {
  DeliverySeries();
  sq_series *latency, *received, *lost, *duplicate, *reordered, *foreign_clock, *retained;
};

class DeliveryStatistics {
 public:
  DeliveryStatistics(sq_shard* shard, uint64_t session, const DeliverySeries& series)
      : shard_(shard), session_(session), series_(series) {}
  ~DeliveryStatistics();
  DeliveryStatistics(const DeliveryStatistics&) = delete;
  DeliveryStatistics& operator=(const DeliveryStatistics&) = delete;

  struct Seen {
    std::string_view payload;  // without the trailer
    int64_t latency_ns = -1;   // -1: unknown
    bool duplicate = false;
  };
  Seen received(std::string_view payload, bool retained, uint64_t packet_bytes, uint64_t now_ns);

 private:
  /// Streams beyond this are counted as received and not followed.
  static constexpr size_t kStreamsMax = 65'536;
  void count(sq_series* series, uint64_t n);

  sq_shard* shard_;
  uint64_t session_;
  const DeliverySeries& series_;
  std::unordered_map<uint64_t, SequenceWindow> streams_;
};

}  // namespace squall::mqtt
