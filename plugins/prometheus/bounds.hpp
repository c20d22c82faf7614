// The bounds (`le`) of the histograms that Prometheus sees.  squall's own buckets are so fine that
// each bound asked for is moved up to the end of the one it falls into, at most 0.2 %: then every
// count at a bound is exact, none is shared out by guess.
#pragma once
#include <squall/output.hpp>
#include <string>
#include <vector>

namespace squall::prometheus {

/// "0.005005311": exact, without a rounding of floating point.
std::string seconds_text(uint64_t ns);

class Bounds {
 public:
  /// `wanted_ns` in ascending order; those that fall into one bucket of squall's become one.
  explicit Bounds(const std::vector<uint64_t>& wanted_ns);

  /// How many times lie at or below each bound and above the one before.  The last: above all.
  void add(const sq_hist& times, std::vector<uint64_t>& counts) const;

  size_t size() const { return last_bucket_.size(); }
  /// "0.005005311", of bound i.
  const std::string& le(size_t i) const { return le_[i]; }

 private:
  std::vector<uint32_t> last_bucket_;  // squall's, that still belongs to the bound
  std::vector<std::string> le_;
};

}  // namespace squall::prometheus
