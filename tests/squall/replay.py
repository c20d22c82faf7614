"""An access log drives a run: examples/replay as it stands, garbage in a log, and what a wrong trace says."""
import json
import pathlib
import re
import shutil
import socketserver
import tempfile
import threading

from program import check, conclude, serve, squall

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Recorder(socketserver.StreamRequestHandler):
    """Answers 200 to everything and keeps the request lines, byte for byte."""

    def handle(self):
        while line := self.rfile.readline():
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            with self.server.lock:
                self.server.lines.append(line)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def recorder():
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Recorder)
    server.daemon_threads = True
    server.lines, server.lock = [], threading.Lock()
    return server, {"CITY_HTTP": f"http://127.0.0.1:{serve(server)}/never/sent"}


def logged(text):
    """The request lines of a log whose only escapes are \\xHH."""
    requests = re.findall(r'\] "([^"]*) HTTP/[\d.]+"', text)
    return sorted(re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), r).encode() + b" HTTP/1.1\r\n" for r in requests)


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    shutil.copytree(ROOT / "examples/replay", folder, dirs_exist_ok=True)
    scenario, log = folder / "replay.yaml", folder / "access.log"
    lines = log.read_text()
    count = lines.count("\n")

    # The example, a hundred times denser; due times do not depend on the machine, lag does.
    server, env = recorder()
    planned = squall("check", scenario, env=env)
    check(planned.returncode == 0 and planned.stderr == "", f"check: {planned.stderr}")
    check(f"the arrivals of log at 60 × their pace (replay): {count} iterations in " in planned.stdout, f"check prints: {planned.stdout}")
    run = squall("run", scenario, "--compress", "10", "--json", folder / "result.json", "--accept-invalid", env=env)
    check(run.returncode in (0, 99), f"the example ends {run.returncode}: {run.stderr}")   # 99: its p99, on a busy machine
    result = json.loads((folder / "result.json").read_text())
    iterations = result["ledger"]["iterations"]
    check((iterations["planned"], iterations["completed"]) == (count, count), f"the example's ledger: {iterations}")
    check(result["totals"]["failed"] == 0, f"the example's errors: {result['series'][0]['errors']}")
    check(sorted(server.lines) == logged(lines), "the example's requests arrive as they are logged")

    # One request, shown: the first that arrived.
    server.lines.clear()
    once = squall("run", scenario, "--once", env=env)
    check(once.returncode == 0 and len(server.lines) == 1, f"--once: {once.stdout} {once.stderr}")
    check(server.lines[0] in logged(lines.splitlines()[0]), f"--once sends the first: {server.lines}")

    # Lines that are no request are told, a request that cannot be sent fails, and --strict takes neither.
    stamp = re.search(r"\[.*?\]", lines)[0]
    log.write_text(f'h - - {stamp} "GET /a b HTTP/1.1" 400 0\n' + lines + f'h - - {stamp} "-" 408 0\nh - - {stamp} "\\x16\\x03" 400 0\n')
    words = f"dataset 'log': 2 of {count + 3} lines are no requests and are left out; the first is access.log:{count + 2}:"
    planned = squall("check", scenario, env=env)
    check(planned.returncode == 0 and f"warning: {words}" in planned.stderr, f"check of a log with garbage: {planned.stderr}")
    run = squall("run", scenario, "--compress", "100", "--json", folder / "result.json", "--accept-invalid", env=env)
    check(words in run.stderr, f"run of a log with garbage: {run.stderr}")
    result = json.loads((folder / "result.json").read_text())
    check(result["data"] == [{"dataset": "log", "records": count + 1, "left_out": 2, "first_left_out_line": count + 2}], f"data: {result['data']}")
    check(any(warning.startswith(words) for warning in result["generator"]["warnings"]), f"warnings: {result['generator']['warnings']}")
    details = [(error["class"], error["count"]) for error in result["series"][0]["error_details"]]
    check(details == [("check", 1)], f"a path with a blank: {details}")
    strict = squall("run", scenario, "--compress", "100", "--strict", "--quiet", env=env)
    check(strict.returncode == 112 and words in strict.stderr, f"--strict: {strict.returncode} {strict.stderr}")

    # What is no log, and what is no time.
    log.write_text("time,path\n1,/a\n")
    refused = squall("check", scenario, env=env)
    check(refused.returncode == 104 and "access.log:1:1: the line does not begin with host, ident, user and [time]; so are 2 of 2 lines"
          in refused.stderr, f"a file that is no log: {refused.stderr}")
    (folder / "requests.csv").write_text("time,method,path\n1,GET,/a\nnoon,GET,/b\n")
    text = scenario.read_text().replace("log: access.log", "log: requests.csv").replace("${log.user_agent}", "x").replace("${log.referer}", "y")
    scenario.write_text(text)
    refused = squall("check", scenario, env=env)
    check(refused.returncode == 104 and "replay.yaml:20:" in refused.stderr and "record 2 of 'log': 'noon' is no time" in refused.stderr,
          f"a time that is none: {refused.stderr}")
    scaled = squall("check", scenario, "--scale", "2", env=env)
    check(scaled.returncode == 2 and "--scale" in scaled.stderr, f"--scale: {scaled.returncode} {scaled.stderr}")

conclude()
