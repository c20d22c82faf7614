// From what the YAML says to a Distribution: the kind by shape_reader.cpp, here what stands beside
// and around it, and whether the whole makes sense.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "payload/distribution.hpp"
#include "payload/distribution_model.hpp"
#include "payload/generator.hpp"
#include "payload/payload_keys.hpp"
#include "payload/shape_reader.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

bool is_kind(std::string_view key) { return has_key(kDistributionKinds, key); }

// Mistakes are thrown within this file only, which keeps the reading straight.
[[noreturn]] void refuse(std::string why) { throw Error{std::move(why)}; }

class Reader {
 public:
  Reader(UnitKind unit, const DistributionContext& context) : unit_(unit), context_(context) {}

  Distribution read(const Value& description) {
    const ValueMap* map = as_map(description);
    if (map == nullptr) {
      if (as_list(description) != nullptr)
        refuse("a list is not a distribution (write uniform: [a, b])");
      return scalar(description);
    }
    if (const Value* inner = find_key(*map, "fixed")) return fixed(*map, *inner);
    return bounded(*map);
  }

 private:
  Distribution scalar(const Value& value) {
    auto model = std::make_shared<Distribution::Model>();
    model->shape = make_constant_shape(quantity(value));
    model->text = value.to_text();
    model->is_duration = unit_ == UnitKind::duration;
    model_of_last_ = *model;
    return Distribution(std::move(model));
  }

  Distribution fixed(const ValueMap& map, const Value& inner) {
    if (map.size() != 1)
      refuse("'fixed' stands around a distribution, not beside one (write fixed: {…})");
    const Distribution drawn = read(inner);
    if (find_kind(inner) == "trace" || find_kind(inner) == "markov") {
      refuse("'fixed' draws once, " + quote(find_kind(inner)) + " goes on");
    }
    auto model = std::make_shared<Distribution::Model>(model_of_last_);
    model->is_fixed = true;
    model->text = "fixed " + drawn.text();
    model->salt = hash_text(model->text);
    return Distribution(std::move(model));
  }

  static std::string find_kind(const Value& description) {
    if (const ValueMap* map = as_map(description)) {
      for (const auto& [key, value] : *map) {
        if (is_kind(key)) return key;
      }
    }
    return "";
  }

  Distribution bounded(const ValueMap& map) {
    std::string kind;
    for (const auto& [key, value] : map) {
      if (is_kind(key)) {
        if (!kind.empty())
          refuse("two distributions at once: " + quote(kind) + " and " + quote(key));
        kind = key;
      }
    }
    check_keys(map, kind);
    unit_text_.clear();
    if (const Value* unit = find_key(map, "unit")) {
      unit_text_ = unit->to_text();
      if (auto one = parse_quantity("1" + unit_text_, unit_); !one)
        refuse("unit: " + one.error().text);
    }

    Distribution::Model model;
    model.is_duration = unit_ == UnitKind::duration;
    model.is_trace = kind == "trace";
    model.text = describe(map, kind);
    auto shape = read_shape({kind, *find_key(map, kind), map, unit_, unit_text_, context_});
    if (!shape) refuse(shape.error().text);
    model.shape = std::move(*shape);

    if (const Value* mean = find_key(map, "mean")) {
      const double target = quantity(*mean), raw = raw_mean(*model.shape);
      if (!std::isfinite(raw) || raw == 0)
        refuse("mean: " + quote(kind) + " has no mean that could be rescaled");
      if (target / raw <= 0) refuse("mean: " + quote(mean->to_text()) + " must be above 0");
      model.factor = target / raw;
    }
    if (const Value* min = find_bound(map, kind, "min")) model.min = quantity(*min);
    if (const Value* max = find_bound(map, kind, "max")) model.max = quantity(*max);
    if (const Value* over = find_bound(map, kind, "over")) {
      const std::string how = over->to_text();
      if (how != "resample" && how != "clip")
        refuse("over: " + quote(how) + " is neither resample nor clip");
      model.clips = how == "clip";
    }
    check_bounds(model, kind);
    model_of_last_ = model;
    return Distribution(std::make_shared<const Distribution::Model>(std::move(model)));
  }

  void check_keys(const ValueMap& map, const std::string& kind) {
    std::set<std::string> seen;
    for (const auto& [key, value] : map) {
      if (!seen.insert(key).second) refuse(quote(key) + " stands twice");
      if (key == kind || has_key(kDistributionKeys, key)) continue;
      if (kind.empty())
        refuse("unknown distribution " + quote(key) + did_you_mean(key, names_of({kDistributionKinds})));
      refuse("unknown key " + quote(key) + " beside " + quote(kind) + did_you_mean(key, names_of({kDistributionKeys})));
    }
    if (kind.empty()) refuse("no distribution is named (uniform, normal, exponential, choice …)");
    const auto only = [&](std::string_view key, std::initializer_list<std::string_view> kinds) {
      if (find_key(map, key) == nullptr ||
          std::find(kinds.begin(), kinds.end(), kind) != kinds.end())
        return;
      std::string names;
      for (std::string_view name : kinds) names += (names.empty() ? "" : ", ") + std::string(name);
      refuse(quote(key) + " belongs to " + names + ", not to " + quote(kind));
    };
    only("unit", {"histogram", "quantiles", "trace"});
    only("scale", {"beta"});
    only("step", {"markov"});
  }

  // pareto and zipf name `min` in their own map as a parameter; `max` and `over` may stand in
  // there, too.
  static const Value* find_bound(const ValueMap& map, const std::string& kind,
                                 std::string_view key) {
    if (const Value* beside = find_key(map, key)) return beside;
    if (kind != "pareto" || key == "min") return nullptr;
    const ValueMap* own = as_map(*find_key(map, kind));
    return own == nullptr ? nullptr : find_key(*own, key);
  }

  void check_bounds(const Distribution::Model& model, const std::string& kind) {
    if (model.min > model.max) refuse("min is above max");
    const bool has_labels = model.shape->label(0) != nullptr;
    const bool has_bounds = model.min > -HUGE_VAL || model.max < HUGE_VAL;
    if (has_labels && has_bounds) refuse(quote(kind) + " over texts takes no min and max");
    if (!has_bounds) return check_sign(model, kind);
    if ((kind == "trace" || kind == "markov") && !model.clips) {
      refuse("min and max of " + quote(kind) + " need over: clip (its values come in order)");
    }
    if (kind == "trace" && model.shape->high() == HUGE_VAL && model.max < HUGE_VAL)
      refuse("'max' would hide the end of the trace (on_end: stop)");
    if (model.clips) return check_sign(model, kind);
    RandomStream random{hash_text("bounds"), 0};
    constexpr int kDraws = 20'000;
    int inside = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double value = model.shape->draw(random, nullptr) * model.factor;
      if (value >= model.min && value <= model.max) ++inside;
    }
    if (inside < kDraws / 1000) refuse("min and max leave less than 0.1 % of " + quote(kind));
    check_sign(model, kind);
  }

  // A wait or a size below 0 has no meaning; a normal distribution gets there by itself.
  void check_sign(const Distribution::Model& model, const std::string& kind) {
    if (unit_ == UnitKind::none || unit_ == UnitKind::any || model.shape->label(0) != nullptr)
      return;
    if (std::max(model.min, model.shape->low() * model.factor) >= 0) return;
    if (kind == "normal") {
      RandomStream random{hash_text("sign"), 0};
      for (int i = 0; i < 20'000; ++i) {
        if (model.shape->draw(random, nullptr) * model.factor < 0) {
          refuse("'normal' gives values below 0 (add min, for example min: 0" +
                 std::string(zero_unit(unit_)) + ")");
        }
      }
      return;
    }
    refuse(quote(kind) + " gives values below 0");
  }

  double quantity(const Value& value) const {
    auto number = parse_quantity(value, unit_);
    if (!number) refuse(number.error().text);
    return *number;
  }

  static double raw_mean(const Shape& shape) {
    if (const auto exact = shape.mean()) return *exact;
    RandomStream random{hash_text("mean"), 0};
    double sum = 0;
    for (int i = 0; i < 20'000; ++i) sum += shape.draw(random, nullptr);
    return sum / 20'000;
  }

  // "exponential 7s, max 70s"; long tables are cut.
  static std::string describe(const ValueMap& map, const std::string& kind) {
    std::string text = kind + " " + find_key(map, kind)->to_text();
    std::erase(text, '"');
    if (text.size() > 80) text = text.substr(0, 77) + "…";
    for (const auto& [key, value] : map) {
      if (key != kind) text += ", " + key + " " + value.to_text();
    }
    return text;
  }

  UnitKind unit_;
  const DistributionContext& context_;
  std::string unit_text_;
  Distribution::Model model_of_last_;  // what `fixed` stands around
};

}  // namespace

Result<Distribution> make_distribution(const Value& description, UnitKind unit,
                                       const DistributionContext& context) {
  try {
    return Reader(unit, context).read(description);
  } catch (Error& error) {
    return std::move(error);
  }
}

bool is_distribution(const Value& description) {
  const ValueMap* map = as_map(description);
  if (map == nullptr) return false;
  return std::any_of(map->begin(), map->end(), [](const auto& entry) {
    return is_kind(entry.first);
  });
}

}  // namespace squall
