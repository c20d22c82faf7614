"""HTTP/1.1 beside wrk (as fast as it goes) and h2load (at a given rate); Locust in one row without rounds."""
import csv
import dataclasses
import json
import os
import re
import tempfile

from . import servers
from .generator import per_operation, squall
from .paired import OURS, Metric, compare
from .process import RunFailed, run

CONNECTIONS = (64, 1000)
RATES = (5_000, 20_000)
H2LOAD_CLIENTS = 50

_LOCUST = """from locust import FastHttpUser, task
class Reader(FastHttpUser):
    @task
    def page(self):
        self.client.get("/")
"""


def _number(pattern, text, tool):
    found = re.search(pattern, text)
    if not found:
        raise RunFailed(f"{tool} gave no count")
    return int(found.group(1))


def _wrk(bench, url, connections):
    used = run(["wrk", "-t1", f"-c{connections}", f"-d{bench.seconds}s", url], bench.generator_core)
    if "Socket errors" in used.out:
        bench.note("wrk: " + re.search(r"Socket errors:.*", used.out).group(0))
    return per_operation(used, _number(r"(\d+) requests in", used.out, "wrk"))


def keepalive(bench):
    metrics = [Metric("rate", "requests/s", "{:,.0f}"),
               Metric("user_us", "user µs/request", goals={"wrk": "≤ 1.5"}),
               Metric("cpu_us", "CPU µs/request", goals={"wrk": "≤ 1.1"})]
    if not servers.find("wrk"):
        bench.note("wrk is not installed: squall alone")

    def rows(server, path, url, each=CONNECTIONS, shown=metrics):
        for connections in each:
            tools = {OURS: lambda: squall(bench, ["call", "http.get", url, "--users", connections, "--for",
                                                  f"{bench.seconds}s", "--shards", 1]).per_operation()}
            if servers.find("wrk"):
                tools["wrk"] = lambda: _wrk(bench, url, connections)
            compare(bench, f"GET {path} of {server}, {connections:,} connections", tools, shown)

    with servers.city(bench) as city:
        rows("city", "/", city.http + "/")
        # No two heads alike: none is known from the answer before (docs/decisions.md), each is parsed.
        rows("city", "/numbered", city.http + "/numbered", [CONNECTIONS[0]],
             [dataclasses.replace(metric, goals={}) for metric in metrics])
    if not servers.find("nginx"):
        return bench.note("nginx is not installed: city alone")
    with servers.nginx(bench) as port:
        rows("nginx", "/", f"http://127.0.0.1:{port}/")


def _at_rate(tool, used, count, rate, seconds):
    """CPU for each request says something only when as many were asked as the others were."""
    if count < 0.97 * rate * seconds:
        raise RunFailed(f"{tool} did {count} of {rate * seconds} requests")
    return per_operation(used, count)


def _h2load(bench, url, rate):
    used = run(["h2load", "--h1", "-t1", f"-c{H2LOAD_CLIENTS}", f"--rps={rate / H2LOAD_CLIENTS:g}",
                f"-D{bench.seconds}", url], bench.generator_core)
    return _at_rate("h2load", used, _number(r"(\d+) succeeded", used.out, "h2load"), rate, bench.seconds)


def _paced(bench, port, rate, *how):
    used = run([bench.program("paced_loop"), port, rate, bench.seconds, H2LOAD_CLIENTS, *how], bench.generator_core)
    return used, json.loads(used.out)


def _bare(bench, port, rate):
    used, said = _paced(bench, port, rate)
    return _at_rate("the bare loop", used, said["requests"], rate, bench.seconds)


def _locust_run(bench, url, folder, seconds):
    prefix = os.path.join(folder, f"locust{seconds}")
    used = run(["locust", "-f", os.path.join(folder, "locustfile.py"), "--headless", "-u", 10, "-r", 10, "-t",
                f"{seconds}s", "--host", url, "--only-summary", "--csv", prefix], bench.generator_core)
    with open(prefix + "_stats.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return used, int(rows[0]["Request Count"])


def _locust(bench, url):
    """Two lengths, and the difference: starting Python takes longer than a short run itself."""
    if not servers.find("locust"):
        return bench.note("locust is not installed")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "locustfile.py"), "w") as file:
            file.write(_LOCUST)
        try:
            short, long = (_locust_run(bench, url, folder, seconds) for seconds in (2, 2 + max(3, bench.seconds)))
        except RunFailed as error:  # a row to look at, with no goal
            return bench.note(str(error))
    each_us = (long[0].cpu_s - short[0].cpu_s) / (long[1] - short[1]) * 1e6
    print(f"\nLocust FastHttpUser, 10 users in a closed loop, one run: {each_us:,.0f} CPU µs/request")
    bench.records.append({"title": "locust", "cpu_us": each_us})


def open_loop(bench):
    """Punctual beside a bare loop as punctual; with a slack that allows it h2load's batches beside h2load, whose clients
    all ask at once. Only the second has a goal: who begins each request when it is due wakes for each
    (docs/decisions.md). All have as many connections: else a hiccup of the machine makes squall open hundreds more."""
    metrics = [Metric("rate", "requests/s", "{:,.0f}"), Metric("user_us", "user µs/request"),
               Metric("cpu_us", "CPU µs/request", goals={"h2load": "≤ 1.1"}), Metric("sleeps", "sleeps/request")]
    if not servers.find("h2load"):
        bench.note("h2load is not installed: the bare loop alone")

    with servers.city(bench) as city:
        url, port = city.http + "/", city.ports["http"]

        def ours(rate, *options):
            done = squall(bench, ["call", "http.get", url, "--rate", f"{rate}/s", "--for", f"{bench.seconds}s",
                                  "--users", H2LOAD_CLIENTS, "--shards", 1, *options])
            return _at_rate(OURS, done.used, done.count, rate, bench.seconds)

        for rate in RATES:
            slack = f"{H2LOAD_CLIENTS / rate * 1e3:g}ms"  # between two of its batches
            thrifty = f"{OURS} --slack {slack}"
            tools = {OURS: lambda: ours(rate), thrifty: lambda: ours(rate, "--slack", slack),
                     "bare loop": lambda: _bare(bench, port, rate)}
            if servers.find("h2load"):
                tools["h2load"] = lambda: _h2load(bench, url, rate)
            compare(bench, f"GET / of city at {rate:,}/s", tools, metrics, judged=thrifty)
        _locust(bench, city.http)


def pacing(bench):
    """Start minus due time: squall's as it recorded it for each request, the bare loop's as it saw it. Who sleeps wakes
    late, now and then very late: the goal is for looking instead, at the price of a CPU."""
    rate = 10_000
    looking = f"{OURS} --busy-poll 200us"
    metrics = [Metric("p50", "late, p50, µs", "{:,.1f}"), Metric("p99", "late, p99, µs", "{:,.1f}", goal="≤ 50"),
               Metric("max", "late, max, µs", "{:,.1f}"), Metric("cores", "cores used")]

    def ours(city, *options):
        done = squall(bench, ["call", "http.get", city.http + "/", "--rate", f"{rate}/s", "--for",
                              f"{bench.seconds}s", "--shards", 1, *options])
        late = done.series("http.get")["lateness_ms"]
        return {**{key: late[key] * 1e3 for key in ("p50", "p99", "max")}, "cores": done.used.cpu_s / done.used.wall_s}

    def bare(city, *how):
        used, said = _paced(bench, city.ports["http"], rate, *how)
        return {**said["late_us"], "cores": used.cpu_s / used.wall_s}

    with servers.city(bench) as city:
        compare(bench, f"GET / of city at {rate:,}/s, one shard",
                {OURS: lambda: ours(city), looking: lambda: ours(city, "--busy-poll", "200us"),
                 "bare loop": lambda: bare(city), "that looks": lambda: bare(city, "look")}, metrics, judged=looking)
