// Values for described parameters: what a scenario could give, the odd ones first.
#pragma once

#include <squall/testing/fake_host.hpp>

#include <map>
#include <string>

#include "subject.hpp"

namespace squall::plugin_check {

/// Its values live as long as it does. Files and folders in them are relative: tests run in an empty folder.
class Values {
 public:
  Values(const Subject& subject, Random& random) : given_(subject.given), random_(random) {}

  /// A value of the described type and unit, or the one that the command line gives for this name.
  sq_value make(const sq_param& param, fake::Host* host = nullptr);
  /// All that must be there, and each of the others in about half of the cases.
  std::vector<sq_pair> options(const sq_param* const* described);
  std::int64_t longest_duration_ns = INT64_MAX;
  sq_str keep(std::string_view text) { return store_.copy(plugin::str(text)); }

 private:
  std::string text();
  sq_value scalar(std::uint32_t type, std::uint32_t unit);
  sq_value read(const std::string& text, const sq_param& param);

  const std::map<std::string, std::string>& given_;
  Random& random_;
  plugin::ValueStore store_;
};

/// "text 'a'", for findings.
std::string show(const sq_value& value);

}  // namespace squall::plugin_check
