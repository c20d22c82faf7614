"""What every must-show script stands on: servers on free loopback ports, squall as a process, and the verdict.

A script is a list of statements about the product as a whole, judged by servers that share no code with it.
It prints `figure: …` for each measurement and ends with `held`, or names on stderr what did not hold and exits 1;
`skipped: why` exits 77. SQUALL_BIN_DIR names the programs (default: build/release/bin); all files are in a
temporary folder under build/ that ends with the script. Not here: anything about one subject alone.
"""
import atexit
import http.client
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("SQUALL_BIN_DIR", os.path.join(ROOT, "build/release/bin")))
FULL = "--full" in sys.argv or os.environ.get("SQUALL_FULL") == "1"
DEADLINE_S = 30

_broken = []
_running = []


class Skipped(Exception):
    pass


def figure(text):
    print(f"figure: {text}", flush=True)


def expect(holds, text):
    """Notes what does not hold and goes on: one run shows all that is wrong."""
    if not holds:
        _broken.append(text)
        print(f"does not hold: {text}", file=sys.stderr, flush=True)
    return bool(holds)


def expect_equal(ours, theirs, text):
    return expect(ours == theirs, f"{text}: {ours} is not {theirs}")


def expect_near(value, wanted, tolerance, text):
    return expect(abs(value - wanted) <= tolerance, f"{text}: {value:.3f}, expected {wanted:.3f} ± {tolerance:.3f}")


def show(*statements):
    """Runs the script's statements, in order, each a function; `--only NAME` picks one."""
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    if only and only not in (statement.__name__ for statement in statements):
        sys.exit(f"no statement {only}; there are: {' '.join(statement.__name__ for statement in statements)}")
    skipped = []
    for statement in statements:
        if only and statement.__name__ != only:
            continue
        begun = time.monotonic()
        try:
            statement()
        except Skipped as why:
            skipped.append(f"{statement.__name__}: {why}")
            print(f"skipped: {skipped[-1]}", flush=True)
        except Exception as error:  # a broken statement must not hide the others
            import traceback
            traceback.print_exc()
            expect(False, f"{statement.__name__}: {error!r}")
        finally:
            end_processes()
        print(f"{statement.__name__}: {time.monotonic() - begun:.0f} s", flush=True)
    if _broken:
        print(f"{len(_broken)} did not hold:", *_broken, sep="\n  ", file=sys.stderr)
        sys.exit(1)
    if skipped:  # a must-show that skips has not held
        print("skipped:", "; ".join(skipped))
        sys.exit(77)
    print("held")


# ---- folders, processes, ports -----------------------------------------------------------------------------

def _make_folder():
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    folder = tempfile.mkdtemp(prefix="must-show-", dir=os.path.join(ROOT, "build"))
    if "--keep" in sys.argv:
        print(f"files: {folder}")
    else:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


FOLDER = _make_folder()
_numbers = iter(range(1, 1 << 30))


def file_path(name):
    return os.path.join(FOLDER, f"{next(_numbers)}-{name}")


def write_file(name, text):
    path = file_path(name)
    with open(path, "w") as file:
        file.write(text)
    return path


def start(words, **options):
    process = subprocess.Popen(words, **options)
    _running.append(process)
    return process


def end_process(process, limit_s=10):
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _running:
        _running.remove(process)


def end_processes():
    for process in list(reversed(_running)):
        end_process(process)


atexit.register(end_processes)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def wait_until(holds, what, limit_s=DEADLINE_S):
    """Polls until `holds()` gives something true and returns it; a deadline is only there to fail."""
    deadline = time.monotonic() + limit_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s} s for {what}")
        time.sleep(0.01)


def free_port(kind=socket.SOCK_STREAM):
    """Free a moment ago, for programs that cannot take port 0; they are started again when it is taken."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def on_free_port(begin):
    """begin(port) starts a program; it is tried again on another port when it ends at once."""
    for _ in range(8):
        port = free_port()
        process = begin(port)
        wait_until(lambda: process.poll() is not None or listens(port), f"port {port}")
        if process.poll() is None:
            return process, port
    raise AssertionError("no free port after eight tries")


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise Skipped(f"{name} is not installed")
    return path


def need_descriptors(count):
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Skipped(f"{count} open files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# ---- servers -----------------------------------------------------------------------------------------------

class City:
    """A running city; `city.http` is its http port."""

    def __init__(self, *options, journal=False, broker=None):
        self.journal_path = file_path("city-journal.jsonl") if journal else None
        words = [os.path.join(BIN, "city"), "--tls-dir", file_path("tls"), *options]
        if journal:
            words += ["--journal", self.journal_path]
        if broker:
            words += ["--mqtt-broker", f"127.0.0.1:{broker.port}"]
        self.process = start(words, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the city did not start")
        self.ready = json.loads(line)
        self.broker = broker

    def __getattr__(self, name):
        if name == "ready":
            raise AttributeError(name)
        return self.ready[name]

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.ready["control"], timeout=DEADLINE_S)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        if answer.status != 200:
            raise AssertionError(f"city {path}: {answer.status} {content}")
        return content

    def post(self, path, **wishes):
        return self.control("POST", path, wishes)

    def counters(self):
        return self.control("GET", "/counters")

    def counters_when(self, holds, limit_s=5):
        """The counters as soon as `holds(counters)`, or as they are at the deadline."""
        deadline = time.monotonic() + limit_s
        while True:
            counters = self.counters()
            if holds(counters) or time.monotonic() > deadline:
                return counters
            time.sleep(0.02)

    def journal(self):
        self.counters()  # the journal is as far as they are
        with open(self.journal_path) as file:
            return [json.loads(line) for line in file]

    def env(self):
        names = {"CITY_HTTP": f"http://127.0.0.1:{self.http}", "CITY_HTTPS": f"https://127.0.0.1:{self.https}",
                 "CITY_UDP": f"udp://127.0.0.1:{self.udp}", "CITY_DUMP": f"tcp://127.0.0.1:{self.dump}",
                 "CITY_TCP": f"tcp://127.0.0.1:{self.tcp}", "CITY_TCP_PREFIX": f"tcp://127.0.0.1:{self.tcp_prefix}"}
        if self.broker:
            names["CITY_BROKER"] = self.broker.url
        return names


class Mosquitto:
    def __init__(self):
        self.log_path = file_path("mosquitto.log")

        def begin(port):
            lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false",
                     "max_queued_messages 0", "max_inflight_messages 0", "sys_interval 1"]
            lines += ["user root"] if os.geteuid() == 0 else []
            path = write_file("mosquitto.conf", "\n".join(lines) + "\n")
            log = open(self.log_path, "a")
            return start([program("mosquitto"), "-c", path], stdout=log, stderr=log)

        self.process, self.port = on_free_port(begin)
        self.url = f"mqtt://127.0.0.1:{self.port}"

    def system(self, topic):
        """One number of $SYS, as it is published next."""
        words = [program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(self.port), "-t", f"$SYS/{topic}", "-C", "1", "-W", "10"]
        return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    def published_when(self, wanted, what="messages", limit_s=15):
        """How many PUBLISH packets (or bytes of payload) clients have sent it, as soon as that is `wanted`, or at the
        deadline. Packets of QoS 2 are not in mosquitto 2.0's count of messages; their bytes are."""
        deadline = time.monotonic() + limit_s
        while True:
            count = int(self.system(f"broker/publish/{what}/received"))
            if count == wanted or time.monotonic() > deadline:
                return count
            time.sleep(0.2)


class Subscriber:
    """mosquitto_sub, which tells of each message its topic, its QoS and how long it was."""

    def __init__(self, broker, topic="#", qos=2):
        self.path = file_path("subscriber.txt")
        output = open(self.path, "w")
        words = [program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-q", str(qos), "-d",
                 "-F", "message %q %l %t"]
        self.process = start([program("stdbuf"), "-oL", *words], stdout=output, stderr=subprocess.STDOUT)
        wait_until(lambda: "Subscribed" in self.text() or "SUBACK" in self.text(), "mosquitto_sub's subscription")

    def text(self):
        with open(self.path, errors="replace") as file:
            return file.read()

    def messages(self):
        """(qos, length, topic) of each message so far."""
        found = []
        with open(self.path, errors="replace") as file:
            for line in file:
                if line.startswith("message ") and line.endswith("\n"):
                    _, qos, length, topic = line.split(" ", 3)
                    found.append((int(qos), int(length), topic.rstrip("\n")))
        return found

    def messages_when(self, count, limit_s=10):
        deadline = time.monotonic() + limit_s
        while True:
            messages = self.messages()
            if len(messages) >= count or time.monotonic() > deadline:
                return messages
            time.sleep(0.05)


class Nginx:
    """One nginx process that answers 200 and logs every request, unbuffered, in the format of that name."""

    def __init__(self, log_format="must_show"):
        self.folder = file_path("nginx")
        os.makedirs(self.folder)
        self.log_path = os.path.join(self.folder, "access.log")

        def begin(port):
            text = f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 16384;
pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  log_format must_show '$connection $connection_requests $status $request_length $bytes_sent $msec $request_time $uri';
  access_log {self.log_path} {log_format};
  keepalive_requests 100000000; keepalive_timeout 1h; client_body_buffer_size 1m;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/fcgi;
  uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 "the same answer to everybody\\n"; }}
    location /form {{ proxy_pass http://unix:{self.folder}/upstream.sock:/; }}  # so that bodies are read, and counted
  }}
  server {{
    listen unix:{self.folder}/upstream.sock;
    access_log off;
    location / {{ return 200 "the same answer to everybody\n"; }}
  }}
}}
"""
            path = os.path.join(self.folder, "nginx.conf")
            with open(path, "w") as file:
                file.write(text)
            return start([program("nginx"), "-p", self.folder, "-c", path, "-e", f"{self.folder}/error.log"])

        self.process, self.port = on_free_port(begin)
        self.url = f"http://127.0.0.1:{self.port}"
        self.read_to = 0

    def new_lines(self):
        """The lines since the last call, split into fields."""
        with open(self.log_path) as file:
            file.seek(self.read_to)
            text = file.read()
        text = text[:text.rfind("\n") + 1]
        self.read_to += len(text)
        return [line.split() for line in text.splitlines()]

    def new_lines_when(self, count, limit_s=5):
        lines = []
        deadline = time.monotonic() + limit_s
        while True:
            lines += self.new_lines()
            if len(lines) >= count or time.monotonic() > deadline:
                return lines
            time.sleep(0.02)


# ---- squall ------------------------------------------------------------------------------------------------

class Run:
    """squall run, from its start to its end: exit code, result, stderr, and the files of --results."""

    def __init__(self, scenario, *options, env=None, city=None, limit_s=120, prefix=(), program_path=None):
        if "\n" in scenario:
            scenario = write_file("scenario.yaml", scenario)
        self.folder = file_path("results")
        self.limit_s = limit_s
        words = [*prefix, program_path or os.path.join(BIN, "squall"), "run", scenario, "--results", self.folder,
                 "--no-color", *options]
        kept = ("SQUALL_CHECK_PLUGINS",)   # a whole suite may run so
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SQUALL_") or k in kept}
        environment.update(city.env() if city else {})
        environment.update(env or {})
        self.stderr_path = file_path("stderr.txt")
        self.begun = time.monotonic()
        self.process = start(words, stdout=subprocess.DEVNULL, stderr=open(self.stderr_path, "w"),
                             stdin=subprocess.DEVNULL, env=environment)
        self.code = None

    def wait(self):
        try:
            self.code = self.process.wait(self.limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"squall did not end within {self.limit_s} s: {self.stderr()[-300:]}")
        _running.remove(self.process)
        self.took_s = time.monotonic() - self.begun
        path = os.path.join(self.folder, "result.json")
        self.result = None
        if os.path.exists(path) and os.path.getsize(path) > 0:   # it is made at the start, to see that it can be
            with open(path) as file:
                self.result = json.load(file)
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def stderr(self):
        with open(self.stderr_path, errors="replace") as file:
            return file.read()

    def last_line(self):
        lines = self.stderr().strip().splitlines()
        return lines[-1] if lines else ""

    def series(self, **fields):
        return [s for s in self.result["series"] if all(s[k] == v for k, v in fields.items())]

    def one(self, **fields):
        found = self.series(**fields)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} series match {fields}: {[s['name'] for s in found]}")
        return found[0]

    def timeline(self, **fields):
        with open(os.path.join(self.folder, "timeline.jsonl")) as file:
            lines = [json.loads(line) for line in file]
        return [w for w in lines if all(w.get(k) == v for k, v in fields.items())]

    def zero_realtime_s(self):
        """When run time 0 was, as the result says it (to the millisecond)."""
        from datetime import datetime
        return datetime.fromisoformat(self.result["run"]["started"].replace("Z", "+00:00")).timestamp()


def squall(scenario, *options, **more):
    return Run(scenario, *options, **more).wait()


def check(scenario, *options, env=None, city=None, limit_s=DEADLINE_S):
    """squall check: (exit code, output)."""
    if "\n" in scenario:
        scenario = write_file("scenario.yaml", scenario)
    environment = dict(os.environ)
    environment.update(city.env() if city else {})
    environment.update(env or {})
    done = subprocess.run([os.path.join(BIN, "squall"), "check", scenario, *options], capture_output=True, text=True,
                          env=environment, timeout=limit_s)
    return done.returncode, done.stdout + done.stderr


def expect_passed(run, what):
    reasons = run.result["reasons"] if run.result else run.last_line()
    expect(run.code == 0, f"{what}: exit code {run.code}, {reasons}")
    if run.result:
        expect(run.result["verdict"] == "passed", f"{what}: verdict {run.result['verdict']}, {reasons}")
        expect_closed(run, what)
    return run.code == 0


def expect_closed(run, what):
    """The ledger that the result holds adds up, by our own arithmetic and by its word."""
    ledger = run.result["ledger"]
    i, s = ledger["iterations"], ledger["samples"]
    expect(ledger["closed"], f"{what}: the ledger is open")
    # In a closed loop nothing is planned: what starts is planned then.
    expect_equal(i["started"], i["completed"] + i["interrupted"] + i["cut"], f"{what}: started iterations")
    expect_equal(s["begun"], s["ok"] + s["failed"] + s["cut"], f"{what}: begun samples")
    expect_equal(i["planned"], i["started"] + i["dropped"] + i["waiting"] + i["not_due"], f"{what}: planned iterations")


def quantile(ordered, share):
    """The smallest value that at least `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def at_times(events):
    """Does each (monotonic time, function) at its time, in a thread; returns it."""
    def act():
        for when, what in events:
            left = when - time.monotonic()
            if left > 0:
                time.sleep(left)
            what()
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread
