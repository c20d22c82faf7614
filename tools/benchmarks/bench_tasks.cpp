// The compiled tasks that tools/bench measures beside the same steps of a scenario.
#include <squall/sdk.hpp>

using namespace std::chrono_literals;

squall::Task get(squall::User& user) {
  auto answer = co_await user.call("http.get").with("path", "/").named("get");
  answer.expect_status(200);
}

squall::Task rest(squall::User& user) {
  { auto answer = co_await user.call("http.get").with("path", "/").named("get"); }
  co_await user.wait(1h);
}

squall::Task nothing(squall::User& user) {
  for (int64_t left = user.option_number("calls"); left > 0; --left) co_await user.call("empty.do").named("do");
}

SQUALL_TASKS("bench", "1.0.0", squall::task("get", get), squall::task("rest", rest), squall::task("nothing", nothing).option("calls", 1, "of one iteration"))
