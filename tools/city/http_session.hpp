// One HTTP connection: reads requests, waits where the city shall be slow, writes answers, counts.
// The same for plain TCP and TLS. A request is counted when it is whole; an answer is counted just
// before its last bytes are handed to the kernel, so a client that has it finds it in the counters.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <cstdint>

#include "counters.hpp"
#include "http_routes.hpp"
#include "journal.hpp"
#include "worker.hpp"

namespace squall::city {

using TlsStream = asio::ssl::stream<Socket>;

/// What the HTTP connections of one worker share.
struct HttpDesk {
  HttpDesk(Worker& worker, HttpShared& shared)
      : worker(worker), shared(shared), gzip(shared.filler) {}
  Worker& worker;
  HttpShared& shared;
  GzipFiller gzip;
  Journal journal;
  HttpCounters plain, tls;
  std::uint64_t resets = 0;  // what was counted before the last one cannot be taken back
};

Task<void> serve_http(HttpDesk& desk, Socket socket);
Task<void> serve_https(HttpDesk& desk, TlsStream stream);

}  // namespace squall::city
