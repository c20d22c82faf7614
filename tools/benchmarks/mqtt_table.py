"""5,000 MQTT clients, one QoS 1 message a second each, beside a bare loop over the same libmosquitto.

Connecting 5,000 clients costs as much as seconds of messages, so CPU is read twice while a process runs: when
all are connected and settled, and --seconds later. Both tools keep a schedule, and in between as many messages
were due; a run that fell behind its schedule is no measurement.
"""
import re
import time

from . import servers
from .generator import squall
from .paired import OURS, Metric, compare
from .process import RunFailed, cpu_so_far, run

CLIENTS = 5_000
SLACK = "1ms"  # the bare loop waits in whole milliseconds
_SETTLE_S = 1

_SCENARIO = """targets: {{ broker: "mqtt://127.0.0.1:{port}" }}
payloads: {{ report: {{ size: 64B }} }}
tasks: {{ report: {{ mqtt.publish: {{ topic: bench/x, qos: 1, payload: report }} }} }}
populations:
  devices:
    tasks: report
    load: {{ users: {clients}, every: 1s, phase: staggered, connect_over: 2s }}
    on_start: [ mqtt.connect: {{ client_id: "bench-${{user.index}}", keep_alive: 600s }} ]
run: {{ for: {seconds}s, slack: {slack} }}
"""


class _Window:
    """Called while the tool runs; afterwards `figures` holds what one steady message cost."""

    def __init__(self, bench, port):
        self.bench, self.port, self.figures = bench, port, None

    def __call__(self, pid):
        deadline = time.monotonic() + 60
        while servers.connections_to(self.port) < CLIENTS:
            if time.monotonic() > deadline or not _runs(pid):
                raise RunFailed("not all clients came to be connected")
            time.sleep(0.1)
        time.sleep(_SETTLE_S)
        user, cpu = cpu_so_far(pid)
        connect_us, begin = cpu / CLIENTS * 1e6, time.monotonic()
        time.sleep(self.bench.seconds)
        user_later, cpu_later = cpu_so_far(pid)
        messages = CLIENTS * (time.monotonic() - begin)
        self.figures = {"user_us": (user_later - user) / messages * 1e6, "cpu_us": (cpu_later - cpu) / messages * 1e6,
                        "connect_us": connect_us}


def _runs(pid):
    with open(f"/proc/{pid}/stat") as stat:  # there until wait4()
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def _ours(bench, port, slack):
    window, seconds = _Window(bench, port), bench.seconds + 2 * _SETTLE_S
    text = _SCENARIO.format(port=port, clients=CLIENTS, seconds=seconds, slack=slack)
    done = squall(bench, ["run", "@", "--shards", 1], text, meanwhile=window)
    iterations, lag_ms = done.result["ledger"]["iterations"], done.result["generator"]["lag_ms"]["p99"]
    if iterations["started"] < CLIENTS * seconds or lag_ms > 100:
        raise RunFailed(f"squall began {iterations['started']} of {CLIENTS * seconds} messages, {lag_ms:.0f} ms late")
    return window.figures


def _loop(bench, port):
    window, seconds = _Window(bench, port), bench.seconds + 2 * _SETTLE_S
    used = run([bench.program("mosquitto_loop"), port, CLIENTS, 1, 1, seconds, 64], bench.generator_core,
               meanwhile=window)
    took_s = float(re.match(r"\d+ messages in ([\d.]+) s", used.out).group(1))
    if took_s > seconds + 0.1:
        raise RunFailed(f"the libmosquitto loop took {took_s} s for messages of {seconds} s")
    return window.figures


def table(bench):
    """Punctual, and with the slack that the bare loop takes itself; only the second has a goal (docs/decisions.md)."""
    if not servers.find("mosquitto"):
        return bench.note("mosquitto is not installed: skipped")
    metrics = [Metric("user_us", "user µs/message"),
               Metric("cpu_us", "CPU µs/message", goals={"libmosquitto": "≤ 1.4"}),
               Metric("connect_us", "CPU µs/client, connect + 1 s", "{:,.0f}")]
    with servers.broker(bench) as port:
        thrifty = f"{OURS} --slack {SLACK}"
        tools = {OURS: lambda: _ours(bench, port, "0s"), thrifty: lambda: _ours(bench, port, SLACK),
                 "libmosquitto": lambda: _loop(bench, port)}
        compare(bench, f"{CLIENTS:,} clients at 1/s, QoS 1, 64 B", tools, metrics, judged=thrifty)
