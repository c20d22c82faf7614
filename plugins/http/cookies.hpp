// One virtual user's cookies: kept from Set-Cookie, sent back where domain, path, transport and age
// allow (RFC 6265 section 5).  Bounded, because a hostile server may send any number.
// It knows no public-suffix list: a Domain without a dot is refused, others are the target's word.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace squall::http {

class CookieJar {
 public:
  static constexpr size_t kMaxCookies = 64;
  static constexpr size_t kMaxBytes = 4096;  // of one cookie

  struct Place {  // where a request goes, or an answer came from
    std::string_view host, path;
    bool is_secure = false;
  };

  /// `field` is the value of a Set-Cookie header.  What breaks a rule is ignored.  `unix_s` is the
  /// wall time that Expires is compared with; ages then run on the loop's clock.
  void store(std::string_view field, const Place& place, uint64_t now_ns, int64_t unix_s);
  /// Appends "Cookie: a=1; b=2\r\n", or nothing.
  void append_header(std::string& out, const Place& place, uint64_t now_ns) const;
  bool empty() const { return cookies_.empty(); }
  size_t size() const { return cookies_.size(); }

 private:
  struct Cookie {
    std::string name, value, domain, path;
    uint64_t expires_ns = UINT64_MAX;
    bool is_host_only = true, is_secure = false;
  };
  std::vector<Cookie> cookies_;  // longest path first, then oldest first: the order of sending
};

/// Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT" and the older forms; false: no date.
bool parse_http_date(std::string_view text, int64_t* unix_s);

}  // namespace squall::http
