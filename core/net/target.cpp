#include "net/target.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace squall {
namespace {

sq_str view(const std::string& text) { return {text.data(), text.size()}; }

}  // namespace

Target::Target(const TargetTable& table, std::uint32_t index, std::string name, TargetUrl url,
               TargetOptions options)
    : table_(table),
      index_(index),
      name_(std::move(name)),
      url_(std::move(url)),
      options_(std::move(options)),
      literal_(Address::parse(url_.host, url_.port)) {
  for (const std::string& source : options_.sources) sources_.push_back(*Address::parse(source));
  info_ = {sizeof info_,    url_.is_tls ? std::uint32_t{SQ_TG_TLS} : 0u,
           view(name_),     view(url_.scheme),
           view(url_.host), view(url_.path),
           url_.port,       0};
}

const Address* Target::source(std::uint64_t session) const {
  return sources_.empty() ? nullptr : &sources_[session % sources_.size()];
}

const std::string* Target::source_text(std::uint64_t session) const {
  return sources_.empty() ? nullptr : &options_.sources[session % sources_.size()];
}

std::string TargetTable::add(std::string name, std::string_view text, TargetOptions options) {
  if (find(name)) return fmt::format("target '{}' is listed twice", name);
  auto result = parse_target_url(text);
  if (!result.url) return fmt::format("target '{}': {}", name, result.error);
  const auto literal = Address::parse(result.url->host);
  if (literal && literal->is_forbidden())
    return fmt::format("target '{}': {} is never allowed (multicast, broadcast or a metadata service)", name,
                       result.url->host);
  for (const std::string& source : options.sources) {
    const auto address = Address::parse(source);
    if (!address) return fmt::format("target '{}': source '{}' is no IP address", name, source);
    if (literal && literal->family() != address->family())
      return fmt::format("target '{}': source {} and {} are of different IP versions", name, source,
                         result.url->host);
  }
  if (options.tls.cert.empty() != options.tls.key.empty())
    return fmt::format("target '{}': tls has a {} (cert and key go together)", name,
                       options.tls.cert.empty() ? "key but no cert" : "cert but no key");
  targets_.emplace_back(*this, size(), std::move(name), std::move(*result.url), std::move(options));
  const std::lock_guard lock(mutex_);
  allowed_.emplace_back();
  if (literal) allowed_.back().push_back(*literal);
  return {};
}

const Target* TargetTable::find(std::string_view name) const {
  const auto found = std::ranges::find(targets_, name, &Target::name);
  return found == targets_.end() ? nullptr : &*found;
}

const Target* TargetTable::match(std::string_view text) const {
  // A fragment belongs to the browser, not to the question of where the traffic goes.
  const auto result = parse_target_url(text.substr(0, text.find('#')));
  if (!result.url) return nullptr;
  const TargetUrl& url = *result.url;
  const auto found = std::ranges::find_if(targets_, [&](const Target& target) {
    return target.url().port == url.port && target.url().scheme == url.scheme && target.url().host == url.host;
  });
  return found == targets_.end() ? nullptr : &*found;
}

void TargetTable::allow(const Target& target, const std::vector<Address>& addresses) const {
  const std::lock_guard lock(mutex_);
  auto& allowed = allowed_[target.index()];
  for (const Address& address : addresses) {
    const bool is_known = std::ranges::any_of(allowed, [&](const Address& a) { return a.same_ip(address); });
    if (!is_known && !address.is_forbidden()) allowed.push_back(address.with_port(0));
  }
}

bool TargetTable::is_allowed(const Target& target, const Address& address) const {
  if (address.is_forbidden() || address.port() != target.url().port) return false;
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(allowed_[target.index()], [&](const Address& a) { return a.same_ip(address); });
}

const TlsOptions* TargetTable::tls(const Target& target, std::uint64_t session, TlsOptions& own) const {
  const TlsOptions& shared = target.options().tls;
  if (!shared.is_cert_of_session) return &shared;
  own = shared;
  return session_certificate_ && session_certificate_(target, session, own) ? &own : nullptr;
}

}  // namespace squall
