// The HTTP endpoint, on a thread of its own: reading it waits for nothing of squall's and holds up
// no other output.  HTTP/1.1 with keep-alive, at most kMostConnections at a time.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "exposition.hpp"

namespace squall::prometheus {

/// A page that several readers may be sent at once.
struct Page {
  std::shared_ptr<const std::string> text;
  bool is_last = false;  // nothing will change any more
};

class Server {
 public:
  static constexpr size_t kMostConnections = 32;

  /// Listens, and answers from now on.  `page` is called on the server's thread.  Throws
  /// plugin::Refusal: port in use and the like.
  Server(const boost::asio::ip::tcp::endpoint& listen, std::vector<std::string> hosts,
         std::function<Page(Format)> page);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Ends at once.
  ~Server();

  boost::asio::ip::tcp::endpoint endpoint() const { return endpoint_; }

  /// From now on pages are the last ones: calls `ended` once, on the server's thread, when one has
  /// been sent whole, or after `linger`.  Thread: any.
  void end_after(std::chrono::nanoseconds linger, std::function<void()> ended);

 private:
  class Connection;
  void accept();
  void end();

  size_t connections_ = 0;  // before io_, whose end ends them
  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::acceptor acceptor_{io_};
  boost::asio::steady_timer linger_{io_};
  boost::asio::ip::tcp::endpoint endpoint_;
  std::vector<std::string> hosts_;
  std::function<Page(Format)> page_;
  std::function<void()> ended_;
  std::thread thread_;
};

}  // namespace squall::prometheus
