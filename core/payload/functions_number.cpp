// Arithmetic. Whole numbers stay whole while the result is; durations count as nanoseconds.
#include <cmath>

#include "payload/expression.hpp"

namespace squall {
namespace {

using WholeOperation = bool (*)(std::int64_t, std::int64_t, std::int64_t&);  // false: does not fit
using RealOperation = double (*)(double, double);

// Left to right over two or more arguments.
bool fold(Evaluation& evaluation, const CallData& call, Number& out, WholeOperation whole,
          RealOperation real) {
  if (!call.arguments[0]->number(evaluation, out)) return false;
  for (std::size_t i = 1; i < call.arguments.size(); ++i) {
    Number next;
    if (!call.arguments[i]->number(evaluation, next)) return false;
    std::int64_t result = 0;
    if (out.is_whole && next.is_whole && whole(out.whole, next.whole, result)) {
      out = Number::of(result);
    } else {
      out = Number::of(real(out.as_double(), next.as_double()));
    }
  }
  return true;
}

bool add(Evaluation& evaluation, const CallData& call, Number& out) {
  return fold(
      evaluation, call, out,
      [](std::int64_t a, std::int64_t b, std::int64_t& c) {
        return !__builtin_add_overflow(a, b, &c);
      },
      [](double a, double b) { return a + b; });
}

bool subtract(Evaluation& evaluation, const CallData& call, Number& out) {
  return fold(
      evaluation, call, out,
      [](std::int64_t a, std::int64_t b, std::int64_t& c) {
        return !__builtin_sub_overflow(a, b, &c);
      },
      [](double a, double b) { return a - b; });
}

bool multiply(Evaluation& evaluation, const CallData& call, Number& out) {
  return fold(
      evaluation, call, out,
      [](std::int64_t a, std::int64_t b, std::int64_t& c) {
        return !__builtin_mul_overflow(a, b, &c);
      },
      [](double a, double b) { return a * b; });
}

bool divide(Evaluation& evaluation, const CallData& call, Number& out) {
  Number by;
  if (!call.arguments[0]->number(evaluation, out) || !call.arguments[1]->number(evaluation, by))
    return false;
  if (by.as_double() == 0) return evaluation.fail("div: division by zero");
  const bool overflows = out.is_whole && by.is_whole && out.whole == INT64_MIN && by.whole == -1;
  if (out.is_whole && by.is_whole && !overflows && out.whole % by.whole == 0) {
    out = Number::of(out.whole / by.whole);
  } else {
    out = Number::of(out.as_double() / by.as_double());
  }
  return true;
}

// The result has the sign of the divisor: mod(-1, 24) is 23, what clocks and rings want.
bool modulo(Evaluation& evaluation, const CallData& call, Number& out) {
  Number by;
  if (!call.arguments[0]->number(evaluation, out) || !call.arguments[1]->number(evaluation, by))
    return false;
  if (by.as_double() == 0) return evaluation.fail("mod: division by zero");
  if (out.is_whole && by.is_whole) {
    std::int64_t rest = by.whole == -1 ? 0 : out.whole % by.whole;
    if (rest != 0 && (rest < 0) != (by.whole < 0)) rest += by.whole;
    out = Number::of(rest);
  } else {
    double rest = std::fmod(out.as_double(), by.as_double());
    if (rest != 0 && (rest < 0) != (by.as_double() < 0)) rest += by.as_double();
    out = Number::of(rest);
  }
  return true;
}

bool least(Evaluation& evaluation, const CallData& call, Number& out) {
  return fold(
      evaluation, call, out,
      [](std::int64_t a, std::int64_t b, std::int64_t& c) {
        c = a < b ? a : b;
        return true;
      },
      [](double a, double b) { return a < b ? a : b; });
}

bool greatest(Evaluation& evaluation, const CallData& call, Number& out) {
  return fold(
      evaluation, call, out,
      [](std::int64_t a, std::int64_t b, std::int64_t& c) {
        c = a > b ? a : b;
        return true;
      },
      [](double a, double b) { return a > b ? a : b; });
}

bool to_whole(Evaluation& evaluation, double value, Number& out) {
  if (!(std::fabs(value) < 0x1p63)) return evaluation.fail("the number is too large to be whole");
  out = Number::of(static_cast<std::int64_t>(value));
  return true;
}

bool round_half_up(Evaluation& evaluation, const CallData& call, Number& out) {
  if (!call.arguments[0]->number(evaluation, out)) return false;
  return out.is_whole || to_whole(evaluation, std::round(out.real), out);
}

bool floor_of(Evaluation& evaluation, const CallData& call, Number& out) {
  if (!call.arguments[0]->number(evaluation, out)) return false;
  return out.is_whole || to_whole(evaluation, std::floor(out.real), out);
}

bool absolute(Evaluation& evaluation, const CallData& call, Number& out) {
  if (!call.arguments[0]->number(evaluation, out)) return false;
  if (out.is_whole && out.whole != INT64_MIN) {
    out = Number::of(out.whole < 0 ? -out.whole : out.whole);
  } else {
    out = Number::of(std::fabs(out.as_double()));
  }
  return true;
}

}  // namespace

std::vector<Function> number_functions() {
  const auto row = [](std::string_view name, std::string_view usage, int least_count,
                      int most_count, auto body) {
    return Function{.name = name,
                    .usage = usage,
                    .min_arguments = static_cast<std::uint8_t>(least_count),
                    .max_arguments = static_cast<std::uint8_t>(most_count),
                    .number = body};
  };
  return {
      row("add", "add(a, b, …)", 2, 16, add),      row("sub", "sub(a, b)", 2, 2, subtract),
      row("mul", "mul(a, b, …)", 2, 16, multiply), row("div", "div(a, b)", 2, 2, divide),
      row("mod", "mod(a, b)", 2, 2, modulo),       row("min", "min(a, b, …)", 2, 16, least),
      row("max", "max(a, b, …)", 2, 16, greatest), row("round", "round(x)", 1, 1, round_half_up),
      row("floor", "floor(x)", 1, 1, floor_of),    row("abs", "abs(x)", 1, 1, absolute),
  };
}

}  // namespace squall
