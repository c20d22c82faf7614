"""The verdict says whose fault it was: a generator that could not keep up is told so (112, with the reason and a
remedy), a slow or frozen server is not the generator's fault, nothing succeeding is a failure, and a delay shows up
in the phase in which it was.

The judges: the city's stamps and delays, SIGSTOP, and a cpu cgroup. As root for the cgroup, else those are skipped.
"""
import contextlib
import os
import signal
import socket
import threading
import time

from harness import (City, Run, Skipped, at_times, expect, expect_closed, expect_equal, expect_near, expect_passed,
                     figure, free_port, show, squall, wait_until)

OPEN = """
targets: { site: { url: "${env.SITE}" } }
tasks: { visit: [ http.get: { path: "/page/x", headers: { X-Seq: "${arrival.index}" }, name: visit } ] }
populations: { visitors: { tasks: visit, load: { rate: %d/s%s } } }
run: { for: %ds }
"""
CLOSED = """
targets: { site: { url: "${env.SITE}" } }
tasks: { visit: [ http.get: { path: "/page/x", name: visit }%s ] }
populations: { visitors: { tasks: visit, load: { users: 1000, ramp: 500ms } } }
run: { for: %ds }
"""
CGROUP = "/sys/fs/cgroup/cpu"
PERIOD_US = 20_000
REMEDIES = ("--shards", "look for other load", "give it more of this machine")


@contextlib.contextmanager
def cpu_quota(share):
    """The prefix of a command that may use `share` of one core."""
    group = f"{CGROUP}/must-show-{os.getpid()}"
    try:
        os.mkdir(group)
    except OSError as why:
        raise Skipped(f"no cpu cgroup can be made ({why.strerror}): root and cgroup v1 are needed")
    try:
        for name, value in (("cpu.cfs_period_us", PERIOD_US), ("cpu.cfs_quota_us", int(PERIOD_US * share))):
            with open(f"{group}/{name}", "w") as file:
                file.write(str(value))
        yield ["/bin/sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        wait_until(lambda: not open(f"{group}/cgroup.procs").read(), "the cgroup to be empty")
        os.rmdir(group)


def site_of(city):
    return {"SITE": f"http://127.0.0.1:{city.http}"}


def expect_invalid(run, what, *words):
    reasons = "; ".join(run.result["reasons"]) if run.result else run.last_line()
    expect_equal(run.code, 112, f"{what}: exit code ({reasons})")
    if run.result:
        expect_equal(run.result["verdict"], "invalid", f"{what}: verdict")
    for word in words:
        expect(word in reasons, f"{what}: '{word}' is not in the reasons: {reasons}")
    expect(any(remedy in reasons for remedy in REMEDIES), f"{what}: no remedy in the reasons: {reasons}")
    figure(f"{what}: {run.code}, {reasons}")


def stopped_generator():
    """T19: squall itself is frozen for a second in the middle."""
    city = City()
    run = Run(OPEN % (500, "", 8), env=site_of(city))
    thread = at_times([(run.begun + 3, lambda: run.signal(signal.SIGSTOP)),
                       (run.begun + 4, lambda: run.signal(signal.SIGCONT))])
    run.wait()
    thread.join()
    expect_invalid(run, "generator under SIGSTOP for 1 s", "lag")
    lag = run.result["generator"]["lag_ms"]
    expect(lag["max"] >= 900, f"generator under SIGSTOP: its lag was at most {lag['max']:.0f} ms")
    expect_equal(run.one(name="visit")["count"], 4000, "generator under SIGSTOP: all that was due was asked")
    expect_equal(city.counters()["http"]["requests"], 4000, "generator under SIGSTOP: and counted by the city")
    expect_closed(run, "generator under SIGSTOP")


def starved_generator():
    """T19: a tenth of a core, and a rate beyond it."""
    city = City()
    with cpu_quota(0.1) as prefix:
        run = Run(OPEN % (20_000, "", 8), env=site_of(city), prefix=prefix, limit_s=200).wait()
        expect_invalid(run, "20,000/s on a tenth of a core", "lag", "busy")
        expect_closed(run, "20,000/s on a tenth of a core")


def starved_closed_loop():
    """T31: nothing is late in a closed loop, but each latency has the loop's own turn in it."""
    city = City(journal=True)
    with cpu_quota(0.2) as prefix:
        run = Run(CLOSED % ("", 10), env=site_of(city), prefix=prefix).wait()
    expect_invalid(run, "closed loop at a fifth of a core", "busy")
    lines = city.journal()
    served = sum(line["t_reply_ns"] - line["t_receive_ns"] for line in lines) / len(lines) / 1e6
    series, turn = run.one(name="visit"), run.result["generator"]["turn_ms"]
    expect_equal(series["model"], "closed", "closed loop: model")
    gap = series["response_ms"]["mean"] - served
    expect_near(turn["mean"], gap, 0.1 * gap, "closed loop at a fifth of a core: turn, and what it adds to the server's own time, in ms")
    figure(f"closed loop at a fifth of a core: mean {series['response_ms']['mean']:.2f} ms, "
           f"of the server {served:.2f} ms, turn {turn['mean']:.2f} ms")


def capacity_of_a_shard(city):
    run = squall(CLOSED.replace("users: 1000, ramp: 500ms", "users: 50") % ("", 3), "--accept-invalid", env=site_of(city))
    return run.one(name="visit")["count"] / 3


def half_busy_closed_loop():
    """T32: a loop that is half busy adds next to nothing."""
    city = City()
    think_ms, what = 1000 / (capacity_of_a_shard(city) / 2) * 1000, "closed loop, half busy"

    def run_with(seconds):
        run = squall(CLOSED % (f", wait: {{ exponential: {think_ms:.1f}ms }}", seconds), "--accept-invalid", env=site_of(city))
        busy = sorted(max(w["busy"]) if isinstance(w["busy"], list) else w["busy"] for w in run.timeline(environment=True))
        return run, busy[len(busy) // 2]

    for _ in range(3):  # what half busy is depends on the machine
        _, busy = run_with(3)
        if 0.4 < busy < 0.6:
            break
        think_ms *= busy / 0.5
    run, busy = run_with(10)
    turn = run.result["generator"]["turn_ms"]
    figure(f"{what}: median second {busy:.2f}, turn p50 {turn['p50']:.3f} ms, p99 {turn['p99']:.3f} ms, "
           f"{run.one(name='visit')['count'] / 10:.0f} requests/s")
    expect_near(busy, 0.5, 0.15, f"{what}: busy in the median second")
    expect_passed(run, what)
    expect(turn["p99"] < 1, f"{what}: turn p99 {turn['p99']:.2f} ms, limit 1 ms")


def slow_server():
    """T20: half of what a shard can do, at a server that is frozen one second of five. With 200 users the rest waits
    for a free one, and that time is the target's."""
    city = City(journal=True)
    rate = int(capacity_of_a_shard(city) / 2 // 100 * 100)
    rate = min(rate, 8000)
    old = len(city.journal())
    users, every, length = 200, 5, 10
    begin_ns = city.post("/stall", every_s=every, for_s=1, at_s=2.5)["stall"]["begin_ns"]
    run = squall(OPEN % (rate, f", max_users: {users}", length), env=site_of(city), limit_s=60)
    what = f"{rate}/s at a server with stalls"
    expect_passed(run, what)
    lag = run.result["generator"]["lag_ms"]["p99"]
    expect(lag < 5, f"{what}: lag p99 {lag:.2f} ms, limit 5 ms")
    lines = sorted(city.journal()[old:], key=lambda line: line["seq"])
    zero = min(line["t_receive_ns"] / 1e9 - line["seq"] / rate for line in lines)
    expect_equal(len(lines), rate * length, f"{what}: requests")
    # In order of arrival each begins when it is due or, with all users taken, when one is free again.
    waited = [line["t_receive_ns"] / 1e9 - zero - line["seq"] / rate for line in lines]
    blocked = [w for w in waited if w > 0.02]
    ours = run.result["populations"][0]["blocked_ms"]
    expected = sum(blocked) / len(blocked) * 1000
    expect_near(ours["mean"], expected, 0.05 * expected + 5, f"{what}: mean of what was blocked, in ms")
    expect_near(ours["max"], max(blocked) * 1000, 0.05 * max(blocked) * 1000, f"{what}: the longest blocked, in ms")
    figure(f"{what}: lag p99 {lag:.3f} ms, blocked on target: mean {ours['mean']:.0f} ms (server's stamps: {expected:.0f}), "
           f"max {ours['max']:.0f} ms ({max(blocked) * 1000:.0f}); verdict {run.result['verdict']}")


def frozen_server():
    """T20: the server is under SIGSTOP for a second."""
    city = City()
    run = Run(OPEN % (2000, "", 6), env=site_of(city))
    thread = at_times([(run.begun + 2, lambda: city.process.send_signal(signal.SIGSTOP)),
                       (run.begun + 3, lambda: city.process.send_signal(signal.SIGCONT))])
    run.wait()
    thread.join()
    expect_passed(run, "frozen server")
    series = run.one(name="visit")
    expect_equal(series["count"], 12_000, "frozen server: requests")
    longest = series["response_ms"]["max"]
    expect(longest > 900, f"frozen server: no answer took longer than {longest:.0f} ms")
    figure(f"frozen server: verdict {run.result['verdict']}, lag p99 {run.result['generator']['lag_ms']['p99']:.3f} ms, "
           f"response p99 {run.one(name='visit')['response_ms']['p99']:.0f} ms")


def nothing_succeeds():
    run = squall(OPEN % (50, "", 2), env={"SITE": f"http://127.0.0.1:{free_port()}"})
    expect_equal(run.code, 99, f"nobody listens: exit code ({run.last_line()})")
    series = run.one(name="visit")
    expect_equal((series["count"], series["failed"], list(series["errors"])), (100, 100, ["connect"]), "nobody listens: counts")
    city = City()
    city.post("/errors", rate=1, status=500)
    run = squall(OPEN % (50, "", 2), env=site_of(city))
    expect_equal(run.code, 99, f"only failures: exit code ({run.last_line()})")
    expect_equal(list(run.one(name="visit")["errors"]), ["status"], "only failures: class")
    figure(f"nothing succeeds: {run.code}, {'; '.join(run.result['reasons'])}")


# ---- T15: phases -------------------------------------------------------------------------------------------

PHASES = """
targets: { site: { url: "${env.SITE}", tls: { ca: "%s" } } }
tasks: { visit: [ http.get: { path: "%s", name: visit, connection: new } ] }
populations: { visitors: { tasks: visit, load: { rate: 20/s } } }
run: { for: 2s, valid: { lag: 50ms } }
"""  # of 40 operations the one that a hiccup of the machine delays is the p99


def phases_of(url, path, ca):
    run = squall(PHASES % (ca, path), env={"SITE": url})
    expect_passed(run, f"phases of {url}{path}")
    return run


def expect_phase(what, run, plain, slow, delay_ms):
    """The delay is in one phase, and the phases of a request add up to the whole."""
    series = run.one(name="visit")
    phases = series["phases_ms"]
    for name, spread in phases.items():
        before = plain["phases_ms"].get(name, {"p50": 0})["p50"]
        if name == slow:
            expect_near(spread["p50"] - before, delay_ms, 10, f"{what}: ms more in {name}")
        else:
            expect_near(spread["p50"] - before, 0, 5, f"{what}: ms more in {name}")
    # Each request made its own connection, so each has each phase, and means add up as the requests do.
    total = sum(spread["mean"] for spread in phases.values())
    expect_near(total, series["service_ms"]["mean"], 0.001, f"{what}: sum of the phases, and the whole, in ms")
    figure(f"{what}: {slow} {phases[slow]['p50']:.1f} ms; " +
           ", ".join(f"{name} {spread['p50']:.2f}" for name, spread in phases.items() if name != slow) +
           f"; sum {total:.3f}, whole {series['service_ms']['mean']:.3f}")


def delay_in_one_phase():
    city = City()
    https = f"https://127.0.0.1:{city.https}"  # a number, as a name is not looked up for each request
    plain = phases_of(https, "/page/x", city.ca).one(name="visit")
    city.post("/delay", ms=0, tls_ms=200)
    expect_phase("TLS handshake held for 200 ms", phases_of(https, "/page/x", city.ca), plain, "tls", 200)
    city.post("/calm")
    expect_phase("answer after 200 ms", phases_of(https, "/delay/200", city.ca), plain, "first_byte", 200)
    expect_phase("second half of the body 200 ms later", phases_of(https, "/slow-body/200", city.ca), plain, "receive", 200)


def delay_in_connect():
    """A listener whose queue is full drops the SYN; the kernel sends it again after a second, when there is room."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    filler = socket.create_connection(address)  # the queue of 0 holds one
    second = socket.socket()
    second.setblocking(False)
    second.connect_ex(address)
    scenario = """
targets: { site: { url: "${env.SITE}" } }
tasks: { visit: [ http.get: { path: /, name: visit } ] }
populations: { visitors: { tasks: visit, load: { users: 1 }, stop_after: { iterations: 1 } } }
run: { for: 8s }
"""
    run = Run(scenario, env={"SITE": f"http://127.0.0.1:{address[1]}"})

    def answer():
        accepted = []
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            accepted.append(peer)
            threading.Thread(target=talk, args=(peer,), daemon=True).start()

    def talk(peer):
        if b"GET " in peer.recv(4096):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def retransmits():  # a SYN of squall's is on its way: in SYN_SENT beside our own second one
        with open("/proc/net/tcp") as file:
            wanted = f"0100007F:{address[1]:04X}"
            return sum(1 for line in file if line.split()[2:4] == [wanted, "02"]) >= 2
    wait_until(retransmits, "a SYN that is not answered")
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    run.wait()
    filler.close(), second.close(), listener.close()
    expect_passed(run, "SYN dropped once")
    series = run.one(name="visit")
    phases = series["phases_ms"]
    expect_near(phases["connect"]["max"], 1020, 40, "SYN dropped once: connect in ms")
    for name, spread in phases.items():
        if name != "connect":
            expect(spread["max"] < 5, f"SYN dropped once: {name} {spread['max']:.1f} ms")
    expect_near(sum(s["mean"] for s in phases.values()), series["service_ms"]["mean"], 0.001, "SYN dropped once: sum of the phases")
    figure(f"SYN dropped once: connect {phases['connect']['max']:.1f} ms, all else " +
           f"{series['service_ms']['mean'] - phases['connect']['mean']:.2f} ms")


show(stopped_generator, starved_generator, starved_closed_loop, half_busy_closed_loop, slow_server, frozen_server,
     nothing_succeeds, delay_in_one_phase, delay_in_connect)
