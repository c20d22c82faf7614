// Text with `${…}` holes, compiled once by the loader and evaluated when its step begins.
// Names are resolved to places (slots, columns) at load time, so that evaluation looks nothing up;
// `var`, `env`, and `secret` are substituted at load time and leave no hole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "payload/random_stream.hpp"
#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

class ArrivalSeries;

/// What a template may see of the user that evaluates it. The engine's user implements it; tests
/// and `squall sample` have one of their own. Thread: the shard's.
class Scope {
 public:
  virtual ~Scope() = default;

  std::uint64_t seed = 0;
  std::uint32_t population = 0;
  std::uint64_t user_index = 0;     // from 0 in its population, over all agents
  std::uint64_t iteration = 0;      // of this user, from 0
  std::uint64_t arrival_index = 0;  // open load; else equal to iteration
  bool open = false;  // an arrival of open load: what is made hangs on it, not on (user, iteration)
  std::uint64_t draws = 0;  // random draws of this iteration so far

  /// Wall clock in ns since 1970, from the shard's reading of this turn.
  virtual std::int64_t unix_ns() const = 0;
  /// Captured or set, or an acquired record's column; nullptr without a value.
  virtual const Value* local(std::uint32_t slot) const = 0;
  /// Kept by `setup` for everyone; nullptr without a value.
  virtual const Value* setup(std::uint32_t slot) const { static_cast<void>(slot); return nullptr; }
  /// Column of the dataset's record that this iteration holds; the first mention picks.
  /// nullopt: no record (end of data).
  virtual std::optional<std::string_view> field(std::uint32_t dataset, std::uint32_t column) = 0;
  /// Why the last field() of this dataset gave nothing although there is a record: it cannot be read. Else "".
  virtual std::string_view field_error(std::uint32_t dataset) const { static_cast<void>(dataset); return {}; }
  /// A value of this user that outlives iterations (walk, seq, markov): generators own slots of it.
  /// For an arrival of open load it is empty at first, see arrival_series.hpp.
  virtual Value& state(std::uint32_t slot) = 0;
  /// What is remembered of that slot's series over arrivals; nullptr: nothing.
  virtual ArrivalSeries* series(std::uint32_t slot) { static_cast<void>(slot); return nullptr; }

  /// Next 64 random bits of this iteration's stream: a function of (seed, population, user or
  /// arrival index, iteration, draws) only, never of shard or thread.
  std::uint64_t random();
  /// The stream behind random(), from its current place. Who draws from it writes `draws` back.
  RandomStream stream() const;
  /// A stream for the user's life, the same in every iteration; `salt` tells its uses apart.
  RandomStream user_stream(std::uint64_t salt) const;
};

/// Where a name points, as the loader's name table answers.
struct Reference {
  enum class Kind : std::uint8_t {
    user_index,
    user_iteration,
    arrival_index,
    local,     // index: slot
    setup,     // index: slot
    field,     // index: dataset, column
    constant,  // value: var, env, secret, folded at load time; null: known, but without a value
  };
  Kind kind = Kind::constant;
  std::uint32_t index = 0;
  std::uint32_t column = 0;
  Value value;
  bool is_json = false;  // text that is JSON already: a JSON template inserts it as it stands
};

/// The loader's answers while a template is compiled. Error text may carry a "did you mean" hint.
class Names {
 public:
  virtual ~Names() = default;
  /// `pages.path`, `user.index`, `env.HOME`, `token` …; not the generators, they are known here.
  virtual Result<Reference> resolve(std::string_view dotted_name) = 0;
  /// A slot of user state for a generator with memory (seq, walk, markov). The same id gives the
  /// same slot again, so that two templates go on with one walk; an empty id always gives a new
  /// one.
  virtual std::uint32_t add_state(std::string_view id) = 0;
};

/// The template that yields `text` itself: each "${" of it stands as "$${".
std::string as_template(std::string_view text);

struct TemplateError {
  std::string text;
  std::size_t offset = 0;  // in the template's text, for the caret
};

class Template {
 public:
  Template();                         // empty text
  explicit Template(Value constant);  // no hole

  enum class Escape : std::uint8_t { none, json };  // json: holes inside quotes are JSON-escaped
  static std::variant<Template, TemplateError> compile(std::string_view text, Names& names,
                                                       Escape escape = Escape::none);
  /// One text template of a tree of values: numbers stay numbers, a string that is one hole keeps
  /// the hole's type, holes within strings are escaped. The error's offset is that in the string at
  /// fault.
  static std::variant<Template, TemplateError> compile_json(const Value& tree, Names& names);

  /// Whether every evaluation gives the same; then `constant()` is it.
  bool is_constant() const;
  const Value& constant() const;
  /// `"${x}"` alone keeps the type of x; anything else is text.
  bool is_single_hole() const;

  /// Errors: a name without a value (and no `:-default`), division by zero …; one line of text.
  Result<Value> evaluate(Scope& scope) const;
  /// The same as text, appended; false and `error` set when a name has no value.
  bool append(Scope& scope, std::string& out, std::string& error) const;

  const std::string& source() const;

  struct Program;  // of template.cpp

 private:
  explicit Template(std::shared_ptr<const Program> program);
  std::shared_ptr<const Program> program_;
};

}  // namespace squall
