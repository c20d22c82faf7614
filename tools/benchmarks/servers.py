"""The servers of a table, each on the server core and on a free loopback port, gone at the table's end."""
import contextlib
import json
import os
import shutil
import socket
import tempfile
import urllib.request

from .process import Background, RunFailed

PAGE = "<html><head><title>nginx</title></head><body>" + "x" * 200 + "</body></html>"


def find(program):
    """Debian keeps servers in /usr/sbin, which is not on everybody's PATH."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _sockets(state):
    """(local port, remote port) of IPv4 sockets in a state, without touching any of them."""
    with open("/proc/net/tcp") as table:
        next(table)
        for line in table:
            _, local, remote, found = line.split()[:4]
            if found == state:
                yield int(local.split(":")[1], 16), int(remote.split(":")[1], 16)


def listens(port):
    return any(local == port for local, _ in _sockets("0A"))


def connections_to(port):
    return sum(1 for _, remote in _sockets("01") if remote == port)


class City:
    def __init__(self, ready):
        self.ports = ready
        self.http = f"http://127.0.0.1:{ready['http']}"

    def counters(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['control']}/counters", timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def city(bench, *options):
    with tempfile.TemporaryDirectory() as folder:
        ready = os.path.join(folder, "ready.json")
        server = Background([bench.program("city"), "--ready-file", ready, *options], bench.server_core)
        try:
            server.until(lambda: os.path.exists(ready), "ready line of the city")
            with open(ready) as file:
                line = json.load(file)
            yield City(line)
        finally:
            server.stop()


def _configured(bench, program, arguments, text, what):
    """A server that cannot take port 0: a free port is guessed again when another program was quicker."""

    @contextlib.contextmanager
    def serve():
        path = find(program)
        if not path:
            raise RunFailed(f"{program} is not installed")
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "config")
            for attempt in range(5):
                port = free_port()
                with open(config, "w") as file:
                    file.write(text(port, folder))
                server = Background([path, *arguments, config], bench.server_core)
                try:
                    server.until(lambda: listens(port), what, 10)
                    break
                except RunFailed:
                    server.stop()
                    if attempt == 4:
                        raise
            try:
                yield port
            finally:
                server.stop()

    return serve()


def broker(bench):
    root = "user root\n" if os.getuid() == 0 else ""
    return _configured(bench, "mosquitto", ["-c"], lambda port, folder: (
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{root}"
        "max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n"), "broker")


def nginx(bench):
    root = "user root;\n" if os.getuid() == 0 else ""
    return _configured(bench, "nginx", ["-c"], lambda port, folder: (
        f"{root}daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid {folder}/pid;\n"
        f"error_log {folder}/errors; events {{ worker_connections 4096; }}\n"
        "http { access_log off; keepalive_requests 1000000000; default_type text/html;\n"
        f"  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{PAGE}'; }} }} }}\n"), "nginx")
