#include "cms_desk.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "desk_journal.hpp"
#include "draws.hpp"

namespace squall::city {
namespace {

// Sizes of pages as in the log of a real site: half are below 12.3 kB, nine in ten below 65.7 kB.
constexpr double kMedianBytes = 12'300, kSigma = 1.307;
constexpr double kLargestBytes = 2e6;
constexpr std::size_t kSmallestBytes = 200;

enum Purpose : std::uint64_t { kId, kError, kNever, kDelay, kDelay2, kMissing, kSize, kSize2 };

std::string key_of(std::string_view site, std::string_view record) { return fmt::format("{}/{}", site, record); }

}  // namespace

double CmsDesk::draw(std::uint64_t number, std::uint64_t purpose) const {
  const std::uint64_t words[] = {number, purpose};
  return to_unit(XXH64(words, sizeof words, behaviour_.seed));
}

CmsDesk::Page CmsDesk::page(std::string_view site, std::string_view path, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t name = XXH64(path.data(), path.size(), XXH64(site.data(), site.size(), 0));
  Page page;
  page.is_there = draw(name, kMissing) >= behaviour_.missing_rate;
  const double size = kMedianBytes * std::exp(kSigma * to_normal(draw(name, kSize), draw(name, kSize2)));
  page.bytes = std::max(kSmallestBytes, static_cast<std::size_t>(std::min(size, kLargestBytes)));
  const std::size_t slash = path.rfind('/');
  const auto record = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (const auto times = visible_.find(key_of(site, record)); times != visible_.end()) {
    page.revision += static_cast<std::uint64_t>(
        std::count_if(times->second.begin(), times->second.end(), [&](std::int64_t at) { return at <= now_ns; }));
  }
  return page;
}

std::string CmsDesk::begin_job(std::string_view site, std::string_view record, std::string_view type,
                               std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  Job job{++begun_, std::string(site), std::string(record), std::string(type)};
  const std::uint64_t words[] = {job.number, kId};
  const std::uint64_t high = XXH64(words, sizeof words, behaviour_.seed);
  const std::uint64_t low = XXH64(words, sizeof words, ~behaviour_.seed);
  std::string id = fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                               low >> 48 & 0xfff, low & 0xffff'ffff'ffff);
  ++counts_.begun;
  counts_.most_running = std::max(counts_.most_running, ++counts_.running);
  if (running_on_[key_of(site, record)]++ > 0) ++counts_.overlaps;
  journal_.push_back({now_ns, "job_start", job.number, job.record, job.site, job.type, ""});
  running_.emplace(id, std::move(job));
  return id;
}

std::optional<std::string> CmsDesk::end_job(std::string_view id, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return std::nullopt;
  const Job job = std::move(found->second);
  running_.erase(found);
  --counts_.running;
  --running_on_[key_of(job.site, job.record)];
  std::string result = "OK";
  if (draw(job.number, kError) < behaviour_.error_rate) {
    ++counts_.failed;
    result = "ERR the index is busy";
  } else {
    ++counts_.ok;
  }
  journal_.push_back({now_ns, "job_end", job.number, job.record, job.site, job.type, result});
  if (result != "OK") return result;
  if (draw(job.number, kNever) < behaviour_.never_rate) {
    ++counts_.never;
    return result;
  }
  const double factor = std::exp(behaviour_.visible_sigma * to_normal(draw(job.number, kDelay), draw(job.number, kDelay2)));
  const std::int64_t at = now_ns + std::llround(static_cast<double>(behaviour_.visible_after_ns) * factor);
  visible_[key_of(job.site, job.record)].push_back(at);
  journal_.push_back({at, "visible", job.number, job.record, job.site, job.type, ""});
  return result;
}

CmsDesk::Counts CmsDesk::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<CmsDesk::Event> CmsDesk::journal(std::int64_t now_ns) const {
  std::unique_lock lock(mutex_);
  std::vector<Event> events = journal_;
  lock.unlock();   // sorting need not hold up the workers
  return happened_by(now_ns, std::move(events));
}

void CmsDesk::behave(const CmsBehaviour& behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = behaviour;
}

void CmsDesk::reset() {
  const std::lock_guard lock(mutex_);
  begun_ = 0;
  counts_ = {};
  running_.clear();
  running_on_.clear();
  visible_.clear();
  journal_.clear();
}

}  // namespace squall::city
