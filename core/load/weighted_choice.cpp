#include "load/weighted_choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace squall {
namespace {

using Shares = std::vector<std::uint64_t>;

// Weights as the smallest whole numbers in the same ratio, if six decimal places are enough.
Shares whole_numbers(const std::vector<double>& weights) {
  double scale = 1;
  for (int place = 0; place <= 6; ++place, scale *= 10) {
    Shares shares;
    for (const double weight : weights) {
      const double scaled = std::max(weight, 0.0) * scale;
      if (scaled > 1e12 || std::abs(scaled - std::round(scaled)) > 1e-6) break;
      shares.push_back(static_cast<std::uint64_t>(std::llround(scaled)));
    }
    if (shares.size() != weights.size()) continue;
    std::uint64_t divisor = 0;
    for (const std::uint64_t share : shares) divisor = std::gcd(divisor, share);
    if (divisor == 0) break;
    for (std::uint64_t& share : shares) share /= divisor;
    return shares;
  }
  return {};
}

// The nearest shares with a sum of `cycle`, none of a positive weight 0.
Shares rounded(const std::vector<double>& weights, std::uint64_t cycle) {
  double sum = 0;
  for (const double weight : weights) sum += std::max(weight, 0.0);
  Shares shares(weights.size(), 0);
  std::vector<std::size_t> by_rest;
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0) || !(sum > 0)) continue;
    shares[i] = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(weights[i] / sum * static_cast<double>(cycle)));
    given += shares[i];
    by_rest.push_back(i);
  }
  if (by_rest.empty()) return Shares(weights.size(), 1);  // REQUIRES broken: all alike
  const auto rest = [&](std::size_t i) {
    return weights[i] / sum * static_cast<double>(cycle) - static_cast<double>(shares[i]);
  };
  std::stable_sort(by_rest.begin(), by_rest.end(),
                   [&](std::size_t a, std::size_t b) { return rest(a) > rest(b); });
  for (std::size_t i = 0; given < cycle; i = (i + 1) % by_rest.size(), ++given)
    ++shares[by_rest[i]];
  return shares;
}

// One cycle in which every prefix gives each entry its share to within one: turn j of an entry with
// share w must lie in [floor(j W / w), ceil((j + 1) W / w)), and among the entries that may go the
// one with the earliest end goes.  Source: S. K. Baruah et al., "Proportionate progress", 1996.
// Any entry may be forced to the front; the rest can always still be met (Birkhoff's theorem on the
// fractional schedule, in which each entry has a part of turn 0).
std::vector<std::uint16_t> fair_cycle(const Shares& shares, std::size_t forced_first) {
  const std::uint64_t cycle = std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
  std::vector<std::uint16_t> order;
  order.reserve(cycle);
  Shares had(shares.size(), 0);
  for (std::uint64_t turn = 0; turn < cycle; ++turn) {
    std::size_t chosen = shares.size();
    std::uint64_t earliest = std::numeric_limits<std::uint64_t>::max();
    if (turn == 0 && forced_first < shares.size()) {
      chosen = forced_first;
    } else {
      for (std::size_t i = 0; i < shares.size(); ++i) {
        if (had[i] * cycle >= shares[i] * (turn + 1)) continue;
        const std::uint64_t end = ((had[i] + 1) * cycle + shares[i] - 1) / shares[i];
        if (end < earliest) {
          earliest = end;
          chosen = i;
        }
      }
    }
    ++had[chosen];
    order.push_back(static_cast<std::uint16_t>(chosen));
  }
  return order;
}

}  // namespace

WeightedChoice::WeightedChoice(const std::vector<double>& weights)
    : entries_(static_cast<std::uint32_t>(weights.size())) {
  Shares shares = whole_numbers(weights);
  const auto sum = [&] { return std::accumulate(shares.begin(), shares.end(), std::uint64_t{0}); };
  if (shares.empty() || sum() > kLongestCycle) shares = rounded(weights, kLongestCycle);
  const auto cycle = static_cast<std::int64_t>(sum());
  order_ = fair_cycle(shares, shares.size());

  // How far each entry is ahead of its share before turn n, times the cycle.  Seen from a later
  // begin the distance counts from there: a rotation holds when no entry gets further than one turn
  // away.
  const std::size_t count = shares.size();
  std::vector<std::int64_t> ahead(count, 0), lowest(count, 0), highest(count, 0);
  const auto walk = [&](auto&& at_turn) {
    std::fill(ahead.begin(), ahead.end(), 0);
    for (std::size_t turn = 0; turn < order_.size(); ++turn) {
      at_turn(turn);
      for (std::size_t i = 0; i < count; ++i) ahead[i] -= static_cast<std::int64_t>(shares[i]);
      ahead[order_[turn]] += cycle;
    }
  };
  walk([&](std::size_t) {
    for (std::size_t i = 0; i < count; ++i) {
      lowest[i] = std::min(lowest[i], ahead[i]);
      highest[i] = std::max(highest[i], ahead[i]);
    }
  });
  rotation_holds_.assign(order_.size(), 1);
  beginning_with_.resize(count);
  walk([&](std::size_t turn) {
    for (std::size_t i = 0; i < count; ++i) {
      if (highest[i] - ahead[i] > cycle || ahead[i] - lowest[i] > cycle) rotation_holds_[turn] = 0;
    }
    if (rotation_holds_[turn] == 0 && beginning_with_[order_[turn]].empty()) {
      beginning_with_[order_[turn]] = fair_cycle(shares, order_[turn]);
    }
  });
}

std::uint32_t WeightedChoice::of_user(std::uint64_t user, std::uint64_t turn) const {
  const std::uint64_t place = user % order_.size();
  if (rotation_holds_[place] != 0) return order_[(place + turn) % order_.size()];
  return beginning_with_[order_[place]][turn % order_.size()];
}

}  // namespace squall
