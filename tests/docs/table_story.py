# The example output builds out of tree with the SDK alone, and its table is the result's numbers. Arguments: the
# source folder, squall, cmake's build folder for the plugin.
import http.server
import json
import os
import subprocess
import sys
import threading

source, squall, build = sys.argv[1:4]


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


run("cmake", "-G", "Ninja", "-S", f"{source}/examples/outputs/table", "-B", build, "-DCMAKE_BUILD_TYPE=Debug")
run("cmake", "--build", build)
built_in = os.path.join(os.path.dirname(squall), "../lib/squall/plugins")
scenario, table = f"{build}/scenario.yaml", f"{build}/table.md"
if os.path.exists(table):
    os.unlink(table)

with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(scenario, "w") as file:
        file.write(f"""
targets: {{ site: "http://127.0.0.1:{server.server_address[1]}" }}
tasks: {{ look: [ http.get: {{ path: /, name: "a|b" }}, http.get: {{ path: /missing }} ] }}
populations: {{ visitors: {{ tasks: look, load: {{ users: 2, every: 50ms }} }} }}
run: {{ for: 2s, warmup: 1s, valid: {{ lag: 10s }} }}
""")
    text = run(squall, "run", scenario, "--json", "--quiet", "-o", f"table={table}", "--plugin-path", f"{build}/plugins:{built_in}")
    server.shutdown()

series = [s for s in json.loads(text)["series"] if s["phase"] == "main"]
wanted = [f"| visitors/{s['name']} | {s['count']} | {s['failed']} | ".replace("a|b", r"a\|b")
          + " | ".join(f"{s['response_ms'][p]:.3f}" for p in ("p50", "p95", "p99")) + " |" for s in series]
with open(table) as file:
    lines = file.read().splitlines()
assert lines[0].startswith("| name | count |") and len(lines) == 4, lines
assert sorted(lines[2:]) == sorted(wanted), (lines, wanted)
assert sum(s["failed"] for s in series) > 0
print(f"{len(wanted)} lines as in the result")
