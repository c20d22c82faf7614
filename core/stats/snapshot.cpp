#include "stats/snapshot.hpp"

#include <algorithm>

namespace squall {

SampleCounts& SampleCounts::operator+=(const SampleCounts& other) {
  ok += other.ok;
  failed += other.failed;
  cut += other.cut;
  bytes_out += other.bytes_out;
  bytes_in += other.bytes_in;
  told += other.told;
  return *this;
}

IterationCounts& IterationCounts::operator+=(const IterationCounts& other) {
  planned += other.planned;
  started += other.started;
  dropped += other.dropped;
  waiting += other.waiting;
  not_due += other.not_due;
  completed += other.completed;
  interrupted += other.interrupted;
  cut += other.cut;
  operations_begun += other.operations_begun;
  groups_begun += other.groups_begun;
  return *this;
}

ConnectionCounts& ConnectionCounts::operator+=(const ConnectionCounts& other) {
  opened += other.opened;
  reused += other.reused;
  closed_by_peer += other.closed_by_peer;
  failed += other.failed;
  icmp_errors += other.icmp_errors;
  return *this;
}

std::uint64_t SeriesTotals::failed_with(ErrorClass error) const {
  std::uint64_t sum = 0;
  for (const ErrorCount& e : errors) {
    if (e.error == error) sum += e.count;
  }
  return sum;
}

SampleCounts Snapshot::totals(SeriesKind kind) const {
  SampleCounts sum;
  for (const SeriesTotals& s : series) {
    if (s.key.kind == kind && !s.key.background) sum += s.counts;
  }
  return sum;
}

std::int64_t Snapshot::rate_time_ns(std::int64_t first_due_ns,
                                    std::int64_t population_ended_ns) const {
  if (first_due_ns == kNoTime) return std::max(measured_ns, kWindowNs);
  const std::int64_t begin = std::max(first_due_ns, warmup_ns);
  std::int64_t end = warmup_ns + measured_ns;
  if (population_ended_ns >= 0) end = std::min(end, population_ended_ns);
  return std::max(end - begin, kWindowNs);
}

const SeriesTotals* Snapshot::find(std::uint32_t number, RunPhase phase) const {
  for (const SeriesTotals& s : series) {
    if (s.series == number && s.phase == phase) return &s;
  }
  return nullptr;
}

}  // namespace squall
