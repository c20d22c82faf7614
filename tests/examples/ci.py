"""examples/ci: each line of squall in them, run as a CI system's shell would run it, once with a target that keeps the thresholds and
once with one that does not."""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "must_show"))
from harness import BIN, City, expect, expect_equal, show  # noqa: E402

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "ci"
SCENARIO = """
vars: { shop: "http://127.0.0.1:1" }
targets: { shop: "${shop}" }
tasks: { visit: [ http.get: { path: /, name: home } ] }
populations: { visitors: { tasks: visit, load: { users: 2 }, stop_after: { iterations: 20 } } }
thresholds: [ failed < 1% ]
"""


def lines_of(document):
    """What its jobs do with squall, in order."""
    if isinstance(document, dict):
        own = [document[key] for key in ("run", "script") if isinstance(document.get(key), str)]
        return own + [line for value in document.values() for line in lines_of(value)]
    if isinstance(document, list):
        return [line for value in document for line in ([value] if isinstance(value, str) else lines_of(value))]
    return []


def run_as_ci_does(name, bad):
    city = City()
    if bad:
        city.post("/errors", rate=1, status=503)
    lines = [line for line in lines_of(yaml.safe_load((EXAMPLES / name).read_text())) if line.startswith("squall ")]
    expect(len(lines) > 0, f"{name}: no line of squall")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "load").mkdir()
        (Path(folder) / "load" / "shop.yaml").write_text(SCENARIO)
        summary = Path(folder) / "summary.md"
        env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": folder, "CI": "true", "GITHUB_STEP_SUMMARY": str(summary),
               "SQUALL_VAR_SHOP": f"http://127.0.0.1:{city.http}"}
        codes = [subprocess.run(["bash", "-e", "-c", line], cwd=folder, env=env, capture_output=True).returncode for line in lines]
        expect_equal(codes[0], 99 if bad else 0, f"{name}: {lines[0]}")
        expect_equal(set(codes[1:]) - {0}, set(), f"{name}: {lines[1:]}")
        expect((Path(folder) / "results" / "report.html").exists(), f"{name}: the run is kept")
        word = "failed" if bad else "passed"
        if any("junit" in line for line in lines):
            cases = xml.etree.ElementTree.parse(Path(folder) / "junit.xml").getroot().findall(".//testcase")
            expect_equal([case.get("name") for case in cases if case.find("failure") is not None], ["failed < 1%"] if bad else [], f"{name}: JUnit")
        else:
            expect(re.search(rf"^## . shop: {word}$", summary.read_text(), re.M), f"{name}: {summary.read_text()[:80]}")


def each_passes_and_fails():
    for name in ("github.yml", "gitlab.yml", "azure-pipelines.yml"):
        run_as_ci_does(name, bad=False)
        run_as_ci_does(name, bad=True)


show(each_passes_and_fails)
