// The plugin that is looked at, and what the command line says of it.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace squall::plugin_check {

/// What a test draws from; the same seed draws the same.
class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  /// 0 to n - 1.
  std::uint64_t below(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(bits_); }
  bool chance(double share) { return std::bernoulli_distribution(share)(bits_); }
  template <class List>
  const auto& one_of(const List& list) { return list[below(std::size(list))]; }

 private:
  std::mt19937_64 bits_;
};

struct Subject {
  std::string path;
  std::uint64_t seed = 1;
  std::vector<std::string> only;               // operations and tasks; empty: all
  std::map<std::string, std::string> given;    // values of parameters and options, by name
  bool has_nothing = false;                    // the host offers no table

  const sq_plugin* root = nullptr;
  const sq_protocol* protocol = nullptr;
  const sq_tasks* tasks = nullptr;
  const sq_output* output = nullptr;

  bool is_wanted(const char* operation) const;
  bool has_own_threads() const { return root->flags & SQ_PLUGIN_OWN_THREADS; }
};

/// Loads the library, calls init on the fake host and asks for the interfaces; false, and a finding, when that fails.
bool load(Subject& subject);


}  // namespace squall::plugin_check
