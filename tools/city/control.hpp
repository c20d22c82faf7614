// The control port: counters, reset and misbehaviour over a small JSON API on a port of its own, so
// that asking never shows up in what is asked for. Runs on the main thread; waits for the workers'
// answers.
#pragma once

#include <cstdint>

#include "city.hpp"

namespace squall::city {

class Control {
 public:
  Control(asio::io_context& io, City& city) : io_(io), city_(city) {}
  /// Returns the bound port. Throws boost::system::system_error.
  std::uint16_t listen(const asio::ip::tcp::endpoint& address);

 private:
  struct Reply {
    unsigned status = 200;
    std::string body;
  };
  Task<void> accept(Acceptor acceptor);
  Task<void> serve(Socket socket);
  Reply answer(std::string_view method, std::string_view path, std::string_view body);

  asio::io_context& io_;
  City& city_;
};

}  // namespace squall::city
