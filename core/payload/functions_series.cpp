// Generators that go on from message to message: counters, walks, states, places, curves of the
// day. What they remember is the user's, in open load the population's (arrival_series.hpp); two mentions with one id
// go on with one series.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "payload/arrival_series.hpp"
#include "payload/expression.hpp"
#include "payload/random_numbers.hpp"
#include "payload/shape.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

// seq, seq(start), seq(start, step): how often this user came here before (in open load: how many arrivals were before
// this one), times step, plus start.
bool seq(Evaluation& evaluation, const CallData& call, Number& out) {
  std::int64_t step = 1;
  if (call.arguments.size() > 1 &&
      !whole_argument(evaluation, call, 1, "seq", INT64_MIN, INT64_MAX, step)) {
    return false;
  }
  Value& state = evaluation.scope.state(call.state);
  std::int64_t current = 0;
  if (const auto* next = std::get_if<std::int64_t>(&state.data)) {
    current = *next;
  } else {
    if (!call.arguments.empty() &&
        !whole_argument(evaluation, call, 0, "seq", INT64_MIN, INT64_MAX, current)) {
      return false;
    }
    std::int64_t before = 0;
    const auto arrival = static_cast<std::int64_t>(evaluation.scope.arrival_index);
    if (evaluation.scope.open && (__builtin_mul_overflow(arrival, step, &before) ||
                                  __builtin_add_overflow(current, before, &current))) {
      return evaluation.fail("seq: the counter is too large");
    }
  }
  std::int64_t following = 0;
  if (__builtin_add_overflow(current, step, &following))
    return evaluation.fail("seq: the counter is too large");
  state.data = following;
  out = Number::of(current);
  return true;
}

int decimals_of(const Expression& argument) {
  const Value* constant = argument.constant();
  if (constant == nullptr) return 2;
  const std::string text = constant->to_text();
  const std::size_t point = text.find('.');
  return point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

// In open load a series is computed from arrival 0 on, so what it is made of may not differ between arrivals but in
// their draws.
bool is_replayable(Evaluation& evaluation, const CallData& call, std::string_view function) {
  if (!evaluation.scope.open || call.is_replayable) return true;
  return evaluation.fail(std::string(function) +
                         ": in open load its arguments are numbers and draws, not names");
}

// walk(id, start, step, min, max, decimals): begins at start; each step is uniform in ±step when
// step is a plain number, else what the step expression gives. At the ends it is reflected. Printed
// with as many decimals as start and step are written with.
bool walk(Evaluation& evaluation, const CallData& call, Number& out) {
  if (!is_replayable(evaluation, call, "walk")) return false;
  const auto& arguments = call.arguments;
  double low = -HUGE_VAL, high = HUGE_VAL;
  if (arguments.size() > 3 && !real_argument(evaluation, call, 3, low)) return false;
  if (arguments.size() > 4 && !real_argument(evaluation, call, 4, high)) return false;
  if (low > high) return evaluation.fail("walk: min is above max");
  std::int64_t decimals = std::max(decimals_of(*arguments[1]), decimals_of(*arguments[2]));
  if (arguments.size() > 5 && !whole_argument(evaluation, call, 5, "walk", 0, 15, decimals))
    return false;

  double place = 0;
  const auto next_place = [&](Value& memory) {
    if (const auto* before = std::get_if<double>(&memory.data)) {
      place = *before;
      double step = 0;
      if (!real_argument(evaluation, call, 2, step)) return false;
      const bool is_width = arguments[2]->constant() != nullptr;
      place += is_width ? step * (2 * Draw(evaluation.scope)->unit() - 1) : step;
      if (place < low) place = 2 * low - place;
      if (place > high) place = 2 * high - place;
    } else if (!real_argument(evaluation, call, 1, place)) {
      return false;
    }
    place = std::fmin(std::fmax(place, low), high);  // a step wider than the range
    memory.data = place;
    return true;
  };
  if (!go_on(evaluation.scope, call.state, next_place)) return false;
  place = std::get<double>(evaluation.scope.state(call.state).data);
  const double scale = std::pow(10.0, static_cast<double>(decimals));
  out = Number::of(std::round(place * scale) / scale);
  return true;
}

// ---- markov(id, 'free*5 > occupied', 'occupied*3 > free:9 broken:1', 'broken > free')

std::string_view next_word(std::string_view& text, std::string_view ends) {
  const std::size_t first = text.find_first_not_of(" ,");
  text.remove_prefix(std::min(first, text.size()));
  const std::size_t end = std::min(text.find_first_of(ends), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return word;
}

double number_after(std::string_view& text, char mark) {
  if (text.empty() || text.front() != mark) return 1;
  text.remove_prefix(1);
  Number number;
  return parse_number(next_word(text, " ,>"), number) ? number.as_double() : -1;
}

// Each argument is a state: NAME, how many messages it lasts on average (*N, else 1), and where it
// leads.
std::string prepare_markov(CallData& call) {
  std::vector<std::string> names;
  std::vector<MarkovState> states;
  std::vector<std::string_view> rest;
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    const Value* constant = call.arguments[i]->constant();
    if (constant == nullptr || constant->text() == nullptr)
      return "markov: a state is a quoted text: 'free*5 > occupied'";
    std::string_view text = *constant->text();
    const std::string name(next_word(text, " *>"));
    const double dwell = number_after(text, '*');
    if (name.empty() || dwell < 1 || text.empty() || text.front() != '>') {
      return "markov: '" + *constant->text() + "' is not STATE*MESSAGES > STATE:WEIGHT …";
    }
    MarkovState state;
    state.label = {name};
    if (dwell > 1) state.dwell = make_geometric(dwell);
    names.push_back(name);
    states.push_back(std::move(state));
    rest.push_back(text.substr(1));
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].weights.assign(states.size(), 0.0);
    double total = 0;
    for (std::string_view text = rest[i]; !text.empty();) {
      const std::string_view name = next_word(text, " ,:");
      const double weight = number_after(text, ':');
      if (name.empty() && text.empty()) break;
      const auto found = std::find(known.begin(), known.end(), name);
      if (found == known.end())
        return "markov: unknown state '" + std::string(name) + "'" + did_you_mean(name, known);
      if (weight < 0)
        return "markov: the weight of '" + std::string(name) + "' is not a number from 0 on";
      states[i].weights[static_cast<std::size_t>(found - known.begin())] += weight;
      total += weight;
    }
    if (total <= 0) return "markov: the state '" + names[i] + "' leads nowhere";
  }
  call.prepared =
      std::shared_ptr<const Shape>(make_markov(std::move(states), /*has_labels=*/true, call.state));
  return "";
}

bool markov(Evaluation& evaluation, const CallData& call, std::string& out) {
  const auto& shape = *static_cast<const Shape*>(call.prepared.get());
  const double state = shape.draw(*Draw(evaluation.scope), &evaluation.scope);
  out += *shape.label(state)->text();
  return true;
}

// ---- places: JSON [longitude, latitude] in degrees with six decimals (0.1 m)

constexpr double kMetresPerDegree = 111'320;  // of latitude; of longitude times cos(latitude)

void append_place(std::string& out, double longitude, double latitude) {
  out += '[';
  append_fixed(out, longitude, 6);
  out += ',';
  append_fixed(out, latitude, 6);
  out += ']';
}

// geo.point(id, west, south, east, north): a place that the user keeps for life.
bool geo_point(Evaluation& evaluation, const CallData& call, std::string& out) {
  double edge[4];
  for (std::size_t i = 0; i < 4; ++i) {
    if (!real_argument(evaluation, call, i + 1, edge[i])) return false;
  }
  RandomStream random = evaluation.scope.user_stream(call.salt);
  const double longitude = edge[0] + (edge[2] - edge[0]) * random.unit();
  append_place(out, longitude, edge[1] + (edge[3] - edge[1]) * random.unit());
  return true;
}

struct Place {
  double longitude = 0, latitude = 0, heading = 0;  // degrees; radians from east
  double home_longitude = 0, home_latitude = 0;
};

// geo.walk(id, longitude, latitude, metres, radius): begins there, moves `metres` a message with a
// heading that wanders by some 20 degrees, and turns back towards the start beyond `radius` metres.
bool geo_walk(Evaluation& evaluation, const CallData& call, std::string& out) {
  if (!is_replayable(evaluation, call, "geo.walk")) return false;
  double metres = 0, radius = HUGE_VAL;
  if (!real_argument(evaluation, call, 3, metres)) return false;
  if (call.arguments.size() > 4 && !real_argument(evaluation, call, 4, radius)) return false;
  Place place;
  const auto next_place = [&](Value& memory) {
    if (const auto* before = std::get_if<std::string>(&memory.data)) {
      std::memcpy(&place, before->data(), sizeof place);
      const double scale = std::cos(place.latitude * 0.017453292519943295);
      const double east = (place.longitude - place.home_longitude) * kMetresPerDegree * scale;
      const double north = (place.latitude - place.home_latitude) * kMetresPerDegree;
      place.heading += 0.35 * draw_normal(*Draw(evaluation.scope));
      if (std::hypot(east, north) > radius) place.heading = std::atan2(-north, -east);
      place.longitude +=
          metres * std::cos(place.heading) / (kMetresPerDegree * std::fmax(scale, 1e-6));
      place.latitude = std::clamp(
          place.latitude + metres * std::sin(place.heading) / kMetresPerDegree, -90.0, 90.0);
    } else {
      if (!real_argument(evaluation, call, 1, place.longitude) ||
          !real_argument(evaluation, call, 2, place.latitude)) {
        return false;
      }
      place.home_longitude = place.longitude;
      place.home_latitude = place.latitude;
      place.heading = 6.283185307179586 * Draw(evaluation.scope)->unit();
      memory.data.emplace<std::string>(sizeof(Place), '\0');
    }
    std::memcpy(std::get<std::string>(memory.data).data(), &place, sizeof place);
    return true;
  };
  if (!go_on(evaluation.scope, call.state, next_place)) return false;
  std::memcpy(&place, std::get<std::string>(evaluation.scope.state(call.state).data).data(), sizeof place);
  append_place(out, place.longitude, place.latitude);
  return true;
}

// ---- daily('0:5', '9:12.5', '18:7'): a value by the hour of the day (UTC), straight in between,
// round midnight

struct DailyCurve {
  std::vector<std::pair<double, double>> knots;  // hour, value; ascending
};

std::string prepare_daily(CallData& call) {
  auto curve = std::make_shared<DailyCurve>();
  for (const ExpressionPtr& argument : call.arguments) {
    const Value* constant = argument->constant();
    const std::string* text = constant == nullptr ? nullptr : constant->text();
    const std::size_t colon = text == nullptr ? std::string::npos : text->find(':');
    Number hour, value;
    if (colon == std::string::npos ||
        !parse_number(std::string_view(*text).substr(0, colon), hour) ||
        !parse_number(std::string_view(*text).substr(colon + 1), value)) {
      return "daily: a point is a quoted HOUR:VALUE, for example '7.5:2.9'";
    }
    if (hour.as_double() < 0 || hour.as_double() > 24)
      return "daily: '" + *text + "' is not within the day's 24 hours";
    if (!curve->knots.empty() && hour.as_double() <= curve->knots.back().first)
      return "daily: the hours do not ascend at '" + *text + "'";
    curve->knots.emplace_back(hour.as_double(), value.as_double());
  }
  call.prepared = curve;
  return "";
}

bool daily(Evaluation& evaluation, const CallData& call, Number& out) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  const auto& knots = static_cast<const DailyCurve*>(call.prepared.get())->knots;
  std::int64_t rest = evaluation.scope.unix_ns() % kDay;
  if (rest < 0) rest += kDay;
  const double hour = static_cast<double>(rest) / 3.6e12;
  const auto after =
      std::find_if(knots.begin(), knots.end(), [&](const auto& knot) { return knot.first > hour; });
  auto [right_hour, right] = after == knots.end() ? knots.front() : *after;
  auto [left_hour, left] = after == knots.begin() ? knots.back() : *(after - 1);
  if (after == knots.end()) right_hour += 24;
  if (after == knots.begin()) left_hour -= 24;
  const double span = right_hour - left_hour;
  out = Number::of(span <= 0 ? left : left + (right - left) * (hour - left_hour) / span);
  return true;
}

}  // namespace

std::vector<Function> series_functions() {
  using Kind = Function::Kind;
  return {
      {.name = "seq",
       .usage = "seq(start, step)",
       .max_arguments = 2,
       .kind = Kind::state,
       .number = seq},
      {.name = "walk",
       .usage = "walk(id, start, step, min, max, decimals)",
       .min_arguments = 3,
       .max_arguments = 6,
       .kind = Kind::state,
       .has_id = true,
       .number = walk},
      {.name = "markov",
       .usage = "markov(id, 'state*messages > state:weight …', …)",
       .min_arguments = 2,
       .max_arguments = 64,
       .kind = Kind::state,
       .has_id = true,
       .prepare = prepare_markov,
       .text = markov},
      {.name = "geo.point",
       .usage = "geo.point(id, west, south, east, north)",
       .min_arguments = 5,
       .max_arguments = 5,
       .kind = Kind::varies,
       .has_id = true,
       .is_json = true,
       .text = geo_point},
      {.name = "geo.walk",
       .usage = "geo.walk(id, longitude, latitude, metres, radius)",
       .min_arguments = 4,
       .max_arguments = 5,
       .kind = Kind::state,
       .has_id = true,
       .is_json = true,
       .text = geo_walk},
      {.name = "daily",
       .usage = "daily('hour:value', …)",
       .min_arguments = 1,
       .max_arguments = 64,
       .kind = Kind::varies,
       .prepare = prepare_daily,
       .number = daily},
  };
}

}  // namespace squall
