// An HTTP/1.x answer on top of Beast's incremental parser: its callbacks keep what the exchange
// asked for and count the rest, so that an answer nobody looks at costs no copy.  Does no I/O and
// no timing. Not movable (Beast's rule): one lies inside each connection and is made anew in place
// per answer.
#pragma once
#include <boost/beast/http/basic_parser.hpp>

#include "exchange.hpp"

namespace squall::http {

class ResponseParser : public boost::beast::http::basic_parser<false> {
 public:
  static constexpr uint32_t kMaxFields = 256;

  /// `jar` is made when the first cookie comes.
  ResponseParser(Exchange& exchange, std::unique_ptr<CookieJar>& jar, uint64_t now_ns,
                 uint32_t header_limit);

  struct Step {
    enum Kind { kNeedMore, kComplete, kBroken } kind;
    size_t consumed;
    Verdict verdict;  // when broken
  };
  /// Eats what it can.  What it leaves is to be shown again with more behind it.
  Step feed(const char* data, size_t size);
  /// The peer has finished: completes a body that runs to the end of the connection.
  Step finish();
  /// Of a complete answer: the same head means the same again, whatever came before it.
  bool is_plain() const { return is_plain_ && keep_alive() && content_length() == exchange_.body_bytes; }
  bool is_informational() const { return status_ >= 100 && status_ < 200; }

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;
  void on_request_impl(boost::beast::http::verb, string_view, string_view, int,
                       error_code&) override {}
  void on_response_impl(int status, string_view reason, int version, error_code& error) override;
  void on_field_impl(boost::beast::http::field name, string_view name_text, string_view value,
                     error_code& error) override;
  void on_header_impl(error_code& error) override;
  void on_body_init_impl(const boost::optional<uint64_t>& length, error_code& error) override;
  size_t on_body_impl(string_view piece, error_code& error) override;
  void on_chunk_header_impl(uint64_t, string_view, error_code& error) override { error = {}; }
  size_t on_chunk_body_impl(uint64_t, string_view piece, error_code& error) override;
  void on_finish_impl(error_code& error) override;
  Verdict explain(const error_code& error) const;
  void stop(Verdict verdict, error_code& error);

  Exchange& exchange_;
  std::unique_ptr<CookieJar>& jar_;
  uint64_t now_ns_;
  uint32_t header_limit_;
  uint64_t header_bytes_ = 0;
  uint32_t field_count_ = 0;
  int status_ = 0;
  bool header_done_ = false;
  bool is_plain_ = true;     // no field of it is acted upon
  bool is_stopped_ = false;  // `stopped_as_` says why, rather than Beast's error
  Verdict stopped_as_;
};

}  // namespace squall::http
