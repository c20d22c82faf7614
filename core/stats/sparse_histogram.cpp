#include "stats/sparse_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace squall {
namespace {

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Reads one number from the front of `in`; false at the end of the bytes or past 64 bits.
bool get_varint(std::string_view& in, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

std::optional<SparseHistogram> SparseHistogram::from_parts(std::vector<std::uint32_t> index,
                                                           std::vector<std::uint64_t> count,
                                                           std::uint64_t sum_ns,
                                                           std::uint64_t min_ns,
                                                           std::uint64_t max_ns) {
  if (index.size() != count.size()) return std::nullopt;
  SparseHistogram made;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] >= kBuckets || count[i] == 0) return std::nullopt;
    if (i > 0 && index[i] <= index[i - 1]) return std::nullopt;
    if (made.total_ + count[i] < made.total_) return std::nullopt;
    made.total_ += count[i];
  }
  if (index.empty()) return made;
  if (bucket_of(min_ns) != index.front() || bucket_of(max_ns) != index.back()) return std::nullopt;
  made.index_ = std::move(index);
  made.count_ = std::move(count);
  made.sum_ns_ = sum_ns;
  made.min_ns_ = min_ns;
  made.max_ns_ = max_ns;
  return made;
}

double SparseHistogram::mean_ns() const {
  return total_ == 0 ? 0.0 : static_cast<double>(sum_ns_) / static_cast<double>(total_);
}

std::uint64_t SparseHistogram::quantile_ns(double q) const {
  if (total_ == 0) return 0;
  if (!(q > 0)) return min_ns_;
  if (q >= 1) return max_ns_;
  // The rank's tiny allowance keeps 0.95 * 100 from being 95.00000000000001, hence the 96th value.
  const double exact = q * static_cast<double>(total_);
  auto rank = static_cast<std::uint64_t>(std::ceil(exact - exact * 1e-14));
  rank = std::clamp<std::uint64_t>(rank, 1, total_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    seen += count_[i];
    if (seen >= rank) return std::clamp(bucket_middle(index_[i]), min_ns_, max_ns_);
  }
  return max_ns_;
}

std::uint64_t SparseHistogram::count_above(std::uint64_t value_ns) const {
  const auto first = std::upper_bound(index_.begin(), index_.end(), bucket_of(value_ns));
  std::uint64_t sum = 0;
  for (auto i = static_cast<std::size_t>(first - index_.begin()); i < count_.size(); ++i)
    sum += count_[i];
  return sum;
}

void SparseHistogram::merge(const SparseHistogram& other) {
  if (other.total_ == 0) return;
  if (total_ == 0) {
    *this = other;
    return;
  }
  total_ += other.total_;
  sum_ns_ += other.sum_ns_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);

  // Nearly always all buckets of a further window are known: these are added in one pass.
  std::vector<std::uint32_t> fresh;  // places in `other`
  std::size_t mine = 0;
  for (std::uint32_t theirs = 0; theirs < other.index_.size(); ++theirs) {
    const std::uint32_t bucket = other.index_[theirs];
    while (mine < index_.size() && index_[mine] < bucket) ++mine;
    if (mine < index_.size() && index_[mine] == bucket) {
      count_[mine] += other.count_[theirs];
    } else {
      fresh.push_back(theirs);
    }
  }
  // The others are put in between from the back, so that each bucket moves once.
  mine = index_.size();
  index_.resize(mine + fresh.size());
  count_.resize(mine + fresh.size());
  for (std::size_t to = index_.size(); !fresh.empty();) {
    --to;
    const std::uint32_t theirs = fresh.back();
    if (mine > 0 && index_[mine - 1] > other.index_[theirs]) {
      --mine;
      index_[to] = index_[mine];
      count_[to] = count_[mine];
    } else {
      index_[to] = other.index_[theirs];
      count_[to] = other.count_[theirs];
      fresh.pop_back();
    }
  }
}

void SparseHistogram::add(std::uint64_t value_ns, std::uint64_t times) {
  if (times == 0) return;
  total_ += times;
  sum_ns_ += value_ns * times;
  min_ns_ = std::min(min_ns_, value_ns);
  max_ns_ = std::max(max_ns_, value_ns);
  const std::uint32_t bucket = bucket_of(value_ns);
  const auto at = std::lower_bound(index_.begin(), index_.end(), bucket);
  const auto place = at - index_.begin();
  if (at == index_.end() || *at != bucket) {
    index_.insert(at, bucket);
    count_.insert(count_.begin() + place, 0);
  }
  count_[static_cast<std::size_t>(place)] += times;
}

std::string SparseHistogram::encode_buckets() const {
  std::string out;
  out.reserve(index_.size() * 3);
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    put_varint(out, index_[i] - before);
    put_varint(out, count_[i]);
    before = index_[i];
  }
  return out;
}

std::optional<SparseHistogram> SparseHistogram::decode(std::string_view buckets,
                                                       std::uint64_t sum_ns, std::uint64_t min_ns,
                                                       std::uint64_t max_ns) {
  std::vector<std::uint32_t> index;
  std::vector<std::uint64_t> count;
  std::uint64_t at = 0;
  while (!buckets.empty()) {
    std::uint64_t distance = 0, n = 0;
    if (!get_varint(buckets, distance) || !get_varint(buckets, n)) return std::nullopt;
    if (distance >= kBuckets) return std::nullopt;
    at += distance;
    if (at >= kBuckets) return std::nullopt;
    index.push_back(static_cast<std::uint32_t>(at));
    count.push_back(n);
  }
  return from_parts(std::move(index), std::move(count), sum_ns, min_ns, max_ns);
}

}  // namespace squall
