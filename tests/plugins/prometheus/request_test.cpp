// Who is answered, and what: methods, paths, the Host header against DNS rebinding, formats by Accept.
#include "request.hpp"

#include <gtest/gtest.h>

namespace squall::prometheus {
namespace {

struct Row {
  const char *method, *target, *host;
  unsigned status;
};

TEST(PrometheusRequest, OnlyMetricsIsAnswered) {
  const std::vector<std::string> hosts = {"load.example", "Agent-1"};
  const Row rows[] = {
      {"GET", "/metrics", "127.0.0.1:9464", 200},
      {"HEAD", "/metrics", "127.0.0.1", 200},
      {"GET", "/metrics?collect[]=x", "[::1]:9464", 200},
      {"GET", "/metrics", "localhost:9464", 200},
      {"GET", "/metrics", "LOCALHOST", 200},
      {"GET", "/metrics", "10.1.2.3:80", 200},       // an address is no name that could be made to lead here
      {"GET", "/metrics", "load.example:9464", 200},
      {"GET", "/metrics", "LOAD.example", 200},
      {"GET", "/metrics", "agent-1", 200},
      {"GET", "/metrics", "evil.example", 421},
      {"GET", "/metrics", "evil.example:9464", 421},
      {"GET", "/metrics", "localhost.evil.example", 421},
      {"GET", "/metrics", "127.0.0.1.evil.example", 421},
      {"GET", "/metrics", "load.example.evil", 421},
      {"GET", "/metrics", "[::1", 421},
      {"GET", "/metrics", "127.1", 421},
      {"GET", "/metrics", "", 421},
      {"GET", "/", "127.0.0.1", 404},
      {"GET", "/metrics/", "127.0.0.1", 404},
      {"GET", "/../metrics", "127.0.0.1", 404},
      {"GET", "http://127.0.0.1/metrics", "127.0.0.1", 404},
      {"POST", "/metrics", "127.0.0.1", 405},
      {"DELETE", "/metrics", "localhost", 405},
      {"get", "/metrics", "localhost", 405},
      {"POST", "/metrics", "evil.example", 421},
  };
  for (const Row& row : rows) {
    const Answer answer = answer_to({row.method, row.target, row.host, ""}, hosts);
    EXPECT_EQ(answer.status, row.status) << row.method << " " << row.target << " of " << row.host;
    EXPECT_EQ(answer.why.empty(), row.status == 200);
  }
}

TEST(PrometheusRequest, TheFormatIsWhatIsPreferred) {
  const std::pair<const char*, Format> rows[] = {
      {"", Format::text},
      {"*/*", Format::text},
      {"text/html,application/xhtml+xml,*/*;q=0.8", Format::text},
      {"application/openmetrics-text", Format::openmetrics},
      {"application/openmetrics-text; version=1.0.0; charset=utf-8", Format::openmetrics},
      {"application/openmetrics-text;version=0.0.1", Format::text},
      // Prometheus 2.42
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Format::openmetrics},
      {"text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::text},
      {"application/openmetrics-text;version=1.0.0;q=0.3, text/plain;version=0.0.4;q=0.4", Format::text},
      {"Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.5", Format::openmetrics},
      {"application/openmetrics-text;q=0", Format::text},
      {",;=,;q=", Format::text},
  };
  for (const auto& [accept, format] : rows) EXPECT_EQ(format_for(accept), format) << accept;
}

}  // namespace
}  // namespace squall::prometheus
