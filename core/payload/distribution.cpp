// Sampling. Reading what the YAML says is distribution_reader.cpp's.
#include "payload/distribution.hpp"

#include <algorithm>
#include <cmath>

#include "payload/distribution_model.hpp"
#include "payload/number_text.hpp"

namespace squall {

double Distribution::Model::draw(RandomStream& random, Scope* scope) const {
  double value = shape->draw(random, scope) * factor;
  if (value >= min && value <= max) return value;
  for (int i = 0; !clips && i < kResampleLimit; ++i) {
    value = shape->draw(random, scope) * factor;
    if (value >= min && value <= max) return value;
  }
  return std::clamp(value, min, max);
}

Distribution::Distribution() : Distribution(constant(0)) {}
Distribution::Distribution(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

Distribution Distribution::constant(double value) {
  auto model = std::make_shared<Model>();
  model->shape = make_constant_shape(value);
  append_number(model->text, value);
  return Distribution(std::move(model));
}

Distribution Distribution::scaled(double by) const {
  auto model = std::make_shared<Model>(*model_);
  model->factor *= by;
  model->min *= by;
  model->max *= by;
  return Distribution(std::move(model));
}

bool Distribution::is_constant() const { return lowest() == highest(); }
bool Distribution::is_fixed() const { return model_->is_fixed; }
bool Distribution::is_trace() const { return model_->is_trace; }

double Distribution::sample(Scope& scope) const {
  if (model_->is_fixed) {
    RandomStream stream = scope.user_stream(model_->salt);
    return model_->draw(stream, nullptr);
  }
  RandomStream stream = scope.stream();
  const double value = model_->draw(stream, &scope);
  scope.draws = stream.draws;
  return value;
}

double Distribution::sample(RandomStream& random) const { return model_->draw(random, nullptr); }

namespace {

std::int64_t to_whole(double value) {
  if (value >= 0x1p63) return INT64_MAX;
  if (value <= -0x1p63) return INT64_MIN;
  return std::llround(value);
}

}  // namespace

std::int64_t Distribution::sample_int(Scope& scope) const { return to_whole(sample(scope)); }
std::int64_t Distribution::sample_int(RandomStream& random) const {
  return to_whole(sample(random));
}

Value Distribution::sample_value(Scope& scope) const {
  const double value = sample(scope);
  if (const Value* label = model_->shape->label(value)) return *label;
  if (model_->is_duration) return {Duration{to_whole(value)}};
  const bool is_whole =
      model_->shape->is_whole() && value == std::floor(value) && std::fabs(value) < 0x1p63;
  if (is_whole) return {to_whole(value)};
  return {value};
}

double Distribution::mean() const {
  const bool is_bounded = model_->min > model_->shape->low() * model_->factor ||
                          model_->max < model_->shape->high() * model_->factor;
  if (!is_bounded) {
    if (const auto exact = model_->shape->mean()) return *exact * model_->factor;
  }
  constexpr int kDraws = 20'000;
  RandomStream random{hash_text("mean"), 0};
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += sample(random);
  return sum / kDraws;
}

double Distribution::lowest() const {
  return std::max(model_->min, model_->shape->low() * model_->factor);
}
double Distribution::highest() const {
  return std::min(model_->max, model_->shape->high() * model_->factor);
}
const std::string& Distribution::text() const { return model_->text; }

}  // namespace squall
