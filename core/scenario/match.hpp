// What `expect`, `satisfied` and `if` ask of one value: equals, contains, regex, above, below, json, not,
// status sets (`2xx`, [200, 304]), comparisons (`< 2s`). Built by the loader, asked by the engine; it
// fetches nothing itself and knows no protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "payload/template.hpp"
#include "result.hpp"
#include "scenario/json_path.hpp"

namespace re2 {
class RE2;
}

namespace squall {

/// A compiled RE2 expression: linear time whatever the answer holds.
class Regex {
 public:
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern);
  ~Regex();

  /// The first group of the first match, or the whole match when there is no group; a view into `text`.
  bool find(std::string_view text, std::string_view& found) const;
  const std::string& pattern() const;

 private:
  explicit Regex(std::unique_ptr<re2::RE2> expression);
  std::unique_ptr<re2::RE2> expression_;
};

/// The value looked at. A number carries no text and is printed only for `why`; durations are ns.
struct MatchInput {
  enum class Kind : std::uint8_t { text, number, duration } kind = Kind::text;
  std::string_view text;
  double number = 0;

  static MatchInput of(std::string_view text) { return {Kind::text, text, 0}; }
  static MatchInput of_number(double number) { return {Kind::number, {}, number}; }
  static MatchInput of_duration(std::int64_t ns) { return {Kind::duration, {}, static_cast<double>(ns)}; }
};

/// All rules must hold. `regex` comes first and yields its group to the others.
class Matcher {
 public:
  enum class Op : std::uint8_t { equals, contains, above, below, at_least, at_most, one_of, json, none_of };
  struct Range { double low = 0, high = 0; };  // 2xx is [200, 299], 304 is [304, 304]
  struct Rule {
    Op op = Op::equals;
    Template value;                        // equals, contains, above …
    std::vector<Range> ranges;             // one_of, numbers
    std::vector<Template> texts;           // one_of, texts
    JsonPath path;                         // json
    std::shared_ptr<const Matcher> inner;  // json, none_of (`not`)
  };

  void look_at_group_of(std::shared_ptr<const Regex> regex) { regex_ = std::move(regex); }
  void add(Rule rule) { rules_.push_back(std::move(rule)); }
  bool empty() const { return !regex_ && rules_.empty(); }

  /// Templates are evaluated in `scope`, so a rule may use what the user captured. `why`, when given,
  /// says which rule failed on what, in few distinct words: "status is 503, not 200" without the "status".
  bool matches(const MatchInput& input, Scope& scope, std::string* why = nullptr) const;

 private:
  std::shared_ptr<const Regex> regex_;
  std::vector<Rule> rules_;
};

}  // namespace squall
