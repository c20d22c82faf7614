"""HTTP/1.1 beside wrk (as fast as it goes) and h2load (at a given rate); Locust in one row without rounds."""
import csv
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
               Metric("cpu_us", "CPU µs/request", goals={"wrk": "≤ 1.10"})]
    if not servers.find("wrk"):
        bench.note("wrk is not installed: squall alone")

    def rows(server, url):
        for connections in CONNECTIONS:
            tools = {OURS: lambda: squall(bench, ["call", "http.get", url, "--users", connections, "--for",
                                                  f"{bench.seconds}s", "--shards", 1]).per_operation()}
            if servers.find("wrk"):
                tools["wrk"] = lambda: _wrk(bench, url, connections)
            compare(bench, f"GET / of {server}, {connections:,} connections", tools, metrics)

    with servers.city(bench) as city:
        rows("city", city.http + "/")
    if not servers.find("nginx"):
        return bench.note("nginx is not installed: city alone")
    with servers.nginx(bench) as port:
        rows("nginx", f"http://127.0.0.1:{port}/")


def _h2load(bench, url, rate):
    used = run(["h2load", "--h1", "-t1", f"-c{H2LOAD_CLIENTS}", f"--rps={rate / H2LOAD_CLIENTS:g}",
                f"-D{bench.seconds}", url], bench.generator_core)
    return per_operation(used, _number(r"(\d+) succeeded", used.out, "h2load"))


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
        short, long = (_locust_run(bench, url, folder, seconds) for seconds in (2, 2 + max(3, bench.seconds)))
    each_us = (long[0].cpu_s - short[0].cpu_s) / (long[1] - short[1]) * 1e6
    print(f"\nLocust FastHttpUser, 10 users in a closed loop, one run: {each_us:,.0f} CPU µs/request")
    bench.records.append({"title": "locust", "cpu_us": each_us})


def open_loop(bench):
    metrics = [Metric("rate", "requests/s", "{:,.0f}"), Metric("user_us", "user µs/request"),
               Metric("cpu_us", "CPU µs/request", goals={"h2load": "≤ 1.1"})]
    if not servers.find("h2load"):
        bench.note("h2load is not installed: squall alone")
    with servers.city(bench) as city:
        url = city.http + "/"
        for rate in RATES:
            tools = {OURS: lambda: squall(bench, ["call", "http.get", url, "--rate", f"{rate}/s", "--for",
                                                  f"{bench.seconds}s", "--shards", 1]).per_operation()}
            if servers.find("h2load"):
                tools["h2load"] = lambda: _h2load(bench, url, rate)
            compare(bench, f"GET / of city at {rate:,}/s", tools, metrics)
        _locust(bench, city.http)


def pacing(bench):
    """Start minus due time, as squall recorded it for each request."""
    found = []
    with servers.city(bench) as city:
        for _ in range(bench.rounds):
            run_ = squall(bench, ["call", "http.get", city.http + "/", "--rate", "10000/s", "--for",
                                  f"{bench.seconds}s", "--shards", 1])
            found.append({**run_.series("http.get")["lateness_ms"], "cores": run_.used.cpu_s / run_.used.wall_s})
    print(f"\nGET / of city at 10,000/s on one shard: started − due, µs, of {bench.rounds} rounds (p99: goal ≤ 50)")
    print(f"  {'':6}{'median':>10}{'best':>10}{'worst':>10}")
    for key in ("p50", "p99", "max"):
        values = sorted(one[key] * 1e3 for one in found)
        print(f"  {key:6}{values[len(values) // 2]:10.1f}{values[0]:10.1f}{values[-1]:10.1f}")
    print(f"  the generator used {sum(one['cores'] for one in found) / len(found):.2f} of its core")
    bench.records.append({"title": "pacing", "rounds": found})
