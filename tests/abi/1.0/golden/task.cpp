// Tasks as somebody wrote them for ABI 1.0, with this folder's task.hpp. Frozen: they must go on to work as they are.
#include <squall/task.hpp>

using namespace std::chrono_literals;

namespace {

struct Diary {
  int64_t passes = 0;
};

squall::Task tour(squall::User& user) {
  Diary& diary = user.state<Diary>();
  ++diary.passes;
  const uint64_t begun = user.now_ns();
  const std::string word = "tour " + std::to_string(user.index());
  {
    auto whole = user.group("whole tour");
    {
      auto echo = co_await user.call("golden_c.echo").to("echo").with("text", word).named("tour echo").timeout(5s);
      echo.expect(echo.text("text") == word, "another text");
      echo.expect(echo.number("size") == static_cast<int64_t>(word.size()) + 1, "another size");
    }
    co_await user.wait(1ms);
    {
      auto both = co_await user.all(user.call("golden_cpp.upper").with("text", word).named("tour upper"),
                                    user.call("golden_cpp.upper").with("text", word).with("later", true).named("tour upper"));
      both[0].expect(both[0].text("loud").starts_with("TOUR "), "not loud");
      both[1].expect(both[1].text("loud") == both[0].text("loud"), "not the same");
    }
    {
      auto sum = co_await user.call("golden_rust.sum").with("left", user.option_number("left")).with("right", 2).named("tour sum");
      sum.expect(sum.number("sum") == user.option_number("left") + 2, "another sum");
      user.set("total", sum.number("sum"));
    }
    auto room = co_await user.acquire("rooms");
    if (!room || room["room"].empty()) user.interrupt();
  }
  user.metric("passes", static_cast<double>(diary.passes));
  user.sample("walk", begun, user.now_ns());
}

}  // namespace

SQUALL_TASKS("golden_task", "1.0.0",
             squall::task("tour", tour, "all of the golden plugins").option("left", 40, "a number").sets("total").metric("passes"))
