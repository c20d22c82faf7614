#include "options.hpp"

#include <charconv>
#include <optional>

namespace squall::prometheus {
namespace {

using namespace squall::plugin;
namespace ip = boost::asio::ip;

constexpr std::chrono::seconds kLongestLinger{60};  // squall waits 90 s for an output to close
constexpr size_t kMostBuckets = 100;

constexpr sq_param kListen =
    param(SQ_T_STR, "listen", "address and port of /metrics; port 0: a free one, which is logged",
          {.default_json = "\"127.0.0.1:9464\""});
constexpr sq_param kLinger =
    param(SQ_T_DURATION, "linger", "how long it waits at the end to be read once more, at most 60s",
          {.default_json = "\"5s\""});
constexpr sq_param kBuckets =
    param(SQ_T_LIST, "buckets", "upper ends of the histograms' buckets, to 0.2 % (`le` is exact)",
          {.default_json =
               R"(["100us", "250us", "500us", "1ms", "2.5ms", "5ms", "10ms", "25ms", "50ms", )"
               R"("100ms", "250ms", "500ms", "1s", "2.5s", "5s", "10s", "30s", "60s"])"});
constexpr sq_param kPercentiles =
    param(SQ_T_LIST, "percentiles", "of each second's response times, as gauges: p50, p99.9",
          {.default_json = "[]"});
constexpr sq_param kHosts =
    param(SQ_T_LIST, "hosts", "names by which it may be asked, beside addresses and localhost",
          {.default_json = "[]"});

ip::tcp::endpoint listen_address(std::string_view text) {
  const auto wrong = [&](const char* why) {
    return invalid("listen: '" + std::string(text) + "' " + why +
                   ": write 127.0.0.1:9464, or [::1]:9464");
  };
  const size_t colon = text.rfind(':');
  if (colon == text.npos || (text.find(':') != colon && text[colon - 1] != ']'))
    throw wrong("has no port");
  std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw wrong("has no port from 0 to 65535");
  if (host.empty()) throw wrong("says no address (0.0.0.0 would be all of this machine's)");
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_an_address;
  const ip::address address = ip::make_address(std::string(host), not_an_address);
  if (not_an_address) throw wrong("is no address");
  return {address, port};
}

/// A value of a list: those keep their text.
std::optional<uint64_t> duration_ns(const sq_value& value) {
  if (value.type == SQ_T_DURATION)
    return value.u.i64 < 0 ? std::nullopt : std::optional(uint64_t(value.u.i64));
  const std::string_view text = as_text(value);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  const double scale = unit == "ns"                   ? 1
                       : unit == "us" || unit == "µs" ? 1e3
                       : unit == "ms"                 ? 1e6
                       : unit == "s"                  ? 1e9
                       : unit == "m"                  ? 60e9
                       : unit == "h"                  ? 3'600e9
                                                      : 0;
  if (scale == 0 || !(number > 0) || number * scale > 1e18) return std::nullopt;
  return static_cast<uint64_t>(number * scale + .5);
}

/// Of the description: what stands between its quotation marks.
std::vector<uint64_t> default_buckets() {
  std::vector<uint64_t> buckets;
  std::string_view rest = kBuckets.default_json;
  for (size_t begin = rest.find('"'); begin != rest.npos; begin = rest.find('"')) {
    rest.remove_prefix(begin + 1);
    const size_t end = rest.find('"');
    buckets.push_back(duration_ns(text_value(rest.substr(0, end))).value());
    rest.remove_prefix(end + 1);
  }
  return buckets;
}

std::string shown(const sq_value& value) {
  std::string text;
  append_text(text, value);
  return text;
}

/// p99, p99.9, and p999 for the same.
std::optional<double> percentile(std::string_view text) {
  if (!text.starts_with('p')) return std::nullopt;
  std::string digits(text.substr(1));
  if (digits.find('.') == digits.npos && digits.size() > 2 && digits != "100")
    digits.insert(2, ".");
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      !(number >= 0 && number <= 100))
    return std::nullopt;
  return number / 100;
}

}  // namespace

const sq_param* const kOptions[] = {&kListen, &kLinger, &kBuckets, &kPercentiles, &kHosts, nullptr};

Options read_options(std::span<const sq_pair> given) {
  Options options;
  const sq_value* listen = find(given, "listen");
  options.listen = listen_address(listen ? as_text(*listen) : "127.0.0.1:9464");
  const sq_value* linger = find(given, "linger");
  options.linger = std::chrono::nanoseconds(linger ? as_int(*linger) : 5'000'000'000);
  if (options.linger < options.linger.zero() || options.linger > kLongestLinger)
    throw invalid("linger: at most 60s");
  if (const sq_value* buckets = find(given, "buckets")) {
    for (const sq_value& bucket : as_list(*buckets)) {
      const auto ns = duration_ns(bucket);
      if (!ns)
        throw invalid("buckets: '" + shown(bucket) + "' is no time: write [10ms, 100ms, 1s]");
      options.buckets_ns.push_back(*ns);
    }
    std::ranges::sort(options.buckets_ns);
    if (options.buckets_ns.size() > kMostBuckets) throw invalid("buckets: at most 100");
  } else {
    options.buckets_ns = default_buckets();
  }
  if (const sq_value* percentiles = find(given, "percentiles"))
    for (const sq_value& item : as_list(*percentiles)) {
      const auto share = percentile(as_text(item));
      if (!share)
        throw invalid("percentiles: '" + shown(item) + "' is none: write [p50, p95, p99.9]");
      options.percentiles.push_back(*share);
      options.percentile_names.emplace_back(as_text(item));
    }
  if (const sq_value* hosts = find(given, "hosts"))
    for (const sq_value& item : as_list(*hosts)) options.hosts.push_back(shown(item));
  return options;
}

}  // namespace squall::prometheus
