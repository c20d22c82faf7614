// The shapes of distributions, without bounds, scaling and units: each knows how to draw and, where
// a formula exists, its mean. Private to this room: others see Distribution.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "payload/random_stream.hpp"
#include "payload/template.hpp"
#include "payload/value.hpp"

namespace squall {

class Shape {
 public:
  virtual ~Shape() = default;
  /// `scope` is null where no user is at hand; only trace and markov look at it.
  virtual double draw(RandomStream& random, Scope* scope) const = 0;
  virtual std::optional<double> mean() const { return std::nullopt; }
  virtual double low() const { return -HUGE_VAL; }
  virtual double high() const { return HUGE_VAL; }
  /// What a drawn number stands for when it is an index (choice and markov over texts).
  virtual const Value* label(double) const { return nullptr; }
  /// Only whole numbers come out.
  virtual bool is_whole() const { return false; }
};

using ShapePtr = std::unique_ptr<const Shape>;

ShapePtr make_constant_shape(double value);
ShapePtr make_uniform(double low, double high, bool is_whole);  // whole: both ends included
ShapePtr make_normal(double mean, double sd);
ShapePtr make_lognormal(double mu, double sigma);
ShapePtr make_exponential(double mean);
ShapePtr make_pareto(double shape, double low);
/// Ranks 1 … n with weight 1 / rank^s, s >= 0. Rejection-inversion: no table, whatever n is.
ShapePtr make_zipf(double s, std::uint64_t n);
ShapePtr make_beta(double a, double b, double scale);
/// 1, 2, 3 … with the given mean (>= 1): the size of a batch that is never empty.
ShapePtr make_geometric(double mean);
/// Values by weight; with labels the drawn number is an index into them.
ShapePtr make_choice(std::vector<double> values, const std::vector<double>& weights,
                     std::vector<Value> labels);
struct Bin {
  double low = 0, high = 0, count = 0;
};
/// A bin by its count, uniform within.
ShapePtr make_histogram(const std::vector<Bin>& bins);
/// Evenly spaced quantiles from the lowest to the highest value, linear in between.
ShapePtr make_quantiles(std::vector<double> quantiles);
/// Behind the last value: the first again, the last for ever, or a gap without an end (infinity).
enum class TraceEnd : std::uint8_t { wrap, hold, stop };
/// The values in order, per user; in open load by arrival.
ShapePtr make_trace(std::vector<double> values, TraceEnd end, std::uint32_t state);

struct MarkovState {
  Value label;
  double value = 0;             // the label as a number, or the state's index when it is none
  ShapePtr dwell;               // in samples; null: one
  std::vector<double> weights;  // of each state as the next
};
ShapePtr make_markov(std::vector<MarkovState> states, bool has_labels, std::uint32_t state);

}  // namespace squall
