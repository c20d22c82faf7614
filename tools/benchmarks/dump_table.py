"""One bulk stream into the city's sink beside the barest write() loop; iperf3 with a sink of its own.

All use the machine's congestion control, which the head of the report names.
"""
import json

from . import servers
from .generator import squall
from .paired import OURS, Metric, compare
from .process import Background, RunFailed, run

_BYTES_A_SECOND = 4_000_000_000  # about what a core sends: a run takes about --seconds


def _figures(used, size, seconds):
    return {"gb_s": size / seconds / 1e9, "cpu_gb": used.cpu_s / (size / 1e9)}


def _ours(bench, port, size):
    done = squall(bench, ["call", "tcp.dump", f"tcp://127.0.0.1:{port}", f"bytes={size}B", "--iterations", 1,
                          "--users", 1, "--for", "60s", "--shards", 1])
    return _figures(done.used, size, done.series("tcp.dump")["service_ms"]["max"] / 1e3)


def _write_loop(bench, port, size):
    used = run([bench.program("write_loop"), port, size], bench.generator_core)
    return _figures(used, size, json.loads(used.out)["seconds"])


def _iperf(bench, size, *options):
    port = servers.free_port()
    server = Background(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", str(port)], bench.server_core)
    try:
        server.until(lambda: servers.listens(port), "iperf3 server", 10)
        used = run(["iperf3", "-c", "127.0.0.1", "-p", port, "-n", size, "-J", *options], bench.generator_core)
    finally:
        server.stop()
    sent = json.loads(used.out)["end"]["sum_sent"]
    if sent["bytes"] < size:
        raise RunFailed("iperf3 sent less than it was asked to")
    return _figures(used, sent["bytes"], sent["seconds"])


def table(bench):
    size = int(_BYTES_A_SECOND * bench.seconds)
    metrics = [Metric("gb_s", "GB/s", goals={"write loop": "≥ 0.95"}),
               Metric("cpu_gb", "CPU s/GB", "{:,.3f}", goals={"write loop": "≤ 1.05"})]
    with servers.city(bench) as city:
        port = city.ports["dump"]
        tools = {OURS: lambda: _ours(bench, port, size), "write loop": lambda: _write_loop(bench, port, size)}
        if servers.find("iperf3"):
            tools["iperf3"] = lambda: _iperf(bench, size)
            tools["iperf3 -Z"] = lambda: _iperf(bench, size, "-Z")
        else:
            bench.note("iperf3 is not installed")
        compare(bench, f"one stream of {size / 1e9:,.0f} GB", tools, metrics)
