"""A server that stalls shows its stalls in full: no request that was due is left out of the distribution.

Requests come 500 times a second whether or not earlier ones are answered. The truth is a simulation of a queue in
front of a server that is frozen at the times it really was (the city's own stamps, or ours around SIGSTOP and
SIGCONT) and that drains as fast as its log says, or as it did in a closed run before. The city's journal and
nginx's log give a second one, with no model at all. p50 to p99, max, and the share above 100 ms, each within 2 % or 10 ms (10 ms of a period, for a share).
"""
import signal
import time

from harness import (FULL, City, Mosquitto, Nginx, Run, at_times, expect, expect_equal, expect_near, figure, quantile,
                     show, squall)

RATE = 500
PERIOD_S = 10
PERIODS = 6 if FULL else 2
LENGTH_S = PERIOD_S * PERIODS
STALL_S = 1.5  # not a tenth of the period: the 90th percentile would stand at the edge, where 0.1 % of share is 10 ms
SHARES = (0.5, 0.9, 0.95, 0.99, 1.0)
RUN = "run: { for: %ds, valid: { lag: 200ms } }\n" % LENGTH_S

# `time: < 100ms` as a check makes `failed` the exact number above 100 ms.
HTTP = """
targets: { site: { url: "${env.SITE}" } }
tasks:
  visit:
    - http.get: { path: "/page/x", headers: { X-Seq: "${arrival.index}" }, name: visit }
      expect: { status: 200, time: < 100ms }
populations: { visitors: { tasks: visit, load: { rate: 500/s } } }
"""
TCP = """
targets: { site: "${env.SITE}" }
tasks:
  visit:
    - tcp.request: { payload: { text: "T1 ${arrival.index}\\n" }, name: visit }
      expect: { time: < 100ms }
populations: { visitors: { tasks: visit, load: { rate: 500/s } } }
"""
MQTT = """
targets: { site: "${env.SITE}" }
tasks:
  visit:
    - mqtt.publish: { topic: city/S1, payload: { text: "${arrival.index}" }, qos: 1, name: visit }
      expect: { time: < 100ms }
populations: { visitors: { tasks: visit, load: { rate: 500/s }, sessions: 4 } }
"""


def capacity(scenario, site):
    """Answers a second of the same requests in a closed loop of 100 users: how fast a queue drains."""
    closed = (scenario.replace("load: { rate: 500/s }", "load: { users: 100 }")
              .replace("${arrival.index}", "${user.index}").replace(", time: < 100ms", "").replace("time: < 100ms", ""))
    closed = closed.replace("\n      expect: {  }", "") + "run: { for: 2s, valid: { lag: 1s } }\n"
    run = squall(closed, "--accept-invalid", env={"SITE": site})
    return run.one(name="visit")["count"] / 2


def drain_rate(replies, stalls):
    """Answers a second from the end of a stall until one is answered that hardly waited; the mean over stalls.
    `replies` are (reply, due) in run time."""
    rates = []
    for _, end in stalls:
        after = sorted(r for r in replies if end - 2 <= r[0] and r[0] >= end)
        for count, (reply, due) in enumerate(after):
            if reply - due < 0.02:
                if count > 100:
                    rates.append(count / (reply - end))
                break
    return sum(rates) / len(rates)


def simulate(dues_s, stalls, per_s):
    """Response times of a queue that is served one after the other, `per_s` a second, but not in a stall."""
    times, free_at = [], 0.0
    for due in dues_s:
        begin = max(due, free_at)
        for stall_begin, stall_end in stalls:
            if stall_begin <= begin < stall_end:
                begin = stall_end
        free_at = begin + 1 / per_s
        times.append(free_at - due)
    return sorted(times)


def compare(what, series, expected_s):
    ours = series["response_ms"]
    expect_equal(series["count"], RATE * LENGTH_S, f"{what}: n")
    expect_equal(series["cut"], 0, f"{what}: cut")
    said = []
    for share, name in zip(SHARES, ("p50", "p90", "p95", "p99", "max")):
        truth = quantile(expected_s, share) * 1000
        expect_near(ours[name], truth, max(10.0, 0.02 * truth), f"{what}: {name} in ms")
        said.append(f"{name} {ours[name]:.0f} ({truth:.0f})")
    truth = sum(1 for t in expected_s if t > 0.1) / len(expected_s)
    share = series["failed"] / series["count"]
    expect_near(share, truth, max(0.010 / PERIOD_S, 0.02 * truth), f"{what}: share above 100 ms")
    figure(f"{what}: n {series['count']}, {', '.join(said)}, above 100 ms {share:.4f} ({truth:.4f}); expected in brackets")


def dues():
    return [k / RATE for k in range(RATE * LENGTH_S)]


def expect_target_was_slow(run, what):
    """A frozen server is no fault of the generator: the run may fail its checks, but is valid."""
    expect(run.code in (0, 99), f"{what}: exit code {run.code}, {run.result['reasons'] if run.result else run.last_line()}")


def city_stalls():
    city = City(journal=True)
    site = f"http://127.0.0.1:{city.http}"
    begin_ns = city.post("/stall", every_s=PERIOD_S, for_s=STALL_S, at_s=3)["stall"]["begin_ns"]
    run = squall(HTTP + RUN, env={"SITE": site}, limit_s=LENGTH_S + 30)
    expect_target_was_slow(run, "city stalls")
    series = run.one(name="visit")
    lines = city.journal()
    expect_equal(len(lines), series["count"], "city stalls: n of the journal")

    received = {line["seq"]: line["t_receive_ns"] / 1e9 for line in lines}
    zero = min(at - seq / RATE for seq, at in received.items())
    drift_ms = (zero - (run.zero_realtime_s() - (time.time() - time.monotonic()))) * 1000
    expect(-2 < drift_ms < 20, f"city stalls: the first request came {drift_ms:.1f} ms after the run's own zero")
    stamped = sorted(line["t_reply_ns"] / 1e9 - zero - line["seq"] / RATE for line in lines)
    compare("city stalls, by the server's own stamps", series, stamped)

    first = begin_ns / 1e9 - zero
    stalls = [(first + i * PERIOD_S, first + i * PERIOD_S + STALL_S) for i in range(PERIODS + 1)]
    per_s = drain_rate([(line["t_reply_ns"] / 1e9 - zero, line["seq"] / RATE) for line in lines], stalls)
    compare(f"city stalls, by simulation at {per_s:.0f}/s", series, simulate(dues(), stalls, per_s))


def frozen(what, process, scenario, site, after_stall=lambda stamp: None):
    """2 s of 10 under SIGSTOP; returns the run and the times in which it really was frozen."""
    run = Run(scenario + RUN, env={"SITE": site}, limit_s=LENGTH_S + 30)
    begun = run.begun + 2
    stamps = []

    def send(number):
        def now():
            stamps.append(time.monotonic())
            process.send_signal(number)
            if number == signal.SIGCONT:
                after_stall(stamps[-1])
        return now

    events = []
    for i in range(PERIODS):
        events += [(begun + i * PERIOD_S, send(signal.SIGSTOP)), (begun + i * PERIOD_S + 2, send(signal.SIGCONT))]
    thread = at_times(events)
    run.wait()
    thread.join()
    expect_target_was_slow(run, what)
    zero = run.zero_realtime_s() - (time.time() - time.monotonic())
    stalls = [(stamps[i] - zero, stamps[i + 1] - zero) for i in range(0, len(stamps), 2)]
    return run, stalls


def nginx_frozen():
    nginx = Nginx()
    what = "nginx under SIGSTOP"
    run, stalls = frozen(what, nginx.process, HTTP.replace("/page/x", "/page/${arrival.index}"), nginx.url)
    series = run.one(name="visit")
    lines = nginx.new_lines_when(RATE * LENGTH_S)
    expect_equal(len(lines), series["count"], f"{what}: n of its log")
    zero = run.zero_realtime_s()
    replies = [(float(line[5]) - zero, int(line[7].removeprefix("/page/")) / RATE) for line in lines]
    compare(f"{what}, by its log", series, sorted(reply - due for reply, due in replies))
    per_s = drain_rate(replies, stalls)
    compare(f"{what}, by simulation at {per_s:.0f}/s", series, simulate(dues(), stalls, per_s))


def mosquitto_frozen():
    broker = Mosquitto()
    what = "mosquitto under SIGSTOP"
    per_s = capacity(MQTT, broker.url)
    before = broker.published_when(-1, limit_s=3)  # $SYS is a second late
    run, stalls = frozen(what, broker.process, MQTT, broker.url)
    series = run.one(name="visit")
    compare(f"{what}, by simulation at {per_s:.0f}/s", series, simulate(dues(), stalls, per_s))
    expect_equal(broker.published_when(before + series["count"]) - before, series["count"], f"{what}: n of $SYS")


def city_tcp_frozen():
    city = City()
    what = "city under SIGSTOP, tcp.request"
    drains_s = []

    def watch_drain(stamp):
        """How long the queue of a stall is served: until the city's own count grows no faster than what comes."""
        looks = []
        while time.monotonic() < stamp + 0.5:
            looks.append((city.counters()["tcp"]["messages"], time.monotonic()))
        count, end = looks[-1]
        drains_s.append(next(at for seen, at in looks if count - seen <= (end - at) * RATE + 3) - stamp)

    run, stalls = frozen(what, city.process, TCP, f"tcp://127.0.0.1:{city.tcp}", watch_drain)
    series = run.one(name="visit")
    per_s = RATE * 2 * len(drains_s) / sum(drains_s)
    compare(f"{what}, by simulation at {per_s:.0f}/s", series, simulate(dues(), stalls, per_s))
    expect_equal(city.counters()["tcp"]["messages"], series["count"], f"{what}: n of its messages")


show(city_stalls, nginx_frozen, mosquitto_frozen, city_tcp_frozen)
