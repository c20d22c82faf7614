// Requests of a steady load allocate nothing in the plugin, and an idle user holds little.
#include "counted_allocations.hpp"
#include "http_fixture.hpp"

namespace {

using squall::plugin::text_value;

struct Allocation : Http {
  size_t of_100_calls(const fake::Prepared& prepared, const std::vector<sq_value>& args,
                      const std::string& answer) {
    fake::Session user(http, 1);
    host.serve = [&](sq_stream& stream) {
      stream.sent.clear();
      stream.feed(answer);
    };
    size_t before = 0;
    for (int i = 0; i < 110; ++i) {
      if (i == 10) before = plugin_allocations.count;
      request(user, prepared, args);
    }
    host.serve = nullptr;
    return plugin_allocations.count - before;
  }
  void request(fake::Session& user, const fake::Prepared& prepared,
               const std::vector<sq_value>& args = {}) {
    auto& call = user.start(prepared, args);
    host.run();
    EXPECT_OK(call, 200);
    user.release(call);
  }
};

TEST_F(Allocation, IsSeenByThisTest) {
  const size_t before = plugin_allocations.count;
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_GT(plugin_allocations.count, before);
}

TEST_F(Allocation, IsNotNeededByASteadyLoad) {
  const std::string body(20'000, 'b');
  EXPECT_EQ(of_100_calls(http.prepare("get", bind(), 1), {}, ok(body)), 0u);
  EXPECT_EQ(of_100_calls(get("/static"), {}, ok(body, "X-A: 1\r\n")), 0u);
  EXPECT_EQ(of_100_calls(http.prepare("get", bind().slot("path", 0)),
                         {text_value("/pages/that/are/longer/than/sso")}, ok(body)),
            0u);
  EXPECT_EQ(of_100_calls(http.prepare("post", bind("post").slot("json", 0)),
                         {text_value(R"({"a": 1})")}, ok(body)),
            0u);
  EXPECT_EQ(of_100_calls(http.prepare("page", bind("page"), 1), {},
                         ok("<img src=/one/picture><img src=/another/one>", "Content-Type: text/html\r\n")),
            0u);
}

TEST_F(Allocation, LeavesLittleWithAnIdleUser) {
  constexpr size_t kUsers = 100;
  std::list<fake::Session> users;
  const auto prepared = get();
  host.serve = [&](sq_stream& stream) {
    stream.sent.clear();
    stream.feed(ok(std::string(20'000, 'b')));
  };
  users.emplace_back(http, 1);
  request(users.back(), prepared);
  const size_t before = plugin_allocations.bytes;
  for (size_t i = 0; i < kUsers; ++i) {
    users.emplace_back(http, 2 + i);
    request(users.back(), prepared);
  }
  // The exchange and its buffers are the first user's; lanes and connections are each one's own.
  EXPECT_LE((plugin_allocations.bytes - before) / kUsers, 1024u);
  host.serve = nullptr;
}

}  // namespace
