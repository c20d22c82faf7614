// From the text of a rule to a Threshold, and from a name to what it means.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "stats/threshold.hpp"

namespace squall {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 7> kTimes{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
constexpr std::array<Unit, 5> kPerTime{
    {{"/s", 1}, {"/m", 1.0 / 60}, {"/min", 1.0 / 60}, {"/h", 1.0 / 3600}, {"/day", 1.0 / 86400}}};
constexpr std::array<Unit, 12> kSizesPerSecond{{{"B/s", 1},
                                                {"kB/s", 1e3},
                                                {"MB/s", 1e6},
                                                {"GB/s", 1e9},
                                                {"KiB/s", 1024},
                                                {"MiB/s", 1048576},
                                                {"GiB/s", 1073741824},
                                                {"bit/s", 0.125},
                                                {"kbit/s", 125},
                                                {"Mbit/s", 125e3},
                                                {"Gbit/s", 125e6},
                                                {"TB/s", 1e12}}};

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

constexpr std::string_view kMeasures = "p50 ... p999, min, mean, max, failed, rate, count, probe";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

std::string quoted(std::string_view text) { return std::string(1, '\'').append(text).append("'"); }

// A reader over the rule.  The first mistake is kept; everything after it is skipped.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool done() {
    skip_space();
    return at_ >= text_.size();
  }
  std::size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  std::string_view word() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  // What stands up to the bracket that belongs to the one just read; names may contain brackets.
  std::optional<std::string_view> bracketed() {
    const std::size_t begin = at_;
    for (int depth = 1; at_ < text_.size(); ++at_) {
      if (text_[at_] == '(') ++depth;
      if (text_[at_] == ')' && --depth == 0) return text_.substr(begin, at_++ - begin);
    }
    return std::nullopt;
  }
  std::optional<double> number() {
    skip_space();
    const std::size_t begin = at_;
    std::string digits;
    while (at_ < text_.size() && ((text_[at_] >= '0' && text_[at_] <= '9') || text_[at_] == '.'))
      digits += text_[at_++];
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    if (digits.empty() || *end != '\0' || !std::isfinite(value)) {
      at_ = begin;
      return std::nullopt;
    }
    return value;
  }
  // The unit right behind a number; "MB/s" and "%" are units, "over" is not.
  std::string_view unit() {
    const std::size_t before = at_;
    skip_space();
    const std::size_t begin = at_;
    if (accept("%")) return "%";
    while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '/') &&
           !(text_[at_] >= '0' && text_[at_] <= '9'))
      ++at_;
    const std::string_view unit = text_.substr(begin, at_ - begin);
    if (unit == "over" || unit == "min" || unit == "abort" || unit.empty()) {
      at_ = before;
      return {};
    }
    return unit;
  }
  std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// "1m30s", "250ms", "250 ms": nanoseconds; nothing when the first unit is not one of time.
std::optional<double> duration(Reader& in, double first, std::string_view unit) {
  const Unit* known = find_unit(kTimes, unit);
  if (known == nullptr) return std::nullopt;
  double sum = first * known->factor;
  while (in.peek() >= '0' && in.peek() <= '9') {
    const std::optional<double> more = in.number();
    known = more ? find_unit(kTimes, in.unit()) : nullptr;
    if (known == nullptr) return std::nullopt;
    sum += *more * known->factor;
  }
  return sum;
}

// p50 -> 0.5, p99 -> 0.99, p999 -> 0.999, p99.9 -> 0.999; nothing when it is none.
std::optional<double> quantile(std::string_view digits) {
  if (digits.empty() || digits.size() > 9 || digits == "100") return std::nullopt;
  const bool dotted = digits.find('.') != std::string_view::npos;
  for (const char c : digits) {
    if (c != '.' && (c < '0' || c > '9')) return std::nullopt;
  }
  char* end = nullptr;
  const std::string copy(digits);
  double value = std::strtod(copy.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  value /=
      dotted || digits.size() <= 2 ? 100.0 : std::pow(10.0, static_cast<double>(digits.size()));
  if (!(value > 0) || value >= 1) return std::nullopt;
  return value;
}

using Parsed = std::variant<Threshold, ThresholdError>;

// The measure, and for k6's p(95) its bracket as well.
std::optional<ThresholdError> parse_measure(Reader& in, Threshold& rule, bool& named_by_k6) {
  in.skip_space();
  const std::size_t begin = in.at();
  const std::string_view word = in.word();
  if (word == "p" && in.accept("(")) {
    const auto inner = in.bracketed();
    const auto q = inner ? quantile(inner->find('.') == std::string_view::npos && inner->size() > 2
                                        ? std::string_view{}
                                        : *inner)
                         : std::nullopt;
    if (!q)
      return ThresholdError{"p(...) needs a percentile between 0 and 100", begin,
                            "p(95) or p(99.9)"};
    rule.measure = Measure::quantile;
    rule.quantile = *q;
    named_by_k6 = true;
    return std::nullopt;
  }
  if (word == "min")
    rule.measure = Measure::min;
  else if (word == "max")
    rule.measure = Measure::max;
  else if (word == "mean" || word == "avg")
    rule.measure = Measure::mean;
  else if (word == "failed")
    rule.measure = Measure::failed;
  else if (word == "rate")
    rule.measure = Measure::rate;
  else if (word == "count")
    rule.measure = Measure::count;
  else if (word == "probe")
    rule.measure = Measure::probe;
  else if (word == "med")
    rule.quantile = 0.5;
  else if (word.size() > 1 && word.front() == 'p' && quantile(word.substr(1)))
    rule.quantile = *quantile(word.substr(1));
  else if (word.empty())
    return ThresholdError{"a rule begins with what is measured", begin, std::string(kMeasures)};
  else if (word == "p100")
    return ThresholdError{"p100 is the maximum", begin, "max(NAME)"};
  else
    return ThresholdError{"unknown measure " + quoted(word), begin, std::string(kMeasures)};
  return std::nullopt;
}

std::optional<ThresholdError> parse_name(Reader& in, Threshold& rule) {
  in.skip_space();
  const std::size_t begin = in.at();
  if (!in.accept("(")) {
    rule.scope = ThresholdScope::all;
    if (rule.measure == Measure::probe)
      return ThresholdError{"probe needs a name", begin, "probe(memory)"};
    return std::nullopt;
  }
  const auto inner = in.bracketed();
  if (!inner) return ThresholdError{"the bracket is not closed", begin, ""};
  std::string_view name = *inner;
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  constexpr std::array<std::pair<std::string_view, ThresholdScope>, 5> kScopes{
      {{"task:", ThresholdScope::task},
       {"population:", ThresholdScope::population},
       {"step:", ThresholdScope::step},
       {"probe:", ThresholdScope::probe},
       {"metric:", ThresholdScope::metric}}};
  if (rule.measure == Measure::probe) rule.scope = ThresholdScope::probe;
  for (const auto& [prefix, scope] : kScopes) {
    if (name.substr(0, prefix.size()) != prefix || rule.measure == Measure::probe) continue;
    rule.scope = scope;
    name.remove_prefix(prefix.size());
    break;
  }
  if (name.empty())
    return ThresholdError{"the name is empty", begin + 1, "a step, task or population"};
  rule.name = name;
  const bool has_values = rule.measure == Measure::probe || rule.measure == Measure::min ||
                          rule.measure == Measure::mean || rule.measure == Measure::max;
  if (rule.is_about_metric() && !has_values)
    return ThresholdError{"a probe or metric has min, mean and max", 0, "max(" + std::string(*inner) + ")"};
  return std::nullopt;
}

std::optional<ThresholdError> parse_comparison(Reader& in, Threshold& rule) {
  in.skip_space();
  const std::size_t begin = in.at();
  if (in.accept("<="))
    rule.comparison = Comparison::less_equal;
  else if (in.accept(">="))
    rule.comparison = Comparison::greater_equal;
  else if (in.accept("=="))
    rule.comparison = Comparison::equal;
  else if (in.accept("<"))
    rule.comparison = Comparison::less;
  else if (in.accept(">"))
    rule.comparison = Comparison::greater;
  else
    return ThresholdError{"a comparison is missing", begin, "one of < <= > >= =="};
  return std::nullopt;
}

std::optional<ThresholdError> parse_limit(Reader& in, Threshold& rule) {
  in.skip_space();
  const std::size_t begin = in.at();
  if (in.peek() == '-') return ThresholdError{"a limit is not negative", begin, ""};
  const auto number = in.number();
  if (!number)
    return ThresholdError{"a limit is missing", begin, "a number with its unit, such as 250ms"};
  const std::string digits(in.since(begin));
  in.skip_space();
  const std::size_t unit_at = in.at();
  const std::string_view unit = in.unit();
  const auto wrong = [&](std::string_view what, std::string hint) {
    return unit.empty()
               ? ThresholdError{std::string(what) + " needs a unit", begin, std::move(hint)}
               : ThresholdError{quoted(unit) + " is no unit of " + std::string(what), unit_at,
                                std::move(hint)};
  };
  if (rule.is_about_metric()) {
    rule.limit = *number;
    rule.unit = unit;
    rule.limit_text = unit.empty() ? digits : std::string(in.since(begin));
    return std::nullopt;
  }
  switch (rule.measure) {
    case Measure::quantile:
    case Measure::min:
    case Measure::mean:
    case Measure::max: {
      rule.unit = "ms";
      rule.unit_factor = 1e-6;
      if (unit.empty() && rule.scope == ThresholdScope::all) {
        rule.limit = *number * 1e6;
        rule.limit_text = digits + "ms";
        return std::nullopt;
      }
      const auto ns = duration(in, *number, unit);
      if (!ns) return wrong("a time", digits + "ms or " + digits + "s");
      rule.limit = *ns;
      break;
    }
    case Measure::failed:
      rule.unit = "%";
      rule.unit_factor = 100;
      if (unit == "%") {
        rule.limit = *number / 100;
      } else if (unit.empty() && *number <= 1) {
        rule.limit = *number;
      } else {
        return wrong("a share", digits + "%");
      }
      if (rule.limit > 1) return ThresholdError{"a share is at most 100%", begin, ""};
      break;
    case Measure::rate: {
      const Unit* per_time = find_unit(kPerTime, unit);
      const Unit* size = find_unit(kSizesPerSecond, unit);
      if (per_time == nullptr && size == nullptr)
        return wrong("a rate", digits + "/s or " + digits + " MB/s");
      rule.bytes = size != nullptr;
      rule.unit = unit;
      const double factor = (size != nullptr ? size : per_time)->factor;
      rule.unit_factor = 1 / factor;
      rule.limit = *number * factor;
      break;
    }
    case Measure::count:
      if (!unit.empty()) return ThresholdError{"a count has no unit", unit_at, digits};
      rule.limit = *number;
      break;
    case Measure::probe:
      break;
  }
  rule.limit_text = unit.empty() ? digits : std::string(in.since(begin));
  return std::nullopt;
}

std::optional<ThresholdError> parse_words(Reader& in, Threshold& rule) {
  while (!in.done()) {
    const std::size_t begin = in.at();
    const std::string_view word = in.word();
    if (word == "over") {
      const std::size_t value_at = (in.skip_space(), in.at());
      const auto number = in.number();
      const auto ns = number ? duration(in, *number, in.unit()) : std::nullopt;
      if (!ns) return ThresholdError{"over needs a time", value_at, "over 30s"};
      if (*ns < 1e9 || std::fmod(*ns, 1e9) != 0)
        return ThresholdError{"over needs whole seconds, at least one", value_at, "over 30s"};
      if (*ns > 86400e9) return ThresholdError{"over is at most a day", value_at, ""};
      rule.over_ns = static_cast<std::int64_t>(*ns);
    } else if (word == "min") {
      const std::size_t value_at = (in.skip_space(), in.at());
      const auto number = in.number();
      if (!number || *number != std::floor(*number) || *number < 1 || *number > 1e18) {
        return ThresholdError{"min needs a number of samples", value_at, "min 100"};
      }
      rule.min_samples = static_cast<std::uint64_t>(*number);
    } else if (word == "abort") {
      rule.abort = true;
    } else {
      return ThresholdError{word.empty() ? "cannot read " + quoted(std::string(1, in.peek()))
                                         : "unknown word " + quoted(word),
                            begin, "over D, min N or abort"};
    }
  }
  if (rule.abort && rule.over_ns == 0) {
    return ThresholdError{"abort needs over: it is judged while the run goes on",
                          rule.text.find("abort"), "over 30s abort"};
  }
  if (rule.over_ns > 0 && rule.is_about_metric()) {
    return ThresholdError{"a probe or metric is judged over the whole run, without over",
                          rule.text.find("over"), ""};
  }
  return std::nullopt;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view name,
                    std::initializer_list<const std::vector<std::string>*> lists) {
  std::size_t best = name.size() / 3 + 2;
  std::string found;
  for (const auto* list : lists) {
    for (const std::string& candidate : *list) {
      const std::size_t d = distance(name, candidate);
      if (d < best) {
        best = d;
        found = candidate;
      }
    }
  }
  return found.empty() ? "" : "did you mean " + quoted(found) + "?";
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

Parsed parse_threshold(std::string_view text) {
  Threshold rule;
  rule.text = text;
  Reader in(text);
  bool named_by_k6 = false;
  if (auto error = parse_measure(in, rule, named_by_k6)) return *error;
  if (named_by_k6) {
    rule.scope = ThresholdScope::all;
  } else if (auto error = parse_name(in, rule)) {
    return *error;
  }
  if (auto error = parse_comparison(in, rule)) return *error;
  if (auto error = parse_limit(in, rule)) return *error;
  if (auto error = parse_words(in, rule)) return *error;
  return rule;
}

namespace {

std::optional<ThresholdError> resolve_metric(Threshold& rule, const ThresholdNames& names, std::size_t offset) {
  const std::string word = rule.scope == ThresholdScope::probe ? "probe" : "metric";
  std::vector<std::string> known;
  for (const auto& [name, unit, is_probe] : names.metrics) {
    if (is_probe != (rule.scope == ThresholdScope::probe)) continue;
    known.push_back(name);
    if (name != rule.name) continue;
    if (rule.unit.empty()) rule.unit = unit;   // a value is not converted: the limit is in its own unit
    if (rule.unit == unit) return std::nullopt;
    return ThresholdError{word + " " + quoted(rule.name) + (unit.empty() ? " has no unit" : " is in " + unit + ", not in " + rule.unit),
                          rule.text.rfind(rule.unit), unit.empty() ? "write the number alone" : "write the number of " + unit};
  }
  return ThresholdError{"no " + word + " is called " + quoted(rule.name), offset, nearest(rule.name, {&known})};
}

}  // namespace

std::optional<ThresholdError> resolve_threshold(Threshold& rule, const ThresholdNames& names) {
  const std::size_t offset = rule.text.find(rule.name);
  if (rule.is_about_metric()) return resolve_metric(rule, names, offset);
  const struct {
    ThresholdScope scope;
    std::string_view word;
    const std::vector<std::string>* list;
  } kinds[] = {{ThresholdScope::step, "step", &names.steps},
               {ThresholdScope::task, "task", &names.tasks},
               {ThresholdScope::population, "population", &names.populations}};
  if (rule.scope == ThresholdScope::all) return std::nullopt;
  if (rule.scope != ThresholdScope::any) {
    for (const auto& kind : kinds) {
      if (kind.scope != rule.scope || contains(*kind.list, rule.name)) continue;
      if (rule.scope == ThresholdScope::step && names.has_late_steps) continue;
      return ThresholdError{"no " + std::string(kind.word) + " is called " + quoted(rule.name),
                            offset, nearest(rule.name, {kind.list})};
    }
    return std::nullopt;
  }
  for (const auto& kind : kinds) {  // the nearest: a step, then a task, then a population
    if (!contains(*kind.list, rule.name)) continue;
    rule.scope = kind.scope;
    return std::nullopt;
  }
  if (names.has_late_steps) {
    rule.scope = ThresholdScope::step;
    return std::nullopt;
  }
  return ThresholdError{"no step, task or population is called " + quoted(rule.name), offset,
                        nearest(rule.name, {&names.steps, &names.tasks, &names.populations})};
}

}  // namespace squall
