"""A broken threshold ends the run 99 and is named wherever the result is read; `over … abort` ends it within one window, and
what is under way comes to its end; without samples, or with too few, a rule fails; a probe's value is judged.

The judges: the city, which misbehaves from a moment on that this script knows, and its own counts; xml.etree for JUnit.
"""
import json
import os
import subprocess
import time
import xml.etree.ElementTree

from harness import BIN, City, Run, expect, expect_equal, expect_passed, figure, file_path, show, squall, wait_until

SCENARIO = """
targets: {{ site: "${{env.CITY_HTTP}}", inside: "http://127.0.0.1:{control}" }}
probes: {{ mem_mb: {{ to: inside, path: /counters, json: http.requests, unit: MB }} }}
tasks:
  visit: [ http.get: {{ to: site, path: /, name: page }} ]
  never: [ {{ if: {{ value: "1", equals: 2 }}, steps: [ http.get: {{ to: site, path: /, name: rare }} ] }} ]
populations:
  visitors: {{ tasks: visit, load: {{ rate: {rate}/s }} }}
  others: {{ tasks: never, load: {{ rate: 2/s }} }}
run: {{ for: {seconds}s, drain: 5s, valid: {{ lag: 10s }} }}
thresholds: {thresholds}
"""


def scenario(city, thresholds, seconds=3, rate=100):
    return SCENARIO.format(control=city.ready["control"], thresholds=json.dumps(thresholds), seconds=seconds, rate=rate)


def junit_of(run):
    path = file_path("junit.xml")
    done = subprocess.run([os.path.join(BIN, "squall"), "report", run.folder, "--junit", path], capture_output=True, text=True)
    expect_equal((done.returncode, done.stderr), (0, ""), "squall report --junit")
    cases = xml.etree.ElementTree.parse(path).getroot().findall(".//testcase")
    return {case.get("name"): case.find("failure").get("message") if case.find("failure") is not None else None for case in cases}


def summary_of(run):
    return subprocess.run([os.path.join(BIN, "squall"), "report", run.folder], capture_output=True, text=True).stdout


def a_broken_one_is_named_everywhere():
    city = City()
    city.post("/errors", rate=0.2, status=503)
    kept, broken = "p99(page) < 30s", "failed(page) < 1%"
    run = squall(scenario(city, [kept, broken]), city=city)
    share = 100 * run.one(name="page")["failed"] / run.one(name="page")["count"]
    expect_equal(run.code, 99, "exit code")
    expect_equal(run.result["verdict"], "failed", "verdict")
    verdicts = {one["rule"]: one["passed"] for one in run.result["thresholds"]}
    expect_equal(verdicts, {kept: True, broken: False}, "in the JSON")
    sentence = next(one["reason"] for one in run.result["thresholds"] if one["rule"] == broken)
    expect(sentence.startswith("failed(page) was ") and sentence.endswith(", must be < 1%"), sentence)
    expect(abs(next(one["value"] for one in run.result["thresholds"] if one["rule"] == broken) - share) < 1e-9, "its value")
    expect_equal(run.result["reasons"], [sentence], "reasons")
    cases = junit_of(run)
    expect_equal((cases["run completed"], cases[kept], cases[broken]), (None, None, sentence), "in JUnit")
    summary = summary_of(run)
    expect(f"✗ {broken}" in summary and f"✓ {kept}" in summary and sentence in summary, "in the summary")
    expect(sentence in run.last_line(), f"on the last line: {run.last_line()}")
    figure(sentence)


def abort_ends_the_run_within_one_window():
    city = City()
    city.post("/delay", ms=300)   # so that something is under way when the run ends
    run = Run(scenario(city, ["failed(page) < 5% over 2s abort"], seconds=120, rate=50), city=city)
    wait_until(lambda: city.counters()["http"]["requests"] > 150, "three seconds of load")
    city.post("/errors", rate=1, status=503)
    broken_at = time.time()
    run.wait()
    expect_equal(run.code, 99, f"exit code: {run.last_line()}")
    stop = next(entry for entry in run.result["journal"] if entry["event"] in ("abort", "stop"))
    took = run.zero_realtime_s() + stop["at_s"] - broken_at
    figure(f"all answers bad: stopped {took:.2f} s later, by a rule over 2 s")
    # A bad answer is ended 0.3 s after it was asked for. The stretch of two windows that breaks the rule is over at most
    # two windows after the first bad answer's, and a tick of one second looks at it.
    expect(0 < took <= 0.3 + 1 + 1, f"stopped {took:.2f} s after the first request that was to fail")
    expect_equal(run.result["totals"]["cut"], 0, "iterations cut")
    expect_equal(run.result["ledger"]["samples"]["cut"], 0, "operations cut: what was under way is drained")
    expect_equal(run.result["ledger"]["closed"], True, "the ledger")
    expect_equal(run.one(name="page")["count"], city.counters()["http"]["requests"] - probes_of(run), "requests as the city counted them")
    expect("abort" in stop["text"] or "threshold" in stop["text"] or "failed(page)" in stop["text"], f"the journal says why: {stop}")


def probes_of(_run):
    return 0   # they ask the control port, which is not counted


def without_samples_or_with_too_few_it_fails():
    city = City()
    run = squall(scenario(city, ["p99(rare) < 10s", "p99(page) < 30s min 100000", "p99(page) < 30s min 100"]), city=city)
    results = {one["rule"]: one for one in run.result["thresholds"]}
    expect_equal(run.code, 99, "exit code")
    expect_equal([(one["passed"], one["judged"]) for one in results.values()], [(False, False), (False, False), (True, True)], "passed, judged")
    cases = junit_of(run)
    for rule in ("p99(rare) < 10s", "p99(page) < 30s min 100000"):
        expect(cases[rule] == results[rule]["reason"] != "", f"{rule}: {cases[rule]}")
        figure(results[rule]["reason"])


def a_probe_is_judged():
    for rule, code in (("probe(mem_mb) < 900", 0), ("probe(mem_mb) < 3", 99), ("max(probe:mem_mb) < 900", 0)):
        city = City()
        run = squall(scenario(city, [rule]), city=city)
        expect_equal(run.code, code, f"{rule}: {run.last_line()}")
        told = [line["metrics"]["mem_mb"] for line in run.timeline(environment=True) if line["metrics"]["mem_mb"] is not None]
        expect_equal(run.result["thresholds"][0]["value"], float(told[-1]), f"{rule}: the last value of {told}")
        figure(f"{rule}: {run.result['thresholds'][0]['value']:.0f}, exit {run.code}")


show(a_broken_one_is_named_everywhere, abort_ends_the_run_within_one_window, without_samples_or_with_too_few_it_fails, a_probe_is_judged)
