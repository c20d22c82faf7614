// One HTTP/1.1 connection that is kept, with TLS verified, and a limit for each request as a whole.
// No redirect is followed: what is sent goes to the address that was named, and nowhere else.
#pragma once
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address.hpp"

namespace squall::sink {

struct HttpRequest {
  std::string_view method, target, content_type, body;  // target: behind the address's path
};

struct HttpAnswer {
  unsigned status = 0;  // 0: no whole answer came, see `why`
  std::string retry_after, body, why;
};

class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// Connects with the first request.  `ca`: a file of certificates to trust instead of the
  /// system's; "": those.  Throws plugin::Refusal when it cannot be read.
  HttpClient(Address address, Headers headers, const std::string& ca);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// Waits, at most `limit`; looking up a name may take what the resolver takes.  [one thread]
  HttpAnswer request(const HttpRequest& request, std::chrono::nanoseconds limit);

 private:
  class Connection;
  Address address_;
  Headers headers_;
  struct Shared;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Connection> connection_;
};

/// Of a Retry-After header: seconds, or a date.  0: it says nothing that can be understood.
std::chrono::seconds parse_retry_after(std::string_view text, std::time_t now);

}  // namespace squall::sink
