// The four kinds of expression: constant, name, call; and how their forms follow from one another.
#include "payload/expression.hpp"

#include <cmath>

#include "payload/json_text.hpp"

namespace squall {
namespace {

bool append_quoted(Evaluation& evaluation, const Expression& expression, std::string& out) {
  out += '"';
  const std::size_t begin = out.size();
  if (!expression.append(evaluation, out)) return false;
  escape_json_tail(out, begin);
  out += '"';
  return true;
}

bool text_to_number(Evaluation& evaluation, std::string_view text, Number& out) {
  if (parse_number(text, out)) return true;
  return evaluation.fail("'" + std::string(text.substr(0, 80)) + "' is not a number");
}

bool value_to_number(Evaluation& evaluation, const Value& value, Number& out) {
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    out = Number::of(*whole);
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    out = Number::of(*real);
  } else if (const auto* duration = std::get_if<Duration>(&value.data)) {
    out = Number::of(duration->ns);
  } else if (const auto* text = value.text()) {
    return text_to_number(evaluation, *text, out);
  } else {
    return text_to_number(evaluation, value.to_text(), out);
  }
  return true;
}

Value number_value(const Number& number) {
  if (number.is_whole) return {number.whole};
  return {number.real};
}

class Constant final : public Expression {
 public:
  explicit Constant(Value value) : value_(std::move(value)) {
    value_.append_to(text_);
    squall::append_json(json_, value_);
  }
  bool append(Evaluation&, std::string& out) const override {
    out += text_;
    return true;
  }
  bool append_json(Evaluation&, std::string& out) const override {
    out += json_;
    return true;
  }
  bool number(Evaluation& evaluation, Number& out) const override {
    return value_to_number(evaluation, value_, out);
  }
  bool value(Evaluation&, Value& out) const override {
    out = value_;
    return true;
  }
  const Value* constant() const override { return &value_; }

 private:
  Value value_;
  std::string text_, json_;
};

// A value of the user or a column of its record; looked up by place, never by name.
class Name final : public Expression {
 public:
  Name(std::string name, Reference reference, ExpressionPtr fallback)
      : name_(std::move(name)), reference_(std::move(reference)), fallback_(std::move(fallback)) {}

  bool append(Evaluation& evaluation, std::string& out) const override {
    return visit(
        evaluation,
        [&](std::int64_t whole) {
          append_number(out, whole);
          return true;
        },
        [&](std::string_view text) {
          out += text;
          return true;
        },
        [&](const Value& value) {
          value.append_to(out);
          return true;
        },
        [&](const Expression& fallback) { return fallback.append(evaluation, out); });
  }
  bool append_json(Evaluation& evaluation, std::string& out) const override {
    return visit(
        evaluation,
        [&](std::int64_t whole) {
          append_number(out, whole);
          return true;
        },
        [&](std::string_view text) {
          out += '"';
          append_json_escaped(out, text);
          out += '"';
          return true;
        },
        [&](const Value& value) {
          if (reference_.is_json) {
            value.append_to(out);
          } else {
            squall::append_json(out, value);
          }
          return true;
        },
        [&](const Expression& fallback) { return fallback.append_json(evaluation, out); });
  }
  bool number(Evaluation& evaluation, Number& out) const override {
    return visit(
        evaluation,
        [&](std::int64_t whole) {
          out = Number::of(whole);
          return true;
        },
        [&](std::string_view text) { return text_to_number(evaluation, text, out); },
        [&](const Value& value) { return value_to_number(evaluation, value, out); },
        [&](const Expression& fallback) { return fallback.number(evaluation, out); });
  }
  bool value(Evaluation& evaluation, Value& out) const override {
    return visit(
        evaluation,
        [&](std::int64_t whole) {
          out = {whole};
          return true;
        },
        [&](std::string_view text) {
          out = {std::string(text)};
          return true;
        },
        [&](const Value& value) {
          out = value;
          return true;
        },
        [&](const Expression& fallback) { return fallback.value(evaluation, out); });
  }

 private:
  template <typename OnWhole, typename OnText, typename OnValue, typename OnFallback>
  bool visit(Evaluation& evaluation, OnWhole on_whole, OnText on_text, OnValue on_value,
             OnFallback on_fallback) const {
    Scope& scope = evaluation.scope;
    switch (reference_.kind) {
      case Reference::Kind::user_index:
        return on_whole(static_cast<std::int64_t>(scope.user_index));
      case Reference::Kind::user_iteration:
        return on_whole(static_cast<std::int64_t>(scope.iteration));
      case Reference::Kind::arrival_index:
        return on_whole(static_cast<std::int64_t>(scope.arrival_index));
      case Reference::Kind::field: {
        const auto text = scope.field(reference_.index, reference_.column);
        if (text && !(fallback_ && text->empty())) return on_text(*text);
        const std::string_view unreadable = text ? std::string_view() : scope.field_error(reference_.index);
        if (!unreadable.empty()) return evaluation.fail("'" + name_ + "' has no value: " + std::string(unreadable));
        if (!fallback_) return evaluation.fail("'" + name_ + "' has no value: no record is left");
        break;
      }
      case Reference::Kind::local:
      case Reference::Kind::setup: {
        const bool is_local = reference_.kind == Reference::Kind::local;
        const Value* value = is_local ? scope.local(reference_.index) : scope.setup(reference_.index);
        const bool is_missing = value == nullptr || value->is_null();
        const bool is_empty = !is_missing && value->text() != nullptr && value->text()->empty();
        if (!is_missing && !(fallback_ && is_empty)) return on_value(*value);
        break;
      }
      case Reference::Kind::constant:
        break;  // without a value, or it would be a Constant
    }
    if (fallback_) return on_fallback(*fallback_);
    return evaluation.fail("'" + name_ + "' has no value");
  }

  std::string name_;
  Reference reference_;
  ExpressionPtr fallback_;
};

bool is_replayable_call(const Function& function, const CallData& data) {
  using Kind = Function::Kind;
  return data.is_replayable && function.kind != Kind::varies && function.kind != Kind::state;
}

class NumberCall final : public Expression {
 public:
  NumberCall(const Function& function, CallData data)
      : function_(function), data_(std::move(data)) {}
  bool append(Evaluation& evaluation, std::string& out) const override {
    Number result;
    if (!function_.number(evaluation, data_, result)) return false;
    append_number(out, result);
    return true;
  }
  bool append_json(Evaluation& evaluation, std::string& out) const override {
    return append(evaluation, out);
  }
  bool number(Evaluation& evaluation, Number& out) const override {
    return function_.number(evaluation, data_, out);
  }
  bool value(Evaluation& evaluation, Value& out) const override {
    Number result;
    if (!function_.number(evaluation, data_, result)) return false;
    out = number_value(result);
    return true;
  }
  bool is_replayable() const override { return is_replayable_call(function_, data_); }

 private:
  const Function& function_;  // in functions(), which lives as long as the program
  CallData data_;
};

class TextCall final : public Expression {
 public:
  TextCall(const Function& function, CallData data) : function_(function), data_(std::move(data)) {}
  bool append(Evaluation& evaluation, std::string& out) const override {
    return function_.text(evaluation, data_, out);
  }
  bool append_json(Evaluation& evaluation, std::string& out) const override {
    return function_.is_json ? append(evaluation, out) : append_quoted(evaluation, *this, out);
  }
  bool number(Evaluation& evaluation, Number& out) const override {
    std::string text;
    return append(evaluation, text) && text_to_number(evaluation, text, out);
  }
  bool value(Evaluation& evaluation, Value& out) const override {
    std::string text;
    if (!append(evaluation, text)) return false;
    out = {std::move(text)};
    return true;
  }
  bool is_replayable() const override { return is_replayable_call(function_, data_); }

 private:
  const Function& function_;
  CallData data_;
};

class PickCall final : public Expression {
 public:
  PickCall(const Function& function, CallData data) : function_(function), data_(std::move(data)) {}
  bool append(Evaluation& evaluation, std::string& out) const override {
    const Expression* picked = function_.pick(evaluation, data_);
    return picked != nullptr && picked->append(evaluation, out);
  }
  bool append_json(Evaluation& evaluation, std::string& out) const override {
    const Expression* picked = function_.pick(evaluation, data_);
    return picked != nullptr && picked->append_json(evaluation, out);
  }
  bool number(Evaluation& evaluation, Number& out) const override {
    const Expression* picked = function_.pick(evaluation, data_);
    return picked != nullptr && picked->number(evaluation, out);
  }
  bool value(Evaluation& evaluation, Value& out) const override {
    const Expression* picked = function_.pick(evaluation, data_);
    return picked != nullptr && picked->value(evaluation, out);
  }
  bool is_replayable() const override { return is_replayable_call(function_, data_); }

 private:
  const Function& function_;
  CallData data_;
};

// For folding: pure functions of constants look at none of this.
class NoUser final : public Scope {
  std::int64_t unix_ns() const override { return 0; }
  const Value* local(std::uint32_t) const override { return nullptr; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override {
    return std::nullopt;
  }
  Value& state(std::uint32_t) override { return state_; }
  Value state_;
};

}  // namespace

ExpressionPtr make_constant(Value value) { return std::make_unique<Constant>(std::move(value)); }

ExpressionPtr make_name(std::string name, Reference reference, ExpressionPtr fallback) {
  if (reference.kind == Reference::Kind::constant) {
    const bool is_empty = reference.value.text() != nullptr && reference.value.text()->empty();
    if (!reference.value.is_null() && !(fallback && is_empty))
      return make_constant(std::move(reference.value));
    if (fallback) return fallback;
  }
  return std::make_unique<Name>(std::move(name), std::move(reference), std::move(fallback));
}

const std::vector<Function>& functions() {
  static const std::vector<Function> all = [] {
    std::vector<Function> rows = number_functions();
    for (auto more : {random_functions(), series_functions(), text_functions(), time_functions()}) {
      rows.insert(rows.end(), more.begin(), more.end());
    }
    return rows;
  }();
  return all;
}

const Function* find_function(std::string_view name) {
  for (const Function& function : functions()) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

Result<ExpressionPtr> make_call(const Function& function, CallData data) {
  bool folds = function.kind == Function::Kind::pure;
  data.is_replayable = true;
  for (const ExpressionPtr& argument : data.arguments) {
    folds = folds && argument->constant() != nullptr;
    data.is_replayable = data.is_replayable && argument->is_replayable();
  }
  if (function.prepare != nullptr) {
    if (std::string mistake = function.prepare(data); !mistake.empty())
      return Error{std::move(mistake)};
  }
  ExpressionPtr call;
  if (function.number != nullptr) {
    call = std::make_unique<NumberCall>(function, std::move(data));
  } else if (function.text != nullptr) {
    call = std::make_unique<TextCall>(function, std::move(data));
  } else {
    call = std::make_unique<PickCall>(function, std::move(data));
  }
  if (!folds) return call;
  NoUser nobody;
  std::string error;
  Evaluation evaluation{nobody, error};
  Value value;
  if (!call->value(evaluation, value)) return Error{error};
  return make_constant(std::move(value));
}

bool whole_argument(Evaluation& evaluation, const CallData& call, std::size_t index,
                    std::string_view function, std::int64_t low, std::int64_t high,
                    std::int64_t& out) {
  Number number;
  if (!call.arguments[index]->number(evaluation, number)) return false;
  // 3.0 is whole; beyond 2^53 a double is not trusted to be.
  if (!number.is_whole && number.real == std::floor(number.real) &&
      std::fabs(number.real) <= 0x1p53) {
    number = Number::of(static_cast<std::int64_t>(number.real));
  }
  if (!number.is_whole || number.whole < low || number.whole > high) {
    std::string text;
    append_number(text, number);
    std::string why(function);
    why += ": " + text + " is not a whole number";
    if (low != INT64_MIN) {
      why += " from ";
      append_number(why, low);
      why += " to ";
      append_number(why, high);
    }
    return evaluation.fail(std::move(why));
  }
  out = number.whole;
  return true;
}

bool real_argument(Evaluation& evaluation, const CallData& call, std::size_t index, double& out) {
  Number number;
  if (!call.arguments[index]->number(evaluation, number)) return false;
  out = number.as_double();
  return true;
}

}  // namespace squall
