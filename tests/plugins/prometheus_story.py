"""The output `prometheus` read by a real Prometheus: after the run its counters and histograms are the result's, series by
series; `promtool` finds nothing to say about the page; and what cannot be opened is said at its place in the file."""
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import urllib.parse

from logging_nginx import LoggingNginx   # first: it knows where the harness is
from harness import (Run, expect, expect_equal, figure, file_path, free_port, on_free_port, program, show, squall, start,
                     wait_until, write_file)

LABELS = ("population", "task", "name", "operation", "type", "phase")
KINDS = {"site": "a \"quoted\" \\ one", "two lines": "first\nsecond", "größe": "ü€"}


def page(port, path="/metrics", host=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}", **headers})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def port_of(run):
    """Where its page is, as it says on stderr."""
    def said():
        found = re.search(r"prometheus: http://127\.0\.0\.1:(\d+)/metrics\n", run.stderr())
        if not found and run.process.poll() is not None:
            raise AssertionError(f"squall ended: {run.stderr()}")
        return found and int(found[1])
    return wait_until(said, "the address of the page")


class Prometheus:
    """Scrapes one port each 200 ms."""

    def __init__(self, target):
        self.folder = file_path("prometheus")
        self.log = open(file_path("prometheus.log"), "w")
        config = write_file("prometheus.yml", f"""
global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}
scrape_configs: [ {{ job_name: squall, static_configs: [ {{ targets: [ "127.0.0.1:{target}" ] }} ] }} ]
""")

        def begin(port):
            return start([program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self.folder}",
                          f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stdout=self.log, stderr=self.log)
        self.process, self.port = on_free_port(begin)

    def api(self, path, **query):
        status, body = page(self.port, f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return json.loads(body)["data"] if status == 200 else None

    def is_reading(self):
        up = self.api("query", query="up")
        return up and any(sample["value"][1] == "1" for sample in up["result"])

    def last(self, metric):
        """The last value of each series that ever was of that name: [(labels, value)]."""
        found = self.api("query", query=f"last_over_time({metric}[1h])")["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def of_series(self, metric, **more):
        """By (population, task, …): those with these further labels."""
        return {tuple(labels.get(name, "") for name in LABELS): value for labels, value in self.last(metric)
                if all(labels.get(name) == wanted for name, wanted in more.items())}


SCENARIO = """
vars: {{ city: "http://127.0.0.1:{0}" }}
targets: {{ site: "${{city}}" }}
tasks:
  visit:
    - http.get: {{ path: /, name: "home \\"x\\" \\\\ y" }}
      tags: {1}
    - http.get: {{ path: /missing, name: "missing\\nline" }}
    - group: pair
      steps: [ {{ http.get: {{ path: /, name: a }} }}, {{ http.get: {{ path: /, name: b }} }} ]
    - metric: {{ name: orders, value: 3, kind: counter }}
    - metric: {{ name: queue, value: 7, kind: gauge }}
  late:
    - http.get: {{ path: /, name: late, timeout: 1us }}
populations:
  visitors: {{ tasks: visit, load: {{ users: 3, every: 50ms }} }}
  hurried: {{ tasks: late, load: {{ users: 1, every: 300ms }} }}
run: {{ for: 2s, warmup: 1s, valid: {{ lag: 10s }} }}
outputs: [ prometheus: {{ listen: "127.0.0.1:0", linger: 30s, buckets: [100us, 1ms, 10ms, 1s], percentiles: [p50, p999] }} ]
"""


def histograms(run):
    """What was measured, to the nanosecond: by (population, task, name, operation, phase)."""
    with open(os.path.join(run.folder, "histograms.jsonl")) as file:
        return {tuple(line[k] for k in ("population", "task", "name", "operation", "phase")): line
                for line in map(json.loads, file) if "series" in line}


def prometheus_has_what_the_result_has():
    program("prometheus"), program("promtool")
    nginx = LoggingNginx('location = / { return 200 "yes"; }')
    run = Run(SCENARIO.format(nginx.port, json.dumps(KINDS, ensure_ascii=False)))
    port = port_of(run)
    prometheus = Prometheus(port)
    wait_until(lambda: "squall_operations_total" in page(port)[1], "the first numbers")
    text = page(port)[1]
    lint = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
    expect_equal((lint.returncode, lint.stdout + lint.stderr), (0, ""), "promtool check metrics")
    wait_until(prometheus.is_reading, "a first scrape")
    run.wait()
    expect(run.code == 0, f"exit code {run.code}: {run.last_line()}")
    expect(run.took_s < 25, f"it ended once it was read, not when the linger was over: {run.took_s:.1f} s")

    # Each second has its sum, so has the last: whatever was counted was read in time.
    series = run.result["series"]
    expect(len(series) >= 8, f"{len(series)} series")
    key = lambda s: tuple(s[name] for name in LABELS)   # noqa: E731
    for metric, field in (("squall_operations_total", "count"), ("squall_failed_operations_total", "failed"),
                          ("squall_sent_bytes_total", "sent_bytes"), ("squall_received_bytes_total", "received_bytes")):
        expect_equal(prometheus.of_series(metric), {key(s): float(s[field]) for s in series}, metric)
    errors = {(key(s), name): count for s in series for name, count in s["errors"].items()}
    expect(len({name for _, name in errors}) >= 2, f"classes of errors: {errors}")
    theirs = {(tuple(labels.get(n, "") for n in LABELS), labels["class"]): int(value)
              for labels, value in prometheus.last("squall_errors_total")}
    expect_equal(theirs, errors, "squall_errors_total")

    exact = histograms(run)
    for metric, field in (("squall_response_time_seconds", "response"), ("squall_service_time_seconds", "service")):
        measured = {key(s): exact[tuple(s[k] for k in ("population", "task", "name", "operation", "phase"))][field] for s in series}
        expect_equal(prometheus.of_series(metric + "_count"), {k: h["count"] for k, h in measured.items()}, metric + "_count")
        sums = {k: float(f"{h['sum_ns'] // 10**9}.{h['sum_ns'] % 10**9:09}") for k, h in measured.items()}
        expect_equal(prometheus.of_series(metric + "_sum"), sums, metric + "_sum")
        bounds = sorted({labels["le"] for labels, _ in prometheus.last(metric + "_bucket")}, key=float)
        expect_equal(len(bounds), 5, f"{metric}: bounds {bounds}")
        for le in bounds:
            at_most = {k: float(sum(count for bucket, count in h["buckets"] if high(bucket) <= float(le) * 1e9 + 0.5))
                       for k, h in measured.items()}
            expect_equal(prometheus.of_series(metric + "_bucket", le=le), at_most, f"{metric} up to {le}")

    home = [labels for labels, _ in prometheus.last("squall_operations_total") if labels["name"] == 'home "x" \\ y']
    expect(home and all(labels["tag_site"] == KINDS["site"] and labels["tag_two_lines"] == KINDS["two lines"]
                        and labels["tag_gr____e"] == "ü€" for labels in home), f"tags as they were: {home}")
    info = prometheus.last("squall_run_info")
    expect(any(labels.get("run_id") == run.result["run"]["id"] for labels, _ in info), f"the run: {info}")
    expect_equal([v for _, v in prometheus.last("squall_run_active")], [0.0], "squall_run_active at the end")
    orders = next(m for m in run.result["metrics"] if m["name"] == "orders")
    expect_equal([v for _, v in prometheus.last("squall_metric_total")], [orders["sum"]], "squall_metric_total")
    expect_equal([v for _, v in prometheus.last("squall_metric_value")], [7.0], "squall_metric_value")
    expect_equal({labels["population"] for labels, _ in prometheus.last("squall_users")}, {"visitors", "hurried"}, "squall_users")
    output = run.result["outputs"][0]
    expect_equal((output["name"], output["accepted"]), ("prometheus", output["delivered"]), "the output's account")
    count = sum(s["count"] for s in series)
    figure(f"{len(series)} series, {count} operations, equal in Prometheus; the page had {len(text)} bytes; {run.took_s:.1f} s in all")


def high(bucket):
    """Largest time of a bucket, as docs/result.md says it."""
    def low(i):
        shift = i // 512 - 1
        return i if i < 1024 else (i - 512 * shift) << shift
    return low(bucket + 1) - 1


RUN = """
targets: {{ site: "http://127.0.0.1:{0}" }}
tasks: {{ visit: [ http.get: / ] }}
populations: {{ visitors: {{ tasks: visit, load: {{ users: 1, every: 100ms }} }} }}
run: {{ for: {1}, valid: {{ lag: 10s }} }}
{2}
"""


def what_cannot_be_opened_is_said_at_its_place():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for options, said in (
                (f'{{ listen: "127.0.0.1:{port}" }}', f"listen: cannot listen on 127.0.0.1:{port}: Address already in use"),
                ('{ listen: "192.0.2.1:0" }', "listen: cannot listen on 192.0.2.1:0: Cannot assign requested address"),
                ('{ listen: ":9464" }', "listen: ':9464' says no address (0.0.0.0 would be all of this machine's): write"),
                ('{ listen: "metrics" }', "listen: 'metrics' has no port: write 127.0.0.1:9464"),
                ('{ linger: 2m }', "linger: at most 60s"),
                ('{ buckets: [ 5 ] }', "buckets: '5' is no time: write [10ms, 100ms, 1s]")):
            run = squall(RUN.format(port, "1s", f"outputs:\n  - prometheus: {options}"))
            expect_equal((run.code, run.result), (104, None), f"{options}: exit code, result")
            expect(re.search(r"scenario\.yaml:7:5: error: output 'prometheus': " + re.escape(said), run.stderr()),
                   f"{options}: {run.stderr()}")
    run = squall(RUN.format(port, "1s", "outputs: [ prometheus: { lingers: 1s } ]"))
    expect("did you mean 'linger'" in run.stderr(), f"a misspelt option: {run.stderr()}")


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def on_the_command_line_and_for_nobody():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run = Run(RUN.format(server.server_address[1], "2s", ""), "-o", "prometheus=127.0.0.1:0")
    port = port_of(run)
    for host, status in ((None, 200), ("localhost", 200), ("evil.example", 421), (f"evil.example:{port}", 421)):
        expect_equal(page(port, host=host)[0], status, f"asked as {host}")
    expect_equal(page(port, "/")[0], 404, "another path")
    with open("/proc/net/tcp") as file:   # local addresses that listen: this one on loopback alone
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    expect_equal([a for a in listening if a.endswith(f":{port:04X}")], [f"0100007F:{port:04X}"], "where it listens")
    run.wait()
    expect_equal(run.code, 0, f"with nobody reading at the end: exit code ({run.last_line()})")
    expect(f"the load is over; http://127.0.0.1:{port}/metrics stays until it is read once more, 5 s at most" in run.stderr(),
           f"what it waits for: {run.stderr()}")
    quiet = squall(RUN.format(server.server_address[1], "1s", 'outputs: [ prometheus: { listen: "127.0.0.1:0", linger: 0s } ]'),
                   "--quiet")
    expect_equal(quiet.stderr().strip(), quiet.last_line(), "--quiet: the last line alone")
    server.shutdown()


show(prometheus_has_what_the_result_has, what_cannot_be_opened_is_said_at_its_place, on_the_command_line_and_for_nobody)
