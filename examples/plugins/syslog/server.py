"""A syslog server over UDP that checks each message against RFC 5424 and counts: python3 server.py [PORT]. It prints the port
(PORT 0: a free one); on SIGINT, SIGTERM or --idle N seconds without a message after the first, a line of JSON, and ends."""
import argparse
import collections
import json
import re
import signal
import socket

NAME = r'[!#-<>-\\^-~]{1,32}'
VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
TIMESTAMP = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)'
ELEMENT = rf'\[{NAME}(?: {NAME}="{VALUE}")*\]'
MESSAGE = re.compile(
    rf'<(?P<pri>\d{{1,3}})>1 (?P<time>-|{TIMESTAMP}) (?P<host>[!-~]{{1,255}}) (?P<app>[!-~]{{1,48}}) (?P<proc>[!-~]{{1,128}}) '
    rf'(?P<id>[!-~]{{1,32}}) (?P<data>-|(?:{ELEMENT})+)(?: (?P<text>.*))?', re.DOTALL)

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int, nargs="?", default=5514)
parser.add_argument("--idle", type=float)
options = parser.parse_args()


def stop(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, stop)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
server.bind(("127.0.0.1", options.port))
print(server.getsockname()[1], flush=True)

counts = collections.Counter()
seen = set()
wrong = []
severities = collections.Counter()
first = None
try:
    while True:
        packet = server.recv(65536)
        if options.idle:
            server.settimeout(options.idle)
        counts["messages"] += 1
        counts["bytes"] += len(packet)
        try:
            match = MESSAGE.fullmatch(packet.decode("utf-8"))
            if not match or int(match["pri"]) > 191:
                raise ValueError("not RFC 5424")
        except ValueError as problem:
            counts["bad"] += 1
            wrong.append(f"{problem}: {packet[:200]!r}")
            continue
        counts["good"] += 1
        first = first or packet.decode()
        severities[int(match["pri"]) % 8] += 1
        number = re.search(r' n="(\d+)"', match["data"])
        if number:  # of scenario.yaml: text, hostname and structured data must speak of the same order
            n = int(number[1])
            counts["duplicates"] += n in seen
            seen.add(n)
            holds = (match["text"] == f"\ufefforder {n} — paid" and match["host"] == f"host-{n % 50}.example.com"
                     and int(match["pri"]) // 8 == 19 and 'note="a \\"quoted\\" \\\\ [text\\]"' in match["data"])
            counts["content_wrong"] += not holds
            if not holds:
                wrong.append(packet.decode())
except (KeyboardInterrupt, TimeoutError):
    pass
print(json.dumps({**counts, "distinct": len(seen), "highest": max(seen, default=None), "severities": severities,
                  "first": first, "wrong": wrong[:5]}, ensure_ascii=False), flush=True)
