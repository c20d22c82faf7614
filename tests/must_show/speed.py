"""As fast as promised: what a request, a message, a byte and a user cost, beside peers that do nothing else.

The judges: wrk, h2load, a bare write() loop, a bare loop over libmosquitto, and the kernel's own count of CPU time
and memory. tools/bench runs them in turns and gives each goal its verdict (tools/benchmarks/goals.py); this script
sees to it that every goal was there. Each statement is one table. 30 rounds of 5 s with --full or SQUALL_FULL=1
(about an hour and a half in all, on a machine that does nothing else): what cannot be judged then has failed. A
short run says `skipped` of what its few rounds cannot tell.
"""
import json
import os
import sys

from harness import (BIN, FULL, ROOT, Skipped, expect, expect_equal, figure, file_path, need_descriptors, program, show,
                     start)

ROUNDS, SECONDS = (30, 5) if FULL else (5, 2)


def bench(table, goals, *programs):
    """Runs one table, which has to come to this number of goals; returns what it measured."""
    for name in programs:
        program(name)
    path = file_path("bench.json")
    words = [sys.executable, "-B", os.path.join(ROOT, "tools/bench"), table, "--rounds", str(ROUNDS), "--seconds",
             str(SECONDS), "--json", path]
    code = start(words, env={**os.environ, "SQUALL_BIN_DIR": BIN}).wait()
    if not expect_equal(code, 0, f"{table}: exit code of tools/bench"):
        return None
    with open(path) as file:
        found = json.load(file)["tables"][table]
    expect(found["finished"], f"{table}: not finished: {found['notes']}")
    expect_equal(found["failed_operations"], 0, f"{table}: operations that failed")
    expect_equal(len(found["goals"]), goals, f"{table}: goals")
    not_judged = []
    for goal in found["goals"]:
        figure(goal["text"])
        if goal["verdict"] == "missed" or (FULL and goal["verdict"] != "holds"):
            expect(False, goal["text"])
        elif goal["verdict"] != "holds":
            not_judged.append(goal["what"])
    if not_judged:
        raise Skipped(f"{len(not_judged)} of {goals} goals cannot be judged by {ROUNDS} rounds here")
    return found


def http_keepalive():
    bench("http-keepalive", 8, "wrk", "nginx")  # city and nginx, 64 and 1,000 connections, user and all CPU


def http_open():
    bench("http-open", 2, "h2load")  # at 5,000 and 20,000/s


def dump():
    bench("dump", 2)


def mqtt():
    need_descriptors(16384)
    bench("mqtt", 1, "mosquitto")


def pacing():
    bench("pacing", 1)


def memory():
    need_descriptors(8192)
    bench("memory", 3, "mosquitto")


def compiled():
    need_descriptors(8192)
    bench("compiled", 4)


def largest_city_mix():
    need_descriptors(16384)
    bench("city-mix", 1, "mosquitto")


def empty_operation():
    for row in bench("empty", 0)["rows"]:
        values = sorted(one["cpu_ns"] for one in row["rounds"])
        expect_equal(len(values), ROUNDS, f"{row['title']}: rounds")
        figure(f"{row['title']}: {values[len(values) // 2]:.0f} ns ({values[0]:.0f} … {values[-1]:.0f})")


show(http_keepalive, http_open, dump, mqtt, pacing, memory, compiled, largest_city_mix, empty_operation)
