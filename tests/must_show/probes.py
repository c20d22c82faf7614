"""What the target says of itself each second: as it said it, on the timeline and in thresholds, and when it says nothing
or nonsense a gap, which disturbs nobody. (That the load begins to the nanosecond what it would have begun, whatever
becomes of a probe, is shown in virtual time: tests/engine/probe_test.cpp.)

The judge: a small server of this script, which writes down each value that it gave and when.
"""
import http.server
import json
import threading
import time

from harness import City, expect, expect_equal, expect_passed, figure, show, squall

SECONDS = 10
SCENARIO = """
targets: {{ site: "${{env.CITY_HTTP}}", metrics: "{metrics}" }}
probes:
  memory: {{ to: metrics, path: /json, json: "nodes[0].mem_mb", unit: MB }}
  nodes:  {{ to: metrics, path: /prometheus, prometheus: 'nodes{{state="ready"}}' }}
  queue:  {{ to: metrics, path: /text, regex: 'queue=(\\d+)', every: 500ms }}
  {more}
tasks: {{ visit: [ http.get: {{ to: site, path: /, name: visit }} ] }}
populations: {{ visitors: {{ tasks: visit, load: {{ rate: 100/s }} }} }}
run: {{ for: {seconds}s, valid: {{ lag: 1s }} }}
thresholds: [ {thresholds} ]
"""


class Teller(http.server.BaseHTTPRequestHandler):
    """Counts what it is asked, answers that, and writes it down. Other paths are answered badly, each in its way."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        log = self.server.log.setdefault(self.path, [])
        value = 100 + 7 * len(log)
        log.append((time.monotonic(), value))
        if self.path == "/hangs":
            self.server.stopped.wait(10)
        answers = {"/json": json.dumps({"nodes": [{"mem_mb": value + 0.5}]}), "/text": f"up=1 queue={value}\n",
                   "/prometheus": f'# TYPE nodes gauge\nnodes{{state="down"}} 0\nnodes{{state="ready"}} {value}\n',
                   "/garbage": "\x00\xff{" * 100, "/large": "x" * 10_000_000, "/empty": "", "/500": "{}", "/word": '{"mem_mb": "much"}'}
        body = answers.get(self.path, "").encode()
        try:
            self.send_response(500 if self.path == "/500" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the probe did not wait for it

    def log_message(self, *_):
        pass


class Server:
    def __init__(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Teller)
        self.http.daemon_threads = True
        self.http.log, self.http.stopped = {}, threading.Event()
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def log(self, path):
        return self.http.log.get(path, [])

    def end(self):
        self.http.stopped.set()
        self.http.shutdown()


def run_beside(server, city, more="", thresholds=""):
    return squall(SCENARIO.format(metrics=server.url, more=more, seconds=SECONDS, thresholds=thresholds), city=city)


def by_second(run, name):
    return [line["metrics"][name] for line in run.timeline(environment=True) if 0 <= line["second"] < SECONDS]


def values_are_what_the_target_said():
    server, city = Server(), City()
    ours = run_beside(server, city, thresholds='probe(memory) < 1000, probe(nodes) > 1')
    expect_passed(ours, "three probes")
    for name, path, plus in (("memory", "/json", 0.5), ("nodes", "/prometheus", 0)):
        log = server.log(path)
        expect_equal(by_second(ours, name), [value + plus for _, value in log], f"values of '{name}', second by second")
        gaps = [b[0] - a[0] for a, b in zip(log, log[1:])]
        expect(all(0.9 < gap < 1.1 for gap in gaps), f"'{name}' was asked {min(gaps):.3f} to {max(gaps):.3f} s apart")
    metrics = {metric["name"]: metric for metric in ours.result["metrics"]}
    log = server.log("/text")
    expect_equal((metrics["queue"]["count"], metrics["queue"]["sum"]), (len(log), sum(value for _, value in log)), "values of 'queue'")
    expect_equal(len(log), 2 * SECONDS, "questions at twice a second")
    expect_equal((metrics["memory"]["unit"], metrics["memory"]["last"]), ("MB", server.log("/json")[-1][1] + 0.5), "the last value")
    expect_equal(ours.result["totals"]["samples"], 100 * SECONDS, "samples in the totals: none is a probe's")
    server.end()
    figure(f"{SECONDS} values of two probes and {len(log)} of a third, each as the target gave it, 1.0 ± 0.1 s apart")


def thresholds_read_the_last_value():
    server, city = Server(), City()
    ours = run_beside(server, city, more="never: { to: metrics, path: /500, json: x }",
                      thresholds="probe(memory) < 120, probe(never) < 5")
    expect_equal(ours.code, 99, "exit code of a broken rule about a probe")
    rules = {rule["rule"]: rule for rule in ours.result["thresholds"]}
    expect_equal([rule["passed"] for rule in rules.values()], [False, False], "the rules")
    expect_equal(rules["probe(memory) < 120"]["value"], server.log("/json")[-1][1] + 0.5, "the value that was judged")
    server.end()


def what_goes_wrong_is_a_gap():
    city = City()
    counts = {}
    for path in ("/hangs", "/500", "/garbage", "/large", "/empty", "/word"):
        server = Server()
        ours = run_beside(server, city, more=f"bad: {{ to: metrics, path: {path}, json: mem_mb }}")
        expect_passed(ours, f"beside {path}")
        expect_equal(by_second(ours, "bad"), [None] * SECONDS, f"seconds of {path}")
        expect(len(server.log(path)) >= SECONDS - 1, f"{path} was asked {len(server.log(path))} times")
        expect_equal(by_second(ours, "memory"), [value + 0.5 for _, value in server.log("/json")], f"the good probe beside {path}")
        counts[path] = ours.one(name="visit", phase="main")["count"]
        server.end()
    expect_equal(set(counts.values()), {100 * SECONDS}, "requests of the visitors, whatever the probe met")
    figure(f"probes that hang 10 s, answer 500, garbage, 10 MB, nothing or a word: {100 * SECONDS} requests of the visitors beside each, "
           f"and a gap in each second")


show(values_are_what_the_target_said, thresholds_read_the_last_value, what_goes_wrong_is_a_gap)
