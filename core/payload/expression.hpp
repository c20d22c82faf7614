// The inside of one `${…}`: a name, a literal or a function call, as a small tree made at load
// time. An expression writes itself straight into the message; a Value is made only where its type
// counts. Private to this room: others see Template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/number_text.hpp"
#include "payload/template.hpp"
#include "payload/value.hpp"

namespace squall {

/// One evaluation of one template.
struct Evaluation {
  Scope& scope;
  std::string& error;
  // What crc16() covers: the template's text up to the hole that is being filled.
  const std::string* text = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;

  std::string_view before() const {
    if (text == nullptr) return {};
    return std::string_view(*text).substr(begin, end - begin);
  }
  /// For `return evaluation.fail("…")`.
  bool fail(std::string why) {
    error = std::move(why);
    return false;
  }
};

/// Each of the four says the same thing in another form; false with Evaluation::error set when a
/// name has no value or an argument is impossible.
class Expression {
 public:
  virtual ~Expression() = default;
  virtual bool append(Evaluation& evaluation, std::string& out) const = 0;
  virtual bool append_json(Evaluation& evaluation, std::string& out) const = 0;
  virtual bool number(Evaluation& evaluation, Number& out) const = 0;
  virtual bool value(Evaluation& evaluation, Value& out) const = 0;
  /// When it is always the same.
  virtual const Value* constant() const { return nullptr; }
  /// Made of constants and draws alone: for another arrival it can be evaluated at this one's place.
  virtual bool is_replayable() const { return constant() != nullptr; }
};

using ExpressionPtr = std::unique_ptr<const Expression>;
using Arguments = std::vector<ExpressionPtr>;

ExpressionPtr make_constant(Value value);
/// `name` is for error texts; `fallback` (may be null) is what stands behind `:-`.
ExpressionPtr make_name(std::string name, Reference reference, ExpressionPtr fallback);

/// What a call carries: its arguments, and a slot of user state when the function has memory.
struct CallData {
  Arguments arguments;
  std::uint32_t state = 0;
  std::uint64_t salt = 0;  // of the id: tells user streams apart
  bool is_replayable = false;  // all arguments are
  std::shared_ptr<const void>
      prepared;  // what Function::prepare has read out of constant arguments
};

/// One row of the function table. Exactly one of the three bodies is given: it says the result's
/// type
/// (`pick` chooses one of the arguments, which keeps its own).
struct Function {
  std::string_view name;
  std::string_view usage;  // "rand.int(a, b)"
  std::uint8_t min_arguments = 0;
  std::uint8_t max_arguments = 0;
  enum class Kind : std::uint8_t {
    pure,    // of its arguments alone: folded when they are constant
    draws,   // of its arguments and of random draws
    varies,  // clock, bytes before it, the user's life
    state,   // has memory; an `id` argument, if any, comes first and is never a name
    words,   // bare words among its arguments are text
  } kind = Kind::pure;
  bool has_id = false;
  bool is_json = false;  // the text is JSON already
  /// Reads constant arguments once, at load time; a mistake, or "".
  std::string (*prepare)(CallData&) = nullptr;
  bool (*number)(Evaluation&, const CallData&, Number& out) = nullptr;
  bool (*text)(Evaluation&, const CallData&, std::string& out) = nullptr;
  const Expression* (*pick)(Evaluation&, const CallData&) = nullptr;
};

/// All functions, sorted by file; a few dozen, searched at load time only.
const std::vector<Function>& functions();
const Function* find_function(std::string_view name);
/// The call as an expression; folded into a constant when it always gives the same. An error text
/// when a constant call cannot be computed (division by zero).
Result<ExpressionPtr> make_call(const Function& function, CallData data);

// The rows, by subject.
std::vector<Function> number_functions();  // functions_number.cpp
std::vector<Function> random_functions();  // functions_random.cpp
std::vector<Function> series_functions();  // functions_series.cpp
std::vector<Function> text_functions();    // functions_text.cpp
std::vector<Function> time_functions();    // functions_time.cpp

/// An argument as a whole number within bounds; fails with "FUNCTION: … is not a whole number from
/// LOW to HIGH".
bool whole_argument(Evaluation& evaluation, const CallData& call, std::size_t index,
                    std::string_view function, std::int64_t low, std::int64_t high,
                    std::int64_t& out);
bool real_argument(Evaluation& evaluation, const CallData& call, std::size_t index, double& out);

/// Draws from the iteration's stream and writes the counter back.
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

}  // namespace squall
