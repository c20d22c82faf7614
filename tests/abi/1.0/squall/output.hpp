// Comfort for output plugins in C++20 over <squall/abi.h>: a batch as ranges, histograms, the words
// of outcomes and error classes, and a table whose functions let no exception out.  Like plugin.hpp
// header only, std only and compiled INTO the plugin, so nothing here is part of the ABI.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <squall/plugin.hpp>

namespace squall::plugin {

// ---- a batch -----------------------------------------------------------------------------------

/// Elements of the host, which may be longer than this header's: a forward range of `const T&`.
template <class T>
class Strided : public std::ranges::view_interface<Strided<T>> {
 public:
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::forward_iterator_tag;
    iterator() = default;
    iterator(const T* at, uint64_t stride) : at_(at), stride_(stride) {}
    const T& operator*() const { return *at_; }
    const T* operator->() const { return at_; }
    iterator& operator++() {
      at_ = reinterpret_cast<const T*>(reinterpret_cast<const char*>(at_) + stride_);
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const iterator& other) const { return at_ == other.at_; }

   private:
    const T* at_ = nullptr;
    uint64_t stride_ = 0;
  };

  Strided() = default;
  Strided(const T* first, uint64_t count, uint64_t stride)
      : first_(first), count_(count), stride_(stride) {}
  iterator begin() const { return {first_, stride_}; }
  iterator end() const {
    const auto* bytes = reinterpret_cast<const char*>(first_);
    return {reinterpret_cast<const T*>(bytes + count_ * stride_), stride_};
  }
  size_t size() const { return static_cast<size_t>(count_); }

 private:
  const T* first_ = nullptr;
  uint64_t count_ = 0, stride_ = 0;
};

/// One second of the run.  It, and all that it shows, is valid until write() returns.
class Batch {
 public:
  explicit Batch(const sq_batch& abi) : abi_(abi) {}

  /// 0, 1, 2 …: one that was seen before is shown again.
  uint64_t number() const { return abi_.number; }
  uint64_t begin_unix_ns() const { return abi_.begin_unix_ns; }
  uint64_t end_unix_ns() const { return abi_.end_unix_ns; }
  /// A sample's time as wall-clock time.
  uint64_t unix_ns(uint64_t sample_time_ns) const { return sample_time_ns + abi_.mono_to_unix_ns; }

  /// New ones: each comes once, before its first window or sample.
  auto series() const {
    return std::span(abi_.series, static_cast<size_t>(abi_.n_series)) |
           std::views::transform(
               [](const sq_series_desc* series) -> const sq_series_desc& { return *series; });
  }
  Strided<sq_window> windows() const { return {abi_.windows, abi_.n_windows, abi_.window_stride}; }
  Strided<sq_sample> samples() const { return {abi_.samples, abi_.n_samples, abi_.sample_stride}; }
  std::span<const sq_gauge> gauges() const {
    return {abi_.gauges, static_cast<size_t>(abi_.n_gauges)};
  }
  std::span<const sq_event> events() const {
    return {abi_.events, static_cast<size_t>(abi_.n_events)};
  }
  /// What the host counts as accepted; delivered and rejected add up to it.
  uint64_t items() const { return abi_.n_windows + abi_.n_samples + abi_.n_gauges + abi_.n_events; }

 private:
  const sq_batch& abi_;
};

inline std::span<const sq_pair> tags(const sq_series_desc& series) {
  return {series.tags, static_cast<size_t>(series.n_tags)};
}
/// Of one window: their counts add up to `failed`.
inline std::span<const sq_error_count> errors(const sq_window& window) {
  return {window.errors, static_cast<size_t>(window.n_errors)};
}

// ---- words -------------------------------------------------------------------------------------

/// SQ_OUT_*: "ok", "failed", "timeout", "cut".
constexpr std::string_view outcome_name(uint32_t outcome) {
  constexpr std::string_view kNames[] = {"ok", "failed", "timeout", "cut"};
  return outcome < std::size(kNames) ? kNames[outcome] : "unknown";
}
inline constexpr uint32_t kErrorClasses = SQ_K_TIMEOUT + 1;
/// SQ_K_*, in the words of results: "resolve", "connect" … "timeout"; "none" for none.
constexpr std::string_view error_class(uint32_t kind) {
  constexpr std::string_view kNames[] = {
      "none",   "resolve", "connect", "tls",    "send",           "receive",  "closed", "protocol",
      "status", "check",   "limit",   "plugin", "local_resource", "off_list", "timeout"};
  static_assert(std::size(kNames) == kErrorClasses);
  return kind < kErrorClasses ? kNames[kind] : "unknown";
}

/// Length of the well-formed UTF-8 sequence that `text` begins with; 0 when it begins with none
/// (Unicode 15, table 3-7).  Names and details may hold bytes of any server.
constexpr size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const auto follows = [&](size_t i, unsigned char low = 0x80, unsigned char high = 0xbf) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned char low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned char low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// ---- histograms --------------------------------------------------------------------------------

/// The buckets of every sq_hist: 512 to an octave, exact below 1,024 ns.
inline constexpr uint32_t kBuckets = 56 * 512;
/// The bucket that a time belongs to.
constexpr uint32_t bucket_of(uint64_t ns) {
  const uint32_t shift = 54 - static_cast<uint32_t>(std::countl_zero(ns | 512));
  return (shift << 9) + static_cast<uint32_t>(ns >> shift);
}
/// Smallest and largest time of a bucket; the next begins one nanosecond later.
constexpr uint64_t bucket_low(uint32_t bucket) {
  if (bucket < 1024) return bucket;
  const uint32_t shift = (bucket >> 9) - 1;
  return uint64_t{bucket - (shift << 9)} << shift;
}
constexpr uint64_t bucket_high(uint32_t bucket) {
  if (bucket < 1024) return bucket;
  return bucket_low(bucket) + ((uint64_t{1} << ((bucket >> 9) - 1)) - 1);
}

/// The smallest time that at least this share of all does not exceed, at most 0.1 % from the true
/// one; 0 without any.  share: 0 to 1.
inline uint64_t quantile_ns(const sq_hist& histogram, double share) {
  if (histogram.total == 0) return 0;
  if (!(share > 0)) return histogram.min_ns;
  if (share >= 1) return histogram.max_ns;
  // The rank's tiny allowance keeps a share that binary cannot say from asking for one more.
  const double exact = share * static_cast<double>(histogram.total);
  const auto rank = std::max<uint64_t>(static_cast<uint64_t>(std::ceil(exact - exact * 1e-14)), 1);
  uint64_t seen = 0;
  for (uint64_t i = 0; i < histogram.n; ++i) {
    seen += histogram.count[i];
    if (seen < rank) continue;
    const uint64_t low = bucket_low(histogram.index[i]), high = bucket_high(histogram.index[i]);
    return std::clamp(low + (high - low) / 2, histogram.min_ns, histogram.max_ns);
  }
  return histogram.max_ns;
}

/// Histograms of several windows or series, added up without loss.
class HistogramSum {
 public:
  void add(const sq_hist& other) {
    if (other.total == 0) return;
    std::vector<uint32_t> index;
    std::vector<uint64_t> count;
    index.reserve(index_.size() + other.n);
    count.reserve(index_.size() + other.n);
    size_t ours = 0;
    uint64_t theirs = 0;
    while (ours < index_.size() || theirs < other.n) {
      const uint32_t mine = ours < index_.size() ? index_[ours] : kBuckets;
      const uint32_t next = theirs < other.n ? std::min(mine, other.index[theirs]) : mine;
      uint64_t sum = 0;
      if (mine == next) sum += count_[ours++];
      if (theirs < other.n && other.index[theirs] == next) sum += other.count[theirs++];
      index.push_back(next);
      count.push_back(sum);
    }
    min_ns_ = total_ == 0 ? other.min_ns : std::min(min_ns_, other.min_ns);
    max_ns_ = std::max(max_ns_, other.max_ns);
    total_ += other.total;
    sum_ns_ += other.sum_ns;
    index_ = std::move(index);
    count_ = std::move(count);
  }
  /// Valid until the next add().
  sq_hist view() const {
    return {index_.data(), count_.data(), index_.size(), total_, sum_ns_, min_ns_, max_ns_};
  }

 private:
  std::vector<uint32_t> index_;
  std::vector<uint64_t> count_;
  uint64_t total_ = 0, sum_ns_ = 0, min_ns_ = 0, max_ns_ = 0;
};

// ---- the output table --------------------------------------------------------------------------

/// What became of a batch; what was not rejected was delivered.
struct Delivery {
  uint64_t rejected = 0;  // items that will not come to where they should
  bool is_later = false;  // show this batch again
  std::string why{};      // of the last rejection or delay
};
inline Delivery delivered() { return {}; }
inline Delivery rejected(const Batch& batch, std::string why) {
  return {batch.items(), false, std::move(why)};
}
inline Delivery later(std::string why) { return {0, true, std::move(why)}; }

/// The functions of sq_output for a class of the plugin:
///   Sink(std::span<const sq_pair> options, sq_shard* io); throws to refuse
///   Delivery write(const Batch&);  what it throws rejects the batch
///   void close();                  flushes; what it throws is told.  Or
///   void close(sq_done*);          for one that ends later: by loop.done() on the io shard, after
///   `delete this`
/// flags: SQ_OUTPUT_*.  All on the io shard, which may wait for a disk.
template <class Sink>
constexpr sq_output output(const char* name, const sq_param* const* options, uint32_t flags = 0) {
  struct Thunks {
    static sq_status open(sq_shard* io, const sq_pair* opts, uint64_t n, void** out,
                          sq_error* error) noexcept {
      return guard(error, [&] { *out = new Sink(std::span(opts, static_cast<size_t>(n)), io); });
    }
    static void write(void* sink, const sq_batch* abi, sq_done* done) noexcept {
      const Batch batch(*abi);
      Delivery told;
      sq_error error{};
      const sq_status status =
          guard(&error, [&] { told = static_cast<Sink*>(sink)->write(batch); });
      sq_delivery delivery{};
      delivery.struct_size = sizeof delivery;
      if (status == SQ_OK) {
        delivery.retry = told.is_later;
        delivery.rejected = std::min(told.rejected, batch.items());
        delivery.delivered = told.is_later ? 0 : batch.items() - delivery.rejected;
        delivery.why = str(told.why);
      } else {
        delivery.rejected = batch.items();
        delivery.why = str(error.text);
      }
      host.loop->written(done, &delivery);
    }
    static void close(void* instance, sq_done* done) noexcept {
      auto* sink = static_cast<Sink*>(instance);
      if constexpr (requires { sink->close(done); }) {
        sink->close(done);
      } else {
        sq_error error{};
        const sq_status status = guard(&error, [&] { sink->close(); });
        delete sink;
        host.loop->done(done, status, str(error.text));
      }
    }
  };
  return {sizeof(sq_output), flags, name, options, Thunks::open, Thunks::write, Thunks::close};
}

/// The plugin's one export; `table` is a constant sq_output.  See SQUALL_PLUGIN_ENTRY.
#define SQUALL_OUTPUT_PLUGIN_WITH(id, version, description, license, plugin_flags, table, on_init, \
                                  on_fini)                                                         \
  SQUALL_PLUGIN_ENTRY(SQ_OUTPUT_V1, id, version, description, license, plugin_flags, table,        \
                      on_init, on_fini)
/// For a plugin that has nothing to do at init and exit.
#define SQUALL_OUTPUT_PLUGIN(id, version, description, license, table)   \
  SQUALL_OUTPUT_PLUGIN_WITH(id, version, description, license, 0, table, \
                            ::squall::plugin::nothing, ::squall::plugin::nothing)

}  // namespace squall::plugin
