"""The program as a script sees it: exit codes, where output goes, what a wrong call says."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

from program import SQUALL, check, conclude, http_server, https_server, squall

address = http_server()

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    good = folder / "good.yaml"
    good.write_text(f"""
targets: {{ site: "{address}" }}
tasks: {{ visit: [ http.get: {{ path: /, name: page }} ] }}
populations: {{ visitors: {{ load: {{ users: 2 }} }} }}
run: {{ for: 1s }}
thresholds: [ "count(page) >= 1" ]
""")

    # Wrong calls.
    for words in (["run"], ["nonsense"], [], ["run", "x.yaml", "--no-such-flag"]):
        result = squall(*words)
        check(result.returncode == 2, f"squall {words} ends {result.returncode}, not 2")
        check(result.stderr != "", f"squall {words} says nothing on stderr")
    check(squall("--help").returncode == 0, "--help ends 0")
    check("112" in squall("help", "exit-codes").stdout, "help exit-codes names 112")
    check(squall("version").stdout.startswith("squall "), "version")

    result = squall("chekc", "x.yaml")
    check(result.returncode == 2 and "did you mean 'check'" in result.stderr, f"a mistyped verb: {result.stderr}")
    result = squall("version", env={"SQUALL_USRES": "3"})
    check("SQUALL_USRES" in result.stderr and "SQUALL_USERS" in result.stderr, f"a mistyped variable: {result.stderr}")

    # A flag wins over its variable.
    for words, users in ((["--users", "3"], 3), ([], 5)):
        result = squall("check", str(good), *words, env={"SQUALL_USERS": "5"})
        check(f"{users} users" in result.stdout, f"SQUALL_USERS=5 and {words}: {result.stdout}")

    # What is mistyped has a hint; help is about something.
    for words, hint in ((["run", "x.yaml", "--uesrs", "3"], "did you mean '--users'"), (["get", "--durtion=3"], "did you mean '--duration'"),
                        (["help", "rnu"], "did you mean 'run'"), (["help", "exit-code"], "did you mean 'exit-codes'"),
                        (["get", address, "-o", "jsnl=x"], "did you mean 'jsonl'")):
        result = squall(*words)
        check(result.returncode in (2, 104) and hint in result.stderr, f"{words}: {result.returncode}, {result.stderr}")
    check(squall("help", "nothing").returncode == 2, "help about nothing is a mistake")
    result = squall("help", "publish")
    check(result.returncode == 0 and "--ca" in result.stdout and "Usage: squall publish" in result.stdout, f"help VERB: {result.stdout[:90]}")

    # A scenario that is wrong, a file that is not there.
    bad = folder / "bad.yaml"
    bad.write_text("targets: { site: 'http://127.0.0.1:1' }\ntasks: { visit: [ http.gett: { path: / } ] }\n"
                   "populations: { visitors: { load: { usres: 2 } } }\n")
    for verb in ("run", "check"):
        result = squall(verb, str(bad))
        check(result.returncode == 104, f"{verb} bad.yaml ends {result.returncode}, not 104")
        check("did you mean" in result.stderr and ":2:" in result.stderr and ":3:" in result.stderr,
              f"{verb} bad.yaml names both places: {result.stderr}")
        check(result.stdout == "", f"{verb} bad.yaml prints nothing on stdout")
        both = squall(verb, str(bad), "--users", "ten").returncode
        check(both == 104, f"{verb} bad.yaml --users ten ends {both}: the file is wrong, too")
        result = squall(verb, str(good), "--users", "ten")
        check(result.returncode == 2 and "'ten'" in result.stderr, f"{verb} --users ten: {result.returncode}, {result.stderr}")
    check(squall("run", str(folder / "none.yaml")).returncode == 104, "a missing file ends 104")

    # The same for editors: a JSON list on stdout, nothing on stderr.
    result = squall("check", str(bad), "--json")
    told = json.loads(result.stdout)
    check(result.returncode == 104 and result.stderr == "", f"check --json of bad.yaml: {result.returncode}, {result.stderr}")
    check(told[0] == {"file": str(bad), "line": 2, "column": 19, "length": 9, "severity": "error",
                      "message": "unknown operation 'http.gett'", "hint": "did you mean 'http.get'?"}, f"check --json: {told[0]}")
    check([one["line"] for one in told] == sorted(one["line"] for one in told) and told[-1]["line"] == 3, f"check --json: {told}")
    result = squall("check", str(good), "--json")
    check((result.returncode, json.loads(result.stdout), result.stderr) == (0, [], ""), f"check --json of good.yaml: {result}")
    result = squall("check", str(folder / "none.yaml"), "--json")
    told = json.loads(result.stdout)
    check(result.returncode == 104 and (told[0]["line"], told[0]["message"]) == (0, "no such file"), f"check --json of no file: {told}")
    result = squall("check", str(good), "--json", "--users", "ten")
    check(result.returncode == 2 and json.loads(result.stdout)[0]["file"] == "", f"check --json --users ten: {result}")
    warned = folder / "warned.yaml"
    warned.write_text(good.read_text().replace("visit: [", "idle: [ wait: 1s ], visit: [").replace("load:", "tasks: visit, load:"))
    result = squall("check", str(warned), "--json")
    told = json.loads(result.stdout)
    check(result.returncode == 0 and [one["severity"] for one in told] == ["warning"], f"check --json of a warning: {told}")
    # What only the plan finds out has its place, too.
    late = folder / "late.yaml"
    late.write_text(good.read_text().replace("load: { users: 2 }", "load: { users: 2 }, stop_after: { bytes: 2MB }"))
    result = squall("check", str(late))
    check(result.returncode == 104 and ":4:" in result.stderr and "^" in result.stderr, f"a mistake that the plan finds: {result.stderr}")
    told = json.loads(squall("check", str(late), "--json").stdout)
    check(told and told[0]["line"] == 4, f"check --json of what the plan finds: {told}")

    # The schema, and the list of keys that it is made from.
    result = squall("schema")
    schema = json.loads(result.stdout)
    check(result.returncode == 0 and schema["$schema"] == "http://json-schema.org/draft-07/schema#", f"schema: {result.stderr}")
    check({"tasks", "populations"} == set(schema["required"]), f"schema: {schema['required']}")
    keys = [line.split("\t") for line in squall("schema", "--keys").stdout.splitlines()]
    check(["load", "users"] in [key[:2] for key in keys] and {len(key) for key in keys} == {4}, f"schema --keys: {keys[:3]}")
    check("yaml-language-server" not in squall("new", "scenario", "-").stdout, "new scenario names a schema that is not installed")

    # Plugins: a folder that is not there, a file that is none.
    check(squall("plugins", "--plugin-path", str(folder / "nowhere")).returncode == 113, "a missing plugin folder ends 113")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "libx.so").write_text("no library")
    result = squall("run", str(good), "--plugin-path", str(folder / "plugins"))
    check(result.returncode == 113 and "not an ELF" in result.stderr, f"a text file as a plugin: {result.stderr}")
    listed = json.loads(squall("plugins", "--json").stdout)
    check({"http", "mqtt", "tcp", "udp", "job", "jsonl"} <= {plugin["name"] for plugin in listed}, f"plugins --json: {listed}")

    # A good run: results on stdout, progress on stderr, JSON that agrees with itself.
    result = squall("run", str(good), "--json")
    check(result.returncode == 0, f"good.yaml ends {result.returncode}: {result.stderr}")
    document = json.loads(result.stdout)
    check(document["verdict"] == "passed" and document["ledger"]["closed"], "the JSON says passed, closed")
    check(document["totals"]["samples"] == document["ledger"]["samples"]["ok"] > 0, "the sums agree")
    check("\x1b" not in result.stderr, "no escape codes where no terminal is")
    result = squall("run", "-d", "1s", "--json", str(good))
    check(result.returncode == 0 and json.loads(result.stdout)["verdict"] == "passed", f"--json FILE.yaml: {result.stderr}")
    results = folder / "results"
    result = squall("run", str(good), "--results", str(results), "-d", "1s", "-q", "--html", str(folder / "page.html"),
                    "-o", f"jsonl={folder / 'samples.jsonl'}")
    check(result.returncode == 0 and result.stdout == "", f"-q prints nothing on stdout: {result.stdout}")
    totals = json.loads((results / "result.json").read_text())["totals"]["samples"]
    seconds = [json.loads(line) for line in (results / "timeline.jsonl").read_text().splitlines()]
    check(sum(line.get("count", 0) for line in seconds) == totals, "the timeline adds up to the total")
    check((folder / "page.html").read_text().startswith("<!doctype html>"), "--html writes a page")
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    check(lines[-1]["type"] == "end" and lines[-1]["samples"] == totals, f"jsonl ends with {lines[-1]}, {totals} samples")
    check(sum(line["type"] == "sample" for line in lines) == totals, "jsonl has every sample")
    result = squall("run", str(good), "-o", "jsonl")
    check(result.returncode == 104 and "which file" in result.stderr, f"-o jsonl without a file: {result.stderr}")
    squall("run", str(good), "-q", "-o", "jsonl", "--results", str(folder / "with-samples"))
    check((folder / "with-samples" / "samples.jsonl").stat().st_size > 0, "… and with a folder for results")

    # An output whose reader has gone: told, and with --strict-outputs an exit code.
    for words, code in (([], 0), (["--strict-outputs"], 111)):
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: open(pipe).readline(), daemon=True)   # the first line, and no other
        reader.start()
        result = squall("run", str(good), "--json", "-q", "-o", f"jsonl={pipe}", "-d", "2s", *words)
        reader.join(30)
        pipe.unlink()
        document = json.loads(result.stdout)
        account, said = document["outputs"][0], document["reasons"] if code else document["generator"]["warnings"]
        check(result.returncode == code and account["accepted"] == account["delivered"] + account["rejected"] and account["rejected"] > 0,
              f"a lost reader {words}: {result.returncode}, {account}")
        check(f"output lost data: jsonl: {account['rejected']} of {account['accepted']} items: cannot write {pipe}: Broken pipe" in said,
              f"a lost reader {words}: {said}")

    # Failures and thresholds.
    check(squall("get", address + "/broken", "-d", "1s").returncode == 99, "nothing succeeded ends 99")
    check(squall("get", "http://127.0.0.1:9/", "-u", "1", "-d", "1s", "-q").returncode == 99, "a refused connection ends 99")
    result = squall("get", address + "/", "-i", "137", "--json", str(folder / "get.json"))
    check(result.returncode == 0 and json.loads((folder / "get.json").read_text())["totals"]["samples"] == 137,
          f"-i 137 makes 137 requests: {result.stderr}")
    result = squall("get", "http://127.0.0.1:9/", "-i", "3", "-q")
    check("nothing succeeded: connect (refused), 3 of 3 times" in result.stderr, f"the reason has its class: {result.stderr}")

    # The plan has one number for each population, and says where it ends.
    plan = folder / "plan.yaml"
    plan.write_text(f"""
targets: {{ site: "{address}" }}
tasks: {{ visit: [ http.get: {{ path: /, name: visit }} ], feed: {{ steps: [ http.get: / ], stop_after: {{ requests: 9 }} }} }}
populations:
  open:    {{ tasks: visit, load: {{ rate: 7/s }}, start: 1s }}
  poisson: {{ tasks: visit, load: {{ rate: 7/s, arrivals: poisson }} }}
  fleet:   {{ tasks: feed, load: {{ users: 5, every: 2s }}, stop_after: {{ iterations: 4 }} }}
run: {{ for: 10s }}
thresholds: [ count(visit) > 0 ]
""")
    text = squall("check", str(plan)).stdout
    for part in ("from 1s (visit): 63 iterations\n", "(visit): about 70 iterations\n", "(feed): 25 iterations, stops after 4 iterations\n",
                 "task        feed         stops after 9 requests\n", "count(visit) > 0 step visit\n"):
        check(part in text, f"check says {part!r}: {text}")
    check(text.count("iterations\n") == 3, f"check says each number once: {text}")

    # TLS, payloads and programs without a file.
    safe, certificate = https_server(folder)
    result = squall("get", safe + "/", "-i", "2", "-q")
    check(result.returncode == 99 and "tls (" in result.stderr, f"an unknown certificate: {result.stderr}")
    check(squall("get", safe + "/", "-i", "2", "-q", "--ca", certificate).returncode == 0, "get --ca")
    check(squall("get", safe + "/", "-i", "2", "-q", "--insecure").returncode == 0, "get --insecure")
    check(squall("get", address + "/", "-i", "2", "--insecure").returncode == 2, "--insecure without TLS")
    result = squall("call", "http.post", address + "/x", "payload=hello", "--once", "-v")
    check("> hello\n" in result.stdout and result.returncode == 0, f"payload=TEXT: {result.stdout}{result.stderr}")
    hostile = "$(id) ; `id` 'x' \"y\" -n"
    result = squall("job", "--once", "-v", "stdin=in", "--", "/bin/echo", "-n", hostile, "${user.index}")
    check(result.returncode == 0 and f"< {hostile} 0\n" in result.stdout, f"job PROGRAM: {result.stdout}{result.stderr}")
    check("write ./echo" in squall("job", "echo").stderr, "a program is a path")
    check(squall("job").returncode == 2 and squall("job", "program=x").returncode == 2, "a job needs a program")

    slow = folder / "slow.yaml"
    slow.write_text(good.read_text().replace("count(page) >= 1", "p99(page) < 1us"))
    check(squall("run", str(slow), "-q").returncode == 99, "a broken threshold ends 99")

    # A signal: drained, results written, 105.
    process = subprocess.Popen([SQUALL, "run", str(good), "-d", "60s", "--json", str(folder / "signal.json")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:       # the first line of progress: the run is on
        if "users 2" in line:
            break
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    check(process.wait(30) == 105, f"SIGINT ends {process.returncode}, not 105")
    check(json.loads((folder / "signal.json").read_text())["verdict"] == "stopped", "results are written after SIGINT")

    # New scenarios are good scenarios.
    for template in ("http", "mqtt", "tcp", "udp", "bulk", "job", "mixed"):
        path = folder / f"{template}.yaml"
        check(squall("new", "scenario", str(path), "--template", template).returncode == 0, f"new scenario {template}")
        result = squall("check", str(path))
        check(result.returncode == 0, f"the {template} template is wrong: {result.stderr}")
    check(squall("new", "scenario", str(folder / "http.yaml")).returncode == 2, "new does not overwrite")

conclude()
