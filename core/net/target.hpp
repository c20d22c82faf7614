// The allow-list: the only addresses that traffic of a run may go to.  A target is a name, an
// address and options; the table finds them, says which listed target a redirect belongs to, and
// knows which IP addresses the names of listed targets resolved to.
// Built by the control thread before the run; constant afterwards except what is said here.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hpp"
#include "net/handles.hpp"
#include "net/target_url.hpp"

namespace squall {

struct TlsOptions {
  std::string ca, cert, key;        // PEM files; empty: the system's roots, no certificate
  std::string server_name;          // for SNI and verification; empty: the target's host
  bool is_insecure = false;         // verify nothing, because the scenario says so
  bool is_cert_of_session = false;  // cert and key stand here empty: each session has its own
  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

struct TargetOptions {
  std::uint64_t timeout_ns = 0;             // of an operation; the engine's
  std::uint64_t connect_timeout_ns = 10'000'000'000;
  std::vector<std::string> sources;         // local address literals; a session keeps one of them
  TlsOptions tls;
  std::string congestion;                   // "cubic"; empty: the system's
  std::uint64_t max_connections = 0;        // over all shards; 0: no limit
};

class TargetTable;

class Target : public ::sq_target {
 public:
  Target(const TargetTable& table, std::uint32_t index, std::string name, TargetUrl url, TargetOptions options);

  const TargetTable& table() const { return table_; }
  std::uint32_t index() const { return index_; }
  const std::string& name() const { return name_; }
  const TargetUrl& url() const { return url_; }
  const TargetOptions& options() const { return options_; }
  const sq_target_info* info() const { return &info_; }
  /// Set when the host is a literal: it never touches DNS.
  const std::optional<Address>& literal() const { return literal_; }
  /// The source address of a session; null: the kernel may choose.
  const Address* source(std::uint64_t session) const;
  const std::string* source_text(std::uint64_t session) const;

  /// Connections open now, over all shards. [any]
  std::atomic<std::uint64_t>& open_connections() const { return open_connections_; }

 private:
  const TargetTable& table_;
  const std::uint32_t index_;
  const std::string name_;
  const TargetUrl url_;
  const TargetOptions options_;
  std::optional<Address> literal_;
  std::vector<Address> sources_;
  sq_target_info info_{};
  mutable std::atomic<std::uint64_t> open_connections_{0};
};

class TargetTable {
 public:
  TargetTable() = default;
  TargetTable(const TargetTable&) = delete;
  TargetTable& operator=(const TargetTable&) = delete;

  /// Adds a target.  Returns the mistake as one line, or an empty string: a bad address, a name
  /// that is taken, a source that is no literal, a forbidden address.
  std::string add(std::string name, std::string_view url, TargetOptions options);

  const Target* find(std::string_view name) const;
  /// The listed target with the same scheme, host and port as this absolute URL, or null. [any]
  const Target* match(std::string_view url) const;
  const Target& at(std::uint32_t index) const { return targets_[index]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(targets_.size()); }

  /// Addresses that the name of this target resolved to become allowed for it. [any]
  void allow(const Target&, const std::vector<Address>&) const;
  /// Whether a connection of this target may go to this address and port. [any]
  bool is_allowed(const Target&, const Address&) const;

  /// Writes the files of one session (a certificate per device) into `cert` and `key` of `own`; false: it has
  /// none.  Set before the run; called on any shard, only for targets with `is_cert_of_session`.
  using SessionCertificate = std::function<bool(const Target&, std::uint64_t session, TlsOptions& own)>;
  void set_session_certificate(SessionCertificate hook) { session_certificate_ = std::move(hook); }
  /// What a session uses: the target's options, or `own`, filled.  Null: it should have a certificate
  /// and has none. [any]
  const TlsOptions* tls(const Target&, std::uint64_t session, TlsOptions& own) const;

 private:
  std::deque<Target> targets_;      // a deque: plugins keep pointers
  SessionCertificate session_certificate_;
  mutable std::mutex mutex_;        // guards allowed_
  mutable std::vector<std::vector<Address>> allowed_;  // by target index, port 0
};

}  // namespace squall
