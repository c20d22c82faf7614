"""Bulk beside requests: four streams as fast as they go, or paced, while pages are asked at a fixed rate.

Both must be complete and equal on both sides, byte for byte (XXH64 of each stream as sent and as read), in little
memory. The judges: the city's counters and checksums. 32 GiB with --full or SQUALL_FULL=1, else 1 GiB.
"""
import os

from harness import FOLDER, FULL, City, expect, expect_closed, expect_equal, expect_near, expect_passed, figure, show, squall

GIB = 1 << 30
TOTAL = (32 if FULL else 1) * GIB
ODD = 4 * 40_009  # beside the GiB, so that no two streams of the arena are alike
PACED_S = 30 if FULL else 10

# The checksum of each stream is told to a second city, whose journal then knows it.
SCENARIO = """
targets:
  site: "${env.CITY_HTTP}"
  lake: "${env.CITY_DUMP}"
  desk: "${env.DESK_HTTP}"
tasks:
  read: [ http.get: { to: site, path: /page/lamps, name: page } ]
  pour:
    - tcp.dump: { to: lake, %s, checksum: true, name: dump }
      expect: { acknowledged: "peer close" }
      capture: { sum: checksum }
    - http.get: { to: desk, path: "/page/${sum}", name: told }
populations:
  readers: { tasks: read, load: { rate: %d/s } }
  lake: { tasks: pour, load: { users: %d }, stop_after: { iterations: %d } }
run: { for: %ds, drain: 240s, valid: { lag: 1s } }
"""


def told_checksums(desk):
    told = []
    for line in desk.journal():
        told += line["path"].removeprefix("/page/").replace("%2C", ",").split(",")
    return sorted(told)


def pour_beside_requests(what, source, total, users, iterations, seconds):
    city, desk = City("--dump-checksum"), City(journal=True)
    # As fast as it goes is as fast as the shard goes: a verdict "invalid" that says only that is the truth.
    run = squall(SCENARIO % (source, 3000, users, iterations, seconds), "--accept-invalid", city=city,
                 env={"DESK_HTTP": f"http://127.0.0.1:{desk.http}"}, limit_s=400)
    expect_equal(run.code, 0, f"{what}: exit code ({run.last_line()})")
    expect_closed(run, what)
    for reason in run.result["reasons"]:
        expect("% busy for" in reason, f"{what}: {reason}")
    figure(f"{what}: verdict {run.result['verdict']} {run.result['reasons']}")
    dump, page = run.one(name="dump"), run.one(name="page")
    counters = city.counters_when(lambda c: c["dump"]["finished"] == c["dump"]["connections"])
    truth = counters["dump"]
    expect_equal(dump["sent_bytes"], total, f"{what}: bytes of all streams")
    expect_equal(truth["bytes"], total, f"{what}: bytes the city read")
    expect_equal(dump["count"] - dump["failed"], iterations, f"{what}: dumps")
    expect_equal(truth["reset"], 0, f"{what}: reset streams")
    sums = sorted(stream["xxh64"] for stream in truth["streams"])
    expect_equal(told_checksums(desk), sums, f"{what}: checksums")
    expect_equal(page["count"], 3000 * seconds, f"{what}: pages")
    expect_equal(counters["http"]["requests"], page["count"], f"{what}: pages the city answered")
    expect_equal(page["failed"], 0, f"{what}: failed pages")
    rss = run.result["generator"]["peak_rss_bytes"]
    expect(rss < 200e6, f"{what}: {rss / 1e6:.0f} MB of memory, 200 MB are allowed")
    figure(f"{what}: {total / GIB:.0f} GiB in {len(truth['streams'])} streams, {len(set(sums))} checksums equal, "
           f"each dump {dump['response_ms']['mean'] / 1000:.2f} s on average, RSS {rss / 1e6:.0f} MB")
    figure(f"{what}: {page['count']} pages, p50 {page['response_ms']['p50']:.2f} ms, p99 {page['response_ms']['p99']:.1f} ms, "
           f"lateness p99 {page['lateness_ms']['p99']:.2f} ms, generator lag p99 {run.result['generator']['lag_ms']['p99']:.2f} ms")


def random_arena():
    seconds = 60 if FULL else 6
    pour_beside_requests("random arena", f"bytes: {TOTAL + ODD}B, streams: 4, source: random",
                         TOTAL + ODD, 1, 1, seconds)


def one_file_many_times():
    times = 32
    path = os.path.join(FOLDER, "bulk.bin")
    with open(path, "wb") as file:  # every MiB is another one, so that a swap of two would show
        for i in range(TOTAL // times // (1 << 20)):
            file.write(i.to_bytes(8, "little") * (1 << 17))
    seconds = 60 if FULL else 6
    pour_beside_requests("a file, 32 times", f"source: file, file: {os.path.basename(path)}", TOTAL, 4, times, seconds)


def paced():
    rate = 200_000_000
    total = rate * PACED_S
    city, desk = City(), City(journal=True)
    run = squall(SCENARIO.replace("checksum: true, ", "") .replace("      capture: { sum: checksum }\n", "")
                 .replace("/page/${sum}", "/page/done")
                 % (f"bytes: {total}B, rate: 200MB/s, streams: 4, source: random", 500, 1, 1, PACED_S), city=city,
                 env={"DESK_HTTP": f"http://127.0.0.1:{desk.http}"}, limit_s=120)
    expect_passed(run, "paced")
    truth = city.counters()["dump"]
    expect_equal(truth["bytes"], total, "paced: bytes the city read")
    expect_equal(run.one(name="dump")["sent_bytes"], total, "paced: bytes sent")
    expect_equal(run.one(name="page")["count"], 500 * PACED_S, "paced: pages")
    windows = {w["second"]: w["sent_bytes"] for w in run.timeline(name="dump")}
    figure(f"paced: MB in each second {[round(windows.get(s, 0) / 1e6, 2) for s in range(PACED_S + 1)]}")
    for second in range(1, PACED_S - 1):
        expect_near(windows.get(second, 0) / 1e6, 200, 2, f"paced: MB in second {second}")
    expect_equal(sum(windows.values()), total, "paced: sum of all windows")
    figure(f"paced: {total / 1e9:.0f} GB, {run.one(name='page')['count']} pages, "
           f"lateness p99 {run.one(name='page')['lateness_ms']['p99']:.2f} ms")


show(random_arena, one_file_many_times, paced)
