"""What the engine costs without a socket, and how fast the whole city can be driven from one core."""
import json
import os
import statistics

from . import servers
from .generator import squall
from .goals import judge_values
from .process import run

_OPERATIONS = 1_000_000
_LAG_LIMIT_MS = 20
_GOAL, _TOP = 50, 100


def empty(bench):
    print(f"\nan operation that does nothing, {_OPERATIONS:,} in virtual time, of {bench.rounds} rounds")
    for mode, text in (("closed", "one user in a loop"), ("open", "arrivals at a rate")):
        found = [json.loads(run([bench.program("empty_operation"), _OPERATIONS, mode], bench.generator_core).out)
                 for _ in range(bench.rounds)]
        values = sorted(one["cpu_ns"] for one in found)
        print(f"  {text:<22}{statistics.median(values):8.0f} ns CPU each ({values[0]:.0f} … {values[-1]:.0f})")
        bench.records.append({"title": f"empty {mode}", "rounds": found})


def city_mix(bench):
    """The largest compression whose run passes with its lag within what its file asks. Near the edge runs differ, so
    the search is done more than once, each time from the goal on."""
    if not servers.find("mosquitto"):
        return bench.note("mosquitto is not installed: skipped")
    seconds = max(bench.seconds, 8 if bench.quick else 15)
    searches = min(bench.rounds, 3)
    tried = []
    print(f"\nexamples/city-mix.yaml, {seconds} s for each k; city and mosquitto share the server's core")
    print(f"  {'k':>4}{'messages/s':>12}{'lag p99 ms':>12}{'busy':>7}{'failed':>9}  verdict")
    found = [_largest(lambda k: _passes(bench, k, seconds, tried)) for _ in range(searches)]
    print(f"  the largest k that passes: {', '.join(map(str, found))}")
    bench.records.append({"title": "city-mix", "k": found, "tried": tried})
    what = f"city-mix, the largest k with lateness p99 ≤ {_LAG_LIMIT_MS} ms"
    bench.judged(judge_values(what, f"≥ {_GOAL}", found))


def _largest(passes):
    low, high = 0, _TOP + 1  # low passes, high does not
    k = _GOAL
    while high - low > 1:
        if passes(k):
            low = k
        else:
            high = k
        k = (low + high) // 2
    return low


def _passes(bench, k, seconds, tried):
    file = os.path.join(bench.root, "examples", "city-mix.yaml")
    with servers.broker(bench) as port, servers.city(bench, "--mqtt-broker", f"127.0.0.1:{port}") as city:
        done = squall(bench, ["run", file, "--compress", k, "--for", f"{seconds}s", "--shards", 1], env={
            "CITY_HTTP": city.http, "CITY_BROKER": f"mqtt://127.0.0.1:{port}",
            "CITY_UDP": f"udp://127.0.0.1:{city.ports['udp']}"}, told=False)
    generator, messages = done.result["generator"], sum(
        series["count"] for series in done.result["series"] if series["operation"] != "mqtt.connect")
    lag = generator["lag_ms"]["p99"]
    passed = done.result["verdict"] == "passed" and done.failed == 0 and lag <= _LAG_LIMIT_MS
    tried.append({"k": k, "messages_per_s": messages / done.result["run"]["duration_s"], "lag_p99_ms": lag,
                  "failed": done.failed, "verdict": done.result["verdict"], "passes": passed})
    print(f"  {k:>4}{tried[-1]['messages_per_s']:12,.0f}{lag:12.3f}{max(generator['busy'], default=0):7.2f}"
          f"{done.failed:9,}  {done.result['verdict']}"
          + ("" if passed else f": {'; '.join(done.result['reasons']) or 'does not pass'}"), flush=True)
    return passed
