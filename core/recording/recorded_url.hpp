// The address of a recorded request, taken apart: where it goes, and what is asked for there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace squall {

struct RecordedUrl {
  std::string origin;   // "https://shop.example", with a port where it is not the scheme's own
  std::string host;     // lower case; an IPv6 literal without its brackets
  std::string target;   // path and query as recorded, without the fragment; begins with '/'

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  /// Behind the '?', "" without one.
  std::string_view query() const;
};

/// "https" of "https://…", "data" of "data:…", in lower case; "" without a scheme.
std::string scheme_of(std::string_view url);

/// An http or https address; user and password in it are dropped. nullopt: none that a target may have.
std::optional<RecordedUrl> parse_recorded_url(std::string_view url);

/// What stands behind %XX (and, in a form, '+'); nullopt: a '%' without two hex digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

}  // namespace squall
