#include "load/slots.hpp"

#include <algorithm>

namespace squall {
namespace {

std::uint32_t slots_for(std::size_t owners) {
  const std::size_t wanted = std::max<std::size_t>(owners, 1) * SlotTable::kSlotsPerOwner;
  return static_cast<std::uint32_t>(std::min<std::size_t>(wanted, SlotTable::kMostSlots));
}

}  // namespace

SlotTable::SlotTable(std::uint32_t owners)
    : SlotTable(std::vector<double>(std::max(owners, 1u), 1.0)) {}

// Smooth weighted round robin: everybody gains its weight, the one with most goes and pays the sum.
SlotTable::SlotTable(std::span<const double> weights, std::uint32_t slots)
    : owner_(slots == 0 ? slots_for(weights.size()) : slots),
      weight_(weights.begin(), weights.end()) {
  double sum = 0;
  for (double& weight : weight_) sum += weight = std::max(weight, 0.0);
  std::vector<double> credit(weight_.size(), 0.0);
  for (std::uint32_t& owner : owner_) {
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < weight_.size(); ++i) {
      credit[i] += weight_[i];
      if (credit[i] > credit[chosen] || weight_[chosen] == 0) chosen = i;
    }
    credit[chosen] -= sum;
    owner = sum > 0 ? static_cast<std::uint32_t>(chosen) : kNobody;
  }
}

std::uint32_t SlotTable::owned(std::uint32_t owner) const {
  return static_cast<std::uint32_t>(std::count(owner_.begin(), owner_.end(), owner));
}

std::vector<double> SlotTable::loads(std::span<const std::uint32_t> load) const {
  std::vector<double> sums(weight_.size(), 0.0);
  for (std::size_t slot = 0; slot < owner_.size(); ++slot) {
    if (owner_[slot] != kNobody) sums[owner_[slot]] += load.empty() ? 1.0 : load[slot];
  }
  return sums;
}

void SlotTable::lose(std::uint32_t owner, std::span<const std::uint32_t> load) {
  if (owner >= weight_.size()) return;
  weight_[owner] = 0;
  std::vector<double> sums = loads(load);
  for (std::size_t slot = 0; slot < owner_.size(); ++slot) {
    if (owner_[slot] != owner) continue;
    std::uint32_t heir = kNobody;
    for (std::uint32_t i = 0; i < weight_.size(); ++i) {
      if (weight_[i] <= 0) continue;
      if (heir == kNobody || sums[i] / weight_[i] < sums[heir] / weight_[heir]) heir = i;
    }
    owner_[slot] = heir;
    if (heir != kNobody) sums[heir] += load.empty() ? 1.0 : load[slot];
  }
}

void SlotTable::join(std::uint32_t owner, double weight, std::span<const std::uint32_t> load) {
  if (owner >= weight_.size()) weight_.resize(owner + 1, 0.0);
  weight_[owner] = std::max(weight, 0.0);
  if (weight_[owner] == 0) return;
  std::vector<double> sums = loads(load);
  for (std::uint32_t& holder : owner_) {
    if (holder == kNobody) {
      holder = owner;
      sums[owner] += load.empty() ? 1.0 : load[static_cast<std::size_t>(&holder - owner_.data())];
    }
  }
  // From the fullest, its highest slot first, as long as the newcomer stays the emptier of the two.
  for (std::size_t slot = owner_.size(); slot-- > 0;) {
    std::uint32_t fullest = owner;
    for (std::uint32_t i = 0; i < weight_.size(); ++i) {
      if (weight_[i] > 0 && sums[i] / weight_[i] > sums[fullest] / weight_[fullest]) fullest = i;
    }
    if (fullest == owner) return;
    const double size = load.empty() ? 1.0 : load[slot];
    if (owner_[slot] != fullest) continue;
    if ((sums[owner] + size) / weight_[owner] > sums[fullest] / weight_[fullest]) continue;
    owner_[slot] = owner;
    sums[owner] += size;
    sums[fullest] -= size;
  }
}

}  // namespace squall
