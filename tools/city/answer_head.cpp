#include "answer_head.hpp"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

namespace squall::city {

void render_head(std::string& out, const Answer& answer, ConnectionField connection) {
  out.clear();
  if (answer.status == 200) {
    out += "HTTP/1.1 200 OK\r\nServer: city\r\n";
  } else {
    const auto reason = http::obsolete_reason(static_cast<http::status>(answer.status));
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nServer: city\r\n", answer.status,
                   std::string_view(reason.data(), reason.size()));
  }
  if (!has_no_body(answer.status)) {
    out += "Content-Type: ";
    out += answer.content_type;
    if (answer.body == Answer::Body::kChunked) {
      out += "\r\nTransfer-Encoding: chunked\r\n";
    } else {
      const auto size =
          answer.body == Answer::Body::kText ? answer.content().size() : answer.filler_size;
      out += "\r\nContent-Length: ";
      out += fmt::format_int(size).c_str();
      out += "\r\n";
    }
  }
  out += answer.fields;
  if (connection == ConnectionField::kClose) out += "Connection: close\r\n";
  if (connection == ConnectionField::kKeepAlive) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

}  // namespace squall::city
