"""`connections` of the result against the servers' own counts: opened, reused and closed by the peer, for http (nginx
ends a connection after 1, 7, 100 requests), tcp and mqtt, and for a name of which one address refuses."""
import re
import socket
import socketserver
import threading

from logging_nginx import LoggingNginx   # first: it knows where the harness is
from harness import Mosquitto, expect, expect_equal, figure, show, squall

REQUESTS = 1400


def nginx_with(limit):
    """Ends each connection after `limit` requests, and says so in its last answer."""
    return LoggingNginx('location / { return 200 "yes"; } location /moved { return 302 /; }', requests_a_connection=limit)


HTTP = """
targets: { site: "http://%s:%d" }
tasks: { visit: [ http.get: { path: %s, name: visit } ] }
populations: { visitors: { tasks: visit, load: { users: %d }, stop_after: { requests: %d } } }
run: { for: 60s, valid: { lag: 10s } }
"""


def of(run, target):
    return next(c for c in run.result["connections"] if c["target"] == target)


def http_is_what_nginx_says():
    for limit in (1, 7, 100):
        nginx = nginx_with(limit)
        run = squall(HTTP % ("127.0.0.1", nginx.port, "/", 2, REQUESTS))
        expect_equal(run.code, 0, f"after {limit}: exit code ({run.last_line()})")
        lines = nginx.lines_when(REQUESTS)
        expect_equal(len(lines), REQUESTS, f"after {limit}: requests")
        ours, connections = of(run, "site"), len({line[0] for line in lines})
        expect_equal(ours["opened"], connections, f"after {limit}: opened")
        expect_equal(ours["reused"], REQUESTS - connections, f"after {limit}: reused")
        expect_equal(ours["failed"], 0, f"after {limit}: failed")


def a_redirect_is_a_request_of_its_own():
    nginx = nginx_with(1000)
    run = squall(HTTP % ("127.0.0.1", nginx.port, "/moved", 1, 10))
    lines = nginx.lines_when(20)
    expect_equal((len(lines), len({line[0] for line in lines})), (20, 1), "redirects: nginx's requests and connections")
    expect_equal((of(run, "site")["opened"], of(run, "site")["reused"]), (1, 19), "redirects: ours")


def what_is_done_side_by_side_has_connections_of_its_own():
    nginx = nginx_with(1000)
    run = squall(f"""
targets: {{ site: "http://127.0.0.1:{nginx.port}" }}
tasks: {{ visit: [ http.get: /, parallel: [ http.get: /a, http.get: /b, http.get: /c, http.get: /d ] ] }}
plugins: {{ http: {{ connections: 3 }} }}
populations: {{ visitors: {{ tasks: visit, load: {{ users: 2 }}, stop_after: {{ iterations: 100 }} }} }}
run: {{ for: 60s, valid: {{ lag: 10s }} }}
""")
    expect_equal(run.code, 0, f"side by side: exit code ({run.last_line()})")
    lines = nginx.lines_when(500)
    connections = len({line[0] for line in lines})
    expect_equal((len(lines), connections), (500, 6), "side by side: nginx's requests, connections of two users")
    expect_equal((of(run, "site")["opened"], of(run, "site")["reused"]), (6, 494), "side by side: ours")


def localhost_is_found_wherever_it_listens():
    try:
        socket.getaddrinfo("localhost", None)
    except socket.gaierror:   # a bare machine has no /etc/hosts; then there is nothing to find
        return figure("localhost: this machine knows no such name")
    nginx = nginx_with(1)   # on 127.0.0.1 alone: where ::1 comes first, it refuses
    run = squall(HTTP % ("localhost", nginx.port, "/", 1, 20))
    expect_equal(run.code, 0, f"localhost: exit code ({run.last_line()})")
    expect_equal((of(run, "site")["opened"], of(run, "site")["failed"]), (20, 0), "localhost: opened, failed")


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        with self.server.lock:
            self.server.connections += 1
        for line in self.rfile:
            with self.server.lock:
                self.server.lines += 1
            self.wfile.write(line)


def tcp_is_what_its_server_counts():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads, server.lock, server.connections, server.lines = True, threading.Lock(), 0, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run = squall(f"""
targets: {{ city: "tcp://127.0.0.1:{server.server_address[1]}" }}
tasks:
  talk:
    - repeat: {{ times: 7 }}
      steps: [ tcp.request: {{ payload: {{ text: "hello\\n" }} }} ]
    - tcp.close: {{}}
populations: {{ p: {{ tasks: talk, load: {{ users: 3 }}, stop_after: {{ iterations: 30 }} }} }}
run: {{ for: 60s, valid: {{ lag: 10s }} }}
""")
    expect_equal(run.code, 0, f"tcp: exit code ({run.stderr()[-400:]})")
    expect_equal((server.connections, server.lines), (30, 210), "tcp: the server's connections and lines")
    ours = of(run, "city")
    expect_equal((ours["opened"], ours["reused"], ours["failed"]), (30, 180, 0), "tcp: opened, reused, failed")
    server.shutdown()


def mqtt_is_what_its_broker_logs():
    broker = Mosquitto()
    run = squall(f"""
targets: {{ broker: "{broker.url}" }}
tasks: {{ say: [ mqtt.publish: {{ topic: t, qos: 1 }} ] }}
populations:
  implicit: {{ tasks: say, load: {{ users: 4, every: 200ms }} }}
  explicit: {{ tasks: say, load: {{ users: 4, every: 200ms }}, on_start: [ mqtt.connect: {{}} ] }}
run: {{ for: 1s, valid: {{ lag: 10s }} }}
""")
    expect_equal(run.code, 0, f"mqtt: exit code ({run.stderr()[-400:]})")
    publishes = sum(s["count"] for s in run.series(operation="mqtt.publish"))
    expect(publishes >= 8, f"mqtt: {publishes} publishes")
    with open(broker.log_path) as file:
        connections = len(re.findall(r"New client connected", file.read()))
    ours = of(run, "broker")
    expect_equal((ours["opened"], ours["failed"]), (connections, 0), "mqtt: opened, failed")
    expect_equal((connections, ours["reused"]), (8, publishes - 4), "mqtt: connections, reused")
    expect_equal(ours["closed_by_peer"], 0, "mqtt: closed by the peer")


def counters_are_what_the_broker_delivers():
    broker = Mosquitto()
    run = squall(f"""
targets: {{ broker: "{broker.url}" }}
tasks: {{ say: [ mqtt.publish: {{ topic: t, qos: 1, trailer: true }} ] }}
populations:
  speakers: {{ tasks: say, load: {{ users: 2, every: 100ms }} }}
  listeners: {{ tasks: say, load: {{ users: 1, every: 10s, phase: aligned }}, on_start: [ mqtt.subscribe: {{ topic: t, qos: 1 }} ] }}
run: {{ for: 1s, valid: {{ lag: 10s }} }}
""")
    expect_equal(run.code, 0, f"counters: exit code ({run.stderr()[-400:]})")
    counted = {(c["population"], c["operation"], c["name"]): c["count"] for c in run.result["counters"]}
    received = counted.get(("listeners", "mqtt.delivery", "received"), 0)
    latency = run.one(operation="mqtt.delivery", name="latency")
    expect(received > 0, "counters: nothing was received")
    expect_equal(latency["count"], received, "counters: each message of ours has a latency")
    expect(not {name for _, _, name in counted} & {"lost", "duplicate", "reordered"}, f"counters: {counted}")


show(http_is_what_nginx_says, a_redirect_is_a_request_of_its_own, what_is_done_side_by_side_has_connections_of_its_own,
     localhost_is_found_wherever_it_listens,
     tcp_is_what_its_server_counts, mqtt_is_what_its_broker_logs, counters_are_what_the_broker_delivers)
