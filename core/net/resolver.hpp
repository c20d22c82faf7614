// DNS on the control thread's io_context, so that no shard ever blocks in getaddrinfo.  A name is
// looked up once per run and again when a connection to its addresses fails, at most once a second.
// Answers travel to a shard by Environment::post.  Literals never come here.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hpp"
#include "net/environment.hpp"

namespace boost::asio {
class io_context;
}

namespace squall {

struct Resolution {
  std::vector<Address> addresses;   // port 0, in the order of RFC 6724; empty: failed
  std::string_view detail;          // when empty: "host not found" …; lives as long as the process
};

class Resolver {
 public:
  using Answer = std::function<void(const Resolution&)>;
  using Lookup = std::function<Resolution(const std::string& host)>;

  /// Lookups run on a thread of `control`; both outlive the shards that ask.
  explicit Resolver(boost::asio::io_context& control);
  /// For tests: `lookup` in place of DNS; it may block as getaddrinfo does.
  Resolver(boost::asio::io_context& control, Lookup lookup,
           std::chrono::nanoseconds refresh_after = std::chrono::seconds(1));
  ~Resolver();

  /// `answer` runs on the loop of `shard`.  `refresh`: the cached addresses did not work. [any]
  void resolve(const std::string& host, bool refresh, Environment& shard, Answer answer);
  /// The same for the control thread itself, before the run: `answer` runs on the io_context. [any]
  void resolve(const std::string& host, Answer answer);
  /// What is known without asking; false: nothing yet. [any]
  bool cached(const std::string& host, Resolution& out) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall
