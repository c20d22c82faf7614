// Generators: random numbers and words, and the ones with memory (seq, walk).
// All draws come from the iteration's stream, so a message is a function of (seed, user, iteration).
#include <cmath>

#include "payload/expression.hpp"
#include "payload/random_numbers.hpp"

namespace squall {
namespace {

// Draws from the iteration's stream and writes the counter back.
class Draw {
 public:
  explicit Draw(Scope& scope) : scope_(scope), stream_(scope.stream()) {}
  ~Draw() { scope_.draws = stream_.draws; }
  Draw(const Draw&) = delete;
  Draw& operator=(const Draw&) = delete;
  RandomStream& operator*() { return stream_; }
  RandomStream* operator->() { return &stream_; }

 private:
  Scope& scope_;
  RandomStream stream_;
};

constexpr std::int64_t kMaxDigits = 1 << 20;

bool rand_int(Evaluation& evaluation, const CallData& call, Number& out) {
  std::int64_t low = 0, high = 0;
  if (!whole_argument(evaluation, call, 0, "rand.int", INT64_MIN, INT64_MAX, low) ||
      !whole_argument(evaluation, call, 1, "rand.int", INT64_MIN, INT64_MAX, high)) {
    return false;
  }
  if (low > high) return evaluation.fail("rand.int: the first number is above the second");
  out = Number::of(draw_whole(*Draw(evaluation.scope), low, high));
  return true;
}

bool two_reals(Evaluation& evaluation, const CallData& call, double& a, double& b) {
  return real_argument(evaluation, call, 0, a) && real_argument(evaluation, call, 1, b);
}

bool rand_float(Evaluation& evaluation, const CallData& call, Number& out) {
  double low = 0, high = 0;
  if (!two_reals(evaluation, call, low, high)) return false;
  if (low > high) return evaluation.fail("rand.float: the first number is above the second");
  out = Number::of(low + (high - low) * Draw(evaluation.scope)->unit());
  return true;
}

bool rand_normal(Evaluation& evaluation, const CallData& call, Number& out) {
  double mean = 0, sd = 0;
  if (!two_reals(evaluation, call, mean, sd)) return false;
  if (sd < 0) return evaluation.fail("rand.normal: the standard deviation is negative");
  out = Number::of(mean + sd * draw_normal(*Draw(evaluation.scope)));
  return true;
}

bool rand_lognormal(Evaluation& evaluation, const CallData& call, Number& out) {
  double median = 0, sigma = 0;
  if (!two_reals(evaluation, call, median, sigma)) return false;
  if (median <= 0 || sigma < 0) return evaluation.fail("rand.lognormal: median must be above 0, sigma not negative");
  out = Number::of(median * std::exp(sigma * draw_normal(*Draw(evaluation.scope))));
  return true;
}

bool rand_exp(Evaluation& evaluation, const CallData& call, Number& out) {
  double mean = 0;
  if (!real_argument(evaluation, call, 0, mean)) return false;
  if (mean < 0) return evaluation.fail("rand.exp: the mean is negative");
  out = Number::of(mean * draw_exponential(*Draw(evaluation.scope)));
  return true;
}

void append_hex_digits(RandomStream& random, std::int64_t digits, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  while (digits > 0) {
    std::uint64_t bits = random.next();
    for (int i = 0; i < 16 && digits > 0; ++i, --digits, bits >>= 4) out += kHex[bits & 15];
  }
}

bool rand_hex(Evaluation& evaluation, const CallData& call, std::string& out) {
  // hex('abc') would be read as "encode this"; say so rather than "'abc' is not a number".
  const Value* constant = call.arguments[0]->constant();
  if (constant != nullptr && constant->text() != nullptr) {
    return evaluation.fail("hex(n) draws n random digits; hex.encode(text) encodes a text");
  }
  std::int64_t digits = 0;
  if (!whole_argument(evaluation, call, 0, "hex", 0, kMaxDigits, digits)) return false;
  append_hex_digits(*Draw(evaluation.scope), digits, out);
  return true;
}

bool rand_string(Evaluation& evaluation, const CallData& call, std::string& out) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::int64_t count = 0;
  if (!whole_argument(evaluation, call, 0, "rand.string", 0, kMaxDigits, count)) return false;
  Draw draw(evaluation.scope);
  while (count > 0) {
    const std::uint64_t bits = draw->next();
    out += kLetters[((bits & 0xFFFFFFFF) * 62) >> 32];
    if (--count > 0) {
      out += kLetters[((bits >> 32) * 62) >> 32];
      --count;
    }
  }
  return true;
}

// Raw bytes, for base64(rand.bytes(20)) and binary fields.
bool rand_bytes(Evaluation& evaluation, const CallData& call, std::string& out) {
  std::int64_t count = 0;
  if (!whole_argument(evaluation, call, 0, "rand.bytes", 0, kMaxDigits, count)) return false;
  Draw draw(evaluation.scope);
  while (count > 0) {
    std::uint64_t bits = draw->next();
    for (int i = 0; i < 8 && count > 0; ++i, --count, bits >>= 8) out += static_cast<char>(bits & 0xFF);
  }
  return true;
}

// RFC 9562 version 4.
bool uuid(Evaluation& evaluation, const CallData&, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  Draw draw(evaluation.scope);
  std::uint64_t high = draw->next(), low = draw->next();
  high = (high & 0xFFFFFFFFFFFF0FFFull) | 0x4000;
  low = (low & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;
  char text[36];
  std::size_t at = 0;
  for (int i = 15; i >= 0; --i) {
    text[at++] = kHex[(high >> (i * 4)) & 15];
    if (i == 8 || i == 4) text[at++] = '-';
  }
  text[at++] = '-';
  for (int i = 15; i >= 0; --i) {
    text[at++] = kHex[(low >> (i * 4)) & 15];
    if (i == 12) text[at++] = '-';
  }
  out.append(text, at);
  return true;
}

const Expression* choice(Evaluation& evaluation, const CallData& call) {
  return call.arguments[Draw(evaluation.scope)->below(call.arguments.size())].get();
}

// seq, seq(start), seq(start, step): how often this user came here before, times step, plus start.
bool seq(Evaluation& evaluation, const CallData& call, Number& out) {
  std::int64_t step = 1;
  if (call.arguments.size() > 1 && !whole_argument(evaluation, call, 1, "seq", INT64_MIN, INT64_MAX, step)) {
    return false;
  }
  Value& state = evaluation.scope.state(call.state);
  std::int64_t current = 0;
  if (const auto* next = std::get_if<std::int64_t>(&state.data)) {
    current = *next;
  } else if (!call.arguments.empty() &&
             !whole_argument(evaluation, call, 0, "seq", INT64_MIN, INT64_MAX, current)) {
    return false;
  }
  std::int64_t following = 0;
  if (__builtin_add_overflow(current, step, &following)) return evaluation.fail("seq: the counter is too large");
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

// walk(id, start, step, min, max, decimals): begins at start; each step is uniform in ±step when step is a
// plain number, else what the step expression gives. At the ends it is reflected. Printed with as many
// decimals as start and step are written with.
bool walk(Evaluation& evaluation, const CallData& call, Number& out) {
  const auto& arguments = call.arguments;
  double low = -HUGE_VAL, high = HUGE_VAL;
  if (arguments.size() > 3 && !real_argument(evaluation, call, 3, low)) return false;
  if (arguments.size() > 4 && !real_argument(evaluation, call, 4, high)) return false;
  if (low > high) return evaluation.fail("walk: min is above max");
  std::int64_t decimals = std::max(decimals_of(*arguments[1]), decimals_of(*arguments[2]));
  if (arguments.size() > 5 && !whole_argument(evaluation, call, 5, "walk", 0, 15, decimals)) return false;

  double place = 0;
  const auto* before = std::get_if<double>(&evaluation.scope.state(call.state).data);
  if (before == nullptr) {
    if (!real_argument(evaluation, call, 1, place)) return false;
  } else {
    place = *before;
    double step = 0;
    if (!real_argument(evaluation, call, 2, step)) return false;
    const bool is_width = arguments[2]->constant() != nullptr;
    place += is_width ? step * (2 * Draw(evaluation.scope)->unit() - 1) : step;
    if (place < low) place = 2 * low - place;
    if (place > high) place = 2 * high - place;
  }
  place = std::fmin(std::fmax(place, low), high);  // a step wider than the range
  evaluation.scope.state(call.state).data = place;
  const double scale = std::pow(10.0, static_cast<double>(decimals));
  out = Number::of(std::round(place * scale) / scale);
  return true;
}

}  // namespace

std::vector<Function> random_functions() {
  using Kind = Function::Kind;
  return {
      {.name = "rand.int", .usage = "rand.int(a, b)", .min_arguments = 2, .max_arguments = 2, .kind = Kind::varies, .number = rand_int},
      {.name = "rand.float", .usage = "rand.float(a, b)", .min_arguments = 2, .max_arguments = 2, .kind = Kind::varies, .number = rand_float},
      {.name = "rand.normal", .usage = "rand.normal(mean, sd)", .min_arguments = 2, .max_arguments = 2, .kind = Kind::varies, .number = rand_normal},
      {.name = "rand.lognormal", .usage = "rand.lognormal(median, sigma)", .min_arguments = 2, .max_arguments = 2, .kind = Kind::varies, .number = rand_lognormal},
      {.name = "rand.exp", .usage = "rand.exp(mean)", .min_arguments = 1, .max_arguments = 1, .kind = Kind::varies, .number = rand_exp},
      {.name = "rand.hex", .usage = "rand.hex(n)", .min_arguments = 1, .max_arguments = 1, .kind = Kind::varies, .text = rand_hex},
      {.name = "hex", .usage = "hex(n)", .min_arguments = 1, .max_arguments = 1, .kind = Kind::varies, .text = rand_hex},
      {.name = "rand.string", .usage = "rand.string(n)", .min_arguments = 1, .max_arguments = 1, .kind = Kind::varies, .text = rand_string},
      {.name = "rand.bytes", .usage = "rand.bytes(n)", .min_arguments = 1, .max_arguments = 1, .kind = Kind::varies, .text = rand_bytes},
      {.name = "uuid", .usage = "uuid", .kind = Kind::varies, .text = uuid},
      {.name = "choice", .usage = "choice(a, b, …)", .min_arguments = 1, .max_arguments = 255, .kind = Kind::words, .pick = choice},
      {.name = "seq", .usage = "seq(start, step)", .max_arguments = 2, .kind = Kind::state, .number = seq},
      {.name = "walk", .usage = "walk(id, start, step, min, max, decimals)", .min_arguments = 3, .max_arguments = 6, .kind = Kind::state, .has_id = true, .number = walk},
  };
}

}  // namespace squall
