// The HTTP and HTTPS ports: two listeners on the first worker that hand their connections to all
// workers in turn, and the desks where these are served.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <vector>

#include "http_session.hpp"
#include "worker.hpp"

namespace squall::city {

class HttpServer {
 public:
  /// `workers` and `tls` outlive the server. `journal` may be empty. Nothing listens yet.
  HttpServer(const std::vector<std::unique_ptr<Worker>>& workers, asio::ssl::context& tls,
             const std::string& journal);

  /// Both return the bound port. Throw boost::system::system_error. Before the workers start.
  unsigned short listen_plain(const asio::ip::tcp::endpoint& address);
  unsigned short listen_tls(const asio::ip::tcp::endpoint& address);

  /// Adds all desks' counts up, and sees that the journal on disk is as far as they are.
  void add_to(HttpCounters& plain, HttpCounters& tls);
  void reset();
  CmsDesk& cms() { return shared_.cms; }
  TransactionDesk& transactions() { return shared_.transactions; }

 private:
  HttpDesk& desk_of(const Worker& worker);
  Worker& next_worker();

  asio::ssl::context& tls_;
  HttpShared shared_;
  std::vector<std::unique_ptr<HttpDesk>> desks_;
  std::size_t turn_ = 0;  // only the first worker's thread, which accepts, uses it
};

}  // namespace squall::city
