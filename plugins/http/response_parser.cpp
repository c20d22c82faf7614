// See response_parser.hpp.
#include "response_parser.hpp"

#include <boost/beast/http/error.hpp>
#include <ctime>

#include "encoding.hpp"

namespace squall::http {
namespace {

namespace beast = boost::beast::http;

std::string_view plain(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

ResponseParser::ResponseParser(Exchange& exchange, std::unique_ptr<CookieJar>& jar, uint64_t now_ns,
                               uint32_t header_limit)
    : exchange_(exchange), jar_(jar), now_ns_(now_ns), header_limit_(header_limit) {
  eager(true);
  this->header_limit(header_limit);
  body_limit(boost::none);  // bodies are counted, not stored (F7)
  if (exchange.hop.method == "HEAD") skip(true);
}

ResponseParser::Step ResponseParser::feed(const char* data, size_t size) {
  error_code error;
  const size_t consumed = put(boost::asio::const_buffer(data, size), error);
  if (!header_done_) header_bytes_ += consumed;
  const size_t left = size - consumed;
  if (error && error != beast::error::need_more) return {Step::kBroken, consumed, explain(error)};
  // Beast limits what it is shown at once; a header block that trickles in, a chunk's extension and
  // trailers are limited here.
  if ((!header_done_ && header_bytes_ + left > header_limit_) ||
      (!is_done() && left > header_limit_))
    return {Step::kBroken, consumed, Verdict::failed(SQ_K_LIMIT, "header block")};
  return {is_done() ? Step::kComplete : Step::kNeedMore, consumed, {}};
}

ResponseParser::Step ResponseParser::finish() {
  error_code error;
  if (!is_done()) {
    if (!got_some()) return {Step::kBroken, 0, Verdict::failed(SQ_K_CLOSED, "eof")};
    put_eof(error);
  }
  if (!error) return {Step::kComplete, 0, {}};
  return {Step::kBroken, 0, is_stopped_ ? stopped_as_ : Verdict::failed(SQ_K_CLOSED, "eof")};
}

void ResponseParser::stop(Verdict verdict, error_code& error) {
  is_stopped_ = true;
  stopped_as_ = verdict;
  error = beast::error::bad_value;
}

void ResponseParser::on_response_impl(int status, string_view, int, error_code& error) {
  status_ = status;
  error = {};
  if (status < 100) return stop(Verdict::failed(SQ_K_PROTOCOL, "bad status"), error);
  if (status == 101) return stop(Verdict::failed(SQ_K_PROTOCOL, "unasked protocol switch"), error);
  if (!is_informational()) exchange_.status = status;
}

void ResponseParser::on_field_impl(beast::field name, string_view name_text, string_view value,
                                   error_code& error) {
  error = {};
  if (++field_count_ > kMaxFields) return stop(Verdict::failed(SQ_K_LIMIT, "header fields"), error);
  if (is_informational() || header_done_) return;  // 1xx and trailers are of no use to anybody
  if (exchange_.prepared->keeps_headers) {
    exchange_.spare().headers.append(name_text.data(), name_text.size()).push_back('\0');
    exchange_.spare().headers.append(value.data(), value.size()).push_back('\0');
  }
  switch (name) {
    case beast::field::set_cookie:
      is_plain_ = false;
      if (!jar_) jar_ = std::make_unique<CookieJar>();
      jar_->store(plain(value), exchange_.place(), now_ns_, std::time(nullptr));
      break;
    case beast::field::location:
      is_plain_ = false;
      if (exchange_.prepared->redirects) exchange_.spare().location = plain(value);
      break;
    case beast::field::content_encoding:
      is_plain_ = false;
      // Exactly one known encoding is undone; others, and stacks of them, are shown as they came.
      exchange_.is_encoded =
          !exchange_.is_encoded && (equals_ignoring_case(plain(value), "gzip") ||
                                    equals_ignoring_case(plain(value), "x-gzip") ||
                                    equals_ignoring_case(plain(value), "deflate"));
      break;
    default:
      break;
  }
}

void ResponseParser::on_header_impl(error_code& error) {
  error = {};
  header_done_ = true;
}

void ResponseParser::on_body_init_impl(const boost::optional<uint64_t>&, error_code& error) {
  error = {};
  exchange_.keeps_this_body = exchange_.prepared->keeps_body;
  exchange_.is_encoded = exchange_.is_encoded && exchange_.prepared->decodes;
  if (!exchange_.is_encoded) return;
  if (!exchange_.spare().decoder) exchange_.spare().decoder = std::make_unique<Decoder>();
  exchange_.spare().decoder->begin(exchange_.prepared->instance.decode_limit);
}

size_t ResponseParser::on_body_impl(string_view piece, error_code& error) {
  error = {};
  if (!exchange_.keeps_this_body || !exchange_.is_encoded) {
    exchange_.take_body(plain(piece));
    return piece.size();
  }
  exchange_.body_bytes += piece.size();
  std::string& kept = exchange_.spare().body_text;
  const uint64_t limit = exchange_.prepared->keep_bytes;
  const auto result = exchange_.spare().decoder->decode(plain(piece), kept, limit);
  if (result == Decoder::Result::kBroken)
    stop(Verdict::failed(SQ_K_PROTOCOL, "content-encoding"), error);
  else if (result == Decoder::Result::kTooLarge)
    stop(Verdict::failed(SQ_K_LIMIT, "decoded body"), error);
  if (kept.size() >= limit) exchange_.keeps_this_body = false;  // the rest is only counted
  return piece.size();
}

size_t ResponseParser::on_chunk_body_impl(uint64_t, string_view piece, error_code& error) {
  return on_body_impl(piece, error);
}

void ResponseParser::on_finish_impl(error_code& error) {
  error = {};
  if (exchange_.keeps_this_body && exchange_.is_encoded && exchange_.body_bytes > 0 &&
      !exchange_.spare().decoder->is_complete())
    stop(Verdict::failed(SQ_K_PROTOCOL, "content-encoding"), error);
}

Verdict ResponseParser::explain(const error_code& error) const {
  if (is_stopped_) return stopped_as_;
  std::string_view detail = "malformed answer";
  if (error == beast::error::header_limit) return Verdict::failed(SQ_K_LIMIT, "header block");
  if (error == beast::error::bad_version)
    detail = "not HTTP/1.x";
  else if (error == beast::error::bad_status)
    detail = "bad status";
  else if (error == beast::error::bad_field || error == beast::error::bad_value ||
           error == beast::error::bad_obs_fold)
    detail = "bad header field";
  else if (error == beast::error::bad_line_ending)
    detail = "bad line ending";
  else if (error == beast::error::bad_content_length ||
           error == beast::error::multiple_content_length)
    detail = "content-length";
  else if (error == beast::error::bad_transfer_encoding)
    detail = "transfer-encoding";
  else if (error == beast::error::bad_chunk || error == beast::error::bad_chunk_extension)
    detail = "bad chunk";
  return Verdict::failed(SQ_K_PROTOCOL, detail);
}

}  // namespace squall::http
