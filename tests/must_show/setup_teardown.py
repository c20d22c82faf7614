"""What is done once for all users, before them and after them: setup finds out a token that everyone uses, teardown
gives it back, however the load between them ended.

The judge: the city, which lets nobody in without a token that it gave out, and counts logins and logouts.
"""
import signal

from harness import City, check, expect, expect_equal, expect_passed, figure, show, squall, Run, wait_until

SCENARIO = """
targets: {{ site: "${{env.CITY_HTTP}}" }}
setup:
  - http.post: {{ path: /login, form: {{ user: admin, password: {password} }}, name: admin login }}
    capture: {{ token: {{ json: token }} }}
{more}
teardown:
  - http.post: {{ path: /logout, auth: {{ bearer: "${{setup.token:-none}}" }}, name: admin logout }}
tasks:
  look:
    - http.get: {{ path: /me, auth: {{ bearer: "${{setup.token}}" }}, name: me }}
      expect: {{ status: 200, body: {{ contains: admin }} }}
{task}
populations: {{ visitors: {{ tasks: look, load: {{ users: 100 }}, stop_after: {{ iterations: {iterations} }} }} }}
run: {{ valid: {{ lag: 1s }} }}
"""


def scenario(password="secret", more="", task="", iterations=2000):
    return SCENARIO.format(password=password, more=more, task=task, iterations=iterations)


def expect_once(city, what):
    """Logins and logouts as the city counts them, and what else it was asked."""
    counts = city.counters()["http"]
    expect_equal((counts["logins"], counts["logouts"]), (1, 1), f"{what}: logins and logouts")
    return counts


def parts_of(run):
    return {part["name"]: part for part in run.result["parts"]}


def one_token_for_all():
    city = City()
    ours = squall(scenario(), "--shards", "2", city=city)
    expect_passed(ours, "a token for all")
    counts = expect_once(city, "a token for all")
    expect_equal(counts["statuses"], {"200": 2002}, "answers of the city")
    expect_equal([(row["name"], row["count"]) for row in ours.result["series"]], [("me", 2000)], "rows of the statistics")
    expect_equal({name: (part["done"], part["operations"]) for name, part in parts_of(ours).items()},
                 {"setup": (True, 1), "teardown": (True, 1)}, "setup and teardown in the result")
    figure("one login, 2,000 requests of 100 users on two shards with its token, one logout")


def teardown_after_a_signal():
    city = City()
    ours = Run(scenario(iterations=10**9), city=city)
    wait_until(lambda: city.counters()["http"]["requests"] > 500, "requests")
    ours.signal(signal.SIGINT)
    ours.wait()
    expect_equal(ours.code, 105, "exit code after SIGINT")
    expect_once(city, "SIGINT")
    figure(f"SIGINT after {ours.one(name='me')['count']} requests: one logout")


def teardown_after_an_abort():
    city = City()
    ours = squall(scenario(task="    - http.get: { path: /status/500, name: broken }\n      on_failure: abort_run"), city=city)
    expect_equal(ours.code, 108, "exit code after abort_run")
    expect_once(city, "abort_run")


def setup_that_fails_is_the_end():
    """No user begins, the reason is said, and teardown is tried all the same."""
    city = City()
    ours = squall(scenario(password="wrong"), city=city)
    expect_equal(ours.code, 108, "exit code after a failed setup")
    expect_equal(ours.result["reasons"], ["setup failed: 'admin login': status 401; the load did not begin"], "reasons")
    expect_equal(city.counters()["http"]["statuses"], {"401": 2}, "answers of the city: login and logout")
    expect("teardown had failures: 'admin logout': status 401" in ours.stderr() + str(ours.result), "teardown's failure is not told")
    figure("a refused login: no request of the load, exit code 108")


def a_signal_during_setup():
    city = City()
    ours = Run(scenario(more="  - http.get: { path: /delay/60000, timeout: 2m }"), "--grace", "1s", city=city)
    wait_until(lambda: city.counters()["http"]["requests"] == 2, "the slow request of setup")
    ours.signal(signal.SIGTERM)
    ours.wait()
    expect_equal(ours.code, 105, "exit code after SIGTERM in setup")
    expect_equal(ours.result["reasons"], ["stopped by a signal; the load did not begin"], "reasons")
    counts = city.counters()["http"]
    expect_equal((counts["logins"], counts["requests"]), (1, 3), "login, slow request and logout")


def a_signal_cuts_teardown_short():
    """The load's verdict stays; what teardown did not do is told."""
    city = City()
    text = scenario().replace("teardown:\n", "teardown:\n  - http.get: { path: /delay/60000, timeout: 2m, name: slow end }\n")
    ours = Run(text, "--grace", "1s", city=city)
    wait_until(lambda: city.counters()["http"]["requests"] == 2002, "the slow request of teardown")
    ours.signal(signal.SIGINT)
    ours.wait()
    expect_equal(ours.code, 0, "exit code of a load that had ended well")
    expect_equal(parts_of(ours)["teardown"]["done"], False, "teardown's end")
    expect_equal(ours.result["generator"]["warnings"][-1:], ["teardown did not come to its end: stopped by a signal"], "the last warning")


def mistakes_are_found_before():
    for text, said in (
            (scenario().replace("bearer: \"${setup.token}\"", "bearer: \"${setup.tokn}\""), "did you mean 'token'?"),
            (scenario().replace("load: { users: 100 }", "load: { users: \"${setup.token}\" }"), "this value is read before setup runs"),
            (scenario(task="thresholds: [ p99(admin login) < 1s ]").replace("thresholds", "    - wait: 0s\nthresholds"), "admin login"),
            (scenario(more="  - http.get: { path: \"/x/${setup.token}\" }"), "in setup itself names have no 'setup.' before them")):
        code, out = check(text, city=None, env={"CITY_HTTP": "http://127.0.0.1:9"})
        expect(code == 104 and said in out, f"check ends with {code} and does not say {said!r}: {out}")


show(one_token_for_all, teardown_after_a_signal, teardown_after_an_abort, setup_that_fails_is_the_end, a_signal_during_setup,
     a_signal_cuts_teardown_short, mistakes_are_found_before)
