// Numbers that vary: think times, sizes, gaps, counts. Made once by the loader from what the YAML
// says, immutable, cheap to copy and shared by all shards; a sample is a function of the random
// stream it is drawn from and of nothing else (trace and markov also read state of the user).
// Units are gone after loading: durations in ns, sizes in bytes, rates per second.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "payload/random_stream.hpp"
#include "payload/template.hpp"
#include "payload/units.hpp"
#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

class Distribution {
 public:
  Distribution();  // always 0
  static Distribution constant(double value);
  /// The same shape, every value (and bound) times `by`: time compression.
  Distribution scaled(double by) const;

  bool is_constant() const;
  /// Drawn once per user: `fixed:` stands around it.
  bool is_fixed() const;
  /// A file's values in order. Without a Scope its place is the stream's number of draws.
  bool is_trace() const;

  /// One value. With a scope the draws are the iteration's, or with `fixed` the user's.
  double sample(Scope& scope) const;
  double sample(RandomStream& random) const;
  /// The same as a whole number, rounded to nearest; never below 0 when `min` is not negative.
  std::int64_t sample_int(Scope& scope) const;
  std::int64_t sample_int(RandomStream& random) const;
  /// The same with its type: whole numbers stay whole, `choice` and `markov` over texts give text.
  Value sample_value(Scope& scope) const;

  /// The mean after `min`, `max` and rescaling: exact where a formula exists, else of 20,000 fixed
  /// draws.
  double mean() const;
  /// Bounds of what can come out; -inf and inf where there are none.
  double lowest() const;
  double highest() const;

  /// "exponential 7s, max 70s": for `squall check` and error texts.
  const std::string& text() const;

  struct Model;  // of distribution.cpp
  explicit Distribution(std::shared_ptr<const Model> model);

 private:
  std::shared_ptr<const Model> model_;
};

/// Where `trace` finds its file and its place in the user's state; without Names trace and markov
/// are refused.
struct DistributionContext {
  Names* names = nullptr;
  std::string folder;  // of the scenario file; relative paths begin here
  /// Gaps of a schedule, each drawn for itself: a trace may stop it, markov has no memory to go on from.
  bool is_gap = false;
};

/// Reads a scalar ("340ms", 12) or a map: {exponential: 7s, max: 70s}, {histogram: {0-1: 3}, unit:
/// s}. Errors: unknown kind ("did you mean"), wrong shape, wrong unit, impossible parameters; all
/// of one line.
Result<Distribution> make_distribution(const Value& description, UnitKind unit,
                                       const DistributionContext& context = {});

/// Whether a map is meant as a distribution: one of its keys names a kind, or `fixed`.
bool is_distribution(const Value& description);

}  // namespace squall
