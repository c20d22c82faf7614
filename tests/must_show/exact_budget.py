"""A budget ends one task exactly, in the middle of a run, over two shards, and nothing else changes its pace.

The judge: the city's counters by class.
"""
from harness import FULL, City, expect, expect_equal, expect_near, expect_passed, figure, show, squall

RUNS = 10 if FULL else 2
BUDGET = 10_000
RATE = 3000          # dealt evenly to three tasks: the budget is used up after ten seconds
SCENARIO = """
targets: { site: "${env.CITY_HTTP}" }
tasks:
  one: { steps: [ http.get: { path: /page/one, headers: { X-Class: one }, name: one } ], stop_after: { requests: 10000 } }
  two: [ http.get: { path: /page/two, headers: { X-Class: two }, name: two } ]
  three: [ http.get: { path: /page/three, headers: { X-Class: three }, name: three } ]
populations:
  readers: { tasks: [ one, two, three ], load: { rate: 3000/s } }
run: { for: 17s, valid: { lag: 1s } }
"""


def budget_ends_one_task():
    for number in range(1, RUNS + 1):
        city = City()
        run = squall(SCENARIO, "--shards", "2", "--seed", str(number), city=city)
        expect_passed(run, f"run {number}")
        counted = {name: c["count"] for name, c in city.counters()["http"]["by_class"].items()}
        expect_equal(counted.get("one"), BUDGET, f"run {number}: requests of the task with the budget")
        expect_equal(run.one(task="one")["count"], BUDGET, f"run {number}: in the result")
        windows = {task: {w["second"]: w["count"] for w in run.timeline(task=task)} for task in ("one", "two", "three")}
        last = max(second for second, count in windows["one"].items() if count)
        expect(8 <= last <= 11, f"run {number}: the budget ended in second {last}, not in the middle")
        for task in ("two", "three"):
            expect_equal(counted.get(task), run.one(task=task)["count"], f"run {number}: requests of {task}")
            for name, seconds in (("before", range(last - 5, last)), ("after", range(last + 1, last + 6))):
                got = sum(windows[task].get(s, 0) for s in seconds)
                expect_near(got, RATE / 3 * 5, RATE / 3 * 5 * 0.01, f"run {number}: {task} in the 5 s {name}")
        figure(f"run {number}: exactly {counted.get('one')}, the last in second {last}; "
               f"the others {counted.get('two')} and {counted.get('three')}")


show(budget_ends_one_task)
