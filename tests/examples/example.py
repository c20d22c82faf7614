"""What the stories of the example plugins share: a plugin built out of tree with the SDK alone, and servers that count.

Plugins are built beside the program (build/…/examples/NAME), with its sanitizer when it has one. Everything else is
the harness of tests/must_show.
"""
import functools
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/must_show"))
from harness import BIN, Skipped, on_free_port, program, squall, start, wait_until  # noqa: E402

FOLDERS = {"nmea": "nmea", "memcached": "rust-memcached", "redis": "redis", "syslog": "syslog"}


def folder_of(name):
    return os.path.join(ROOT, "examples/plugins", FOLDERS[name])


def command(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} ended {done.returncode}\n{done.stdout}")
    return done.stdout


def cache_of_squall():
    """CMake's cache of the build that made the program."""
    with open(os.path.join(BIN, "../CMakeCache.txt")) as file:
        return dict(re.findall(r"^(\w+):\w+=(.*)$", file.read(), re.M))


@functools.cache
def built(name):
    """The build folder of an example. Skips when what it needs is not there."""
    if name == "memcached":
        program("rustc")
    if name == "redis" and subprocess.run([program("pkg-config"), "--exists", "hiredis"]).returncode != 0:
        raise Skipped("hiredis is not installed (libhiredis-dev)")
    cache = cache_of_squall()
    flags = ["-DCMAKE_BUILD_TYPE=Debug"]
    if cache.get("SQUALL_SANITIZE") == "ON":
        flags = ["-DCMAKE_BUILD_TYPE=None", "-DSQUALL_SANITIZE=ON"]
        flags += [f"-D{key}={cache[key]}" for key in ("CMAKE_C_FLAGS", "CMAKE_CXX_FLAGS") if name != "memcached"]
    folder = os.path.abspath(os.path.join(BIN, "../examples", name))
    command("cmake", "-G", "Ninja", "-S", folder_of(name), "-B", folder, *flags)
    command("cmake", "--build", folder)
    return folder


def plugin_path(*names):
    return ":".join(os.path.join(built(name), "plugins") for name in names)


def run_with(names, scenario, *options, **more):
    """squall with these plugins (a word each), to the end of its run; lag is no matter here."""
    run = squall(scenario, "--plugin-path", plugin_path(*names.split()), "--accept-invalid", *options, **more)
    if not run.result:
        raise AssertionError(f"squall ended {run.code}: {run.stderr()[-1000:]}")
    return run


def scenario_of(name):
    return os.path.join(folder_of(name), f"{name}.yaml")


def steps(target, *lines, users=1, iterations=20, more=""):
    """One task of these steps, done so often."""
    text = "\n".join(f"    - {line}" for line in lines)
    return f"""
targets: {{ it: "{target}" }}
tasks:
  all:
{text}
populations: {{ p: {{ tasks: all, load: {{ users: {users} }}, stop_after: {{ iterations: {iterations} }}{more} }} }}
run: {{ for: 60s }}
"""


def why(run, name):
    """{(class, detail): how often} of the failures of a series."""
    return {(d["class"], d["detail"]): d["count"] for d in run.one(name=name).get("error_details", [])}


def connections(run):
    return {key: sum(c[key] for c in run.result["connections"]) for key in ("opened", "reused", "failed", "closed_by_peer")}


class Server:
    """A TCP server whose `serve(connection)` is a function of the test; it ends with the test."""

    def __init__(self, serve):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with owner.lock:
                    owner.connections += 1
                try:
                    serve(self.request)
                except ConnectionError:
                    pass

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

        owner = self
        self.lock, self.connections = threading.Lock(), 0
        self.server = Threads(("127.0.0.1", 0), Handler)
        self.url = f"tcp://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Nmea(Server):
    """Answers questions `$xxGPQ,what` and keeps every line that comes, with its checksum judged by arithmetic of its own."""

    def __init__(self, answer=None):
        super().__init__(self.talk)
        self.lines, self.bytes_in, self.bytes_out, self.answer = [], 0, 0, answer or self.position

    @staticmethod
    def line(text):
        total = 0
        for byte in text.encode():
            total ^= byte
        return f"${text}*{total:02X}\r\n".encode()

    @classmethod
    def position(cls, connection, fields):
        if fields[0].endswith("GPQ"):
            return [cls.line("GPZDA,120000,22,11,2026,00,00"), cls.line("GPGGA,120000,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,")]
        return []

    def talk(self, connection):
        for line in connection.makefile("rb"):
            text = line.decode()[1:].partition("*")[0]
            with self.lock:
                self.bytes_in += len(line)
                self.lines.append(text if line == self.line(text) else f"wrong: {line!r}")
            answer = self.answer(connection, text.split(","))
            if answer is None:
                return
            for piece in answer:
                for begin in range(0, len(piece), 7):   # in pieces, so that lines come in halves
                    connection.sendall(piece[begin:begin + 7])
                with self.lock:
                    self.bytes_out += len(piece)


class Memcached:
    """The real one, which counts; `stats()` on one connection that is open all the time."""

    def __init__(self):
        user = ["-u", "root"] if os.geteuid() == 0 else []
        self.process, self.port = on_free_port(
            lambda port: start([program("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user]))
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.file = socket.create_connection(("127.0.0.1", self.port)).makefile("rwb")
        # Its threads count in their own time: it has three when it has seen its listener, who looked for the port, and us.
        wait_until(lambda: self.stats()[0]["total_connections"] == "3", "memcached's first connections")

    def stats(self):
        self.file.write(b"stats\r\n")
        self.file.flush()
        found, size = {}, 0
        while (line := self.file.readline()) != b"END\r\n":
            size += len(line)
            _, name, value = line.decode().split(" ", 2)
            found[name] = value.strip()
        return found, size + len(b"END\r\n")

    def since(self, before):
        """What has been counted since `before = stats()`, without the counting itself."""
        after, counted = self.stats()[0], {}
        for name in ("cmd_get", "get_hits", "get_misses", "cmd_set", "bytes_read", "bytes_written", "total_connections"):
            counted[name] = int(after[name]) - int(before[0][name])
        counted["bytes_read"] -= len(b"stats\r\n")
        counted["bytes_written"] -= before[1]
        return counted


class Redis:
    """The real one, without a disk; `ask()` speaks to it on a connection of the test."""

    def __init__(self):
        def begin(port):
            return start([program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                          "no"], stdout=subprocess.DEVNULL)
        self.process, self.port = on_free_port(begin)
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.file = socket.create_connection(("127.0.0.1", self.port)).makefile("rwb")

    @staticmethod
    def request(*words):
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        return f"*{len(words)}\r\n{''.join(parts)}".encode()

    def ask(self, *words):
        """A reply of one line, or a text."""
        self.file.write(self.request(*words))
        self.file.flush()
        line = self.file.readline().decode()
        if line[0] != "$":
            return line[1:].strip()
        return self.file.read(int(line[1:]) + 2)[:-2].decode()

    def info(self):
        text = self.ask("INFO", "all")
        found = dict(re.findall(r"^(\w+):(.*?)\r?$", text, re.M))
        calls = {name: int(count) for name, count in re.findall(r"^cmdstat_([^:]+):calls=(\d+)", text, re.M)}
        return {"fields": found, "calls": calls, "size": len(text.encode()) + len(f"${len(text.encode())}\r\n\r\n")}

    def since(self, before):
        after = self.info()
        calls = {name: count - before["calls"].get(name, 0) for name, count in after["calls"].items() if name != "info"}
        moved = {name: int(after["fields"][name]) - int(before["fields"][name])
                 for name in ("total_net_input_bytes", "total_net_output_bytes", "total_connections_received")}
        return {"calls": {name: count for name, count in calls.items() if count},
                "bytes_in": moved["total_net_input_bytes"] - len(self.request("INFO", "all")),
                "bytes_out": moved["total_net_output_bytes"] - before["size"],
                "connections": moved["total_connections_received"]}
