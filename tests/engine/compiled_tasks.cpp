// The tasks of compiled_test.cpp: a plugin like any other. What must hold inside of them is a check() here; a broken one is
// a failed step with its text, which the test sees.
#include <squall/sdk.hpp>

#include <set>
#include <string>

namespace {

using squall::Task;
using squall::TaskOf;
using squall::User;
using namespace std::chrono_literals;

void check(bool holds, const char* what) {
  if (!holds) throw squall::Error(what);
}

Task follow(User& user) {
  co_await user.call("script.do").named("home");
  co_await user.wait(50ms);
  co_await user.call("script.other");
}

TaskOf<int> doubled(User& user, int n) {
  co_await user.call("script.do");
  co_return 2 * n;
}
Task parts(User& user) {
  check(co_await doubled(user, 21) == 42, "42");
  check(co_await doubled(user, 4) == 8, "8");
}

Task one(User& user) { co_await user.call("script.do").named("mine"); }

Task judged(User& user) {
  { auto answer = co_await user.call("script.do").named("as it is"); }
  auto expected = co_await user.call("script.do").named("expected");
  check(expected.expect_status(200) && expected.ok(), "expected");
  check(expected.number("code") == 200 && expected.code() == 200, "the output");
  auto other = co_await user.call("script.do").named("another");
  check(!other.expect_status(201) && !other.expect(true, "still failed"), "another");
  auto checked = co_await user.call("script.do").named("checked");
  checked.expect_status(200, 204);
  check(!checked.expect(false, "no title"), "checked");
}

Task groups(User& user) {
  {
    auto group = user.group("pair");
    co_await user.call("script.do");
    co_await user.wait(5ms);
    co_await user.call("script.other");
  }
  auto failing = user.group("bad", "transaction");
  auto answer = co_await user.call("script.do").named("failing");
  answer.fail("wrong");
}

Task thrown(User& user) {
  auto group = user.group("open");
  co_await user.call("script.do");
  throw std::runtime_error("the basket is empty");
}

Task no_plugin(User& user) { co_await user.call("script.dance"); }
Task no_operation(User& user) { co_await user.call("do"); }
Task no_parameter(User& user) { co_await user.call("script.do").with("path", "/"); }
Task no_target(User& user) { co_await user.call("script.do").to("moon"); }
Task no_dataset(User& user) { co_await user.acquire("x"); }
Task no_value(User& user) { co_return void(user.text("name")); }
Task no_variable(User& user) { co_return user.set("name", 1); }

Task interrupted(User& user) {
  co_await user.call("script.do");
  user.interrupt();
}

Task beside(User& user) {
  auto both = co_await user.all(user.call("script.do").named("left"), user.call("script.other").named("right"));
  check(both[0].ok() && both[1].ok(), "both");
  co_await user.call("script.login");
}

struct Watched {
  static inline int alive = 0;
  Watched() { ++alive; }
  ~Watched() { --alive; }
};
Task waiting(User& user) {
  check(Watched::alive == 0, "one was not unwound");
  Watched watched;
  co_await user.wait(60s);
  throw squall::Error("goes on after the end");
}
Task calling(User& user) {
  check(Watched::alive == 0, "one was not unwound");
  Watched watched;
  co_await user.call("script.do");
  throw squall::Error("goes on after the end");
}

struct Never {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};
Task silent(User&) { co_await Never{}; }
/// Its answer comes, by the cut, and is not released either.
Task silent_calling(User& user) {
  auto call = user.call("script.do");
  squall::detail::Arrival two{{}, 2};
  call.begin(two);
  auto group = user.group("open");
  co_await Never{};
}

Task budget(User& user) {
  co_await user.call("script.do");
  co_await user.all(user.call("script.do"), user.call("script.other"));
}

Task half(User& user) { co_await user.all(user.call("script.do"), user.call("script.dance")); }

Task knows(User& user) {
  check(user.option_number("pages") == (user.option_flag("given") ? 7 : 3), "option");
  check(user.option_text("mood") == "good" && user.option_time("think") == 5ms, "options");
  check(!user.has("token"), "a value of the last iteration");
  user.set("token", "t" + std::to_string(user.iteration()));
  check(user.text("token") == "t" + std::to_string(user.iteration()), "token");
  check(user.text("city") == "Ulm", "var");
  check(user.text("people.name") == (user.iteration() == 0 ? "ann" : "bob"), "column");
  check(++user.state<int>() == static_cast<int>(user.iteration()) + 1, "state");
  co_await user.call("script.do");
}

Task draws(User& user) {
  const auto now = user.now_ns();
  user.sample("drawn", now, now + user.below(1'000'000));
  const auto time = user.between(1ms, 2ms);
  check(time >= 1ms && time <= 2ms, "between");
  co_await user.call("script.do");
}

Task tells(User& user) {
  const auto begin = user.now_ns();
  co_await user.call("script.do");
  user.sample("whole", begin, user.now_ns());
  user.metric("basket", 4.5);
}

std::set<std::string> held;   // over shards: virtual time is one thread
Task edits(User& user) {
  auto record = co_await user.acquire("previews");
  const std::string id(record["id"]);
  check(held.insert(id).second, "in two hands");
  co_await user.call("script.do").named("edit");
  held.erase(id);
  if (user.chance(0.2)) throw std::runtime_error("oops");
  if (user.chance(0.2)) user.interrupt();
}
Task fitting(User& user) {
  if (user.index() == 1) co_await user.wait(1ms);
  auto image = co_await user.acquire("previews").where("kind", "image").timeout(5ms);
  check(static_cast<bool>(image) == (user.index() == 0), "who has it");
  if (image) check(image["id"] == "c", "which");
  check(user.any_free("previews"), "others are free");
  co_await user.call("script.do");
}
Task hoards(User& user) {
  auto record = co_await user.acquire("previews");
  co_await user.wait(60s);
}

}  // namespace

using squall::task;
SQUALL_TASKS("shop", "1.0.0", task("follow", follow), task("parts", parts), task("one", one), task("judged", judged),
             task("groups", groups), task("thrown", thrown), task("no_plugin", no_plugin),
             task("no_operation", no_operation), task("no_parameter", no_parameter), task("no_target", no_target),
             task("no_dataset", no_dataset), task("no_value", no_value), task("no_variable", no_variable),
             task("interrupted", interrupted), task("beside", beside), task("waiting", waiting),
             task("calling", calling), task("silent", silent), task("silent_calling", silent_calling), task("budget", budget),
             task("half", half),
             task("knows", knows).option("pages", 3, "how many").option("mood", "good", "of the user")
                 .option("think", 5ms, "between pages").option("given", false, "pages are given").sets("token"),
             task("draws", draws), task("tells", tells).metric("basket"), task("edits", edits),
             task("fitting", fitting), task("hoards", hoards))
