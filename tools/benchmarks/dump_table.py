"""One bulk stream into the city's sink beside the barest write() loop; iperf3 with a sink of its own.

All use the machine's congestion control, which the head of the report names.
"""
import json
import statistics

from . import servers
from .generator import squall
from .paired import OURS, Metric, compare
from .process import Background, RunFailed, run

_TRIAL_BYTES = 1_000_000_000


def _figures(used, size, seconds):
    return {"gb_s": size / seconds / 1e9, "cpu_gb": used.cpu_s / (size / 1e9)}


def _ours(bench, port, size):
    done = squall(bench, ["call", "tcp.dump", f"tcp://127.0.0.1:{port}", f"bytes={size}B", "--iterations", 1,
                          "--users", 1, "--for", "60s", "--shards", 1])
    dump = done.series("tcp.dump")
    if done.failed or dump["sent_bytes"] != size:
        raise RunFailed(f"squall sent {dump['sent_bytes']} of {size} bytes")
    return _figures(done.used, size, dump["service_ms"]["max"] / 1e3)


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


def _bytes_of_a_run(bench, port):
    """As many as a bare loop sends here in --seconds, so that a run is as long as it should be."""
    _write_loop(bench, port, _TRIAL_BYTES)  # the first one warms the sink
    return int(_write_loop(bench, port, _TRIAL_BYTES)["gb_s"] * bench.seconds) * 10**9 or 10**9


def table(bench):
    metrics = [Metric("gb_s", "GB/s", goals={"write loop": "≥ 0.95"}),
               Metric("cpu_gb", "CPU s/GB", "{:,.3f}", goals={"write loop": "≤ 1.05"})]
    with servers.city(bench) as city:
        port = city.ports["dump"]
        size = _bytes_of_a_run(bench, port)
        tools = {OURS: lambda: _ours(bench, port, size), "write loop": lambda: _write_loop(bench, port, size)}
        compare(bench, f"one stream of {size / 1e9:,.0f} GB", tools, metrics)
    if not servers.find("iperf3"):
        return bench.note("iperf3 is not installed")
    for name, options in (("iperf3", ()), ("iperf3 -Z", ("-Z",))):  # its sink is another one: to look at, no ratio
        found = [_iperf(bench, size, *options) for _ in range(min(bench.rounds, 3))]
        gb_s, cpu = (statistics.median(one[key] for one in found) for key in ("gb_s", "cpu_gb"))
        print(f"  {name} into its own sink: {gb_s:.2f} GB/s, {cpu:.3f} CPU s/GB")
        bench.records.append({"title": name, "values": found})
