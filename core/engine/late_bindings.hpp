// What compiled tasks bind while the run goes on: operations, groups, series. The plan of a scenario knows its steps
// beforehand; a compiled task names its operations when it comes to them. Equal ones are one, for all users and shards.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.hpp"

/// An operation that a compiled task has bound.
struct sq_opref {
  squall::OperationStep spec;
  squall::BoundOperation bound;
  std::uint64_t fixed = 0;     // bit i: the value of parameter i is part of it
};

namespace squall {

/// Thread: any. What it hands out lives as long as it does.
class LateBindings {
 public:
  explicit LateBindings(const Plan& plan) : plan_(plan) {}
  ~LateBindings();
  LateBindings(const LateBindings&) = delete;
  LateBindings& operator=(const LateBindings&) = delete;

  /// sq_users_api.bind. Errors: nullptr and one line.
  sq_opref* operation(const TaskUse& use, std::string_view name, std::span<const sq_pair> params, std::string& error);
  /// An instruction that stands for the group in a frame.
  const Instruction* group(const TaskUse& use, std::string_view name, std::string_view type);
  /// Of samples that are no call.
  std::uint32_t own_series(const TaskUse& use, std::string_view name);

 private:
  /// An operation that is understood and not prepared yet.
  struct Draft {
    std::unique_ptr<sq_opref> operation;
    std::vector<sq_binding> bindings;
  };
  bool read(std::string_view name, std::span<const sq_pair> params, Draft& draft, std::string& error) const;
  void bind_target(Draft& draft, const Target& target) const;
  bool prepare(Draft& draft, std::string& error) const;
  std::uint32_t series(const TaskUse& use, std::string_view name, std::string_view operation, std::string_view type,
                       SeriesKind kind, const std::map<std::string, std::string>& tags);

  const Plan& plan_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<sq_opref>> operations_;   // by use and all that is fixed
  std::map<std::string, Instruction> groups_;
};

}  // namespace squall
