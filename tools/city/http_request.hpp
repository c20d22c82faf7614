// Reads one HTTP/1.1 request from bytes: Beast's parser with callbacks that keep only the few
// header fields the city looks at, in strings that are reused from request to request. No I/O.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall::city {

namespace http = boost::beast::http;

/// What the city knows of a request once its header is complete.
struct RequestHead {
  http::verb method = http::verb::unknown;
  int version = 11;
  std::string method_text;
  std::string target;  // as sent
  std::string class_field, seq_field, authorization, cookie, content_type, expect, checksum_field;

  std::string_view path() const;
  std::string_view query() const;
  void clear();
};

/// Where a body goes. Chunked bodies pass through the parser, others around it; both end up here.
class BodySink {
 public:
  virtual void add(std::string_view bytes) = 0;

 protected:
  ~BodySink() = default;
};

class HttpRequest final : public http::basic_parser<true> {
 public:
  static constexpr std::uint32_t kMaxHeaderSize = 64 << 10;

  /// Both outlive the parser, which reads one request.
  HttpRequest(RequestHead& head, BodySink& body);

 private:
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;
  void on_request_impl(http::verb, View method, View target, int, Error&) override;
  void on_field_impl(http::field name, View name_text, View value, Error&) override;
  std::size_t on_body_impl(View bytes, Error&) override;
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Error&) override;
  void on_response_impl(int, View, int, Error&) override {}
  void on_header_impl(Error&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, Error&) override {}
  void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
  void on_finish_impl(Error&) override {}

  RequestHead& head_;
  BodySink& body_;
};

/// The raw value of `name` in a query string, or empty.
std::string_view query_value(std::string_view query, std::string_view name);

/// Decodes %XX and '+'. A broken escape stays as it is.
std::string url_decode(std::string_view text);

/// The value of `name` in a Cookie header, or empty.
std::string_view cookie_value(std::string_view cookies, std::string_view name);

/// A whole decimal number, or nothing.
std::optional<std::uint64_t> to_number(std::string_view text);

}  // namespace squall::city
