// One line of an access log as Apache and nginx write it, in the common or the combined format, taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall {

/// HOST IDENT USER [TIME ZONE] "METHOD PATH PROTOCOL" STATUS BYTES, and in the combined format "REFERER" "USER AGENT";
/// what follows these (nginx's packages write X-Forwarded-For) is not looked at. A `-`, which means none, is empty.
struct AccessLogLine {
  std::string_view host, ident, user;            // of the line
  std::int64_t time_s = 0;                       // unix time
  std::string request;                           // the whole request line, as the client sent it
  std::string_view method, path, protocol;       // of `request`: byte for byte, query included
  std::string_view status, bytes;                // of the line; bytes "0" for none
  std::string referer, user_agent;               // empty in the common format
};

struct AccessLogMistake {
  std::string text;
  std::size_t offset = 0;                        // in the line
};

/// Reads `line` (without its line feed) into `into`, whose views end with both. Errors: why it is no such line; a
/// request that is none ("-", the bytes of a TLS handshake) is one, too.
/// Escapes in quotes are undone: \" \\ \b \f \n \r \t \v and \xHH, as Apache writes them; nginx writes \xHH alone.
std::optional<AccessLogMistake> read_access_log_line(std::string_view line, AccessLogLine& into);

}  // namespace squall
