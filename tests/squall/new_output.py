"""squall new output: what it writes runs by `squall run` alone and its file adds up to the result; its tests pass with the SDK of the build
folder and see what is broken; names that cannot be are refused."""
import csv
import json
import os
import pathlib
import subprocess
import tempfile
from collections import Counter

from program import SQUALL, check, conclude, squall
from project import commands, make

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "tools/squall/templates/output"
PATH = os.path.dirname(os.path.abspath(SQUALL))
# A mistake each, and what the project's own test says of it.
MISTAKES = {
    "a second that is left out": ("file_.write(lines);", "if (batch.number() != 700) file_.write(lines);", "lines: found '1499', wanted '1501'"),
    "quotes that stand once": ("quoted.append(c == '\"' ? 2 : 1, c)", "quoted.append(1, c)", "wanted 'lines\",\"say \"\"hi\"\", please\",main,1,0'"),
    "warm-up as if it counted": ("window.flags & SQ_W_WARMUP", "window.flags & SQ_W_FINAL", "home,warmup,2,0"),
    "half a line": ("::ftruncate(fd_, whole_)", "0", "lines: found '3', wanted '2'"),
}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run(project, cache, *words, scenario="scenario.yaml", code=0):
    """A scenario of the project, by the program alone and against the project's server: what the run said."""
    with subprocess.Popen(["python3", "server.py", "0"], cwd=project, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            done = commands(["squall", "run", scenario, "--for", "4s", "--json", "--quiet", "--accept-invalid", *words], project, PATH,
                            **{f"{project.name.upper()}_SERVER": address, "SQUALL_CACHE": cache})
        finally:
            server.terminate()
            server.wait(30)
    check(done.returncode == code, f"{scenario} {words} ends {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return done


def adds_up(path, result):
    """The file's sums are the result's, series by series, to the byte."""
    found, names = Counter(), ("count", "failed", "sent_bytes", "received_bytes")
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for name in names:
            found[row["population"], row["task"], row["name"], row["phase"], name] += int(row[name])
    wanted = Counter({(s["population"], s["task"], s["name"], s["phase"], name): s[name] for s in result["series"] for name in names})
    check(+found == +wanted, f"{path.name}: {+found}, the result: {+wanted}")
    phases = {(s["name"], s["phase"]) for s in result["series"]}
    check({(name, phase) for name in ("home", "article") for phase in ("warmup", "main")} <= phases, f"series {phases}")
    check(result["totals"]["failed"] > 0, "no article is gone")
    check(len({row["begin"] for row in rows}) >= 4, f"seconds {sorted({row['begin'] for row in rows})}")
    output = result["outputs"][0]
    check(output["delivered"] == output["accepted"] > 0, f"the output's account: {output}")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    cache = str(folder / "cache")
    # The name is one that C++ has a meaning for: nothing of the project may be called so.
    project = make(folder, "class", PATH, "output", SQUALL_CACHE=cache)
    adds_up(project / "class.csv", json.loads(run(project, cache).stdout))
    check(all("acme" not in path.read_text().lower() and "acme" not in path.name for path in project.iterdir() if path.is_file()),
          "the template's own name is left")
    said = squall("new", "output", str(folder / "acme"))
    check(said.returncode == 0 and "an output plugin" in said.stdout and "squall run scenario.yaml " in said.stdout, f"new output: {said}")
    check(files(folder / "acme") == files(TEMPLATES), "the template's name does not give the template")

    # The library with a scenario that knows nothing of it, and a place that cannot be written.
    scenario = (project / "scenario.yaml").read_text()
    plain = "\n".join(line for line in scenario.splitlines() if not line.startswith(("plugins:", "outputs:"))) + "\n"
    check(len(plain.splitlines()) == len(scenario.splitlines()) - 2, f"the template has changed: {scenario}")
    (project / "plain.yaml").write_text(plain)
    adds_up(project / "another.csv",
            json.loads(run(project, cache, "--out", "class=another.csv", "--plugin-path", "build", scenario="plain.yaml").stdout))
    said = run(project, cache, "--out", "class=/nowhere/x.csv", "--plugin-path", "build", scenario="plain.yaml", code=104)
    check("output 'class': cannot write /nowhere/x.csv: No such file or directory" in said.stderr, f"a folder that is not there: {said}")
    (project / "plain.yaml").write_text(plain + "outputs: [ class: { fiel: x.csv } ]\n")
    said = run(project, cache, "--plugin-path", "build", scenario="plain.yaml", code=104)
    check("did you mean 'file'" in said.stderr and "'file' is missing in output 'class'" in said.stderr, f"options: {said}")

    source = project / "class.cpp"
    whole = source.read_text()
    for mistake, (right, wrong, words) in MISTAKES.items():
        check(whole.count(right) == 1, f"{mistake}: the template has changed: {right}")
        source.write_text(whole.replace(right, wrong))
        done = commands(["cmake", "--workflow", "--preset", "default"], project, PATH, SQUALL_CACHE=cache)
        check(done.returncode != 0 and words in done.stdout, f"{mistake} ends {done.returncode}: {done.stdout[-800:]}")
    again = squall("new", "output", str(project))
    check(again.returncode == 2 and "--force" in again.stderr, f"again: {again}")
    for name, hint in {"jsonl": "it is an output", "http": "org.squall.http", "wait": "a word of the scenario", "My-Store": "such as my_store",
                       "9p": "the name of an output: a to z first", "x" * 33: "at most 32"}.items():
        done = squall("new", "output", f"{folder}/names/{name}")
        check(done.returncode == 2 and hint in done.stderr and not (folder / "names").exists(), f"new output {name}: {done}")
    check(squall("new", "output").returncode == 2, "new output without a name")
    check(squall("new", "output", f"{folder}/x", "--template", "tcp").returncode == 2, "new output with a scenario's template")
    check(squall("new", "output", "/proc/none").returncode == 109, "a folder that cannot be made")

conclude()
