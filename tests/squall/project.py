"""A project of `squall new protocol`, `task` or `output`, from its making to a run: what the stories of the build folder and of the installed
program both hold. All of it by the commands that squall prints, with nothing but a PATH."""
import json
import os
import pathlib
import re
import subprocess

from program import check

LINES = 100


def commands(words, folder, path, **environment):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=150, cwd=folder,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}", **environment})


def must(words, folder, path, **environment):
    done = commands(words, folder, path, **environment)
    check(done.returncode == 0, f"{' '.join(map(str, words))} ends {done.returncode}: {done.stdout[-1500:]}{done.stderr[-800:]}")
    return done.stdout


def code_lines(path):
    """Lines that are neither empty nor comment alone."""
    return sum(1 for line in pathlib.Path(path).read_text().splitlines() if line.strip() and not line.strip().startswith("//"))


def exported(library):
    text = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^\w+ \w (\S+)$", text, re.M)


def make(folder, name, path, kind="protocol", **environment):
    """Generates and builds; its tests pass. The project's folder."""
    must(["squall", "new", kind, name], folder, path)
    project = folder / name
    said = must(["cmake", "--workflow", "--preset", "default"], project, path, **environment)
    check("100% tests passed, 0 tests failed out of 3" in said, f"{name}: its tests say {said[-800:]}")
    check(exported(project / f"build/lib{name}.so") == ["squall_plugin_entry_v1"], f"{name} exports {exported(project / f'build/lib{name}.so')}")
    lines = code_lines(project / f"{name}.cpp")
    check(lines < LINES, f"{name}.cpp has {lines} lines of code, wanted fewer than {LINES}")
    return project


def run(project, path):
    """Its scenario, against its own server: (requests counted, bytes received)."""
    name = project.name
    with subprocess.Popen(["python3", "server.py", "0"], cwd=project, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = f"tcp://127.0.0.1:{server.stdout.readline().strip()}"
            text = must(["squall", "run", "scenario.yaml", "--plugin-path", "build", "--for", "2s", "--json", "--quiet", "--accept-invalid"],
                        project, path, **{f"{name.upper()}_SERVER": address})
        finally:
            server.terminate()
    totals = json.loads(text)["totals"]
    check((totals["samples"], totals["failed"]) == (40, 0), f"{name}: 40 requests were planned, counted are {totals}")
    # "hello N\n" goes out and "ok hello N\n" comes back.
    check(totals["received_bytes"] == totals["sent_bytes"] + 3 * totals["samples"], f"{name}: bytes are {totals}")
    return totals["samples"]
