// What a scenario may say about this output, checked and with its defaults.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <squall/output.hpp>
#include <string>
#include <vector>

namespace squall::prometheus {

struct Options {
  boost::asio::ip::tcp::endpoint listen;
  std::chrono::nanoseconds linger{};
  std::vector<uint64_t> buckets_ns;           // ascending; upper ends, as asked for
  std::vector<double> percentiles;            // 0.95
  std::vector<std::string> percentile_names;  // "p95"
  std::vector<std::string> hosts;             // names by which it may be asked, beside addresses
};

/// NULL-terminated, for the plugin's table.
extern const sq_param* const kOptions[];

/// Throws plugin::Refusal with what is wrong, and what would be right.
Options read_options(std::span<const sq_pair> given);

}  // namespace squall::prometheus
