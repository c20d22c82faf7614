#include "http_server.hpp"

#include "listener.hpp"

namespace squall::city {

HttpServer::HttpServer(const std::vector<std::unique_ptr<Worker>>& workers, asio::ssl::context& tls,
                       const std::string& journal)
    : tls_(tls) {
  for (const auto& worker : workers) {
    auto& desk = desks_.emplace_back(std::make_unique<HttpDesk>(*worker, shared_));
    if (!journal.empty()) desk->journal.open(journal);
  }
}

HttpDesk& HttpServer::desk_of(const Worker& worker) {
  for (auto& desk : desks_) {
    if (&desk->worker == &worker) return *desk;
  }
  return *desks_.front();
}

Worker& HttpServer::next_worker() { return desks_[turn_++ % desks_.size()]->worker; }

unsigned short HttpServer::listen_plain(const asio::ip::tcp::endpoint& address) {
  auto& first = *desks_.front();
  auto acceptor = listen(first.worker, address);
  const auto port = acceptor.local_endpoint().port();
  asio::co_spawn(first.worker.executor(),
                 accept_all(
                     std::move(acceptor), first.plain.accept_failures,
                     [this]() -> Worker& { return next_worker(); },
                     [this](Worker& worker, Socket socket) {
                       return serve_http(desk_of(worker), std::move(socket));
                     }),
                 asio::detached);
  return port;
}

unsigned short HttpServer::listen_tls(const asio::ip::tcp::endpoint& address) {
  auto& first = *desks_.front();
  auto acceptor = listen(first.worker, address);
  const auto port = acceptor.local_endpoint().port();
  asio::co_spawn(first.worker.executor(),
                 accept_all(
                     std::move(acceptor), first.tls.accept_failures,
                     [this]() -> Worker& { return next_worker(); },
                     [this](Worker& worker, Socket socket) {
                       return serve_https(desk_of(worker), TlsStream(std::move(socket), tls_));
                     }),
                 asio::detached);
  return port;
}

void HttpServer::add_to(HttpCounters& plain, HttpCounters& tls) {
  for (auto& desk : desks_) {
    const auto [plain_part, tls_part] = desk->worker.ask([&desk] {
      if (desk->journal.is_open()) desk->journal.flush();
      return std::pair(desk->plain, desk->tls);
    });
    plain += plain_part;
    tls += tls_part;
  }
}

void HttpServer::reset() {
  for (auto& count : shared_.error_every) count = 0;
  shared_.logins.clear();
  shared_.cms.reset();
  shared_.transactions.reset();
  for (auto& desk : desks_) {
    desk->worker.ask([&desk] {
      ++desk->resets;
      for (auto* counters : {&desk->plain, &desk->tls}) {
        const auto open = counters->open;
        *counters = {};
        counters->open = open;
      }
    });
  }
}

}  // namespace squall::city
