// One function per kind of distribution, each with the mistakes it can tell.
#include "payload/shape_reader.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "payload/generator.hpp"
#include "payload/number_text.hpp"
#include "payload/source_file.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

// Mistakes are thrown within this file only, so that each kind reads like its formula.
[[noreturn]] void refuse(std::string why) { throw Error{std::move(why)}; }

class ShapeReader {
 public:
  ShapeReader(UnitKind unit, const std::string& unit_text, const DistributionContext& context)
      : unit_(unit), unit_text_(unit_text), context_(context) {}

  ShapePtr read(const std::string& kind, const Value& value, const ValueMap& beside) const {
    if (kind == "constant") return make_constant_shape(quantity(value));
    if (kind == "uniform") return uniform(value);
    if (kind == "normal") return normal(value);
    if (kind == "lognormal") return lognormal(value);
    if (kind == "exponential") return exponential(value);
    if (kind == "pareto") return pareto(value);
    if (kind == "zipf") return zipf(value);
    if (kind == "beta") return beta(value, beside);
    if (kind == "geometric") return geometric(value);
    if (kind == "choice") return choice(value);
    if (kind == "histogram") return histogram(value);
    if (kind == "quantiles") return quantiles(value);
    if (kind == "trace") return trace(value);
    return markov(value, beside);
  }

 private:
  // ---- parameters

  double quantity(const Value& value) const {
    auto number = parse_quantity(value, unit_);
    if (!number) refuse(number.error().text);
    return *number;
  }

  // A number within `histogram`, `quantiles`, `trace`: in `unit` when that is given.
  double in_unit(std::string_view text) const {
    auto number = parse_quantity(
        unit_text_.empty() ? std::string(text) : std::string(text) + unit_text_, unit_);
    if (!number) refuse(number.error().text + (unit_text_.empty() ? needs_unit() : ""));
    return *number;
  }
  std::string needs_unit() const {
    return unit_ == UnitKind::none || unit_ == UnitKind::any
               ? ""
               : "; or give all of them a unit (unit: …)";
  }

  static double plain(const Value& value, std::string_view what) {
    auto number = parse_quantity(value, UnitKind::none);
    if (!number) refuse(std::string(what) + ": " + number.error().text);
    return *number;
  }

  std::pair<double, double> two(const Value& value, std::string_view kind,
                                std::string_view example) const {
    const ValueList* list = as_list(value);
    if (list == nullptr || list->size() != 2) {
      refuse(quote(kind) + " takes two values (write " + std::string(kind) + ": " +
             std::string(example) + ")");
    }
    return {quantity((*list)[0]), quantity((*list)[1])};
  }

  static const ValueMap& parameters(const Value& value, std::string_view kind,
                                    std::initializer_list<std::string_view> known,
                                    std::string_view example) {
    const ValueMap* map = as_map(value);
    if (map == nullptr) {
      refuse(quote(kind) + " takes a map (write " + std::string(kind) + ": " +
             std::string(example) + ")");
    }
    for (const auto& [key, ignored] : *map) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        refuse("unknown parameter " + quote(key) + " of " + quote(kind) +
               did_you_mean(key, std::span(known.begin(), known.size())));
      }
    }
    return *map;
  }

  static const Value& needed(const ValueMap& map, std::string_view kind, std::string_view key) {
    const Value* value = find_key(map, key);
    if (value == nullptr) refuse(quote(kind) + " needs " + quote(key));
    return *value;
  }

  // ---- kinds

  ShapePtr uniform(const Value& value) const {
    const auto [low, high] =
        two(value, "uniform", unit_ == UnitKind::duration ? "[1s, 5s]" : "[a, b]");
    if (low > high) refuse("uniform: the first value is above the second");
    const ValueList& list = *as_list(value);
    const auto is_whole_text = [](const Value& one) {
      Number number;
      return parse_number(one.to_text(), number) && number.is_whole;
    };
    const bool is_count = (unit_ == UnitKind::none || unit_ == UnitKind::any) &&
                          is_whole_text(list[0]) && is_whole_text(list[1]);
    return make_uniform(low, high, is_count || unit_ == UnitKind::size);
  }

  ShapePtr normal(const Value& value) const {
    const auto [mean, sd] = two(value, "normal", "[mean, sd]");
    if (sd < 0) refuse("normal: the standard deviation is negative");
    return make_normal(mean, sd);
  }

  ShapePtr lognormal(const Value& value) const {
    constexpr std::string_view kExample = "{median: m, sigma: s}, or mean and sd, or p50 and p90";
    const ValueMap& map =
        parameters(value, "lognormal", {"median", "sigma", "mean", "sd", "p50", "p90"}, kExample);
    const auto has_only = [&](std::string_view a, std::string_view b) {
      return map.size() == 2 && find_key(map, a) != nullptr && find_key(map, b) != nullptr;
    };
    const auto positive = [&](std::string_view key) {
      const double number = quantity(*find_key(map, key));
      if (number <= 0) refuse("lognormal: " + quote(key) + " must be above 0");
      return number;
    };
    if (has_only("median", "sigma")) {
      const double sigma = plain(*find_key(map, "sigma"), "sigma");
      if (sigma < 0) refuse("lognormal: 'sigma' is negative");
      return make_lognormal(std::log(positive("median")), sigma);
    }
    if (has_only("mean", "sd")) {
      const double mean = positive("mean"), spread = quantity(*find_key(map, "sd")) / mean;
      if (spread < 0) refuse("lognormal: 'sd' is negative");
      const double variance = std::log1p(spread * spread);
      return make_lognormal(std::log(mean) - variance / 2, std::sqrt(variance));
    }
    if (has_only("p50", "p90")) {
      constexpr double kNormalP90 = 1.2815515655446004;
      const double p50 = positive("p50"), p90 = positive("p90");
      if (p90 < p50) refuse("lognormal: 'p90' is below 'p50'");
      return make_lognormal(std::log(p50), std::log(p90 / p50) / kNormalP90);
    }
    refuse("'lognormal' takes two of a kind (write lognormal: " + std::string(kExample) + ")");
  }

  ShapePtr exponential(const Value& value) const {
    double mean = 0;
    if (as_map(value) != nullptr) {
      const ValueMap& map = parameters(value, "exponential", {"mean", "rate"}, "7s");
      if (map.size() != 1) refuse("'exponential' takes 'mean' or 'rate'");
      if (const Value* rate = find_key(map, "rate")) {
        auto per_s = parse_quantity(*rate, UnitKind::rate);
        if (!per_s) refuse("rate: " + per_s.error().text);
        if (unit_ != UnitKind::duration)
          refuse("exponential: 'rate' stands where a duration is due");
        if (*per_s <= 0) refuse("exponential: 'rate' must be above 0");
        mean = 1e9 / *per_s;
      } else {
        mean = quantity(map[0].second);
      }
    } else {
      mean = quantity(value);
    }
    if (mean < 0) refuse("exponential: the mean is negative");
    return make_exponential(mean);
  }

  ShapePtr pareto(const Value& value) const {
    const ValueMap& map =
        parameters(value, "pareto", {"shape", "min", "max", "over"}, "{shape: 2.5, min: m}");
    const double shape = plain(needed(map, "pareto", "shape"), "shape");
    const double low = quantity(needed(map, "pareto", "min"));
    if (shape <= 0 || low <= 0) refuse("pareto: 'shape' and 'min' must be above 0");
    return make_pareto(shape, low);
  }

  ShapePtr zipf(const Value& value) const {
    const ValueMap& map = parameters(value, "zipf", {"s", "n"}, "{s: 1.0, n: 1000}");
    const double s = plain(needed(map, "zipf", "s"), "s"), n = plain(needed(map, "zipf", "n"), "n");
    if (s < 0) refuse("zipf: 's' is negative");
    if (n < 1 || n > 0x1p53 || n != std::floor(n)) refuse("zipf: 'n' is a whole number from 1 on");
    return make_zipf(s, static_cast<std::uint64_t>(n));
  }

  ShapePtr beta(const Value& value, const ValueMap& beside) const {
    const ValueList* list = as_list(value);
    if (list == nullptr || list->size() != 2)
      refuse("'beta' takes two values (write beta: [3, 4])");
    const double a = plain((*list)[0], "beta"), b = plain((*list)[1], "beta");
    if (a <= 0 || b <= 0) refuse("beta: both values must be above 0");
    double scale = 1;
    if (const Value* given = find_key(beside, "scale")) {
      scale = quantity(*given);
      if (scale <= 0) refuse("scale must be above 0");
    } else if (unit_ != UnitKind::none && unit_ != UnitKind::any) {
      refuse("'beta' needs 'scale' here (write beta: [3, 4], scale: 10" +
             std::string(zero_unit(unit_)) + ")");
    }
    return make_beta(a, b, scale);
  }

  ShapePtr geometric(const Value& value) const {
    if (unit_ != UnitKind::none && unit_ != UnitKind::any)
      refuse("'geometric' gives counts, not " + unit_noun());
    const double mean = plain(value, "geometric");
    if (mean < 1) refuse("geometric: the mean is at least 1 (1, 2, 3 … come out)");
    return make_geometric(mean);
  }

  std::string unit_noun() const {
    switch (unit_) {
      case UnitKind::duration:
        return "durations";
      case UnitKind::size:
        return "sizes";
      default:
        return "rates";
    }
  }

  static void check_weight(double weight, std::string_view of) {
    if (!(weight >= 0)) refuse("the weight of " + quote(of) + " is negative");
  }

  ShapePtr choice(const Value& value) const {
    std::vector<Value> items;
    std::vector<double> weights;
    double total = 0;
    if (const ValueList* list = as_list(value)) {
      items = *list;
      weights.assign(items.size(), 1.0);
      total = static_cast<double>(items.size());
    } else if (const ValueMap* map = as_map(value)) {
      for (const auto& [key, weight] : *map) {
        items.push_back(Value{key});
        weights.push_back(plain(weight, "weight of " + quote(key)));
        check_weight(weights.back(), key);
        total += weights.back();
      }
    }
    if (items.empty())
      refuse("'choice' takes values with weights (write choice: {a: 3, b: 1}) or a list");
    if (total <= 0) refuse("choice: all weights are 0");
    std::vector<double> values;
    for (const Value& item : items) {
      if (unit_ == UnitKind::any) {
        double number = 0;
        if (!item.to_number(number)) break;  // texts: all of them are labels
        values.push_back(number);
      } else {
        values.push_back(quantity(item));
      }
    }
    if (values.size() == items.size()) return make_choice(std::move(values), weights, {});
    values.assign(items.size(), 0.0);
    return make_choice(std::move(values), weights, std::move(items));
  }

  ShapePtr histogram(const Value& value) const {
    const ValueMap* map = as_map(value);
    if (map == nullptr || map->empty()) {
      refuse(
          "'histogram' takes ranges with counts (write histogram: {0.0-0.15: 90, 0.15-0.25: 460}, "
          "unit: s)");
    }
    std::vector<Bin> bins;
    double total = 0;
    for (const auto& [range, count] : *map) {
      const std::size_t dash = range.find('-', 1);
      if (dash == std::string::npos) refuse("the range " + quote(range) + " is not LOW-HIGH");
      Bin bin{in_unit(trimmed(range.substr(0, dash))), in_unit(trimmed(range.substr(dash + 1))),
              plain(count, "count of " + quote(range))};
      if (bin.low > bin.high) refuse("the range " + quote(range) + " goes down");
      check_weight(bin.count, range);
      total += bin.count;
      bins.push_back(bin);
    }
    if (total <= 0) refuse("histogram: all counts are 0");
    return make_histogram(bins);
  }

  static std::string trimmed(std::string text) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text.erase(0, text.find_first_not_of(' '));
    return text;
  }

  ShapePtr quantiles(const Value& value) const {
    std::vector<double> numbers;
    if (as_map(value) != nullptr) {  // what was measured once, in any order
      numbers = column(parameters(value, "quantiles", {"file", "column"}, "{file: x.csv, column: y}"), "quantiles");
      if (numbers.size() < 2) refuse("'quantiles' needs two values or more in its file");
      std::sort(numbers.begin(), numbers.end());
      return make_quantiles(std::move(numbers));
    }
    const ValueList* list = as_list(value);
    if (list == nullptr || list->size() < 2)
      refuse("'quantiles' takes a list from the lowest value to the highest");
    for (const Value& one : *list) {
      numbers.push_back(in_unit(one.to_text()));
      if (numbers.size() > 1 && numbers.back() < numbers[numbers.size() - 2]) {
        refuse("quantiles: " + quote(one.to_text()) + " is below the one before it");
      }
    }
    return make_quantiles(std::move(numbers));
  }

  std::uint32_t add_state(std::string_view kind) const {
    if (context_.names == nullptr)
      refuse(quote(kind) + " cannot stand here: it needs a user's memory");
    return context_.names->add_state({});
  }

  ShapePtr trace(const Value& value) const {
    const ValueMap& map =
        parameters(value, "trace", {"file", "column", "on_end"}, "{file: x.csv, column: y}");
    TraceEnd end = TraceEnd::wrap;
    if (const Value* on_end = find_key(map, "on_end")) end = trace_end(on_end->to_text());
    auto values = column(map, "trace");
    return make_trace(std::move(values), end, add_state("trace"));
  }

  // The values of a CSV file's column, in the file's order; at least one.
  std::vector<double> column(const ValueMap& map, std::string_view kind) const {
    const std::string file = needed(map, kind, "file").to_text();
    const std::string name = needed(map, kind, "column").to_text();
    auto cells = read_column(context_.folder, file, name);
    if (!cells) refuse(cells.error().text);
    std::vector<double> values;
    for (std::size_t i = 0; i < cells->size(); ++i) {
      auto number = parse_quantity((*cells)[i] + unit_text_, unit_);
      if (!number) refuse(file + ", row " + std::to_string(i + 1) + ": " + number.error().text);
      values.push_back(*number);
    }
    if (values.empty()) refuse("the column " + quote(name) + " of " + quote(file) + " is empty");
    return values;
  }

  TraceEnd trace_end(const std::string& how) const {
    if (how == "wrap") return TraceEnd::wrap;
    if (how == "hold") return TraceEnd::hold;
    if (how != "stop") refuse("on_end: " + quote(how) + " is none of wrap, hold, stop");
    if (!context_.is_gap) refuse("on_end: stop ends a device's 'every'; here write wrap or hold");
    return TraceEnd::stop;
  }

  ShapePtr markov(const Value& value, const ValueMap& beside) const {
    if (context_.is_gap)
      refuse("'markov' cannot stand here: each gap is drawn for itself (write histogram or choice)");
    const ValueMap* map = as_map(value);
    if (map == nullptr || map->empty()) {
      refuse(
          "'markov' takes states (write markov: {free: {dwell: 5, to: {busy: 1}}, busy: {to: "
          "{free: 1}}})");
    }
    double step_ns = 0;
    if (const Value* step = find_key(beside, "step")) {
      auto ns = parse_quantity(*step, UnitKind::duration);
      if (!ns || *ns <= 0)
        refuse("step: " + (ns ? std::string("must be above 0") : ns.error().text));
      step_ns = *ns;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, ignored] : *map) names.push_back(name);
    std::vector<MarkovState> states;
    bool has_labels = false;
    for (const auto& [name, description] : *map) {
      const ValueMap& parts =
          parameters(description, name, {"dwell", "to"}, "{dwell: 5, to: {other: 1}}");
      MarkovState state;
      state.label = Value{name};
      if (unit_ != UnitKind::any) {
        state.value = quantity(state.label);
      } else if (!state.label.to_number(state.value)) {
        has_labels = true;
      }
      if (const Value* dwell = find_key(parts, "dwell"))
        state.dwell = dwell_of(name, *dwell, step_ns);
      state.weights = transitions(name, needed(parts, name, "to"), names);
      states.push_back(std::move(state));
    }
    return make_markov(std::move(states), has_labels, add_state("markov"));
  }

  // In samples; a duration counts as dwell / step samples, so that no clock decides what is sent.
  ShapePtr dwell_of(const std::string& state, const Value& description, double step_ns) const {
    class Scaled final : public Shape {
     public:
      Scaled(Distribution inner, double factor) : inner_(std::move(inner)), factor_(factor) {}
      double draw(RandomStream& random, Scope*) const override {
        return inner_.sample(random) * factor_;
      }

     private:
      Distribution inner_;
      double factor_;
    };
    const UnitKind unit = step_ns > 0 ? UnitKind::duration : UnitKind::none;
    auto dwell = make_distribution(description, unit);
    if (!dwell) {
      const std::string hint =
          step_ns > 0 ? "" : " (dwell counts samples; with step: D beside 'markov' it is a time)";
      refuse("dwell of " + quote(state) + ": " + dwell.error().text + hint);
    }
    return std::make_unique<Scaled>(std::move(*dwell), step_ns > 0 ? 1 / step_ns : 1);
  }

  static std::vector<double> transitions(const std::string& state, const Value& to,
                                         const std::vector<std::string_view>& names) {
    std::vector<double> weights(names.size(), 0.0);
    const auto index_of = [&](std::string_view name) {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) refuse("unknown state " + quote(name) + did_you_mean(name, names));
      return static_cast<std::size_t>(found - names.begin());
    };
    if (const ValueMap* map = as_map(to)) {
      for (const auto& [name, weight] : *map) {
        const double number = plain(weight, "weight of " + quote(name));
        check_weight(number, name);
        weights[index_of(name)] += number;
      }
    } else {
      weights[index_of(to.to_text())] = 1;
    }
    if (std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; })) {
      refuse("the state " + quote(state) + " leads nowhere");
    }
    return weights;
  }

  UnitKind unit_;
  const std::string& unit_text_;
  const DistributionContext& context_;
};

}  // namespace

Result<ShapePtr> read_shape(const ShapeRequest& request) {
  try {
    return ShapeReader(request.unit, request.unit_text, request.context)
        .read(request.kind, request.value, request.beside);
  } catch (Error& error) {
    return std::move(error);
  }
}

std::string_view zero_unit(UnitKind unit) {
  switch (unit) {
    case UnitKind::duration:
      return "s";
    case UnitKind::size:
      return "B";
    case UnitKind::rate:
      return "/s";
    default:
      return "B/s";
  }
}

}  // namespace squall
