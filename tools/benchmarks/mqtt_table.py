"""5,000 MQTT clients, one QoS 1 message a second each, beside a bare loop over the same libmosquitto.

Connecting 5,000 clients costs as much as seconds of messages, so each figure is the difference of a long
and a short run; both are whole processes.
"""
import re

from . import servers
from .generator import squall
from .paired import OURS, Metric, compare
from .process import RunFailed, run

CLIENTS = 5_000
_SHORT_S = 1

_SCENARIO = """targets: {{ broker: "mqtt://127.0.0.1:{port}" }}
payloads: {{ report: {{ size: 64B }} }}
tasks: {{ report: {{ mqtt.publish: {{ topic: bench/x, qos: 1, payload: report }} }} }}
populations:
  devices:
    tasks: report
    load: {{ users: {clients}, every: 1s, phase: staggered, connect_over: 3s }}
    on_start: [ mqtt.connect: {{ client_id: "bench-${{user.index}}", keep_alive: 600s }} ]
run: {{ for: {seconds}s }}
"""


def _ours(bench, port, seconds):
    text = _SCENARIO.format(port=port, clients=CLIENTS, seconds=seconds)
    done = squall(bench, ["run", "@", "--shards", 1], text)
    return done.used, done.series("mqtt.publish")["count"]


def _loop(bench, port, seconds):
    used = run([bench.program("mosquitto_loop"), port, CLIENTS, 1, 1, seconds, 64], bench.generator_core)
    return used, int(re.match(r"(\d+) messages", used.out).group(1))


def _steady(once, bench, port):
    short, long = once(bench, port, _SHORT_S), once(bench, port, _SHORT_S + bench.seconds)
    messages = long[1] - short[1]
    if messages <= 0:
        raise RunFailed("the longer run sent no more than the short one")
    return {"user_us": (long[0].user_s - short[0].user_s) / messages * 1e6,
            "cpu_us": (long[0].cpu_s - short[0].cpu_s) / messages * 1e6,
            "connect_us": short[0].cpu_s / CLIENTS * 1e6}


def table(bench):
    if not servers.find("mosquitto"):
        return bench.note("mosquitto is not installed: skipped")
    metrics = [Metric("user_us", "user µs/message"),
               Metric("cpu_us", "CPU µs/message", goals={"libmosquitto": "≤ 1.4"}),
               Metric("connect_us", "CPU µs/client, connect + 1 message", "{:,.0f}")]
    with servers.broker(bench) as port:
        tools = {OURS: lambda: _steady(_ours, bench, port), "libmosquitto": lambda: _steady(_loop, bench, port)}
        compare(bench, f"{CLIENTS:,} clients at 1/s, QoS 1, 64 B", tools, metrics)
