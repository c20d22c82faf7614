"""Thousands of external jobs, one in a hundred of them hostile: each ends in its own class, nothing of them is left,
and the HTTP users beside them notice nothing.

The judge: /proc. Each script run gives its jobs' program a name of its own, which forks, sessions of their own and even
zombies keep; who has it is looked for while squall runs and when it has ended, by pid and start time.
"""
import atexit
import collections
import json
import os
import re
import shutil
import signal
import threading
import time

from harness import (BIN, FULL, City, Skipped, expect, expect_closed, expect_equal, expect_passed, figure, file_path, show,
                     squall, Run, wait_until, write_file)

NAME = f"hj-{os.getpid()}"   # as the kernel has it: at most 15 characters
AT_A_TIME = 50
TIMEOUT_S, GRACE_S = 5, 0.5   # of jobs that stay
PATIENCE_S = 30               # with all others: 1 GB takes its time on a busy machine
SETTLED_S = 10                # what is older than patience, grace and this has outlived its job on the slowest of machines
ZOMBIE_S = 5                  # orphans that end are reaped ten times a second
BOMB = 300                    # as hostile_job.cpp has it, and
LITTER = 20
HOSTILE = ["deaf", "orphan", "heir", "litter", "silent", "flood", "bomb"]

# What a job must end as: the class of its failure and its code or words of its detail, or None.
OUTCOMES = {
    "well": None, "orphan": None, "heir": None, "flood": None,
    "deaf": ("timeout", ""), "litter": ("timeout", ""), "bomb": ("timeout", ""),
    "silent": ("check", "does not contain 'OK'"), "says_nothing": ("check", "does not contain 'OK'"),
    "says_error": ("check", "matches what it must not"), "says_much": ("check", "truncated"),
    "fails": ("status", 3), "is_killed": ("status", 128 + signal.SIGKILL),
}

SCENARIO = """
targets: { site: "${env.CITY_HTTP}" }
plugins:
  job:
    grace: GRACEs
    output_limit: 1MiB
    programs:
      one: { argv: [ "PROGRAM", "${arg.kind}", "CGROUP" ], args: { kind: string } }
data: { jobs: { file: "ROWS", pick: sequential } }
tasks:
  visit: [ http.get: { path: /page/x, name: visit } ]
  work:
STEPSpopulations:
  visitors: { tasks: visit, load: { stages: [ { for: SECONDSs, rate: RATE/s, jump: true } ] } }
  workers: { tasks: work, load: { users: AT_A_TIME }, stop_after: { iterations: COUNT } }
  after: { tasks: visit, after: workers, load: { rate: 20/s }, stop_after: { iterations: 40 } }
run: { drain: 30s, valid: { lag: LAG } }
"""
STEP = """    - if: { value: "${jobs.kind}", equals: KIND }
      steps:
        - job.run: { program: one, args: { kind: KIND }, timeout: LIMITs, name: KIND }
          expect: EXPECT
"""
FLOODS_ARE_FINE = '{ output: { contains: OK } }'
ALL_IS_LOOKED_AT = '{ truncated: false, output: { contains: OK, not: { contains: ERR } } }'


class Cgroup:
    """One that holds at most `limit` processes, or None where the kernel gives us none. All bombs share it."""

    def __init__(self, limit):
        self.path = None
        for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
            path = os.path.join(root, NAME)
            try:
                os.mkdir(path)
            except OSError:
                continue
            try:
                with open(os.path.join(path, "pids.max"), "r+") as file:   # there only where the controller is
                    file.write(str(limit))
                self.path = path
                atexit.register(self._remove)   # whatever becomes of the statement
                return
            except OSError:
                os.rmdir(path)

    def end(self):
        """Whether it was empty."""
        if self.path and os.path.exists(self.path):
            try:
                os.rmdir(self.path)
            except OSError:
                return False
        return True

    def _remove(self):
        kill_ours()
        wait_until(self.end, "the end of all bombs")


def make_program():
    path = os.path.join(os.path.dirname(file_path("x")), NAME)
    if not os.path.exists(path):
        shutil.copy(os.path.join(BIN, "hostile_job"), path)
    return path


def ours():
    """{(pid, start time): (state, seconds that it is old)} of every process of the jobs' program."""
    found = {}
    with open("/proc/uptime") as file:
        uptime = float(file.read().split()[0])
    ticks = os.sysconf("SC_CLK_TCK")
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                text = file.read()
        except OSError:
            continue
        if text[text.index("(") + 1:text.rindex(")")] != NAME:
            continue
        fields = text[text.rindex(")") + 2:].split()
        found[int(name), int(fields[19])] = (fields[0], uptime - int(fields[19]) / ticks)
    return found


def kill_ours():
    """What this script has found and told is not left to the machine."""
    for pid, _ in ours():
        os.kill(pid, signal.SIGKILL)


atexit.register(kill_ours)


class Watch:
    """Looks every 0.1 s while a run goes on."""

    def __init__(self):
        self.most = self.looks = 0
        self.last_alive_s = 0
        self.first_zombie = {}
        self.longest_zombie_s = 0
        self.oldest_s = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._end.wait(0.1):
            found = ours()
            now = time.time()
            self.looks += 1
            self.most = max(self.most, len(found))
            if found:
                self.last_alive_s = now
            zombies = {key for key, (state, _) in found.items() if state == "Z"}
            self.first_zombie = {key: self.first_zombie.get(key, now) for key in zombies}
            self.longest_zombie_s = max([self.longest_zombie_s, *(now - at for at in self.first_zombie.values())])
            self.oldest_s = max([self.oldest_s, *(age for _, age in found.values())])

    def end(self):
        self._end.set()
        self._thread.join()
        return self


def write_rows(kinds):
    return write_file("jobs.csv", "kind\n" + "".join(f"{kind}\n" for kind in kinds))


def scenario(kinds, seconds, rate, cgroup=None, expect_text=FLOODS_ARE_FINE, lag="10s", with_jobs=True):
    words = {"PROGRAM": make_program(), "CGROUP": cgroup or "", "ROWS": os.path.basename(write_rows(kinds)), "EXPECT": expect_text,
             "AT_A_TIME": AT_A_TIME, "COUNT": len(kinds), "SECONDS": seconds, "RATE": rate, "GRACE": GRACE_S,
             "LAG": lag}
    steps = ""
    for kind in sorted(set(kinds)):
        stays = OUTCOMES[kind] and OUTCOMES[kind][0] == "timeout"
        steps += STEP.replace("KIND", kind).replace("LIMIT", str(TIMEOUT_S if stays else PATIENCE_S))
    text = SCENARIO.replace("STEPS", steps)
    for word, value in words.items():
        text = re.sub(rf"(?<![A-Z_]){word}(?![A-Z_])", str(value), text)
    if not with_jobs:
        text = "".join(line for line in text.splitlines(True) if not re.match(r"  (workers|after):", line))
    return text


def mixed(count):
    """One in a hundred is hostile, each kind as often as the others, evenly spread."""
    return [HOSTILE[i // 100 % len(HOSTILE)] if i % 100 == 50 else "well" for i in range(count)]


def expect_outcomes(run, kinds, what):
    for kind, count in sorted(collections.Counter(kinds).items()):
        row = run.one(name=kind)
        expect_equal(row["count"], count, f"{what}: {kind} jobs")
        wanted = OUTCOMES[kind]
        expect_equal(row["errors"], {wanted[0]: count} if wanted else {}, f"{what}: what {kind} jobs ended as")
        for detail in row["error_details"] if wanted else []:
            holds = detail["code"] == wanted[1] if isinstance(wanted[1], int) else wanted[1] in detail["detail"]
            expect(holds, f"{what}: a {kind} job failed with code {detail['code']}, '{detail['detail']}'")


def expect_nothing_left(watch, what, allowed):
    left = ours()
    expect_equal(len(left), 0, f"{what}: processes that are left at the end")
    expect(watch.looks > 5, f"{what}: /proc was looked at only {watch.looks} times")
    expect(0 < watch.most <= allowed, f"{what}: {watch.most} processes at one time, {allowed} are allowed")
    limit = PATIENCE_S + GRACE_S + SETTLED_S
    expect(watch.oldest_s < limit, f"{what}: a process was {watch.oldest_s:.1f} s old, its job had {limit} s at most")
    expect(watch.longest_zombie_s < ZOMBIE_S, f"{what}: a zombie was there for {watch.longest_zombie_s:.1f} s")


def hostile_ones_among_thousands():
    kinds = mixed(10_000 if FULL else 700)
    count = collections.Counter(kinds)
    cgroup = Cgroup(BOMB)
    city = City()
    watch = Watch()
    try:
        run = squall(scenario(kinds, 60 if FULL else 5, 200, cgroup.path), city=city, limit_s=500)
    finally:
        watch.end()
    expect_passed(run, "hostile jobs")
    expect_outcomes(run, kinds, "hostile jobs")
    bombs = 1 if cgroup.path else min(count["bomb"], AT_A_TIME)
    # A leader that has ended and one that begins in its place may both be there, and what others leave beside them.
    others = count["orphan"] + 2 * count["heir"] + min(count["litter"], AT_A_TIME) * LITTER
    expect_nothing_left(watch, "hostile jobs", 2 * AT_A_TIME + others + bombs * BOMB)
    expect(watch.most > BOMB / 2, f"hostile jobs: no bomb went off, there were {watch.most} processes at most")
    # While squall was still there, and so was everybody who might have been its child.
    ended = [line["at_s"] for line in journal_of(run) if line["event"] == "population_ended" and "workers" in line["text"]]
    if expect_equal(len(ended), 1, "hostile jobs: ends of the population in the journal"):
        last = watch.last_alive_s - run.zero_realtime_s()
        expect(last < ended[0] + 1, f"hostile jobs: a process was there {last - ended[0]:.1f} s after the last job")
    expect_equal(run.one(name="flood")["received_bytes"], count["flood"] * 1_000_000_003, "bytes of those that write 1 GB")
    memory = run.result["generator"]["peak_rss_bytes"]
    expect(memory < 500e6, f"hostile jobs: squall had {memory / 1e6:.0f} MB")
    expect(cgroup.end(), "hostile jobs: the cgroup of the bombs is not empty")
    jobs = [run.one(name=kind) for kind in count]
    rate = run.one(name="well")["rate_per_s"]
    figure(f"{sum(row['count'] for row in jobs):,} jobs, {len(kinds) - count['well']} of them hostile, {rate * 60:,.0f} a minute: "
           f"at most {watch.most} processes, {len(ours()) or 'none'} left; no zombie for longer than {watch.longest_zombie_s:.1f} s; "
           f"{count['flood']} GB of output in {memory / 1e6:.0f} MB; bombs held by "
           + (f"a cgroup of {BOMB}" if cgroup.path else "themselves"))


def journal_of(run):
    with open(os.path.join(run.folder, "journal.jsonl")) as file:
        return [json.loads(line) for line in file]


def users_beside_them():
    """The same requests without any job, then beside the jobs: as many, and the generator as punctual by the product's
    own word, at twice its usual limit of lag, since the programs take their part of the CPU. A machine on which it is
    not punctual without jobs either cannot tell, and is asked again."""
    seconds, rate = (60, 500) if FULL else (5, 500)
    kinds = mixed(seconds * 150)
    city = City()
    for attempt in range(3):
        lags, turns, holds = [], [], []
        for with_jobs in (False, True):
            run = squall(scenario(kinds, seconds, rate, with_jobs=with_jobs, lag="10ms"), city=city, limit_s=300)
            what = "beside jobs" if with_jobs else "without jobs"
            expect_closed(run, what)
            expect_equal(run.one(name="visit", population="visitors")["count"], seconds * rate, f"{what}: visits")
            expect_equal(run.one(name="visit", population="visitors")["failed"], 0, f"{what}: visits that failed")
            lags.append(run.result["generator"]["lag_ms"]["p99"])
            turns.append(run.result["generator"]["turn_ms"]["p99"])
            holds.append(all(one["holds"] for one in run.result["generator"]["validity"]))
        figure(f"p99 of lag {lags[0]:.2f} ms without jobs, {lags[1]:.2f} ms beside {len(kinds) / seconds * 60:,.0f} a minute; "
               f"of a turn {turns[0]:.3f} and {turns[1]:.3f} ms; valid: {holds[0]} and {holds[1]}")
        if all(holds):
            return
    if not holds[0]:
        raise Skipped("without jobs this machine is not punctual either")
    expect(False, "jobs take the generator's punctuality")


def every_outcome_in_its_class():
    """A content job's ways to end (and one that a signal ended): no two have class and detail in common."""
    each = 40 if FULL else 5
    wanted = ["well", "fails", "says_error", "says_nothing", "says_much", "deaf", "is_killed"]
    kinds = [kind for _ in range(each) for kind in wanted]
    watch = Watch()
    try:
        run = squall(scenario(kinds, 1, 10, expect_text=ALL_IS_LOOKED_AT), city=City(), limit_s=200)
    finally:
        watch.end()
    expect_passed(run, "outcomes")
    expect_outcomes(run, kinds, "outcomes")
    expect_nothing_left(watch, "outcomes", 2 * AT_A_TIME)
    classes = {kind: tuple((d["class"], d["code"], d["detail"]) for d in run.one(name=kind)["error_details"]) for kind in wanted}
    expect_equal([len(details) for details in classes.values()], [0] + 6 * [1], "kinds of failure of each kind of job")
    expect_equal(len(set(classes.values())), len(wanted), "classes that differ")
    expect_equal(run.one(name="says_much")["received_bytes"], each * 10_000_003, "bytes of those that write 10 MB")
    figure("; ".join(f"{kind}: " + (f"{d[0][0]} {d[0][2] or d[0][1]}" if d else "ok") for kind, d in classes.items()))


CAPTURED = """
vars: { url: "${env.CITY_HTTP}" }
targets: { site: "${env.CITY_HTTP}" }
plugins:
  job:
    programs:
      cmsjob:
        argv: [ "CMSJOB", --url, "${url}", --site, A, --record, "r-${arg.user}", --type, Content ]
        args: { user: int }
tasks:
  edit:
    - job.run: { program: cmsjob, args: { user: "${user.index}" }, name: job }
      capture: { id: { regex: 'JOB ([0-9a-f-]{36})' } }
    - until: { every: 20ms, timeout: 20s }
      steps: [ http.get: { path: "/s/A/${id}/r-${user.index}", name: poll } ]
      satisfied: { status: 200, body: { contains: "<!-- rev:" } }
populations: { editors: { tasks: edit, load: { users: 20 }, stop_after: { iterations: COUNT } } }
run: { drain: 30s, valid: { lag: 10s } }
"""


def what_a_job_prints_goes_into_its_poll():
    count = 2000 if FULL else 200
    city = City(journal=True)
    run = squall(CAPTURED.replace("CMSJOB", os.path.join(BIN, "cmsjob")).replace("COUNT", str(count)), city=city, limit_s=200)
    expect_passed(run, "captures")
    paths = [line["path"] for line in city.journal()]
    begun = {match[1] for path in paths if (match := re.fullmatch(r"/cms/jobs/([0-9a-f-]{36})/end", path))}
    polled = collections.Counter(match[1] for path in paths if (match := re.fullmatch(r"/s/A/([^/]*)/r-\d+", path)))
    expect_equal(len(begun), count, "jobs that the city gave an id")
    expect_equal(set(polled), begun, "ids in the polls")
    expect_equal(sum(polled.values()), run.one(name="poll")["count"], "polls")
    figure(f"{count} jobs printed JOB <id>, each id came back in its poll and no other")


def a_signal_while_they_start():
    """As many programs as there are users are always about to start: whenever the signal comes, nothing is left."""
    rounds = 20 if FULL else 3
    kinds = (["orphan", "silent", "deaf", "orphan", "says_nothing"] * 2000)
    for number in range(rounds):
        watch = Watch()
        run = Run(scenario(kinds, 60, 10), city=City(), limit_s=60)
        try:
            wait_until(ours, "a job")
            time.sleep(0.05 * number)   # somewhere else each time
            for _ in range(1 + number % 2):   # twice: at once
                run.signal(signal.SIGINT)
            run.wait()
        finally:
            watch.end()
        expect_equal(run.code, 105, "a signal: exit code")
        expect_closed(run, "a signal")
        expect_equal(len(ours()), 0, "a signal: processes that are left")
    figure(f"{rounds} runs ended by SIGINT while jobs began: nothing left")


show(hostile_ones_among_thousands, users_beside_them, every_outcome_in_its_class, what_a_job_prints_goes_into_its_poll,
     a_signal_while_they_start)
