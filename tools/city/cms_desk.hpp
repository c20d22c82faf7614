// The city's content system: pages that carry a revision, and jobs that raise it some time after they ended. Its journal
// is the truth about who worked on which record at the same time. Shared by all workers behind a mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace squall::city {

/// How its jobs end and which of its pages are there.
struct CmsBehaviour {
  std::int64_t visible_after_ns = 2'000'000'000;  // from a job's end to the new revision: median
  double visible_sigma = 0;                       // of a lognormal delay; 0: always the median
  double error_rate = 0;                          // jobs that end with ERR
  double never_rate = 0;                          // that end with OK and never become visible
  double missing_rate = 0;                        // paths, not requests: a missing one stays so
  std::uint64_t seed = 1;
};

class CmsDesk {
 public:
  struct Page {
    bool is_there = true;
    std::uint64_t revision = 1;
    std::size_t bytes = 0;  // of the whole page, always the same for one path
  };
  struct Counts {
    std::uint64_t begun = 0, ok = 0, failed = 0, never = 0, running = 0;
    std::uint64_t most_running = 0;
    std::uint64_t overlaps = 0;  // jobs begun on a record while another ran on it
  };
  struct Event {
    std::int64_t at_ns = 0;
    const char* what = "";  // "job_start", "job_end", "visible"
    std::uint64_t job = 0;  // its number, from 1
    std::string record, site, type, result;
  };

  /// `path`: its last segment is the record that a job raises.
  Page page(std::string_view site, std::string_view path, std::int64_t now_ns);
  /// The new job's id; looks like a UUID.
  std::string begin_job(std::string_view site, std::string_view record, std::string_view type, std::int64_t now_ns);
  /// "OK" or "ERR …"; nothing when no such job runs.
  std::optional<std::string> end_job(std::string_view id, std::int64_t now_ns);

  Counts counts() const;
  /// In the order in which things happened; a revision that is still to come is not in it.
  std::vector<Event> journal(std::int64_t now_ns) const;
  void behave(const CmsBehaviour& behaviour);
  /// Pages, jobs and journal as at the start; the behaviour stays.
  void reset();

 private:
  struct Job {
    std::uint64_t number = 0;
    std::string site, record, type;
  };
  double draw(std::uint64_t number, std::uint64_t purpose) const;

  mutable std::mutex mutex_;
  CmsBehaviour behaviour_;
  std::uint64_t begun_ = 0;
  Counts counts_;
  std::map<std::string, Job, std::less<>> running_;                        // by id
  std::map<std::string, std::uint64_t, std::less<>> running_on_;           // by "site/record"
  std::map<std::string, std::vector<std::int64_t>, std::less<>> visible_;  // when each new revision is there
  std::vector<Event> journal_;
};

}  // namespace squall::city
