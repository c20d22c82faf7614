// The names of one payload (its fields, the index of `each`, the filler) in front of the loader's.
// Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/expression.hpp"
#include "payload/payload_plan.hpp"
#include "payload/suggestion.hpp"

namespace squall {

/// A name is usable once its field has been read.
class FieldNames final : public Names {
 public:
  explicit FieldNames(Names& outer) : outer_(outer) {}

  Result<Reference> resolve(std::string_view name) override {
    for (auto one = own_.rbegin(); one != own_.rend(); ++one) {
      if (one->name != name) continue;
      Reference reference;
      reference.kind = Reference::Kind::local;
      reference.index = one->slot;
      reference.is_json = one->is_json;
      return reference;
    }
    auto found = outer_.resolve(name);
    if (found) return found;
    std::vector<std::string_view> known;
    for (const Own& one : own_) known.push_back(one.name);
    const std::string hint = did_you_mean(name, known);
    return Error{found.error().text +
                 (found.error().text.find("did you mean") == std::string::npos ? hint : "")};
  }
  std::uint32_t add_state(std::string_view id) override { return outer_.add_state(id); }

  std::uint32_t add_slot() { return kFieldSlots + count_++; }
  void show(std::string_view name, std::uint32_t slot, bool is_json) {
    own_.push_back({std::string(name), slot, is_json});
  }
  std::size_t depth() const { return own_.size(); }
  void hide_from(std::size_t depth) { own_.resize(depth); }
  std::uint32_t count() const { return count_; }

  /// A field must not hide a generator, another field or a name of the scenario:
  /// A mistake, or "".
  std::string mistake_of_new(std::string_view name) {
    const std::string quoted = "'" + std::string(name) + "'";
    if (find_function(name) != nullptr)
      return quoted + " is a generator; give the field another name";
    for (const Own& one : own_) {
      if (one.name == name) return quoted + " stands twice";
    }
    if (outer_.resolve(name)) return "the field " + quoted + " hides a name of the scenario";
    return "";
  }

 private:
  struct Own {
    std::string name;
    std::uint32_t slot;
    bool is_json;
  };
  Names& outer_;
  std::vector<Own> own_;
  std::uint32_t count_ = 0;
};

}  // namespace squall
