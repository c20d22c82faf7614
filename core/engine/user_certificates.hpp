// The client certificates of targets on which each user has its own: paths from templates, as a pure
// function of target and session, so that nothing is kept for a user and every shard and every
// connection gets the same. Reading the files is the net room's, and at most some of them are held there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/target.hpp"
#include "scenario/scenario.hpp"

namespace squall {

class UserCertificates {
 public:
  explicit UserCertificates(const Scenario& scenario) : scenario_(scenario) {}

  /// Where a path of the scenario leads: relative ones begin at its file.
  static std::string file_beside(const Scenario& scenario, const std::string& path);

  /// Whether users have different files on this target.
  static bool vary(const TargetSpec& spec) { return !spec.tls.cert.is_constant() || !spec.tls.key.is_constant(); }

  /// TargetTable::SessionCertificate; the table's targets are those of the scenario, in its order. [any]
  bool find(const Target& target, std::uint64_t session, TlsOptions& own) const;

  using Complain = std::function<void(Mark mark, std::string text)>;
  /// Says which files are not there for the sessions 0 … `sessions`-1 of a population; a session that has no
  /// record is left alone, it may never connect. One complaint for certificates, one for keys.
  void check(std::uint32_t target, std::uint32_t population, std::uint64_t sessions, const Complain& complain) const;

 private:
  const Scenario& scenario_;
};

}  // namespace squall
