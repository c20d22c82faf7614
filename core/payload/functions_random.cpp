// Random numbers and words; generators with memory are functions_series.cpp's.
// All draws come from the iteration's stream, so a message is a function of (seed, user,
// iteration).
#include <cmath>

#include "payload/expression.hpp"
#include "payload/random_numbers.hpp"

namespace squall {
namespace {

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
  if (median <= 0 || sigma < 0)
    return evaluation.fail("rand.lognormal: median must be above 0, sigma not negative");
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
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
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
    for (int i = 0; i < 8 && count > 0; ++i, --count, bits >>= 8)
      out += static_cast<char>(bits & 0xFF);
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

// rand.pattern('AA-999-aa'): A a capital, a a small letter, 9 a digit, anything else as it stands.
bool rand_pattern(Evaluation& evaluation, const CallData& call, std::string& out) {
  const std::size_t begin = out.size();
  if (!call.arguments[0]->append(evaluation, out)) return false;
  Draw draw(evaluation.scope);
  for (std::size_t i = begin; i < out.size(); ++i) {
    switch (out[i]) {
      case 'A':
        out[i] = static_cast<char>('A' + draw->below(26));
        break;
      case 'a':
        out[i] = static_cast<char>('a' + draw->below(26));
        break;
      case '9':
        out[i] = static_cast<char>('0' + draw->below(10));
        break;
      default:
        break;
    }
  }
  return true;
}

}  // namespace

std::vector<Function> random_functions() {
  using Kind = Function::Kind;
  return {
      {.name = "rand.int",
       .usage = "rand.int(a, b)",
       .min_arguments = 2,
       .max_arguments = 2,
       .kind = Kind::draws,
       .number = rand_int},
      {.name = "rand.float",
       .usage = "rand.float(a, b)",
       .min_arguments = 2,
       .max_arguments = 2,
       .kind = Kind::draws,
       .number = rand_float},
      {.name = "rand.normal",
       .usage = "rand.normal(mean, sd)",
       .min_arguments = 2,
       .max_arguments = 2,
       .kind = Kind::draws,
       .number = rand_normal},
      {.name = "rand.lognormal",
       .usage = "rand.lognormal(median, sigma)",
       .min_arguments = 2,
       .max_arguments = 2,
       .kind = Kind::draws,
       .number = rand_lognormal},
      {.name = "rand.exp",
       .usage = "rand.exp(mean)",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .number = rand_exp},
      {.name = "rand.hex",
       .usage = "rand.hex(n)",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .text = rand_hex},
      {.name = "hex",
       .usage = "hex(n)",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .text = rand_hex},
      {.name = "rand.string",
       .usage = "rand.string(n)",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .text = rand_string},
      {.name = "rand.bytes",
       .usage = "rand.bytes(n)",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .text = rand_bytes},
      {.name = "rand.pattern",
       .usage = "rand.pattern('AA-999-aa')",
       .min_arguments = 1,
       .max_arguments = 1,
       .kind = Kind::draws,
       .text = rand_pattern},
      {.name = "uuid", .usage = "uuid", .kind = Kind::draws, .text = uuid},
      {.name = "choice",
       .usage = "choice(a, b, …)",
       .min_arguments = 1,
       .max_arguments = 255,
       .kind = Kind::words,
       .pick = choice},
  };
}

}  // namespace squall
