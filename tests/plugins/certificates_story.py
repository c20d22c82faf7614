"""A certificate for each user, as docs/scenario.md shows it: nginx, mosquitto and a TLS server of Python say whose
certificate came with which request. Files that are missing are told before the run, or fail where they are needed."""
import os
import re
import ssl
import socket
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/must_show"))
from harness import (expect, expect_equal, file_path, on_free_port, program, show, squall, start, wait_until)  # noqa: E402

DEVICES = 3


def openssl(*words):
    subprocess.run([program("openssl"), *words], check=True, capture_output=True)


class Folder:
    """A root of our own, a server's certificate, one for each device, and what a scenario beside them needs."""

    def __init__(self):
        self.path = file_path("devices")
        os.makedirs(self.path)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=devices root", "-keyout", self["ca.key"], "-out", self["ca.pem"])
        self.issue("server", "subjectAltName=IP:127.0.0.1")
        for device in range(DEVICES):
            self.issue(f"device-{device}")
        self.write("devices.csv", "cert,key\n" + "".join(f"device-{d}.pem,device-{d}.key\n" for d in range(DEVICES)))

    def __getitem__(self, name):
        return os.path.join(self.path, name)

    def issue(self, name, extension="basicConstraints=CA:FALSE"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self[f"{name}.key"], "-out", self[f"{name}.csr"])
        self.write("extension", extension)
        openssl("x509", "-req", "-in", self[f"{name}.csr"], "-CA", self["ca.pem"], "-CAkey", self["ca.key"], "-days", "2",
                "-CAcreateserial", "-extfile", self["extension"], "-out", self[f"{name}.pem"])

    def write(self, name, text):
        with open(self[name], "w") as file:
            file.write(text)
        return self[name]

    def read(self, name):
        with open(self[name], errors="replace") as file:
            return file.read()


class Portal:
    """nginx that asks for a certificate and notes whose it was."""

    def __init__(self, folder):
        self.folder = folder

        def begin(port):
            return start([program("nginx"), "-e", folder["nginx.log"], "-c", folder.write("nginx.conf", f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; master_process off; pid {folder["nginx.pid"]}; events {{ }}
http {{
  log_format whose '$ssl_client_s_dn $uri $status';
  access_log {folder["portal.log"]} whose;
  client_body_temp_path {folder["t1"]}; proxy_temp_path {folder["t2"]}; fastcgi_temp_path {folder["t3"]};
  uwsgi_temp_path {folder["t4"]}; scgi_temp_path {folder["t5"]};
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder["server.pem"]}; ssl_certificate_key {folder["server.key"]};
    ssl_client_certificate {folder["ca.pem"]}; ssl_verify_client on;
    location / {{ return 200 "yes"; }}
  }}
}}
""")])
        self.process, port = on_free_port(begin)
        self.url = f"https://127.0.0.1:{port}"

    def requests_when(self, count):
        """(certificate's name, path) of each request that was answered 200, sorted."""
        def lines():
            return [m.groups() for m in re.finditer(r"^CN=(\S+) (\S+) 200$", self.folder.read("portal.log"), re.M)]
        wait_until(lambda: len(lines()) >= count, f"{count} lines of nginx", 5)
        return sorted(lines())


class Broker:
    """mosquitto that takes the certificate's name for the user's, and lets each publish under its own name only."""

    def __init__(self, folder):
        self.folder = folder
        folder.write("acl", "user witness\ntopic read #\npattern write state/%u\n")

        def begin(port):
            conf = folder.write("mosquitto.conf", f"""
per_listener_settings false
{"user root" if os.geteuid() == 0 else ""}
acl_file {folder["acl"]}
listener {port} 127.0.0.1
cafile {folder["ca.pem"]}
certfile {folder["server.pem"]}
keyfile {folder["server.key"]}
require_certificate true
use_identity_as_username true
""")
            log = open(folder["mosquitto.log"], "w")
            return start([program("mosquitto"), "-v", "-c", conf], stdout=log, stderr=log)
        self.process, self.port = on_free_port(begin)
        self.url = f"mqtts://127.0.0.1:{self.port}"
        folder.issue("witness")
        output = open(folder["seen"], "w")
        start([program("stdbuf"), "-oL", program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(self.port), "-t", "#", "-d", "-q",
               "1", "--cafile", folder["ca.pem"], "--cert", folder["witness.pem"], "--key", folder["witness.key"],
               "-F", "message %t %p"], stdout=output, stderr=subprocess.STDOUT)
        wait_until(lambda: "Subscribed" in folder.read("seen"), "the witness's subscription")

    def messages_when(self, count):
        def lines():
            return re.findall(r"^message (\S+) on$", self.folder.read("seen"), re.M)
        wait_until(lambda: len(lines()) >= count, f"{count} messages", 10)
        return sorted(lines())

    def users(self):
        return set(re.findall(r"u'([^']+)'", self.folder.read("mosquitto.log"))) - {"witness"}


def page_example():
    with open(os.path.join(ROOT, "docs/scenario.md")) as file:
        blocks = re.findall(r"^```yaml\n(.*?)^```$", file.read(), re.M | re.S)
    return next(block for block in blocks if "devices.csv" in block)


def each_user_shows_its_own():
    """The page's example: every request under its user's own name; with both MQTT clients."""
    for client in ("mosquitto", "paho"):
        folder = Folder()
        portal, broker = Portal(folder), Broker(folder)
        text = page_example() + f"plugins: {{ mqtt: {{ client: {client} }} }}\n"
        run = squall(folder.write("scenario.yaml", text), env={"PORTAL": portal.url, "BROKER": broker.url})
        expect_equal(run.code, 0, f"{client}: exit code ({run.stderr()[-400:]})")
        failed = [s["error_details"] for s in run.result["series"] if s["failed"]]
        expect(not failed, f"{client}: {failed}")
        ended = {o: sum(s["count"] - s["failed"] for s in run.series(operation=o)) for o in ("http.get", "mqtt.publish")}
        expect(min(ended.values()) >= DEVICES, f"{client}: {ended}")   # a slow machine may not come to all six
        names = [f"device-{d}" for d in range(DEVICES)]
        requests, messages = portal.requests_when(ended["http.get"]), broker.messages_when(ended["mqtt.publish"])
        expect_equal(len(requests), ended["http.get"], f"{client}: requests")
        expect_equal(set(requests), {(name, f"/state/{name[-1]}") for name in names}, f"{client}: whose certificate")
        expect_equal(len(messages), ended["mqtt.publish"], f"{client}: messages")
        expect_equal(set(messages), {f"state/{name}" for name in names}, f"{client}: topics let through")
        expect_equal(broker.users(), set(names), f"{client}: the broker's users")


def tcp_and_shared_sessions():
    """tls:// of the tcp plugin; with `sessions: 2` six users share two certificates."""
    folder = Folder()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder["server.pem"], folder["server.key"])
    context.load_verify_locations(folder["ca.pem"])
    context.verify_mode = ssl.CERT_REQUIRED
    seen = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(raw):
        with context.wrap_socket(raw, server_side=True) as peer:
            name = dict(pair[0] for pair in peer.getpeercert()["subject"])["commonName"]
            for line in peer.makefile("rb"):
                seen.append((name, line.decode().strip()))
                peer.sendall(line)

    def accept():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(raw,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    for words, session_of in (("", lambda user: user), (", sessions: 2", lambda user: user % 2)):
        seen.clear()
        run = squall(folder.write("scenario.yaml", f"""
targets:
  city: {{ url: "tls://127.0.0.1:{listener.getsockname()[1]}", tls: {{ ca: ca.pem, cert: "device-${{user.index}}.pem", key: "device-${{user.index}}.key" }} }}
tasks: {{ say: [ tcp.request: {{ payload: {{ text: "${{user.index}}\\n" }} }} ] }}
populations: {{ p: {{ tasks: say, load: {{ users: {DEVICES}, every: 500ms }}{words} }} }}
run: {{ for: 1s, valid: {{ lag: 1s }} }}
"""))
        expect_equal(run.code, 0, f"tcp{words}: exit code ({run.stderr()[-400:]})")
        expect_equal(set(seen), {(f"device-{session_of(d)}", str(d)) for d in range(DEVICES)}, f"tcp{words}: whose certificate")
        expect_equal(len(seen), sum(s["count"] for s in run.series(operation="tcp.request")), f"tcp{words}: requests")
    listener.close()


SCENARIO = """
data: { device: { file: devices.csv, pick: per_user, on_end: %s } }
targets:
  portal:
    url: "%s"
    tls:
      ca: ca.pem
      cert: "${device.cert}"
      key: "${device.key}"
tasks: { get: [ http.get: { path: / } ] }
populations: { p: { tasks: get, load: { %s } } }
run: { for: 1s }
"""


def what_is_missing_is_said():
    folder = Folder()
    portal = Portal(folder)
    os.remove(folder["device-1.pem"])
    os.remove(folder["device-1.key"])
    os.remove(folder["device-2.key"])
    # A known number of users: before anything is sent, at the places of cert and key.
    run = squall(folder.write("scenario.yaml", SCENARIO % ("wrap", portal.url, "users: 3, every: 500ms")))
    expect_equal(run.code, 104, "missing files: exit code")
    for place, text in (("scenario.yaml:8:13", f"target 'portal': {folder['device-1.pem']}: No such file or directory, for user 1 of population 'p'"),
                        ("scenario.yaml:9:12", f"target 'portal': {folder['device-1.key']}: No such file or directory, for user 1 of population 'p'; 1 more files are missing")):
        expect(place in run.stderr() and text in run.stderr(), f"missing files: {place} {text} is not in {run.stderr()}")
    # Open load: those users that come without a file fail. The wait keeps each from serving two arrivals in a row.
    text = SCENARIO % ("wrap", portal.url, "rate: 20/s, max_users: 3")
    run = squall(folder.write("scenario.yaml", text.replace("{ path: / } ]", "{ path: / }, wait: 300ms ]")))
    details = {(d["class"], d["detail"]) for s in run.result["series"] for d in s["error_details"]}
    expect_equal(details, {("tls", "cannot use the certificate file"), ("tls", "cannot use the key file")}, "open load")
    # Data that ends: the third user has no certificate.
    folder.write("devices.csv", "cert,key\n" + "device-0.pem,device-0.key\n" * 2)
    run = squall(folder.write("scenario.yaml", SCENARIO % ("fail", portal.url, "users: 3, every: 500ms")))
    failed = [(d["class"], d["detail"]) for s in run.result["series"] for d in s["error_details"]]
    expect_equal(failed, [("tls", "no certificate for this user")], "data that ends")
    # A key that is another's.
    folder.write("devices.csv", "cert,key\n" + "device-0.pem,server.key\n")
    run = squall(folder.write("scenario.yaml", SCENARIO % ("wrap", portal.url, "users: 1, every: 500ms")))
    failed = [(d["class"], d["detail"]) for s in run.result["series"] for d in s["error_details"]]
    expect_equal(failed, [("tls", "key does not match the certificate")], "another's key")


show(each_user_shows_its_own, tcp_and_shared_sessions, what_is_missing_is_said)
