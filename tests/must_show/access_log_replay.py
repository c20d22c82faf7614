"""An access log drives the load: each of its requests arrives once, at its time by the speed, with the bytes that were
logged; what cannot be sent is a failed sample, and lines that are no request are counted and told. None is missing.

The judges: the city's journal (method, request target and X-Seq of each request, as they came), nginx, which writes
a log of requests that we know, and plain arithmetic over a log that we wrote. SQUALL_ACCESS_LOG names a log of your own.
"""
import glob
import json
import os
import random
import re
import shutil
import socket
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from harness import (FULL, ROOT, City, Nginx, check, expect, expect_closed, expect_equal, figure, file_path, show, squall,
                     wait_until, write_file)

SCENARIO = """
targets: { site: "${env.CITY_HTTP}" }
data: { log: { file: %s, format: combined } }
tasks:
  replay:
    - http.request:
        method: "${log.method}"
        path: "${log.path}"
        as_is: true
        redirects: 0
        headers: { X-Seq: "${arrival.index}", User-Agent: "${log.user_agent}", Referer: "${log.referer}" }
        name: replay
      expect: { status: { above: 0 } }          # whatever the city answers: it has other pages than the log's server
populations: { visitors: { load: { trace: log, speed: %s } } }
run: { valid: { lag: %s } }
outputs: [ jsonl: { file: %s } ]
"""
# A request is received at most so long after it was due; more would move it over an edge that is not near.
EDGE_S = 0.25


# ---- logs --------------------------------------------------------------------------------------------------

class Line:
    """A request of a log: when (unix time), and what; None for a line that is no request."""

    def __init__(self, second, method, path):
        self.second, self.method, self.path = second, method, path

    def can_be_sent(self):
        return self.method != b"CONNECT" and not any(byte <= 0x20 or byte == 0x7f for byte in self.path)


def escaped(text, style):
    """As Apache or nginx would log it."""
    letters = {0x22: b'\\"', 0x5c: b"\\\\", 0x09: b"\\t", 0x0a: b"\\n", 0x0d: b"\\r"} if style == "apache" else {}
    out = b""
    for byte in text:
        if byte in letters:
            out += letters[byte]
        elif byte < 0x20 or byte > 0x7e or byte in (0x22, 0x5c):
            out += b"\\x%02x" % byte if style == "apache" else b"\\x%02X" % byte
        else:
            out += bytes([byte])
    return out


PATHS = [b"/", b"/page/%d", b"/a%%2Fb/%%zz?x=%d", b"/q?a=b&c=d+e%%20f&n=%d", b'/"quoted"/%d', b"/back\\slash/%d", b"/\xc3\xbc/%d",
         b"/\xff\x80?raw=%d", b"/<a>|{b}^`%d", b"/page/%d#part", b"//double/../%d", b"/dots/./../%d"]
UNSENDABLE = [(b"GET", b"/with blank/%d"), (b"GET", b"/tab\there/%d"), (b"POST", b"/line\r\nX-Evil: %d"), (b"CONNECT", b"h%d:443")]
DAMAGED = [b'"-" 408 0 "-" "-"', b'"\\x16\\x03\\x01\\x00\\xEE\\x01" 400 166 "-" "-"', b'"GET /cut', b'"\\n" 400 0 "-" "-"']


def own_log(count, span_s, seed):
    """Out of order, in bursts, in three zones, in both servers' escapes. Returns (path, lines in the file's order)."""
    rng = random.Random(seed)
    begin = 1_431_857_103
    lines, text = [], b""
    burst = 0
    for number in range(count):
        if number % 25 == 0:
            burst = begin + rng.randrange(span_s)
        second = burst if rng.random() < 0.4 else begin + rng.randrange(span_s)
        zone = rng.choice((0, -7 * 60, 5 * 60 + 30))
        local = datetime.fromtimestamp(second, timezone(timedelta(minutes=zone)))
        stamp = local.strftime("%d/%b/%Y:%H:%M:%S %z").encode()
        head = b"192.0.2.%d - %s [%s] " % (rng.randrange(256), rng.choice((b"-", b"frank", b"Jo Doe")), stamp)
        if number % 40 == 17:
            lines.append(None)
            text += head + DAMAGED[number // 40 % len(DAMAGED)] + b"\n"
            continue
        if number % 30 == 11:
            method, path = UNSENDABLE[number // 30 % len(UNSENDABLE)]
        else:
            method, path = rng.choice((b"GET",) * 6 + (b"HEAD", b"POST", b"OPTIONS", b"PURGE")), rng.choice(PATHS)
        path = path % number if b"%d" in path else path
        if method == b"OPTIONS" and rng.random() < 0.5:
            path = b"*"
        request = b"%s %s HTTP/1.%d" % (method, path, rng.randrange(2))
        text += head + b'"' + escaped(request, rng.choice(("apache", "nginx"))) + b'" 200 %d' % rng.randrange(99_999)
        if rng.random() < 0.9:                     # combined, else common
            text += b' "http://example.com/" "agent \\"%d\\""' % number
        text += rng.choice((b"\n", b"\r\n"))
        lines.append(Line(second, method, path))
    path = file_path("own.log")
    with open(path, "wb") as file:
        file.write(text)
    return path, lines


def parsed_log(path):
    """Of a log without garbage, by rules as plain as it is."""
    lines = []
    with open(path, "rb") as file:
        for line in file.read().splitlines():
            found = re.match(rb'\S+ \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) HTTP/[\d.]+" \d{3} (?:\d+|-)(?: |$)', line)
            if found is None or b"\\" in found.group(3):
                raise AssertionError(f"{path}: a line beyond this script's rules: {line!r}")
            stamp = datetime.strptime(found.group(1).decode(), "%d/%b/%Y:%H:%M:%S %z")
            lines.append(Line(int(stamp.timestamp()), found.group(2), found.group(3)))
    return lines


def given_log():
    """A real log: SQUALL_ACCESS_LOG, or one in ../shared/data/logs."""
    found = sorted(glob.glob(os.path.join(os.path.dirname(ROOT), "shared/data/logs/*.log")))
    return os.environ.get("SQUALL_ACCESS_LOG") or (found[0] if found else None)


# ---- a replay, and what must hold of it --------------------------------------------------------------------

class Replay:
    def __init__(self, log, speed, shards, limit_s=120, lag="1h"):   # late or not, due is due
        local = file_path("replayed.log")   # a scenario reads what lies beside it
        shutil.copyfile(log, local)
        self.samples_path = file_path("samples.jsonl")
        self.scenario = SCENARIO % (os.path.basename(local), speed, lag, self.samples_path)
        self.city = City(journal=True)
        self.checked = check(self.scenario, city=self.city)
        self.run = squall(self.scenario, "--shards", str(shards), city=self.city, limit_s=limit_s)
        self.realtime_s = time.time() - time.monotonic()
        with open(self.samples_path) as file:
            samples = [json.loads(line) for line in file]
        self.samples = [s for s in samples if s["type"] == "sample"]
        self.journal = self.city.journal()


def bytes_of(text):
    """The journal writes a byte beyond ASCII as the character of that number."""
    return text.encode("latin-1")


def expect_replayed(replay, lines, speed, what):
    run = replay.run
    expect_equal(run.code, 0, f"{what}: exit code ({run.last_line()})")
    if not expect(run.result is not None, f"{what}: results are written"):
        return
    expect_closed(run, what)
    requests = [line for line in lines if line]
    damaged = len(lines) - len(requests)
    arrivals = sorted(requests, key=lambda line: line.second)           # Python's sort is stable
    sendable = {m: (line.method, line.path) for m, line in enumerate(arrivals) if line.can_be_sent()}

    # Every line is a sample, or told.
    iterations = run.result["ledger"]["iterations"]
    expect_equal((iterations["planned"], iterations["started"], iterations["completed"]), (len(requests),) * 3,
                 f"{what}: planned, started and completed")
    data = run.result["data"][0]
    first = lines.index(None) + 1 if damaged else None
    expect_equal((data["records"], data["left_out"], data["first_left_out_line"]), (len(requests), damaged, first),
                 f"{what}: records, lines left out and the first of these")
    code, text = replay.checked
    expect_equal(code, 0, f"{what}: exit code of check ({text.strip()[-200:]})")
    for place, words in (("check", text), ("run", run.stderr()), ("the result", " ".join(run.result["generator"]["warnings"]))):
        told = f"{damaged} of {len(lines)} lines are no requests" in words and f".log:{first}:" in words
        expect_equal(told, damaged > 0, f"{what}: {place} tells of the lines that are no requests")
    series = run.one(name="replay")
    expect_equal(series["count"], len(requests), f"{what}: samples")
    expect_equal(series["errors"], {"check": len(requests) - len(sendable)} if len(requests) > len(sendable) else {},
                 f"{what}: failed ones")

    # What arrived is what was logged, byte for byte, and arrival m is record m.
    journal = {line["seq"]: (bytes_of(line["method"]), bytes_of(line["target"])) for line in replay.journal}
    expect_equal(len(replay.journal), len(sendable), f"{what}: lines of the journal")
    wrong = [m for m in sendable if journal.get(m) != sendable[m]]
    expect_equal([(m, sendable[m], journal.get(m)) for m in wrong[:3]], [], f"{what}: arrivals of another record")
    expect_equal(Counter(journal.values()), Counter(sendable.values()), f"{what}: requests received and logged")

    # Due when the log says, to the nanosecond.
    zero_ns = min(s["due_ns"] for s in replay.samples)
    due = sorted(s["due_ns"] - zero_ns for s in replay.samples)
    expected = [(line.second - arrivals[0].second) * 10**9 // speed for line in arrivals]
    by_second = Counter(at // 10**9 for at in due)
    expect_equal(by_second, Counter(at // 10**9 for at in expected), f"{what}: requests per replay second")
    expect_equal(due, expected, f"{what}: due times")

    figure(f"{what}: {len(lines)} lines: {len(sendable)} received byte for byte, {len(requests) - len(sendable)} cannot be sent, "
           f"{damaged} are no requests; {len(requests)} due times in {len(by_second)} replay seconds equal")


def expect_received_when_due(replay, what):
    """Request by request, by the journal's clock; and each second's count. Near an edge one may be in the next second's."""
    zero_ns = min(s["due_ns"] for s in replay.samples)
    due = dict(enumerate(sorted((s["due_ns"] - zero_ns) / 1e9 for s in replay.samples)))
    received = {line["seq"]: line["t_receive_ns"] / 1e9 + replay.realtime_s - zero_ns / 1e9 for line in replay.journal}
    due = {m: due[m] for m in received}
    counts = Counter(int(at // 1) for at in received.values())
    for second in range(int(max(due.values())) + 2):
        least = sum(second <= at < second + 1 - EDGE_S for at in due.values())
        most = sum(second - EDGE_S <= at < second + 1 for at in due.values())
        expect(least <= counts.get(second, 0) <= most,
               f"{what}: received in second {second}: {counts.get(second, 0)}, not {least} to {most}")
    late_s = sorted(received[m] - due[m] for m in received)
    figure(f"{what}: received {late_s[len(late_s) // 2] * 1e3:.1f} ms after due in the median, {late_s[-1] * 1e3:.1f} at most; "
           f"{len(counts)} seconds of the journal have the log's counts, but for what was due within {EDGE_S} s of their edges")


# ---- statements --------------------------------------------------------------------------------------------

def at_3600():
    """Eight hours in eight seconds, on one shard and on several."""
    for shards in (1, 2, 3):
        path, lines = own_log(1_000, 8 * 3600, seed=shards)
        expect_replayed(Replay(path, 3600, shards), lines, 3600, f"own log at 3,600 ×, {shards} shards")


def at_60():
    path, lines = own_log(2_000 if FULL else 500, 3_600 if FULL else 600, seed=7)
    replay = Replay(path, 60, 2, lag="1s")
    expect_replayed(replay, lines, 60, "own log at 60 ×")
    expect_received_when_due(replay, "own log at 60 ×")


def a_real_log():
    """At 3,600 ×; in full at 60 ×, too, which takes a minute for an hour of the log."""
    path = given_log()
    if path is None:
        figure("a real log: none here (SQUALL_ACCESS_LOG names one)")
        return
    lines = parsed_log(path)
    for speed in (3600, 60) if FULL else (3600,):
        what = f"{os.path.basename(path)} at {speed:,} ×"
        replay = Replay(path, speed, 2, limit_s=1200)
        expect_replayed(replay, lines, speed, what)
        if speed == 60:
            expect_received_when_due(replay, what)


def what_nginx_wrote():
    """nginx logs requests that we know; replayed, the city gets the same bytes. Its times are all of now: at speed 1."""
    nginx = Nginx(log_format="combined")
    targets = [b"/", b'/"a"?b="c"', b"/back\\slash", b"/\xc3\xbc\xff", b"/a%20b/%zz", b"/<>{}|^`", b"/x#part", b"//y"] * 3
    requests = [(b"HEAD" if number % 4 == 3 else b"GET", target) for number, target in enumerate(targets)]
    for method, target in requests:
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as connection:
            connection.sendall(method + b" " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            while connection.recv(65536):
                pass
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01\x00\xee\x01\r\n\r\n")      # as a browser that was told https
        while connection.recv(65536):
            pass

    def log_lines():
        with open(nginx.log_path, "rb") as file:
            return file.read().splitlines()
    wait_until(lambda: len(log_lines()) == len(requests) + 1, "nginx's log")
    replay = Replay(nginx.log_path, 1, 1)
    expect_equal(replay.run.code, 0, f"nginx's log: exit code ({replay.run.last_line()})")
    received = [(bytes_of(line["method"]), bytes_of(line["target"])) for line in sorted(replay.journal, key=lambda line: line["seq"])]
    expect_equal(received, requests, "nginx's log: what the city got, and what nginx had got")
    data = replay.run.result["data"][0]
    expect_equal((data["left_out"], data["first_left_out_line"]), (1, len(requests) + 1), "nginx's log: lines left out")
    figure(f"nginx's log: {len(requests)} requests with nginx's escapes, received byte for byte; the TLS greeting was told")


def another_format_is_refused():
    """A file that is no access log is a mistake at its first line, and nothing is sent."""
    table = write_file("table.log", "time,path\n1,/a\n")
    code, text = check(SCENARIO % (os.path.basename(table), 60, "1s", file_path("none.jsonl")), env={"CITY_HTTP": "http://127.0.0.1:1"})
    expect_equal(code, 104, "another format: exit code of check")
    expect("table.log:1:1: " in text and "2 of 2 lines" in text, f"another format: place and share are told: {text}")
    figure("another format: refused at line 1")


show(at_3600, at_60, a_real_log, what_nginx_wrote, another_format_is_refused)
