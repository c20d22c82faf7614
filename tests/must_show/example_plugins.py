"""Plugins of others are as good as ours: a protocol in C, one in Rust and one around a C library with a loop of its own, each
built out of tree with the SDK alone, run in one scenario with HTTP and MQTT, on two shards, and every server has counted
what squall counts.

The judges: nginx's log, mosquitto, memcached, redis-server, and a server of the test that reads sentences by itself.
With a sanitizer build of squall the plugins in C and C++ carry the sanitizer, too.
"""
import os
import subprocess
import sys
from collections import Counter

from harness import Mosquitto, Nginx, expect, expect_closed, expect_equal, expect_passed, figure, program, show

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples"))
from example import Memcached, Nmea, Redis, Server, built, cache_of_squall, plugin_path, run_with  # noqa: E402

PLUGINS = "nmea memcached redis"

VOYAGE = """
targets:
  site: "${env.SITE}"
  broker: "${env.BROKER}"
  bus: "${env.BUS}"
  cache: "${env.CACHE}"
  store: "${env.STORE}"
tasks:
  voyage:                                         # one user, all five
    - nmea.send: { to: bus, sentence: EIGPQ, fields: [ GGA ], answer: GPGGA, name: position }
      capture: { latitude: field.2 }
    - redis.command: { to: store, command: [ RPUSH, "track:${user.index}", "${latitude}" ], name: track }
    - memcached.set: { to: cache, key: "ship:${user.index}", value: "${latitude}", name: remember }
    - parallel:
        - http.get: { to: site, path: /chart, name: chart }
        - mqtt.publish: { to: broker, topic: "ship/${user.index}", qos: 1, payload: { text: "${latitude}" }, name: report }
        - memcached.get: { to: cache, key: "ship:${user.index}", name: recall }
          expect: { value: "4807.038" }
  sail: [ nmea.send: { to: bus, sentence: IIHDT, fields: [ "${rand.int(0, 359)}", T ], name: heading } ]
  count: [ redis.command: { to: store, command: [ INCR, voyages ], name: count } ]
  look: [ { memcached.get: { to: cache, key: nowhere, name: look }, expect: { found: false } } ]
populations:
  ships: { tasks: voyage, load: { users: 6 }, stop_after: { iterations: 300 } }
  buoys: { tasks: sail, load: { users: 20, every: 200ms }, sessions: 3 }
  ports: { tasks: count, load: { rate: 200/s }, sessions: 2 }
  gulls: { tasks: look, load: { rate: 200/s } }
run: { for: 3s, valid: { lag: 10s } }
"""


def all_of_them_in_one_scenario():
    plugin_path(*PLUGINS.split())   # first: without one of them there is nothing to show
    site, broker, bus, cache, store = Nginx(), Mosquitto(), Nmea(), Memcached(), Redis()
    of_cache, of_store = cache.stats(), store.info()
    run = run_with(PLUGINS, VOYAGE, "--shards", "2", env={"SITE": site.url, "BROKER": broker.url, "BUS": bus.url,
                                                              "CACHE": cache.url, "STORE": store.url})
    expect_passed(run, "five protocols")
    ours = {s["name"]: s for s in run.result["series"]}
    count = {name: series["count"] for name, series in ours.items()}
    expect_equal([name for name, series in ours.items() if series["failed"] or series["cut"]], [], "series with failures")
    voyages = {name: count[name] for name in ("position", "track", "remember", "chart", "report", "recall")}
    expect_equal(set(voyages.values()), {300}, f"steps of a voyage: {voyages}")

    expect_equal(len(site.new_lines_when(300)), 300, "nginx's lines")
    expect_equal(broker.published_when(300), 300, "mosquitto's messages")
    sentences = Counter(line.split(",")[0] for line in bus.lines)
    expect_equal(dict(sentences), {"EIGPQ": 300, "IIHDT": count["heading"]}, "sentences with a right checksum")
    theirs = cache.since(of_cache)
    expect_equal((theirs["cmd_get"], theirs["get_hits"], theirs["cmd_set"]), (300 + count["look"], 300, 300), "memcached's gets, hits, sets")
    redis = store.since(of_store)
    expect_equal(redis["calls"], {"rpush": 300, "incr": count["count"]}, "redis' commands")
    expect_equal(store.ask("GET", "voyages"), str(count["count"]), "what redis has counted up to")

    def moved(key, *names):
        return sum(ours[name][key] for name in names)
    of_bus, of_memcached, of_redis = ("position", "heading"), ("remember", "recall", "look"), ("track", "count")
    expect_equal((moved("sent_bytes", *of_bus), moved("received_bytes", *of_bus)), (bus.bytes_in, bus.bytes_out), "bytes of sentences")
    expect_equal((moved("sent_bytes", *of_memcached), moved("received_bytes", *of_memcached)),
                 (theirs["bytes_read"], theirs["bytes_written"]), "memcached's bytes")
    expect_equal((moved("sent_bytes", *of_redis), moved("received_bytes", *of_redis)), (redis["bytes_in"], redis["bytes_out"]), "redis' bytes")
    opened = {c["target"]: c["opened"] for c in run.result["connections"]}
    expect_equal({target: opened[target] for target in ("bus", "cache", "store")},
                 {"bus": bus.connections, "cache": theirs["total_connections"], "store": redis["connections"]}, "connections")
    figure(f"{sum(count.values())} samples of five protocols, three of them by plugins of C, Rust and C++ around C: every one counted "
           f"by its server, and {bus.bytes_in + theirs['bytes_read'] + redis['bytes_in']} bytes there and "
           f"{bus.bytes_out + theirs['bytes_written'] + redis['bytes_out']} back")


def a_run_ends_while_all_of_them_wait():
    silent = Server(lambda connection: connection.recv(1 << 16) and connection.recv(1 << 16))
    run = run_with(PLUGINS, f"""
targets: {{ it: "{silent.url}" }}
tasks:
  ask:
    - parallel:
        - nmea.send: {{ to: it, sentence: EIGPQ, answer: any, name: nmea }}
        - memcached.get: {{ to: it, key: k, name: memcached }}
        - redis.command: {{ to: it, command: [ PING ], name: redis }}
populations: {{ all: {{ tasks: ask, load: {{ users: 10 }}, sessions: 4 }} }}
run: {{ for: 1s, drain: 0s, valid: {{ lag: 10s }} }}
""", "--shards", "2")
    expect(run.took_s < 10, f"it took {run.took_s:.1f} s")
    expect_closed(run, "silence")
    for name in PLUGINS.split():
        one = run.one(name=name)
        expect_equal((one["count"], one["failed"], one["cut"]), (0, 0, 10), f"{name}: samples, failed, cut")


def the_plugins_carry_the_sanitizer_of_squall():
    flags = cache_of_squall()
    symbol = "__tsan_init" if "thread" in flags.get("CMAKE_C_FLAGS", "") else "__asan_init"
    for name in ("nmea", "redis"):
        symbols = subprocess.run([program("nm"), "-D", f"{built(name)}/plugins/lib{name}.so"], capture_output=True, text=True, check=True).stdout
        expect_equal(symbol in symbols, flags.get("SQUALL_SANITIZE") == "ON", f"{name}: instrumented")


show(all_of_them_in_one_scenario, a_run_ends_while_all_of_them_wait, the_plugins_carry_the_sanitizer_of_squall)
