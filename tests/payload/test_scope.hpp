// A user for tests: names, locals, one record and a clock that stand still unless a test moves
// them.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "payload/arrival_series.hpp"
#include "payload/template.hpp"

namespace squall {

class TestScope final : public Scope {
 public:
  TestScope() { seed = 42; }
  std::int64_t unix_ns() const override { return now_ns; }
  const Value* local(std::uint32_t slot) const override {
    const auto found = locals.find(slot);
    return found == locals.end() ? nullptr : &found->second;
  }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t column) override {
    if (column >= record.size()) return std::nullopt;
    return record[column];
  }
  Value& state(std::uint32_t slot) override { return states[slot]; }
  ArrivalSeries* series(std::uint32_t slot) override { return remembers ? &remembered[slot] : nullptr; }
  /// The next thing it does is arrival n of open load.
  void arrive(std::uint64_t n) {
    open = true;
    arrival_index = n;
    draws = 0;
    states.clear();
  }

  std::int64_t now_ns = 1'481'109'000'250'000'000;  // 2016-12-07T11:10:00.25Z
  std::map<std::uint32_t, Value> locals;
  std::vector<std::string> record;
  std::map<std::uint32_t, Value> states;
  bool remembers = false;
  std::map<std::uint32_t, ArrivalSeries> remembered;
};

class TestNames final : public Names {
 public:
  Result<Reference> resolve(std::string_view name) override {
    if (name == "user.index") return of(Reference::Kind::user_index);
    if (name == "user.iteration") return of(Reference::Kind::user_iteration);
    if (name == "arrival.index") return of(Reference::Kind::arrival_index);
    if (name == "token") return of(Reference::Kind::local, 0);
    if (name == "count") return of(Reference::Kind::local, 1);
    if (name == "pages.path") return of(Reference::Kind::field, 0, 0);
    if (name == "pages.site") return of(Reference::Kind::field, 0, 1);
    const auto found = constants.find(std::string(name));
    if (found == constants.end()) return Error{"unknown name '" + std::string(name) + "'"};
    Reference reference;
    reference.value = found->second;
    return reference;
  }
  std::uint32_t add_state(std::string_view id) override {
    if (id.empty()) return next_state++;
    const auto [found, is_new] = shared.try_emplace(std::string(id), next_state);
    if (is_new) ++next_state;
    return found->second;
  }

  std::map<std::string, Value> constants;
  std::map<std::string, std::uint32_t> shared;
  std::uint32_t next_state = 0;

 private:
  static Reference of(Reference::Kind kind, std::uint32_t index = 0, std::uint32_t column = 0) {
    Reference reference;
    reference.kind = kind;
    reference.index = index;
    reference.column = column;
    return reference;
  }
};

inline Value list_value(ValueList items) {
  return {std::make_shared<const ValueList>(std::move(items))};
}
inline Value map_value(ValueMap items) {
  return {std::make_shared<const ValueMap>(std::move(items))};
}
inline Value text_value(std::string text) { return {std::move(text)}; }

}  // namespace squall
