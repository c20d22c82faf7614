"""A plugin that holds its shard's thread up is named: in a warning, in the verdict, and when it never comes back."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from program import SQUALL, check, conclude, squall

PLUGINS = os.environ["TEST_PLUGINS"]
SQUALL_PLUGINS = pathlib.Path(SQUALL).parent.parent / "lib/squall/plugins"
SCENARIO = """
tasks: {{ hold: [ blocker.{0}: {{ for: {1}, name: hold }} ] }}
populations: {{ one: {{ tasks: hold, load: {{ users: 1 }}, stop_after: {{ iterations: 1 }} }} }}
"""
PLACE = "plugin 'blocker' (libblocker.so+0x"


def words(folder, op, how_long):
    scenario, result = folder / "s.yaml", folder / "result.json"
    scenario.write_text(SCENARIO.format(op, how_long))
    return ["run", str(scenario), "--shards", "1", "--json", str(result), "--plugin-path", PLUGINS], result


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)

    # A short one is a warning with its place; one of a second makes the run invalid, asleep or computing.
    for op in ("sleep", "spin"):
        for how_long, event, code in (("500ms", "stall", None), ("1500ms", "plugin_fault", 112)):
            call, path = words(folder, op, how_long)
            for _ in range(5):   # a machine that gave the thread no CPU meanwhile says so, and is asked again
                done = squall(*call)
                result = json.loads(path.read_text())
                told = [e["text"] for e in result["journal"] if e["event"] == event]
                if told and PLACE in told[-1]:
                    break
            check(told and PLACE in told[-1], f"{op} {how_long}: {event} is {told} of {result['journal']}")
            check(code in (None, done.returncode), f"{op} {how_long}: ends {done.returncode}: {done.stderr}")
            check(event == "stall" or PLACE in done.stderr, f"{op} {how_long}: the last line: {done.stderr}")
            check(event == "plugin_fault" or any(PLACE in w for w in result["generator"]["warnings"]),
                  f"{op} {how_long}: warnings: {result['generator']}")

    # One that never comes back does not keep the results: whoever asks twice has them.
    call, path = words(folder, "sleep", "1h")
    process = subprocess.Popen([SQUALL, *call], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.readline()   # of the first second: signals are heard by now
    deadline = time.monotonic() + 50
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    check(process.poll() == 109, f"a thread that hangs: ends {process.poll()}")
    process.kill()
    said += process.communicate()[0]
    check(PLACE in said, f"a thread that hangs: {said}")
    result = json.loads(path.read_text())
    check(result["exit_code"] == 109 and PLACE in result["reasons"][0], f"a thread that hangs: {result['reasons']}")

    # A shard that stands still while others go on hands its seconds in late: outputs are told of each operation once.
    scenario, result, lines = folder / "late.yaml", folder / "late.json", folder / "late.jsonl"
    scenario.write_text("""
tasks:
  hold: [ blocker.sleep: { for: 5s, name: hold } ]
  tick: [ blocker.sleep: { for: 0s, name: tick } ]
populations:
  one: { tasks: hold, load: { users: 1 }, stop_after: { iterations: 1 }, start: 1500ms }
  many: { tasks: tick, load: { users: 20, every: 100ms } }
run: { for: 8s }
""")
    done = squall("run", str(scenario), "--shards", "2", "--json", str(result), "-o", f"jsonl={lines}",
                  "--plugin-path", f"{PLUGINS}:{SQUALL_PLUGINS}")
    check(done.returncode == 112, f"late seconds: ends {done.returncode}: {done.stderr}")
    totals = json.loads(result.read_text())["totals"]["samples"]
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    windows = [line for line in told if line["type"] == "window"]
    check(sum(w["count"] for w in windows) == totals > 1000, f"late seconds: {sum(w['count'] for w in windows)} told of {totals}")
    check(sum(c for w in windows for _, c in w["response"].get("buckets", [])) == totals, "late seconds: in histograms")
    begins = [w["begin_ns"] for w in windows]
    check(begins != sorted(begins), "late seconds: none came late")

conclude()
