// The bulk port: takes bytes as fast as they come and throws them away. There is no header and no
// answer; when the peer ends its stream the city closes too, which tells it that all bytes were
// read. Without checksums the kernel drops the bytes (MSG_TRUNC) and the city never copies them.
#pragma once

#include <memory>
#include <vector>

#include "counters.hpp"
#include "worker.hpp"

namespace squall::city {

class DumpSink {
 public:
  /// `workers` outlive the sink.
  DumpSink(const std::vector<std::unique_ptr<Worker>>& workers, bool has_checksums);
  /// Returns the bound port. Throws boost::system::system_error. Before the workers start.
  unsigned short listen(const asio::ip::tcp::endpoint& address);
  DumpCounters counters();
  void reset();

 private:
  struct Desk {
    Worker& worker;
    DumpCounters counters;
  };
  Task<void> serve(Desk& desk, Socket socket);
  Desk& desk_of(const Worker& worker);

  const bool has_checksums_;
  std::vector<std::unique_ptr<Desk>> desks_;
  std::size_t turn_ = 0;  // only the first worker's thread uses it
};

}  // namespace squall::city
