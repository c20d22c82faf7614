// The tasks in process, on a host with a virtual clock: no server, no sleeps, the test answers each call. What does not
// hold is a line on stderr, and the program ends with 1; so it does when the plugin breaks a rule of squall.
#include <cstdio>
#include <squall/testing/fake_host.hpp>

namespace {

using namespace squall::fake;

constexpr uint64_t kMillisecond = 1'000'000;

struct Bench {
  Host host;
  const sq_target* server = host.add_target("server", "http://127.0.0.1:7008");
  Tasks tasks{host, "acme"};

  Bench() {
    tasks.dataset("accounts", {"name"}, {{"anna"}, {"bert"}});
    tasks.on("http.get", Answer{.takes_ns = 20 * kMillisecond, .code = 200, .outputs = {{"body", "an article"}}});
    tasks.on("http.post", Answer{.takes_ns = 50 * kMillisecond, .code = 201});
  }
};

void a_thousand_visits_are_what_they_should_be() {
  Bench bench;
  VirtualUser user(bench.tasks);
  for (int i = 0; i < 1000; ++i) {
    Pass& pass = user.finish("browse");
    check_equal(pass.ending(), "ok");
    const uint64_t thought_ns = pass.end_ns - pass.begin_ns - 4 * 20 * kMillisecond;
    check(thought_ns >= 300 * kMillisecond && thought_ns <= 1500 * kMillisecond,
          "three times 100 to 500 ms of thought");
  }
  check_equal(bench.tasks.count("home"), 1000, "home pages");
  check_equal(bench.tasks.count("article"), 3000, "articles");
  check_equal(bench.tasks.binds, 2,
              "operations that were bound");  // what was called before costs nothing to call again
}

void options_are_the_scenarios() {
  Bench bench;
  VirtualUser user(bench.tasks);
  check_equal(user.finish("browse", {{"articles", squall::plugin::int_value(7)}}).ending(), "ok");
  check_equal(bench.tasks.count("article"), 7);
}

void without_a_home_page_there_is_nothing_to_do() {
  Bench bench;
  bench.tasks.on("http.get", Answer{.code = 503});
  VirtualUser user(bench.tasks);
  check_equal(user.finish("browse").ending(), "interrupted");
  check_equal(bench.tasks.sample("home").ending(), "failed: status, status: not 200");
  check_equal(bench.tasks.asked.size(), 1, "calls");
}

void another_page_is_no_article() {
  Bench bench;
  bench.tasks.on("http.get", [](const Asked& asked) {
    return Answer{.code = 200, .outputs = {{"body", asked.text("path") == "/" ? "home" : "sorry"}}};
  });
  VirtualUser user(bench.tasks);
  check_equal(user.finish("browse").ending(), "ok");
  check_equal(bench.tasks.sample("article").ending(), "failed: check, no article");
}

void an_order_is_one_sample_and_says_whose_it_is() {
  Bench bench;
  VirtualUser user(bench.tasks);
  check_equal(user.finish("buy").ending(), "ok");
  check_equal(bench.tasks.sample("purchase").ending(), "ok");
  check_equal(bench.tasks.sample("purchase").took_ns(),
              (20 + 200 + 50) * kMillisecond);  // two at once, thought, the order
  check_equal(bench.tasks.asked[1].beside, true, "the second page is asked for beside the first");
  check_equal(bench.tasks.asked[2].text("headers", "x-account"), "anna");
  check_equal(bench.tasks.asked[2].timeout_ns, 5000 * kMillisecond);
  check_equal(user.finish("buy").ending(), "ok");
  check_equal(bench.tasks.metrics.back().second, 2.0, "bought so far");
}

void a_late_order_fails_the_purchase() {
  Bench bench;
  bench.tasks.on("http.post", Answer{.takes_ns = kNever});
  VirtualUser user(bench.tasks);
  check_equal(user.finish("buy").ending(), "ok");  // the task has seen to it, and goes on
  check_equal(bench.tasks.sample("order").ending(), "timeout");
  check_equal(bench.tasks.sample("purchase").outcome, SQ_OUT_FAILED);
  check(bench.tasks.metrics.empty(), "a late order is counted as bought");
}

void who_finds_no_account_gives_up_after_ten_seconds() {
  Bench bench;
  bench.tasks.on("http.get", Answer{.takes_ns = kNever});
  VirtualUser first(bench.tasks, 0), second(bench.tasks, 1), third(bench.tasks, 2);
  first.run("buy");
  second.run("buy");
  Pass& late = third.run("buy");
  check_equal(bench.tasks.free_records("accounts"), 0);
  bench.host.advance(10'000 * kMillisecond);
  check_equal(late.ending(), "interrupted");
}

void the_end_of_the_run_hands_everything_back() {
  Bench bench;
  for (const uint64_t after_ms : {0, 10, 100, 250}) {  // in a call side by side, the same, in thought, in the order
    VirtualUser user(bench.tasks);
    Pass& pass = user.run("buy");
    bench.host.advance(after_ms * kMillisecond);
    check_equal(user.records_held(), 1);
    user.cut();
    check_equal(pass.ending(), "cut");
    check_equal(user.calls_in_flight(), 0);
    check_equal(bench.tasks.free_records("accounts"), 2);
    check_equal(bench.tasks.sample("purchase").ending(), "cancelled");
  }
}

void a_budget_ends_a_pass_in_the_middle() {
  Bench bench;
  for (const uint64_t requests : {0, 1, 2}) {
    VirtualUser user(bench.tasks);
    user.requests_left = requests;
    check_equal(user.finish("buy").ending(), "budget used up");
    check_equal(bench.tasks.free_records("accounts"), 2);
  }
  check_equal(bench.tasks.asked.size(), 0 + 1 + 2, "requests");
}

}  // namespace

int main() {
  a_thousand_visits_are_what_they_should_be();
  options_are_the_scenarios();
  without_a_home_page_there_is_nothing_to_do();
  another_page_is_no_article();
  an_order_is_one_sample_and_says_whose_it_is();
  a_late_order_fails_the_purchase();
  who_finds_no_account_gives_up_after_ten_seconds();
  the_end_of_the_run_hands_everything_back();
  a_budget_ends_a_pass_in_the_middle();
  std::puts("done");
}
