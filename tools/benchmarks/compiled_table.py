"""A compiled task beside the same steps of a scenario: CPU of a request, an empty call through task, host and plugin and
back, and what a user costs who waits in its coroutine.
"""
import json
import os
import statistics

from . import servers
from .generator import squall
from .goals import judge_values
from .memory_table import each, resident
from .paired import OURS, Metric, compare
from .process import run

_CONNECTIONS = 64
_OPERATIONS = 1_000_000
_STEPS = """targets: {{ site: "{url}" }}
tasks: {{ get: [ {{ http.get: {{ path: /, name: get }}, expect: {{ status: 200 }} }} ] }}
populations: {{ crowd: {{ tasks: get, load: {{ users: {users} }} }} }}
"""
_COMPILED = """targets: {{ site: "{url}" }}
populations: {{ crowd: {{ tasks: bench.get, load: {{ users: {users} }} }} }}
"""
_WAITING = """targets: {{ site: "{url}" }}
populations: {{ crowd: {{ tasks: bench.rest, load: {{ users: {count}, ramp: 8s }}, sessions: 50 }} }}
run: {{ for: 1h }}
"""


def _library(bench):
    return os.path.join(bench.bin_dir, "../lib/squall/bench")


def _requests(bench):
    metrics = [Metric("rate", "requests/s", "{:,.0f}"), Metric("user_us", "user µs/request"),
               Metric("cpu_us", "CPU µs/request", goals={"steps": "≤ 1.15"})]
    with servers.city(bench) as city:
        def once(scenario):
            return squall(bench, ["run", "@", "--for", f"{bench.seconds}s", "--shards", 1, "--plugin-path", _library(bench)],
                          scenario.format(url=city.http, users=_CONNECTIONS)).per_operation()
        compare(bench, f"GET / of city, {_CONNECTIONS} users, compiled and as steps",
                {OURS: lambda: once(_COMPILED), "steps": lambda: once(_STEPS)}, metrics)


def _empty(bench):
    found = [json.loads(run([bench.program("empty_operation"), _OPERATIONS, "compiled"], bench.generator_core).out)
             for _ in range(bench.rounds)]
    values = [one["cpu_ns"] for one in found]
    print(f"\nan empty call, task → host → plugin → back, {_OPERATIONS:,} in virtual time, of {bench.rounds} rounds")
    print(f"  one user in a loop    {statistics.median(values):8.0f} ns CPU each ({min(values):.0f} … {max(values):.0f});"
          f" {max(one['allocations'] for one in found)} allocations after the first thousand")
    bench.records.append({"title": "empty compiled", "rounds": found})
    bench.judged(judge_values("an empty compiled call, ns", "≤ 150", values))
    bench.judged(judge_values(f"allocations in {_OPERATIONS:,} compiled calls, without the first thousand", "≤ 0", [one["allocations"] for one in found]))


def table(bench):
    _requests(bench)
    _empty(bench)

    def waiting(count):
        with servers.city(bench) as city:
            return resident(bench, _WAITING.format(url=city.http, count=count),
                            lambda: city.counters()["http"]["requests"] >= count, "--plugin-path", _library(bench))

    print("\nresident memory")
    each(bench, "user: one compiled request, waiting", 100_000, "≤ 1536", waiting)
