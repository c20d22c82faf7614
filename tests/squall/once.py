"""--once: one user, one iteration, everything shown, nothing that is secret, and an exit code that a script can use."""
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from program import SQUALL, check, conclude, http_server, https_server, squall, tcp_echo, udp_echo

SECRET = 's3cret /"pass'
FORMS = [SECRET, 's3cret /\\"pass', "s3cret%20%2F%22pass", "czNjcmV0IC8icGFzc", "s3cret+%2F%22pass", "cookie-value", "apikey-value"]


def broker(folder):
    """A mosquitto on a free port and its process, or None when there is none on this machine."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not program:
        return None, None
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"mqtt://127.0.0.1:{port}", process
            time.sleep(0.05)
    return None, None


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    site = http_server()
    safe, certificate = https_server(folder)
    secret = {"SQUALL_SECRET_PIN": SECRET}

    # A load of many parts: of it one user goes once through each task, in the file's order, and nothing waits long.
    whole = folder / "whole.yaml"
    whole.write_text(f"""
targets: {{ site: "{site}", safe: {{ url: "{safe}", tls: {{ ca: cert.pem }} }}, echo: "{tcp_echo()}", meters: "{udp_echo()}" }}
plugins: {{ job: {{ programs: {{ hello: {{ argv: [ /bin/echo, "hello ${{arg.name}}" ], args: {{ name: string }} }} }} }} }}
tasks:
  shop:
    - wait: 1h
    - http.post: {{ to: site, path: "/echo?p=${{urlencode(secret.PIN)}}", body: "pin ${{secret.PIN}}", headers: {{ X-Api-Key: apikey-value }}, name: tell }}
      expect: {{ status: 200, body: {{ contains: pin }} }}
    - http.get: {{ to: site, path: /me, auth: {{ bearer: "${{token}}" }}, name: me }}
    - until: {{ every: 10ms, timeout: 20s }}
      steps: [ http.get: {{ to: site, path: /page, name: poll }} ]
      satisfied: {{ body: {{ equals: pass 0 }} }}
    - repeat: {{ for: 1h }}
      steps: [ http.get: {{ to: site, path: /binary, name: binary }} ]
  look: {{ http.get: {{ to: safe, path: /plain-over-tls, name: look }} }}
  ask:  {{ tcp.request: {{ to: echo, payload: {{ text: "line ${{seq()}}\\n" }}, name: ask }} }}
  ping: {{ udp.request: {{ to: meters, payload: {{ bytes: [ {{ u16le: 513 }} ] }}, timeout: 20s, name: ping }} }}
  run:  {{ job.run: {{ program: hello, args: {{ name: "${{secret.PIN}}" }} }}, expect: {{ exit: 0 }} }}
populations:
  people:
    tasks: {{ shop: 9, look: 1 }}
    load: {{ rate: 500/s }}
    start: 1h
    on_start:
      - http.post: {{ to: site, path: /login, json: {{ password: "${{secret.PIN}}" }}, name: login }}
        capture: {{ token: {{ json: token }}, cookie: header.Set-Cookie, nothing: {{ regex: zzz }} }}
    on_stop: [ http.get: {{ to: site, path: /bye, name: bye }} ]
  things: {{ tasks: [ ask, ping, run ], load: {{ users: 500, every: 1h, connect_over: 1h }}, stop_after: {{ iterations: 1 }} }}
run: {{ for: 10h, warmup: 1h }}
thresholds: [ p99(tell) < 1ns ]
outputs: [ jsonl: {{ file: never.jsonl }} ]
""")
    result = squall("run", whole, "--once", env=secret)
    names = [line.split()[1] for line in result.stdout.splitlines() if line.strip()[:1] in ("✓", "✗")]
    check(names == ["login", "tell", "me", "poll", "poll", "poll", "binary", "look", "bye", "ask", "ping", "job.run"],
          f"each once and in order: {names}\n{result.stderr}")
    check(result.returncode == 0 and result.stderr == "squall: passed\n", f"ends {result.returncode}: {result.stderr}")
    plain = result.stdout
    check("token=tkn-1" in result.stdout and "nothing=(nothing found)" in result.stdout, "captures stand in the line")
    check(result.stdout.endswith("12 operations, 0 failed\n"), f"the last line counts: {result.stdout[-80:]}")
    check(not (folder / "never.jsonl").exists(), "outputs are not opened")

    result = squall("run", whole, "--once", "-v", env=secret)
    shown = result.stdout
    check(result.returncode == 0, f"-v changes nothing: {result.stderr}")
    for text in ("> POST /echo?p=*** HTTP/1.1", "> X-Api-Key: ***", "> pin ***", "< pin ***", "< Set-Cookie: sid=***; Path=/",
                 "> Authorization: Bearer ***", "> Cookie: sid=***", '> {"password":"***"}', "captured cookie = ***",
                 "captured token = tkn-1", "✓ status 200", "✓ body contains pin", "with TLS: what follows is the plain text",
                 "> GET /plain-over-tls HTTP/1.1", "> line 0", "< line 0", "> 00000000  01 02 ", "< 00000000  01 02 ",
                 "> program: hello", "exit = 0", "< hello ***", "… 9,984 more bytes of 10,", "wait 1h, here 1s"):
        check(text in shown, f"-v shows {text!r}:\n{shown}")
    for form in FORMS:
        check(form not in shown and form not in plain, f"a secret is shown as {form!r}")

    # Only one task, or one population; a name that is none.
    check("ping" in squall("run", whole, "--once", "ping", env=secret).stdout, "--once TASK")
    result = squall("run", "--once", whole, "--only", "things", env=secret)
    check("login" not in result.stdout and "ask" in result.stdout, "--only is for --once, too")
    result = squall("run", whole, "--once", "pign", env=secret)
    check(result.returncode == 2 and "did you mean 'ping'" in result.stderr, f"a mistyped task: {result.stderr}")
    check(squall("run", whole, "-v", env=secret).returncode == 2, "-v is for --once")
    result = squall("run", whole, "--once", "ping", "--users", "7", env=secret)
    check(result.returncode == 0 and "--users left out" in result.stderr, "what makes a load is left out, and said")

    # What fails is said, with its reason, and ends 99.
    bad = folder / "bad.yaml"
    bad.write_text(f"""
targets: {{ site: "{site}", gone: "http://127.0.0.1:9" }}
tasks:
  t:
    - http.get: {{ to: site, path: /, name: hello }}
      expect: {{ status: 200, body: {{ contains: nobody }}, size: 5 }}
    - http.get: {{ to: gone, path: /, name: refused }}
    - http.get: {{ to: site, path: /broken, name: broken }}
      on_failure: interrupt
    - http.get: {{ to: site, path: /, name: unreached }}
populations: {{ p: {{ load: {{ users: 1 }}, on_start: [ http.get: {{ to: site, path: /, name: first }} ] }} }}
""")
    result = squall("run", bad, "--once", "-v")
    check(result.returncode == 99 and "4 operations, 3 failed" in result.stdout, f"failures end {result.returncode}: {result.stdout}")
    for text in ("✓ status 200", "✗ body contains nobody", "✓ size 5", "connect: refused", "status 503", "t was interrupted"):
        check(text in result.stdout, f"says {text!r}: {result.stdout}")
    check("unreached" not in result.stdout and "squall: failed: hello: check: body contains nobody" in result.stderr, result.stderr)

    # A user that a failure stops: its population is over, the next one comes.
    stopped = folder / "stopped.yaml"
    stopped.write_text(f"""
targets: {{ site: "{site}" }}
tasks: {{ a: [ http.get: {{ path: /a, name: a }} ], b: [ http.get: {{ path: /b, name: b }} ] }}
populations:
  one: {{ tasks: a, load: {{ users: 3 }}, on_start: [ http.get: {{ path: /broken, name: begin }} ] }}
  two: {{ tasks: b, load: {{ users: 3 }} }}
""")
    result = squall("run", stopped, "--once")
    check(result.returncode == 99 and "2 operations, 1 failed" in result.stdout, f"a stopped user: {result.stdout}{result.stderr}")
    check(squall("run", stopped, "--only", "one", "-q").returncode == 99, "a run whose users are all stopped ends")

    # Settings in a file of their own, a profile, and a record that only this user holds.
    (folder / "records.csv").write_text("name,kind\nann,a\nbob,b\n")
    (folder / "settings.yaml").write_text(f"profile: edit\nvars: {{ kind: b }}\ntargets: {{ site: '{site}' }}\n")
    records = folder / "records.yaml"
    records.write_text("""
include: settings.yaml
profiles: { read: [ readers ], edit: [ editors ] }
data: { people: { file: records.csv, pick: exclusive } }
tasks:
  read: [ http.get: { path: /, name: read } ]
  edit:
    - acquire: { from: people, as: p, where: { kind: "${kind}" } }
    - http.get: { path: "/of/${p.name}", name: edit }
    - release: p
populations: { readers: { tasks: read, load: { users: 1 } }, editors: { tasks: edit, load: { users: 1 } } }
thresholds: [ p99(read) < 1s ]
run: { for: 1s }
""")
    result = squall("run", records, "--once")
    check(result.returncode == 0 and "acquired from people  name=bob  kind=b" in result.stdout and "read" not in result.stdout,
          f"a record is acquired: {result.stdout}{result.stderr}")
    result = squall("check", records, "--profile", "read")
    check(result.returncode == 0 and "readers" in result.stdout and "editors" not in result.stdout, f"--profile: {result.stdout}{result.stderr}")
    result = squall("check", records)
    check(result.returncode == 0 and "'p99(read) < 1s' is not judged" in result.stderr, f"a threshold of another profile: {result.stderr}")
    result = squall("check", records, "--profile", "reed")
    check(result.returncode == 2 and "did you mean 'read'?" in result.stderr, f"an unknown profile: {result.returncode} {result.stderr}")

    # One operation without a file; the first signal ends a long one.
    result = squall("get", site + "/binary", "--once", "-v")
    check(result.returncode == 0 and "< HTTP/1.0 200" in result.stdout.replace("1.1", "1.0"), f"get --once: {result.stdout}")
    long = folder / "long.yaml"
    long.write_text(f"targets: {{ site: '{site}' }}\n"
                    "tasks: { t: [ { repeat: 1000, steps: [ http.get: { path: /, name: x }, wait: 1h ] } ] }\n"
                    "populations: { p: { load: { users: 1 } } }\n")
    process = subprocess.Popen([SQUALL, "run", str(long), "--once"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "✓ x" in line:
            break
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    check(process.wait(30) == 105 and "t was cut by the stop" in rest, f"a signal ends {process.returncode}: {rest}")

    address, mosquitto = broker(folder)
    if mosquitto:
        result = squall("publish", address, "topic=a/b", "payload={text: hello}", "qos=1", "--once", "-v")
        for text in ("✓ mqtt.connect", "> topic: a/b", "> payload: hello  (5 B)", "reason = 0"):
            check(text in result.stdout, f"publish --once -v shows {text!r}: {result.stdout}{result.stderr}")
        mosquitto.terminate()
        mosquitto.wait()
    else:
        print("no mosquitto here: MQTT was left out")

conclude()
