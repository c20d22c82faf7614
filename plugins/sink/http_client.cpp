#include "http_client.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <optional>
#include <squall/plugin.hpp>

namespace squall::sink {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint64_t kBodyLimit = 64 << 20;
constexpr uint32_t kHeaderLimit = 64 << 10;

}  // namespace

struct HttpClient::Shared {
  asio::io_context io{1};
  asio::ssl::context tls{asio::ssl::context::tls_client};
};

/// From the look-up of the name to the last byte, all within one limit.
class HttpClient::Connection {
 public:
  Connection(Shared& shared, const Address& address)
      : io_(shared.io), address_(address), stream_(shared.io, shared.tls) {}

  /// "": it stands.
  std::string open(std::chrono::steady_clock::time_point until) {
    tcp::resolver resolver(io_);
    tcp::resolver::results_type found;
    error_code error = run([&](auto done) {
      resolver.async_resolve(address_.host, std::to_string(address_.port),
                             tcp::resolver::numeric_service,
                             [&found, done](error_code failed, auto results) {
                               found = std::move(results);
                               done(failed);
                             });
    });
    if (error) return "cannot find " + address_.host + ": " + error.message();
    tcp_stream().expires_at(until);
    error = run([&](auto done) {
      tcp_stream().async_connect(found, [done](error_code failed, const auto&) { done(failed); });
    });
    if (error) return "cannot connect to " + address_.authority() + ": " + error.message();
    // Programs that squall starts must not keep it open.
    ::fcntl(tcp_stream().socket().native_handle(), F_SETFD, FD_CLOEXEC);
    error_code ignored;
    tcp_stream().socket().set_option(tcp::no_delay(true), ignored);
    if (!address_.is_tls) return "";
    error_code not_an_address;
    asio::ip::make_address(address_.host, not_an_address);
    if (not_an_address) ::SSL_set_tlsext_host_name(stream_.native_handle(), address_.host.c_str());
    stream_.set_verify_mode(asio::ssl::verify_peer);
    stream_.set_verify_callback(asio::ssl::host_name_verification(address_.host));
    error = run([&](auto done) { stream_.async_handshake(asio::ssl::stream_base::client, done); });
    return error ? "TLS with " + address_.authority() + ": " + reason(error) : "";
  }

  HttpAnswer exchange(http::request<http::span_body<const char>>& request,
                      std::chrono::steady_clock::time_point until) {
    is_kept_ = false;
    tcp_stream().expires_at(until);
    error_code error = run([&](auto done) {
      const auto then = [done](error_code failed, size_t) { done(failed); };
      if (address_.is_tls)
        http::async_write(stream_, request, then);
      else
        http::async_write(tcp_stream(), request, then);
    });
    HttpAnswer answer;
    const error_code not_sent = error;
    // A server may answer, 413 say, and close before it has read everything.
    http::response_parser<http::string_body> parser;
    parser.body_limit(kBodyLimit);
    parser.header_limit(kHeaderLimit);
    if (request.method() == http::verb::head) parser.skip(true);
    error = run([&](auto done) {
      const auto then = [done](error_code failed, size_t) { done(failed); };
      if (address_.is_tls)
        http::async_read(stream_, buffer_, parser, then);
      else
        http::async_read(tcp_stream(), buffer_, parser, then);
    });
    if (error) {
      answer.why = not_sent ? "sending to " + address_.authority() + ": " + reason(not_sent)
                            : "no whole answer from " + address_.authority() + ": " + reason(error);
      return answer;
    }
    answer.status = parser.get().result_int();
    const auto retry_after = parser.get()[http::field::retry_after];
    answer.retry_after.assign(retry_after.data(), retry_after.size());
    answer.body = std::move(parser.get().body());
    is_kept_ = !not_sent && parser.get().keep_alive();
    return answer;
  }

  bool is_kept() const { return is_kept_; }

 private:
  beast::tcp_stream& tcp_stream() { return stream_.next_layer(); }

  /// One asynchronous operation, to its end.
  template <class Begin>
  error_code run(Begin begin) {
    error_code result = asio::error::operation_aborted;
    begin([&result](error_code error) { result = error; });
    io_.restart();
    io_.run();
    return result;
  }

  static std::string reason(const error_code& error) {
    if (error == beast::error::timeout) return "it took too long";
    if (error == http::error::end_of_stream) return "it was closed";
    return error.message();
  }

  asio::io_context& io_;
  const Address& address_;
  asio::ssl::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  bool is_kept_ = false;
};

HttpClient::HttpClient(Address address, Headers headers, const std::string& ca)
    : address_(std::move(address)),
      headers_(std::move(headers)),
      shared_(std::make_unique<Shared>()) {
  ::SSL_CTX_set_min_proto_version(shared_->tls.native_handle(), TLS1_2_VERSION);
  error_code error;
  if (ca.empty())
    shared_->tls.set_default_verify_paths(error);
  else
    shared_->tls.load_verify_file(ca, error);
  if (error) {
    const std::string why =
        ::access(ca.c_str(), R_OK) != 0 ? std::string(::strerrordesc_np(errno)) : error.message();
    throw plugin::invalid("ca: cannot read certificates from " + ca + ": " + why);
  }
}

HttpClient::~HttpClient() = default;

HttpAnswer HttpClient::request(const HttpRequest& given, std::chrono::nanoseconds limit) {
  const auto until =
      std::chrono::steady_clock::now() +
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::max(limit, {}));
  if (!connection_) {
    connection_ = std::make_unique<Connection>(*shared_, address_);
    HttpAnswer failed;
    failed.why = connection_->open(until);
    if (!failed.why.empty()) {
      connection_.reset();
      return failed;
    }
  }
  const auto to_beast = [](std::string_view text) {
    return beast::string_view(text.data(), text.size());
  };
  http::request<http::span_body<const char>> request;
  request.version(11);
  request.method_string(to_beast(given.method));
  request.target(address_.path + std::string(given.target));
  request.set(http::field::host, address_.authority());
  request.set(http::field::user_agent, "squall");
  request.set(http::field::accept, "application/json");
  for (const auto& [name, value] : headers_) request.set(name, value);
  if (!given.content_type.empty())
    request.set(http::field::content_type, to_beast(given.content_type));
  request.body() = {given.body.data(), given.body.size()};
  request.prepare_payload();
  HttpAnswer answer = connection_->exchange(request, until);
  if (!connection_->is_kept()) connection_.reset();
  return answer;
}

std::chrono::seconds parse_retry_after(std::string_view text, std::time_t now) {
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || at != end) {
    std::tm parts{};
    const std::string date(text);
    const char* const rest = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!rest || *rest) return std::chrono::seconds(0);
    seconds = ::timegm(&parts) - now;
  }
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, 3600));
}

}  // namespace squall::sink
