// What every test of the http plugin begins with: a fake host, a loaded libhttp.so, one listed
// target.
#pragma once
#include "fake_host.hpp"

struct Http : ::testing::Test {
  fake::Host host;
  fake::Protocol http{host, "http"};
  const sq_target* site = host.add_target("site", "http://127.0.0.1:8080");

  fake::Bindings bind(std::string_view op = "get") {
    fake::Bindings bindings = http.bind(op);
    bindings.to(site);
    return bindings;
  }
  fake::Prepared get(std::string_view path = "/") {
    return http.prepare("get", bind().text("path", path));
  }
  /// Answers every complete request that arrives with the next text of a list.
  void serve(std::vector<std::string> answers) {
    host.serve = [answers = std::move(answers), next = size_t{0}](sq_stream& stream) mutable {
      if (stream.sent.find("\r\n\r\n") == std::string::npos || next >= answers.size()) return;
      requests.push_back(stream.take_sent());
      stream.feed(answers[next++]);
    };
    requests.clear();
  }
  static inline std::vector<std::string> requests;

  static std::string ok(std::string_view body, std::string_view fields = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(fields) + "\r\n" + std::string(body);
  }
  /// Runs one call against one answer on a stream of its own.
  fake::Call& call(fake::Session& user, const fake::Prepared& prepared, const std::string& answer) {
    fake::Call& call = user.start(prepared);
    host.run();
    host.last_stream().feed(answer);
    host.run();
    return call;
  }
};
/// The argument may be an expression that runs a call: it is evaluated once.
#define EXPECT_FAILED(expression, wanted_kind, wanted_detail) \
  do {                                                        \
    fake::Call& checked_call = (expression);                  \
    ASSERT_TRUE(checked_call.completed);                      \
    EXPECT_EQ(checked_call.outcome, uint32_t{SQ_OUT_FAILED}); \
    EXPECT_EQ(checked_call.kind, uint32_t{wanted_kind});      \
    EXPECT_EQ(checked_call.detail_text(), wanted_detail);     \
  } while (0)
#define EXPECT_OK(expression, wanted_code)                \
  do {                                                    \
    fake::Call& checked_call = (expression);              \
    ASSERT_TRUE(checked_call.completed);                  \
    EXPECT_EQ(checked_call.outcome, uint32_t{SQ_OUT_OK}); \
    EXPECT_EQ(checked_call.detail_text(), "");            \
    EXPECT_EQ(checked_call.code, wanted_code);            \
  } while (0)
