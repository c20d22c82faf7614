"""Plugins of each release work in the squall of today: sources that were frozen with it, built from the headers that were frozen with it by
g++ and by clang++, in one run with each other against a server that counts.

C and C++ protocols, one in Rust with declarations of its own, compiled tasks, an output. What they are given and what they say must mean
what it meant: the run passes, every step's expectation holds, the output's sums are the result's.
"""
import os
import shutil
import socketserver
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "must_show")]
import guard  # noqa: E402
from harness import FOLDER, Skipped, expect, expect_equal, expect_passed, figure, program, show, squall, write_file  # noqa: E402

ITERATIONS = 60

SCENARIO = """
targets: { echo: "tcp://127.0.0.1:PORT" }
vars: { word: "hello" }
plugins: { golden_cpp: { suffix: "!" } }
data: { rooms: { file: "ROOMS", pick: exclusive } }
tasks:
  plain:
    - golden_c.echo: { to: echo, text: "${word} ${user.index}", name: echo }
      capture: { said: text, length: size }
      expect: { text: "hello ${user.index}" }
    - golden_cpp.upper: { text: "${said}", later: true, name: upper }
      capture: { loud: loud }
    - golden_rust.sum: { left: "${length}", right: 100, name: sum }
      expect: { sum: 108 }
    - golden_c.nap: { pause: 1ms, name: nap }
  whole: [ golden_task.tour: { left: 5 } ]
populations:
  writers: { tasks: plain, load: { users: 4 }, stop_after: { iterations: ITERATIONS } }
  compiled:
    tasks: whole
    load: { users: 3 }
    stop_after: { iterations: ITERATIONS }
run: { for: 60s, valid: { lag: 10s } }
outputs: [ golden_output: { file: "SUMS" } ]
"""


class Echo:
    """Sends every byte back, and counts them."""

    def __init__(self):
        counts = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with counts.lock:
                    counts.connections += 1
                while data := self.request.recv(65536):
                    self.request.sendall(data)
                    with counts.lock:
                        counts.bytes += len(data)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 256

        self.connections, self.bytes, self.lock = 0, 0, threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def build(release, c, cpp):
    """A folder with that release's plugins, built by these compilers."""
    home = os.path.join(guard.HERE, release)
    folder = os.path.join(FOLDER, f"{release}-{c}")
    os.makedirs(folder)
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-I", home,
             f"-Wl,--version-script={home}/plugin.map", "-Wl,-z,defs"]
    for name in sorted(os.listdir(os.path.join(home, "golden"))):
        stem, ending = os.path.splitext(name)
        compiler = {".c": [program(c), "-std=c11", *flags], ".cpp": [program(cpp), "-std=c++20", "-fvisibility-inlines-hidden", *flags],
                    ".rs": [program("rustc"), "--edition", "2021", "-O"]}[ending]
        library = os.path.join(folder, f"lib{stem}{ending.replace('.', '_')}.so")
        done = subprocess.run([*compiler, "-o", library, os.path.join(home, "golden", name)], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{name} of {release}: {done.stderr[-2000:]}")
    return folder


def run_with(folder):
    echo = Echo()
    sums_path = os.path.join(folder, "sums.txt")
    rooms = write_file("rooms.csv", "room\n" + "\n".join(f"r{i}" for i in range(8)) + "\n")
    text = (SCENARIO.replace("PORT", str(echo.port)).replace("ITERATIONS", str(ITERATIONS)).replace("SUMS", sums_path).replace("ROOMS", os.path.basename(rooms)))
    run = squall(text, "--plugin-path", folder, "--shards", "2")
    expect_passed(run, os.path.basename(folder))
    if not run.result:
        raise AssertionError(run.stderr()[-2000:])
    series = {s["name"]: s for s in run.result["series"]}
    for name, times in {"echo": 1, "upper": 1, "sum": 1, "nap": 1, "tour echo": 1, "tour upper": 2, "tour sum": 1, "whole tour": 1}.items():
        found = series.get(name, {"count": 0, "failed": 0})
        expect_equal((found["count"], found["failed"]), (times * ITERATIONS, 0), f"{name}: count, failed")
    sent = series["echo"]["sent_bytes"] + series["tour echo"]["sent_bytes"]
    expect_equal((echo.connections, echo.bytes), (2 * ITERATIONS, sent), "the server's connections and bytes")
    with open(sums_path) as file:
        sums = {name: int(number) for name, number in (line.split() for line in file)}
    calls = [s for s in run.result["series"] if s["type"] == "request"]
    expect_equal(sums["bucket_errors"], 0, "histograms whose buckets do not hold their extremes")
    expect_equal((sums["in_histograms"], sums["in_buckets"]), (sums["count"], sums["count"]), "the output's histograms and windows")
    expect_equal(sums["failed"], 0, "failures in the output's windows")
    expect(sums["samples"] >= sum(s["count"] for s in calls), f"the output's samples: {sums['samples']}")
    figure(f"{os.path.basename(folder)}: {sum(s['count'] for s in calls)} calls, {sums['samples']} samples and {sums['batches']} batches in the output")


def releases_built_by_gcc_run():
    for release in guard.releases():
        run_with(build(release, "gcc", "g++"))


def releases_built_by_clang_run():
    if not shutil.which("clang++"):
        raise Skipped("clang++ is not installed")
    for release in guard.releases():
        run_with(build(release, "clang", "clang++"))


show(releases_built_by_gcc_run, releases_built_by_clang_run)
