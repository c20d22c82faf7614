#include "payload/shape.hpp"

#include <algorithm>
#include <limits>

#include "payload/arrival_series.hpp"
#include "payload/expression.hpp"
#include "payload/random_numbers.hpp"

namespace squall {
namespace {

class Constant final : public Shape {
 public:
  explicit Constant(double value) : value_(value) {}
  double draw(RandomStream&, Scope*) const override { return value_; }
  std::optional<double> mean() const override { return value_; }
  double low() const override { return value_; }
  double high() const override { return value_; }
  bool is_whole() const override { return value_ == std::floor(value_); }

 private:
  double value_;
};

class Uniform final : public Shape {
 public:
  Uniform(double low, double high, bool is_whole) : low_(low), high_(high), is_whole_(is_whole) {}
  double draw(RandomStream& random, Scope*) const override {
    if (!is_whole_) return low_ + (high_ - low_) * random.unit();
    return static_cast<double>(
        draw_whole(random, static_cast<std::int64_t>(low_), static_cast<std::int64_t>(high_)));
  }
  std::optional<double> mean() const override { return (low_ + high_) / 2; }
  double low() const override { return low_; }
  double high() const override { return high_; }
  bool is_whole() const override { return is_whole_; }

 private:
  double low_, high_;
  bool is_whole_;
};

class Normal final : public Shape {
 public:
  Normal(double mean, double sd) : mean_(mean), sd_(sd) {}
  double draw(RandomStream& random, Scope*) const override {
    return mean_ + sd_ * draw_normal(random);
  }
  std::optional<double> mean() const override { return mean_; }

 private:
  double mean_, sd_;
};

class Lognormal final : public Shape {
 public:
  Lognormal(double mu, double sigma) : mu_(mu), sigma_(sigma) {}
  double draw(RandomStream& random, Scope*) const override {
    return std::exp(mu_ + sigma_ * draw_normal(random));
  }
  std::optional<double> mean() const override { return std::exp(mu_ + sigma_ * sigma_ / 2); }
  double low() const override { return 0; }

 private:
  double mu_, sigma_;
};

class Exponential final : public Shape {
 public:
  explicit Exponential(double mean) : mean_(mean) {}
  double draw(RandomStream& random, Scope*) const override {
    return mean_ * draw_exponential(random);
  }
  std::optional<double> mean() const override { return mean_; }
  double low() const override { return 0; }

 private:
  double mean_;
};

class Pareto final : public Shape {
 public:
  Pareto(double shape, double low) : shape_(shape), low_(low) {}
  double draw(RandomStream& random, Scope*) const override {
    return low_ * std::pow(random.open_unit(), -1 / shape_);
  }
  std::optional<double> mean() const override {
    if (shape_ <= 1) return HUGE_VAL;
    return shape_ * low_ / (shape_ - 1);
  }
  double low() const override { return low_; }

 private:
  double shape_, low_;
};

// W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
// distributions", ACM TOMACS 6 (1996).
class Zipf final : public Shape {
 public:
  Zipf(double s, std::uint64_t n)
      : s_(s),
        n_(static_cast<double>(n)),
        area_first_(area(1.5) - 1),
        area_last_(area(n_ + 0.5)),
        sure_(2 - area_inverse(area(2.5) - weight(2))) {}
  double draw(RandomStream& random, Scope*) const override {
    for (;;) {
      const double u = area_last_ + random.unit() * (area_first_ - area_last_);
      const double x = area_inverse(u);
      const double rank = std::clamp(std::floor(x + 0.5), 1.0, n_);
      if (rank - x <= sure_ || u >= area(rank + 0.5) - weight(rank)) return rank;
    }
  }
  std::optional<double> mean() const override {
    if (n_ > 1e6) return std::nullopt;
    double total = 0, weighted = 0;
    for (double rank = n_; rank >= 1; --rank) {  // small weights first
      total += weight(rank);
      weighted += rank * weight(rank);
    }
    return weighted / total;
  }
  double low() const override { return 1; }
  double high() const override { return n_; }
  bool is_whole() const override { return true; }

 private:
  double weight(double x) const { return std::pow(x, -s_); }
  // The integral of weight() from 1 to x; expm1/log1p keep it right near s = 1.
  double area(double x) const {
    const double log_x = std::log(x), t = (1 - s_) * log_x;
    return std::fabs(t) > 1e-8 ? std::expm1(t) / t * log_x : (1 + t / 2) * log_x;
  }
  double area_inverse(double y) const {
    const double t = std::fmax(y * (1 - s_), -1.0);
    return std::exp(std::fabs(t) > 1e-8 ? std::log1p(t) / t * y : (1 - t / 2) * y);
  }

  double s_, n_, area_first_, area_last_, sure_;
};

class Beta final : public Shape {
 public:
  Beta(double a, double b, double scale) : a_(a), b_(b), scale_(scale) {}
  double draw(RandomStream& random, Scope*) const override {
    return scale_ * draw_beta(random, a_, b_);
  }
  std::optional<double> mean() const override { return scale_ * a_ / (a_ + b_); }
  double low() const override { return 0; }
  double high() const override { return scale_; }

 private:
  double a_, b_, scale_;
};

class Geometric final : public Shape {
 public:
  explicit Geometric(double mean) : mean_(mean), log_rest_(std::log1p(-1 / mean)) {}
  double draw(RandomStream& random, Scope*) const override {
    const double u = random.open_unit();
    return mean_ == 1 ? 1 : 1 + std::floor(std::log(u) / log_rest_);
  }
  std::optional<double> mean() const override { return mean_; }
  double low() const override { return 1; }
  bool is_whole() const override { return true; }

 private:
  double mean_, log_rest_;
};

// Picks an index by weight: the first cumulative sum above a uniform number.
class Wheel {
 public:
  explicit Wheel(const std::vector<double>& weights) {
    double sum = 0;
    for (double weight : weights) cumulative_.push_back(sum += weight);
  }
  std::size_t turn(RandomStream& random) const {
    const double place = random.unit() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), place);
    // Rounding may put the place at the very end: then it is the last one that has a weight.
    if (found != cumulative_.end()) return static_cast<std::size_t>(found - cumulative_.begin());
    return static_cast<std::size_t>(
        std::lower_bound(cumulative_.begin(), cumulative_.end(), cumulative_.back()) -
        cumulative_.begin());
  }
  double share(std::size_t index) const {
    return (cumulative_[index] - (index == 0 ? 0 : cumulative_[index - 1])) / cumulative_.back();
  }
  std::size_t size() const { return cumulative_.size(); }

 private:
  std::vector<double> cumulative_;
};

class Choice final : public Shape {
 public:
  Choice(std::vector<double> values, const std::vector<double>& weights, std::vector<Value> labels)
      : values_(std::move(values)), wheel_(weights), labels_(std::move(labels)) {}
  double draw(RandomStream& random, Scope*) const override {
    const std::size_t index = wheel_.turn(random);
    return labels_.empty() ? values_[index] : static_cast<double>(index);
  }
  std::optional<double> mean() const override {
    if (!labels_.empty()) return std::nullopt;
    double sum = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) sum += values_[i] * wheel_.share(i);
    return sum;
  }
  double low() const override {
    return labels_.empty() ? *std::min_element(values_.begin(), values_.end()) : 0;
  }
  double high() const override {
    return labels_.empty() ? *std::max_element(values_.begin(), values_.end())
                           : static_cast<double>(labels_.size() - 1);
  }
  const Value* label(double drawn) const override {
    return labels_.empty() ? nullptr : &labels_[static_cast<std::size_t>(drawn)];
  }
  bool is_whole() const override {
    return std::all_of(values_.begin(), values_.end(),
                       [](double value) { return value == std::floor(value); });
  }

 private:
  std::vector<double> values_;
  Wheel wheel_;
  std::vector<Value> labels_;
};

std::vector<double> counts_of(const std::vector<Bin>& bins) {
  std::vector<double> counts;
  for (const Bin& bin : bins) counts.push_back(bin.count);
  return counts;
}

class Histogram final : public Shape {
 public:
  explicit Histogram(const std::vector<Bin>& bins) : bins_(bins), wheel_(counts_of(bins)) {}
  double draw(RandomStream& random, Scope*) const override {
    const Bin& bin = bins_[wheel_.turn(random)];
    return bin.low + (bin.high - bin.low) * random.unit();
  }
  std::optional<double> mean() const override {
    double sum = 0;
    for (std::size_t i = 0; i < bins_.size(); ++i)
      sum += (bins_[i].low + bins_[i].high) / 2 * wheel_.share(i);
    return sum;
  }
  double low() const override {
    return std::min_element(bins_.begin(), bins_.end(),
                            [](auto& a, auto& b) { return a.low < b.low; })
        ->low;
  }
  double high() const override {
    return std::max_element(bins_.begin(), bins_.end(),
                            [](auto& a, auto& b) { return a.high < b.high; })
        ->high;
  }

 private:
  std::vector<Bin> bins_;
  Wheel wheel_;
};

class Quantiles final : public Shape {
 public:
  explicit Quantiles(std::vector<double> quantiles) : quantiles_(std::move(quantiles)) {}
  double draw(RandomStream& random, Scope*) const override {
    const double place = random.unit() * static_cast<double>(quantiles_.size() - 1);
    const auto index = static_cast<std::size_t>(place);
    return quantiles_[index] +
           (quantiles_[index + 1] - quantiles_[index]) * (place - static_cast<double>(index));
  }
  std::optional<double> mean() const override {
    double sum = (quantiles_.front() + quantiles_.back()) / 2;
    for (std::size_t i = 1; i + 1 < quantiles_.size(); ++i) sum += quantiles_[i];
    return sum / static_cast<double>(quantiles_.size() - 1);
  }
  double low() const override { return quantiles_.front(); }
  double high() const override { return quantiles_.back(); }

 private:
  std::vector<double> quantiles_;
};

class Trace final : public Shape {
 public:
  Trace(std::vector<double> values, TraceEnd end, std::uint32_t state)
      : values_(std::move(values)), end_(end), state_(state) {}
  double draw(RandomStream& random, Scope* scope) const override {
    std::uint64_t place = 0;
    if (scope == nullptr) {
      place = random.draws++;
    } else {
      Value& state = scope->state(state_);
      const auto* next = std::get_if<std::int64_t>(&state.data);
      place = next != nullptr ? static_cast<std::uint64_t>(*next) : scope->open ? scope->arrival_index : 0;
      state.data = static_cast<std::int64_t>(place + 1);
    }
    if (place < values_.size()) return values_[place];
    if (end_ == TraceEnd::stop) return HUGE_VAL;
    return end_ == TraceEnd::wrap ? values_[place % values_.size()] : values_.back();
  }
  std::optional<double> mean() const override {
    double sum = 0;
    for (double value : values_) sum += value;
    return sum / static_cast<double>(values_.size());
  }
  double low() const override { return *std::min_element(values_.begin(), values_.end()); }
  double high() const override {
    return end_ == TraceEnd::stop ? HUGE_VAL : *std::max_element(values_.begin(), values_.end());
  }

 private:
  std::vector<double> values_;
  TraceEnd end_;
  std::uint32_t state_;
};

// The user's state is one whole number: samples left in the state (low 40 bits) and the state's
// index.
class Markov final : public Shape {
 public:
  Markov(std::vector<MarkovState> states, bool has_labels, std::uint32_t state)
      : states_(std::move(states)), has_labels_(has_labels), state_(state) {
    for (const MarkovState& one : states_) next_.emplace_back(one.weights);
  }
  double draw(RandomStream& random, Scope* scope) const override {
    std::uint64_t index = 0;
    if (scope == nullptr) {
      Value none;
      index = next_state(none, random);
    } else {
      scope->draws = random.draws;
      (void)go_on(*scope, state_, [&](Value& memory) {
        next_state(memory, *Draw(*scope));
        return true;
      });
      random.draws = scope->draws;
      index = static_cast<std::uint64_t>(std::get<std::int64_t>(scope->state(state_).data)) >> 40;
    }
    return has_labels_ ? static_cast<double>(index) : states_[index].value;
  }
  double low() const override { return extreme(std::less<>()); }
  double high() const override { return extreme(std::greater<>()); }
  const Value* label(double drawn) const override {
    return has_labels_ ? &states_[static_cast<std::size_t>(drawn)].label : nullptr;
  }
  bool is_whole() const override {
    return std::all_of(states_.begin(), states_.end(),
                       [](auto& one) { return one.value == std::floor(one.value); });
  }

 private:
  static constexpr std::uint64_t kLeftMask = (std::uint64_t{1} << 40) - 1;

  // Moves the memory on by one sample; the index of the state it is then in.
  std::uint64_t next_state(Value& memory, RandomStream& random) const {
    std::uint64_t index = 0, left = 0;
    if (const auto* packed = std::get_if<std::int64_t>(&memory.data)) {
      index = static_cast<std::uint64_t>(*packed) >> 40;
      left = static_cast<std::uint64_t>(*packed) & kLeftMask;
      if (left == 0) {
        index = next_[index].turn(random);
        left = dwell(index, random);
      }
    } else {
      left = dwell(0, random);
    }
    memory.data = static_cast<std::int64_t>(index << 40 | (left - 1));
    return index;
  }
  std::uint64_t dwell(std::uint64_t index, RandomStream& random) const {
    if (!states_[index].dwell) return 1;
    const double samples = std::round(states_[index].dwell->draw(random, nullptr));
    return static_cast<std::uint64_t>(std::clamp(samples, 1.0, static_cast<double>(kLeftMask)));
  }
  template <typename Before>
  double extreme(Before before) const {
    double found = states_[0].value;
    for (const MarkovState& one : states_) found = before(one.value, found) ? one.value : found;
    return found;
  }

  std::vector<MarkovState> states_;
  std::vector<Wheel> next_;
  bool has_labels_;
  std::uint32_t state_;
};

}  // namespace

ShapePtr make_constant_shape(double value) { return std::make_unique<Constant>(value); }
ShapePtr make_uniform(double low, double high, bool is_whole) {
  return std::make_unique<Uniform>(low, high, is_whole);
}
ShapePtr make_normal(double mean, double sd) { return std::make_unique<Normal>(mean, sd); }
ShapePtr make_lognormal(double mu, double sigma) { return std::make_unique<Lognormal>(mu, sigma); }
ShapePtr make_exponential(double mean) { return std::make_unique<Exponential>(mean); }
ShapePtr make_pareto(double shape, double low) { return std::make_unique<Pareto>(shape, low); }
ShapePtr make_zipf(double s, std::uint64_t n) { return std::make_unique<Zipf>(s, n); }
ShapePtr make_beta(double a, double b, double scale) { return std::make_unique<Beta>(a, b, scale); }
ShapePtr make_geometric(double mean) { return std::make_unique<Geometric>(mean); }
ShapePtr make_choice(std::vector<double> values, const std::vector<double>& weights,
                     std::vector<Value> labels) {
  return std::make_unique<Choice>(std::move(values), weights, std::move(labels));
}
ShapePtr make_histogram(const std::vector<Bin>& bins) { return std::make_unique<Histogram>(bins); }
ShapePtr make_quantiles(std::vector<double> quantiles) {
  return std::make_unique<Quantiles>(std::move(quantiles));
}
ShapePtr make_trace(std::vector<double> values, TraceEnd end, std::uint32_t state) {
  return std::make_unique<Trace>(std::move(values), end, state);
}
ShapePtr make_markov(std::vector<MarkovState> states, bool has_labels, std::uint32_t state) {
  return std::make_unique<Markov>(std::move(states), has_labels, state);
}

}  // namespace squall
