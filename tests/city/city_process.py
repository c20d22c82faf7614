"""Starts a city on free ports for a story, talks to its control port, and ends it.

The stories are unittest cases; they use the standard library only and never sleep for a fixed time:
they wait for a state, up to a deadline that is only there to fail.
"""
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

DEADLINE_S = 30


class City:
    """A running city: `ready` is its ready line, `directory` a temporary one that ends with it."""

    def __init__(self, *options, wait=True):
        self.directory = tempfile.mkdtemp(prefix="city-story-")
        self.journal_path = os.path.join(self.directory, "journal.jsonl")
        self.ready_path = os.path.join(self.directory, "ready.json")
        words = [os.environ["CITY"], "--ready-file", self.ready_path, "--journal", self.journal_path,
                 "--tls-dir", os.path.join(self.directory, "tls"), *options]
        self.last = None  # what it printed at its end
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        line = self.process.stdout.readline()
        assert line, "city ended before it was ready"
        self.ready = json.loads(line)
        with open(self.ready_path) as file:
            assert json.load(file) == self.ready

    def __getattr__(self, name):  # city.http is the http port
        if name == "ready":
            raise AttributeError(name)
        return self.ready[name]

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.ready["control"], timeout=DEADLINE_S)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    def post(self, path, **wishes):
        status, content = self.control("POST", path, wishes)
        assert status == 200, content
        return content

    def counters(self):
        return self.control("GET", "/counters")[1]

    def counters_when(self, holds):
        """The counters as soon as `holds(counters)`, or as they are at the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            counters = self.counters()
            if holds(counters) or time.monotonic() > deadline:
                return counters
            time.sleep(0.01)

    def journal(self):
        self.counters()  # flushes it
        with open(self.journal_path) as file:
            return [json.loads(line) for line in file]

    def connect(self, port_name):
        return socket.create_connection(("127.0.0.1", self.ready[port_name]), timeout=DEADLINE_S)

    def end(self):
        """Asks it to end; returns its exit code and last line."""
        if self.last is None:
            self.process.terminate()
            self.last, _ = self.process.communicate(timeout=DEADLINE_S)
            shutil.rmtree(self.directory, ignore_errors=True)
        lines = self.last.splitlines()
        return self.process.returncode, json.loads(lines[-1]) if lines else None


class Story(unittest.TestCase):
    """A test case with a city of its own for each story."""
    options = ()

    def setUp(self):
        self.city = City(*self.options)
        self.addCleanup(self.end_city)

    def end_city(self):
        self.assertEqual(self.city.end()[0], 0)  # a sanitizer's finding would be here


def free_port():
    """A port that was free a moment ago, for programs that cannot take port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receive_exactly(connection, size):
    parts = []
    while size > 0:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError(f"{size} bytes missing")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def filler(size):
    alphabet = bytes(range(ord("a"), ord("z") + 1))
    return (alphabet * (size // 26 + 1))[:size]
