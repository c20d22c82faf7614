# The example plugin builds out of tree with the SDK alone, and a run with it gets what a WHOIS server of ours
# says. Arguments: the source folder, squall, cmake's build folder for the plugin. SQUALL_WHOIS_PLUGINS: a
# folder with libwhois.so that is built already.
import json
import os
import socketserver
import subprocess
import sys
import threading

source, squall, build = sys.argv[1:4]
questions = []


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        question = self.rfile.readline()
        questions.append(question)
        self.wfile.write(b"domain: " + question + b"status: active\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


plugins = os.environ.get("SQUALL_WHOIS_PLUGINS")
if not plugins:
    run("cmake", "-G", "Ninja", "-S", f"{source}/examples/plugins/whois", "-B", build, "-DCMAKE_BUILD_TYPE=Debug")
    run("cmake", "--build", build)
    plugins = f"{build}/plugins"

info = run(squall, "plugins", "info", "whois.query", "--plugin-path", plugins)
assert "domain" in info and "required" in info, info

with Server(("127.0.0.1", 0), Answer) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = dict(os.environ, WHOIS=f"tcp://127.0.0.1:{server.server_address[1]}")
    environment.pop("SQUALL_WHOIS_PLUGINS", None)
    text = run(squall, "run", f"{source}/examples/plugins/whois/whois.yaml", "--for", "2s", "--json", "--quiet",
               "--accept-invalid", "--plugin-path", plugins, env=environment)
    server.shutdown()

result = json.loads(text)
totals = result["totals"]
assert totals["failed"] == 0, result["series"]
assert totals["samples"] == 20 == len(questions), (totals, len(questions))
assert totals["sent_bytes"] == sum(map(len, questions)), totals
assert all(q.startswith(b"host-") and q.endswith(b".example\r\n") for q in questions), questions[:3]
print(f"{len(questions)} questions sent, {len(questions)} counted")
