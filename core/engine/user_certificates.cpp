#include "engine/user_certificates.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <unordered_set>

#include "engine/session_id.hpp"

namespace squall {
namespace {

/// What is the same for all of a user's life: its index and its record of each `per_user` dataset. The
/// loader lets nothing else into these templates.
class UserForLife final : public Scope {
 public:
  UserForLife(const Scenario& scenario, SessionId session) : scenario_(scenario) {
    seed = scenario.seed;
    population = session.population;
    user_index = session.index;
  }
  std::int64_t unix_ns() const override { return 0; }
  const Value* local(std::uint32_t) const override { return nullptr; }
  std::optional<std::string_view> field(std::uint32_t dataset, std::uint32_t column) override {
    const Dataset& data = *scenario_.datasets[dataset];
    PickAt at;
    at.user = user_index;
    const auto record = pick_record(data.pick, data.on_end, data.size(), at);
    if (!record) return std::nullopt;
    return data.field(*record, column);
  }
  Value& state(std::uint32_t) override { return state_; }

 private:
  const Scenario& scenario_;
  Value state_;
};

/// Nothing when a name has no value for this user, or the path is empty.
std::optional<std::string> path_of(const Scenario& scenario, const Template& file, SessionId session) {
  UserForLife user(scenario, session);
  std::string path, ignored;
  if (!file.append(user, path, ignored) || path.empty()) return std::nullopt;
  return UserCertificates::file_beside(scenario, path);
}

}  // namespace

std::string UserCertificates::file_beside(const Scenario& scenario, const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  return (std::filesystem::path(scenario.file).parent_path() / path).string();
}

bool UserCertificates::find(const Target& target, std::uint64_t session, TlsOptions& own) const {
  const TargetSpec::Tls& tls = scenario_.targets[target.index()].tls;
  auto cert = path_of(scenario_, tls.cert, SessionId::of(session));
  auto key = path_of(scenario_, tls.key, SessionId::of(session));
  if (!cert || !key) return false;
  own.cert = std::move(*cert);
  own.key = std::move(*key);
  return true;
}

void UserCertificates::check(std::uint32_t target, std::uint32_t population, std::uint64_t sessions,
                             const Complain& complain) const {
  const TargetSpec& spec = scenario_.targets[target];
  const auto check_files = [&](const Template& file, Mark mark) {
    std::unordered_set<std::string> known;   // thousands of users may share a few
    std::string first;
    std::uint64_t missing = 0;
    const std::uint64_t users = file.is_constant() ? 1 : sessions;
    for (std::uint64_t user = 0; user < users; ++user) {
      const auto path = path_of(scenario_, file, {population, user});
      if (!path || known.contains(*path)) continue;
      if (::access(path->c_str(), R_OK) != 0 && missing++ == 0) {
        first = fmt::format("{}: {}, for user {} of population '{}'", *path, std::strerror(errno), user,
                            scenario_.populations[population].name);
      }
      known.insert(*path);
    }
    if (missing > 0) {
      complain(mark, fmt::format("target '{}': {}{}", spec.name, first,
                                 missing > 1 ? fmt::format("; {} more files are missing", missing - 1) : ""));
    }
  };
  check_files(spec.tls.cert, spec.tls.cert_mark);
  check_files(spec.tls.key, spec.tls.key_mark);
}

}  // namespace squall
