// The two TCP request/response ports. Each message comes back as it was, in the framing of its
// port: `tcp` takes messages that end with a newline, `tcp_prefix` a length (u32, big endian) and
// that many bytes.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "counters.hpp"
#include "worker.hpp"

namespace squall::city {

class TcpEcho {
 public:
  enum class Framing { kNewline, kPrefix };
  static constexpr std::size_t kMaxMessageSize = 16
                                                 << 20;  // a connection that sends more is closed

  /// Who else looks at each whole message, on the worker's thread.
  using OnMessage = std::function<void(std::string_view message)>;

  TcpEcho(Worker& worker, Framing framing, OnMessage on_message = {})
      : worker_(worker), framing_(framing), on_message_(std::move(on_message)) {}
  /// Returns the bound port. Throws boost::system::system_error. Before the worker starts.
  unsigned short listen(const asio::ip::tcp::endpoint& address);
  TcpCounters counters();
  void reset();

 private:
  struct Messages {
    std::size_t size = 0;  // of the whole messages at the begin of the buffer
    bool is_oversize = false;
  };
  Task<void> serve(Socket socket);
  Messages count_whole(std::string_view buffered);

  Worker& worker_;
  const Framing framing_;
  const OnMessage on_message_;
  TcpCounters counters_;
};

}  // namespace squall::city
