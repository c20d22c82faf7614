#include "http_request.hpp"

#include <boost/beast/core/string.hpp>
#include <charconv>

namespace squall::city {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view RequestHead::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view{} : std::string_view(target).substr(mark + 1);
}

void RequestHead::clear() {
  for (auto* text : {&method_text, &target, &class_field, &seq_field, &authorization, &cookie,
                     &content_type, &expect, &checksum_field}) {
    text->clear();
  }
}

HttpRequest::HttpRequest(RequestHead& head, BodySink& body) : head_(head), body_(body) {
  head_.clear();
  header_limit(kMaxHeaderSize);
  body_limit(boost::none);  // uploads have no limit; bodies that are kept have one of their own
}

void HttpRequest::on_request_impl(http::verb method, View method_text, View target, int version,
                                  Error&) {
  head_.method = method;
  head_.version = version;
  head_.method_text.assign(method_text.data(), method_text.size());
  head_.target.assign(target.data(), target.size());
}

void HttpRequest::on_field_impl(http::field name, View name_text, View value, Error&) {
  std::string* kept = nullptr;
  switch (name) {
    case http::field::authorization:
      kept = &head_.authorization;
      break;
    case http::field::cookie:
      kept = &head_.cookie;
      break;
    case http::field::content_type:
      kept = &head_.content_type;
      break;
    case http::field::expect:
      kept = &head_.expect;
      break;
    case http::field::unknown:
      if (boost::beast::iequals(name_text, "X-Class")) kept = &head_.class_field;
      if (boost::beast::iequals(name_text, "X-Seq")) kept = &head_.seq_field;
      if (boost::beast::iequals(name_text, "X-Checksum")) kept = &head_.checksum_field;
      break;
    default:
      break;
  }
  if (kept) kept->assign(value.data(), value.size());
}

std::size_t HttpRequest::on_body_impl(View bytes, Error&) {
  body_.add({bytes.data(), bytes.size()});
  return bytes.size();
}

std::size_t HttpRequest::on_chunk_body_impl(std::uint64_t, View bytes, Error&) {
  body_.add({bytes.data(), bytes.size()});
  return bytes.size();
}

std::string_view query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

std::string url_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string_view cookie_value(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    auto pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(cookies.size(), pair.size() + 1));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace squall::city
