// A visitor of a shop: looks at some pages, now and then at two at once, and thinks between them.
// Run it: squall run examples/tasks/shop.yaml   (compiles this file, and again when it has changed)
#include <squall/sdk.hpp>

using namespace std::chrono_literals;

squall::Task browse(squall::User& user) {
  {
    auto home = co_await user.call("http.get").to("portal").with("path", "/").named("home");
    if (!home.expect_status(200)) user.interrupt();   // nothing to look at
  }
  for (int64_t page = 0; page < user.option_number("pages"); ++page) {
    co_await user.wait(user.between(200ms, user.option_time("think")));
    const std::string path = "/site/page/" + std::to_string(user.below(100));
    auto shown = co_await user.call("http.get").with("path", path).with("headers", "accept", "text/html").named("page");
    shown.expect(shown.body().find("<title>") != std::string_view::npos, "no title");
  }
}

squall::Task compare(squall::User& user) {
  auto comparison = user.group("compare");            // one sample: from the first call to the end of the last
  auto both = co_await user.all(user.call("http.get").with("path", "/site/page/1").named("left"),
                                user.call("http.get").with("path", "/site/page/2").named("right"));
  both[0].expect_status(200);
  both[1].expect_status(200);
}

SQUALL_TASKS("shop", "1.0.0",
             squall::task("browse", browse, "some pages, with time to read them")
                 .option("pages", 3, "how many").option("think", 2s, "at most, between two"),
             squall::task("compare", compare, "two pages side by side"))
