"""Resident memory of one more user, idle HTTP connection, idle MQTT client: the difference of two runs that
differ in nothing but their number, divided by it. Looked at when the server has seen all of them. They come
over eight seconds: memory of calls that wait for one of 50 connections would be counted as the users'. It hardly
differs from run to run, so three are enough.
"""
import os
import signal
import statistics
import tempfile

from . import servers
from .goals import judge_values
from .process import Background

_RUNS = 3

_USERS = """targets: {{ site: "{url}" }}
tasks: {{ visit: [ {{ http.get: {{ path: / }}, capture: {{ kind: {{ header: content-type }} }} }}, {{ wait: 1h }} ] }}
populations: {{ crowd: {{ tasks: visit, load: {{ users: {count}, ramp: 8s }}{sessions} }} }}
run: {{ for: 1h }}
"""
_CLIENTS = """targets: {{ broker: "{url}" }}
tasks: {{ idle: [ {{ wait: 1h }} ] }}
populations:
  devices:
    tasks: idle
    load: {{ users: {count}, ramp: 3s }}
    on_start: [ mqtt.connect: {{ client_id: "bench-${{user.index}}", keep_alive: 0s }} ]
run: {{ for: 1h }}
"""


def resident(bench, text, complete, *more):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "bench.yaml")
        with open(file, "w") as out:
            out.write(text)
        generator = Background([bench.program("squall"), "run", file, "--shards", "1", "--quiet", *more], bench.generator_core)
        try:
            generator.until(complete, "all users at the server", 60)
            return generator.resident_bytes()
        finally:
            generator.stop((signal.SIGINT, signal.SIGINT))


def table(bench):
    print("\nresident memory")

    def visits(count, sessions):
        with servers.city(bench) as city:  # a new one each time: its counters begin at zero
            return resident(bench, _USERS.format(url=city.http, count=count, sessions=sessions),
                             lambda: city.counters()["http"]["requests"] >= count)

    for what, count, goal, sessions in (
            ("user: one request, one capture, waiting", 100_000, "≤ 1024", ", sessions: 50"),
            ("user with an idle HTTP connection", 5_000, "≤ 4096", "")):
        each(bench, what, count, goal, lambda count: visits(count, sessions))
    if not servers.find("mosquitto"):
        return bench.note("mosquitto is not installed: no MQTT row")
    with servers.broker(bench) as port:
        def clients(count):
            return resident(bench, _CLIENTS.format(url=f"mqtt://127.0.0.1:{port}", count=count),
                             lambda: servers.connections_to(port) >= count)

        each(bench, "user with an idle MQTT client", 5_000, "≤ 4096", clients)


def each(bench, what, count, goal, resident):
    ones, manies = zip(*((resident(1), resident(count)) for _ in range(min(_RUNS, bench.rounds))))
    values = [(many - one) / (count - 1) for one, many in zip(ones, manies)]
    one, many = statistics.median(ones), statistics.median(manies)
    print(f"  {what:<42}{statistics.median(values):8,.0f} B each  ({one / 1e6:.1f} MB with 1, {many / 1e6:.1f} MB with"
          f" {count:,})", flush=True)
    bench.records.append({"title": what, "count": count, "bytes_each": values})
    bench.judged(judge_values(f"{what}, bytes", goal, values))
