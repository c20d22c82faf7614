// What the users of scenario.yaml do, as coroutines: each reads like the task in words, and a co_await is where a user
// waits while thousands of others go on. It is whole and runs as it stands: make it yours from the top. What a task may
// say, and what lives until when, is in squall's docs/plugins.md, "A task plugin in 5 minutes".
#include <squall/sdk.hpp>

namespace {

using squall::Task;
using squall::User;
using namespace std::chrono_literals;

// ---- what one user keeps from pass to pass; all of it runs on one thread, so nothing is locked --------------------

struct Memory {
  uint64_t bought = 0;
};

// ---- acme.browse: the shop window, some articles with time to read them -------------------------------------------

Task browse(User& user) {
  {
    auto home = co_await user.call("http.get").to("server").with("path", "/").named("home");
    if (!home.expect_status(200)) user.interrupt();  // nothing to look at: the iteration ends, and is no failure
  }                                                  // its sample is in the statistics now, and its body is gone
  for (int64_t i = 0; i < user.option_number("articles"); ++i) {
    co_await user.wait(user.between(100ms, user.option_time("think")));
    const std::string path = "/article/" + std::to_string(user.below(100));  // lives until the call has ended
    auto article = co_await user.call("http.get").to("server").with("path", path).named("article");
    article.expect(article.body().find("article") != std::string_view::npos, "no article");  // few different words
  }
}

// ---- acme.buy: two pages side by side and an order, with an account that nobody else has meanwhile ----------------

Task buy(User& user) {
  auto account = co_await user.acquire("accounts").timeout(10s);  // waits until one is free; handed back by itself
  if (!account) user.interrupt();
  auto purchase = user.group("purchase");  // one sample over all of what follows; fails when something in it fails
  const std::string path = "/article/" + std::to_string(user.below(100));
  {
    auto both = co_await user.all(user.call("http.get").to("server").with("path", path).named("look"),
                                  user.call("http.get").to("server").with("path", "/stock").named("stock"));
    if (!both[0].ok() || !both[1].ok()) co_return;
  }
  co_await user.wait(user.option_time("think"));
  auto order = co_await user.call("http.post")
                   .to("server")
                   .with("path", path)
                   .with("headers", "x-account", account["name"])
                   .with("body", "one of it")
                   .named("order")
                   .timeout(5s);
  if (order.expect_status(201)) user.metric("bought", static_cast<double>(++user.state<Memory>().bought));
}

}  // namespace

SQUALL_TASKS("acme", "0.1.0",
             squall::task("browse", browse, "a home page and some articles")
                 .option("articles", 3, "how many")
                 .option("think", 500ms, "at most, before each"),
             squall::task("buy", buy, "an order, with an account of its own")
                 .option("think", 200ms, "before the order")
                 .metric("bought"))
