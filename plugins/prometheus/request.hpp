// What is answered to a request; no socket here.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "exposition.hpp"

namespace squall::prometheus {

struct Answer {
  unsigned status = 200;  // 200: the page, in `format`
  Format format = Format::text;
  std::string why{};  // of every other status: the body
};

struct Asked {
  std::string_view method, target, host, accept;
};

/// Only GET and HEAD of /metrics.  The Host must be an address, localhost or one of `hosts`: a page
/// of somebody else whose name was made to lead here (DNS rebinding) is answered 421.
Answer answer_to(const Asked& asked, const std::vector<std::string>& hosts);

/// Of an Accept header: what it prefers; 0.0.4 when it wants neither more.
Format format_for(std::string_view accept);

}  // namespace squall::prometheus
