"""A content system's tests, run from examples/cms as they stand: visitors, content jobs, editors, and records that only
one user may hold at a time.

The judge: the city's own journal of jobs and requests. Two jobs at once on one record there are two holders, whatever
squall reports.
"""
import collections
import json
import os
import shutil
import signal

from harness import (BIN, FULL, ROOT, City, check, expect, expect_closed, expect_equal, expect_near, expect_passed, figure,
                     file_path, need_descriptors, show, squall, Run, wait_until)

PAGES = 1498


def story(records=5, previews=8):
    """examples/cms with data of its own; returns the scenario's path."""
    folder = file_path("cms")
    shutil.copytree(os.path.join(ROOT, "examples/cms"), folder)

    def rows(name, header, lines):
        with open(os.path.join(folder, name), "w") as file:
            file.write("\n".join([header, *lines]) + "\n")

    rows("pages.csv", "site,path", [f"A,page-{i:04d}.html" for i in range(PAGES)] + ["C,never.html"])
    rows("content.csv", "site,record,path", [f"A,c-{i:03d},content/c-{i:03d}" for i in range(records)])
    rows("previews.csv", "site,record,path", [f"B,p-{i:03d},previews/p-{i:03d}" for i in range(previews)])
    return os.path.join(folder, "cms.yaml")


def environment():
    return {"CITY_CMSJOB": os.path.join(BIN, "cmsjob")}


def run(path, city, *options, **more):
    return squall(path, *options, city=city, env=environment(), **more)


def jobs_of(city):
    """The journal by job: {number: {"job_start": ns, "job_end": ns, "visible": ns, "record": …, "result": …}}."""
    jobs = collections.defaultdict(dict)
    for event in city.control("GET", "/cms/journal"):
        job = jobs[event["job"]]
        job[event["what"]] = event["at_ns"]
        job["record"] = event["record"]
        job["result"] = event["result"] or job.get("result")
    return jobs


def expect_one_holder(city, records, what):
    """Nobody begins a job on a record on which another has not ended, and never are there more jobs than records."""
    counts = city.control("GET", "/cms")
    expect_equal(counts["overlaps"], 0, f"{what}: jobs on a record that another job held")
    expect(counts["most_running"] <= records, f"{what}: {counts['most_running']} jobs at once on {records} records")
    return counts


def samples_of(run, name):
    """What -o jsonl wrote of the series of this name."""
    with open(os.path.join(run.folder, "samples.jsonl")) as file:
        return [line for line in map(json.loads, file) if line["type"] == "sample" and line["name"] == name]


def expect_handed_back(run, dataset, what):
    found = [one for one in run.result["records"] if one["dataset"] == dataset][0]
    expect_equal(found["handed_back"], found["acquired"], f"{what}: records handed back")
    return found


def name_and_count():
    """4.2: one row for all URLs, each used, and every 404 a failure."""
    city = City()
    city.post("/cms", missing=0.02)
    ours = run(story(), city, "--profile", "1", "--users", "200", "--for", "20s", "--set", "think=50ms")
    rows = {row["name"]: row for row in ours.series(operation="http.get")}
    expect_equal(sorted(rows), ["WebTest", "probe memory"], "rows of the statistics")
    statuses = city.counters()["http"]["statuses"]
    row = rows["WebTest"]
    expect_equal(row["count"] + rows["probe memory"]["count"], sum(statuses.values()), "requests")
    expect_equal(row["errors"], {"status": statuses["404"]}, "failures")
    city.post("/reset")
    figure(f"{row['count']:,} requests to {PAGES:,} URLs in one row, {statuses['404']:,} of them 404 and failed")


def every_page_is_used():
    city = City(journal=True)
    ours = run(story(), city, "--profile", "1", "--users", "100", "--iterations", "20000", "--set", "think=0ms",
               "--set", "site_url=" + city.env()["CITY_HTTP"])
    expect_passed(ours, "20,000 iterations")
    paths = collections.Counter(line["path"] for line in city.journal() if line["path"].startswith("/s/"))
    expect_equal(sum(paths.values()), 20_000, "requests in the journal")
    expect_equal(len(paths), PAGES, "pages that were read; those of another site are not among them")
    even = 20_000 / PAGES
    chi2 = sum((count - even) ** 2 / even for count in paths.values())
    spread = (2 * (PAGES - 1)) ** 0.5
    expect_near(chi2, PAGES - 1, 3.3 * spread, "chi² of a uniform choice")   # p > 0.001 on both sides
    figure(f"20,000 draws: {len(paths)} of {PAGES} pages, each {min(paths.values())} to {max(paths.values())} times, "
           f"chi² {chi2:.0f} for {PAGES - 1} degrees of freedom")


def throughput_law():
    """Users / (think time + response time), for 10,000 users."""
    users = 10_000 if FULL else 1_000
    need_descriptors(users + 1000)
    city = City()
    city.post("/delay", ms=50)
    seconds, warmup = (60, 25) if FULL else (15, 15)
    ours = run(story(), city, "--profile", "1", "--users", str(users), "--for", f"{seconds}s",
               "--set", "think={exponential: 7s, max: 70s}", "--set", f"warmup={warmup}s")
    row = ours.one(name="WebTest", phase="main")
    wanted = users / (7 + row["response_ms"]["mean"] / 1e3)
    rate = row["count"] / seconds
    tolerance = wanted * 0.02 if FULL else 4 * (wanted / seconds) ** 0.5
    expect_near(rate, wanted, tolerance, f"requests/s of {users} users")
    figure(f"{users:,} users: {rate:,.1f} requests/s, the law says {wanted:,.1f} "
           f"(response mean {row['response_ms']['mean']:.2f} ms)")


def stages_second_by_second():
    scale = 1 if FULL else 0.2
    city = City()
    times = [round(30 * scale), round(60 * scale), round(30 * scale)]
    stages = [(times[0], 10), (times[1], 50), (times[2], 0)]
    text = ", ".join(f"{{for: {time}s, users: {users}}}" for time, users in stages)
    ours = run(story(), city, "--profile", "1", "--set", f"stages=[{text}]", "--set", "think=100ms", limit_s=200)
    expect_passed(ours, "stages")

    def plan(second):
        begin, before = 0, 0
        for time, users in stages:
            if second <= begin + time:
                return before + (users - before) * (second - begin) / time
            begin, before = begin + time, users
        return 0

    lines = [line for line in ours.timeline(environment=True) if 0 <= line["second"] < sum(times)]
    expect(abs(len(lines) - sum(times)) <= 1, f"{len(lines)} lines for {sum(times)} seconds")
    off = [(line["second"], line["users"]["visitors"]["present"]) for line in lines
           if not min(plan(line["second"]), plan(line["second"] + 1)) - 1
           <= line["users"]["visitors"]["present"] <= max(plan(line["second"]), plan(line["second"] + 1)) + 1]
    expect_equal(off, [], "seconds in which the users were not those of the plan")
    figure(f"{len(lines)} seconds, users within one of the plan in each")


def content_jobs():
    """4.3: 50 users, 5 records, 2 s until a change can be seen, polled every 0.5 s."""
    seconds = 60 if FULL else 10
    city = City()
    city.post("/cms", visible_s=2)
    ours = run(story(records=5), city, "--profile", "2", "--users", "50", "--for", f"{seconds}s", "--set", "think=500ms",
               "--shards", "2")
    expect_passed(ours, "content jobs")
    counts = expect_one_holder(city, 5, "content jobs")
    records = expect_handed_back(ours, "content", "content jobs")
    jobs = jobs_of(city)
    seen = ours.one(name="ContentVisible")
    begun = ours.one(name="ContentJob")
    expect_equal(begun["count"], counts["begun"], "jobs")
    expect_equal(seen["count"], counts["begun"], "jobs seen to their end")
    expect_equal(len({job["record"] for job in jobs.values()}), 5, "records that were used")
    expect(counts["begun"] <= 5 * (seconds + 32) / 2, f"{counts['begun']} jobs are more than five records allow")
    expect(seen["response_ms"]["min"] >= 2000, f"a change was seen after {seen['response_ms']['min']} ms, before it was there")
    late = max(job["visible"] - job["job_start"] for job in jobs.values()) / 1e6
    expect(seen["response_ms"]["max"] <= late + 600, f"a change was seen only after {seen['response_ms']['max']} ms")
    expect_equal(records["waited"] + records["waited_in_vain"], 0, "users who waited though they had another task")
    expect(ours.one(name="WebTest")["count"] > 50 * seconds / 2, "users without a record did not read on")
    figure(f"{counts['begun']} jobs on 5 records, each {records['least_used']} to {records['most_used']} times, seen after "
           f"{seen['response_ms']['min']:.0f} … {seen['response_ms']['max']:.0f} ms")


def both_tasks_in_turn():
    """While a record is free, a user does both of its tasks equally often, or as their weights say."""
    seen = []
    for tasks, share, tolerance in (("[ WebTest, ContentServerTest ]", 0.5, 47), ("{ WebTest: 9, ContentServerTest: 1 }", 0.9, 28)):
        city = City()
        city.post("/cms", visible_s=0)
        path = story(records=100)
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("[ WebTest, ContentServerTest ]", tasks))
        ours = run(path, city, "--profile", "2", "--users", "20", "--iterations", "2000", "--set", "think=1ms", "--set", "poll=10ms")
        expect_passed(ours, tasks)
        web, content = ours.one(name="WebTest")["count"], ours.one(name="ContentBefore")["count"]
        expect_near(web / 2, 1000 * share, tolerance, f"WebTest in 1,000 iterations of {tasks}")
        expect_equal(web + content, 2000, "iterations")
        seen.append(f"{web} and {content}")
    figure(f"of 2,000: {seen[0]} with equal weights, {seen[1]} with 9 and 1")


def previews_fit():
    """4.4: as many users as records: all are always busy."""
    seconds = 60 if FULL else 12
    city = City()
    city.post("/cms", visible_s=2)
    ours = run(story(previews=8), city, "--profile", "3", "--users", "8", "--for", f"{seconds}s", "--set", "poll=250ms",
               "--set", "sites=[A, B]")
    expect_passed(ours, "eight users")
    counts = expect_one_holder(city, 8, "eight users")
    expect(8 * (seconds / 2.3 - 1) <= counts["begun"] <= 8 * (seconds / 2 + 1),
           f"{counts['begun']} jobs of eight users in {seconds} s")
    expect_equal(expect_handed_back(ours, "previews", "eight users")["waited"], 0, "users who waited")
    figure(f"8 users, 8 records: {counts['begun']} jobs in {seconds} s")


def too_many_editors():
    """More users than records: they wait without an error, each in its turn, and both numbers are told before."""
    seconds = 60 if FULL else 12
    path = story(previews=8)
    city = City()
    city.post("/cms", visible_s=2)
    options = ["--profile", "3", "--users", "12", "--for", f"{seconds}s", "--set", "poll=250ms"]
    code, said = check(path, *options, env={**city.env(), **environment()})
    warning = "population 'editors' has 12 users, dataset 'previews' only 8 exclusive records"
    expect(code == 0 and warning in said, f"check says: {said[:300]}")
    ours = run(path, city, *options, "-o", "jsonl")
    expect(warning in ours.stderr(), "run does not warn")
    counts = expect_one_holder(city, 8, "twelve users")
    records = expect_handed_back(ours, "previews", "twelve users")
    expect_equal(records["held_most"], 8, "records held at once")
    expect_equal(ours.result["totals"]["failed"], 0, "failures of those who waited")
    expect(records["waited"] > 0, "nobody waited")
    by_user = collections.Counter(sample["user"] for sample in samples_of(ours, "PreviewJob"))
    fair = counts["begun"] / 12
    expect(len(by_user) == 12 and min(by_user.values()) >= fair - 2, f"jobs of each user: {sorted(by_user.values())}")
    expect(records["most_used"] - records["least_used"] <= 1, f"records used {records['least_used']} to {records['most_used']} times")
    figure(f"12 users, 8 records: {counts['begun']} jobs, each record {records['least_used']} to {records['most_used']} times; "
           f"{records['waited']} waited, at most {records['waited_ms']['max']:.0f} ms")


def times_to_come_back(run):
    """From the end of each job that said ERR to when its user's next iteration was due, in ns."""
    found = []
    by_user = collections.defaultdict(list)
    for name in ("PreviewBefore", "PreviewJob"):
        for sample in samples_of(run, name):
            by_user[sample["user"]].append((sample["due_ns"], sample["end_ns"], name, sample["outcome"]))
    for samples in by_user.values():
        samples.sort()
        for before, after in zip(samples, samples[1:]):
            if before[2] == "PreviewJob" and before[3] != "ok":
                found.append(after[0] - before[1])
    return found


def unfinished_after(run):
    """Users whose last job said ERR, after which the run was over."""
    last = {}
    for sample in samples_of(run, "PreviewJob") + samples_of(run, "PreviewBefore"):
        last[sample["user"]] = max(last.get(sample["user"], (0, "")), (sample["due_ns"], sample["outcome"]))
    return sum(outcome != "ok" for _, outcome in last.values())


def jobs_that_fail():
    """One in ten ends with ERR, one in twenty never becomes visible: every outcome in its own class, no record is lost."""
    seconds = 60 if FULL else 20
    city = City()
    city.post("/cms", visible_s=0.2, errors=0.1, never=0.05)
    ours = run(story(previews=8), city, "--profile", "3", "--users", "8", "--for", f"{seconds}s", "--set", "poll=50ms", "-o", "jsonl")
    counts = expect_one_holder(city, 8, "failing jobs")
    back = times_to_come_back(ours)
    expect_equal(len(back), counts["failed"] - unfinished_after(ours), "interrupted users who began again")
    expect(max(back) <= 100e6, f"a user was back only {max(back) / 1e6:.1f} ms after its interrupt")
    expect_handed_back(ours, "previews", "failing jobs")
    expect_closed(ours, "failing jobs")
    job, seen = ours.one(name="PreviewJob"), ours.one(name="PreviewVisible")
    expect_equal(job["count"], counts["begun"], "jobs")
    expect_equal(job["errors"], {"check": counts["failed"]}, "jobs that said ERR")
    expect_equal(ours.result["totals"]["interrupted"], counts["failed"], "iterations that were interrupted")
    cut = seen["cut"]
    timed_out = seen["errors"].get("timeout", 0)
    expect(counts["never"] - cut <= timed_out <= counts["never"], f"{timed_out} timed out, {counts['never']} were never there")
    expect_equal(seen["count"] - seen["failed"] + counts["failed"] + timed_out + cut, counts["begun"],
                 "visible + error + timed out + cut")
    figure(f"interrupted users were due again {max(back) / 1e6:.3f} ms later at most")
    figure(f"{counts['begun']} jobs: {seen['count'] - seen['failed']} visible, {counts['failed']} said ERR, {timed_out} timed out, {cut} cut")


def a_signal_hands_all_back():
    city = City()
    city.post("/cms", visible_s=1)
    ours = Run(story(previews=8), "--profile", "3", "--users", "12", "--for", "60s", "--set", "poll=100ms", city=city,
               env=environment())
    wait_until(lambda: city.control("GET", "/cms")["begun"] >= 20, "jobs")
    ours.signal(signal.SIGINT)
    ours.wait()
    expect_equal(ours.code, 105, "exit code")
    counts = expect_one_holder(city, 8, "a signal")
    records = expect_handed_back(ours, "previews", "a signal")
    expect_equal(counts["running"], 0, "jobs that still run")
    expect(records["waited_in_vain"] > 0, "nobody waited when the signal came")
    figure(f"SIGINT after {counts['begun']} jobs: {records['acquired']} records acquired and handed back, {records['waited_in_vain']} waited in vain")


TWO_HANDS = """
targets: { site: "${env.CITY_HTTP}" }
data: { recs: { file: recs.csv, pick: exclusive } }
tasks:
  edit:
    - acquire: { from: recs, as: r }
    - http.get: { path: "/s/X/${r.name}", timeout: 50ms, name: first }
      on_failure: interrupt
    - either:
        - weight: 9
          steps: [ http.get: { path: "/s/X/${r.name}", timeout: 50ms, name: second } ]
        - { weight: 1, steps: [ interrupt ] }
    - release: r
populations: { editors: { tasks: edit, load: { users: 64 }, stop_after: { iterations: COUNT } } }
run: { valid: { lag: 1s } }
"""


def never_in_two_hands():
    """100,000 acquisitions over two shards under errors, time-outs and interrupts: requests for one record never overlap."""
    count = 100_000 if FULL else 10_000
    city = City(journal=True)
    city.post("/errors", rate=0.1)
    city.post("/delay", ms=1, slow_ms=200, slow_rate=0.002)
    folder = file_path("hands")
    os.makedirs(folder)
    with open(os.path.join(folder, "recs.csv"), "w") as file:
        file.write("name\n" + "".join(f"r-{i:02d}\n" for i in range(16)))
    path = os.path.join(folder, "hands.yaml")
    with open(path, "w") as file:
        file.write(TWO_HANDS.replace("COUNT", str(count)))
    ours = squall(path, "--shards", "2", city=city, limit_s=300)
    expect_closed(ours, "two hands")
    records = expect_handed_back(ours, "recs", "two hands")
    expect_equal(records["acquired"], count, "acquisitions")
    by_path = collections.defaultdict(list)
    for line in city.journal():
        # A request that its user gave up is answered when the record is in other hands: only those are left out.
        if line["t_reply_ns"] - line["t_receive_ns"] < 40e6:
            by_path[line["path"]].append((line["t_receive_ns"], line["t_reply_ns"]))
    overlaps = 0
    for spans in by_path.values():
        spans.sort()
        overlaps += sum(after[0] < before[1] for before, after in zip(spans, spans[1:]))
    expect_equal(overlaps, 0, "requests for a record while another request for it was open")
    expect_equal(len(by_path), 16, "records")
    failed = {name: ours.one(name=name)["failed"] for name in ("first", "second")}
    expect(min(failed.values()) > 0 and ours.result["totals"]["interrupted"] > failed["first"], "nothing failed or was interrupted")
    expect(records["least_used"] >= 0.5 * count / 16, f"a record was used only {records['least_used']} times")
    figure(f"{count:,} acquisitions of 16 records by 64 users on two shards, {sum(failed.values()):,} operations failed, "
           f"{ours.result['totals']['interrupted']:,} iterations interrupted: no record in two hands")


show(name_and_count, every_page_is_used, throughput_law, stages_second_by_second, content_jobs, both_tasks_in_turn,
     previews_fit, too_many_editors, jobs_that_fail, a_signal_hands_all_back, never_in_two_hands)
