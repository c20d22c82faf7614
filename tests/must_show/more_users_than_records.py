"""More users than records: check and run say so with both numbers, and what a user does who finds none is what the scenario
says: it waits without an error, takes another task, or goes on with its next iteration.

The judge: the city's journal of jobs by record, and its counts of requests.
"""
import os

from harness import City, check, expect, expect_equal, expect_passed, figure, file_path, show, squall

USERS, RECORDS = 20, 5
SCENARIO = """
targets: {{ site: "${{env.CITY_HTTP}}" }}
data: {{ accounts: {{ file: accounts.csv, pick: exclusive }} }}
tasks:
  edit:
    - acquire: {{ from: accounts, as: a, when_empty: {when_empty} }}
    - http.get: {{ path: "/s/A/${{a.name}}", name: edit }}
    - release: a
  read:
    - http.get: {{ path: /page/x, name: read }}
populations: {{ editors: {{ tasks: {tasks}, load: {{ users: {users} }}, stop_after: {{ iterations: {iterations} }} }} }}
run: {{ valid: {{ lag: 1s }} }}
"""


def scenario(when_empty, tasks="edit", iterations=400, records=RECORDS):
    folder = file_path("records")
    os.makedirs(folder)
    with open(os.path.join(folder, "accounts.csv"), "w") as file:
        file.write("name\n" + "".join(f"account-{i}\n" for i in range(records)))
    path = os.path.join(folder, "scenario.yaml")
    with open(path, "w") as file:
        file.write(SCENARIO.format(when_empty=when_empty, tasks=tasks, users=USERS, iterations=iterations))
    return path


def never_in_two_hands(city, what):
    """Requests for one account by the city's journal: none begins before the last has ended."""
    spans = {}
    for line in city.journal():
        if line["path"].startswith("/s/"):
            spans.setdefault(line["path"], []).append((line["t_receive_ns"], line["t_reply_ns"]))
    expect(len(spans) <= RECORDS, f"{what}: {len(spans)} accounts")
    for path, times in spans.items():
        times.sort()
        expect(all(after[0] >= before[1] for before, after in zip(times, times[1:])), f"{what}: {path} in two hands")
    return sum(map(len, spans.values()))


def records_of(run):
    return run.result["records"][0]


def both_numbers_are_said_before():
    city = City()
    warning = f"population 'editors' has {USERS} users, dataset 'accounts' only {RECORDS} exclusive records"
    path = scenario("wait")
    code, said = check(path, city=city)
    expect(code == 0 and warning in said, f"check ends with {code} and says {said}")
    ours = squall(path, city=city)
    expect(warning in ours.stderr(), f"run says {ours.stderr()}")
    code, said = check(scenario("wait", records=USERS), city=city)
    expect(code == 0 and "exclusive records" not in said, f"as many records as users: check says {said}")
    code, said = check(scenario("skip", tasks="[ edit, read ]"), city=city)
    expect(code == 0 and "exclusive records" not in said, f"users with another task: check says {said}")


def who_waits_has_no_error():
    city = City(journal=True)
    city.post("/delay", ms=20)
    ours = squall(scenario("wait"), "--shards", "2", city=city)
    expect_passed(ours, "wait")
    expect_equal(ours.one(name="edit")["count"], 400, "edits")
    expect_equal(ours.result["totals"]["failed"] + ours.result["totals"]["interrupted"], 0, "failures and interrupts")
    expect_equal(never_in_two_hands(city, "wait"), 400, "requests in the journal")
    found = records_of(ours)
    expect_equal((found["held_most"], found["acquired"], found["handed_back"]), (RECORDS, 400, 400), "records held at most, acquired, handed back")
    expect(found["waited"] >= USERS - RECORDS, f"only {found['waited']} waited")
    figure(f"wait: {USERS} users, {RECORDS} records on two shards: 400 edits, {found['waited']} waited, p99 {found['waited_ms']['p99']:.0f} ms, no failure")


def who_skips_takes_another_task():
    city = City(journal=True)
    city.post("/delay", ms=20)
    ours = squall(scenario("skip", tasks="[ edit, read ]", iterations=2000), "--shards", "2", city=city)
    expect_passed(ours, "skip")
    edits, reads = ours.one(name="edit")["count"], ours.one(name="read")["count"]
    expect_equal(edits + reads, 2000, "iterations, each with one request: no pass was lost or failed")
    expect(0 < edits < reads, f"{edits} edits and {reads} reads: who finds no record reads")
    expect_equal(never_in_two_hands(city, "skip"), edits, "edits in the journal")
    found = records_of(ours)
    expect(found["found_none"] > 0, "nobody found none")
    expect_equal(found["waited"] + found["waited_in_vain"], 0, "users who waited though they had another task")
    figure(f"skip: {edits} edits, {reads} reads in their place or turn, {found['found_none']} times none was free")


def who_is_interrupted_goes_on():
    city = City(journal=True)
    city.post("/delay", ms=20)
    ours = squall(scenario("interrupt", iterations=2000), "--shards", "2", city=city)
    totals, ledger = ours.result["totals"], ours.result["ledger"]["iterations"]
    edits = ours.one(name="edit")["count"]
    expect_equal(ours.result["totals"]["failed"], 0, "failed operations")
    expect_equal(edits + totals["interrupted"], 2000, "edits and interrupted iterations")
    expect(totals["interrupted"] > 0 and ledger["completed"] == edits, f"{ledger}")
    expect_equal(never_in_two_hands(city, "interrupt"), edits, "edits in the journal")
    expect_equal(ours.result["populations"][0]["stopped_users"], 0, "users that did not come back")
    figure(f"interrupt: {edits} edits, {totals['interrupted']} iterations ended for want of a record, all {USERS} users went on")


show(both_numbers_are_said_before, who_waits_has_no_error, who_skips_takes_another_task, who_is_interrupted_goes_on)
