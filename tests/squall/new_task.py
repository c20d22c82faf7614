"""squall new task: what it writes runs by `squall run` alone, its tests pass with the SDK of the build folder and see what is broken;
what runs is what the server has seen."""
import json
import os
import pathlib
import subprocess
import tempfile
from collections import Counter

from program import SQUALL, check, conclude, squall
from project import commands, make, must

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "tools/squall/templates/task"
PATH = os.path.dirname(os.path.abspath(SQUALL))
# A mistake each, and what the project's own test says of it.
MISTAKES = {
    "a page that is not looked at": ('!= std::string_view::npos, "no article"', '!= 1, "no article"', "found 'ok', wanted 'failed: check, no article'"),
    "an account that is not needed": ('auto account = co_await user.acquire("accounts").timeout(10s);',
                                      'auto account = co_await user.acquire("accounts");', "found 'running', wanted 'interrupted'"),
    "no thought": ("co_await user.wait(user.between(100ms, user.option_time(\"think\")));", "", "three times 100 to 500 ms of thought"),
}
# The server of the project, which also says what was asked of it.
COUNTING = """import http.server, json, os, runpy, signal, sys
seen = []
def end(*_):
    with open("seen.json", "w") as file: json.dump(seen, file)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
parse = http.server.BaseHTTPRequestHandler.parse_request
def parse_request(self):
    holds = parse(self)
    if holds: seen.append([self.command, self.path, self.headers.get("X-Account", "")])
    return holds
http.server.BaseHTTPRequestHandler.parse_request = parse_request
sys.argv = ["server.py", "0"]
runpy.run_path("server.py", run_name="__main__")
"""


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def run(project, cache):
    """Its scenario, by the program alone: the numbers are its server's."""
    with subprocess.Popen(["python3", "-c", COUNTING], cwd=project, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            text = must(["squall", "run", "scenario.yaml", "--for", "2s", "--json", "--quiet", "--accept-invalid"], project, PATH,
                        **{f"{project.name.upper()}_SERVER": address, "SQUALL_CACHE": cache})
        finally:
            server.terminate()
            server.wait(30)
    result = json.loads(text)
    seen = json.loads((project / "seen.json").read_text())
    count = {series["name"]: series["count"] + series["cut"] for series in result["series"]}
    kinds = Counter("order" if method == "POST" else {"/": "home", "/stock": "stock"}.get(path, "article") for method, path, _ in seen)
    check(result["totals"]["failed"] == 0 and len(seen) > 50, f"totals {result['totals']}")
    check((count["home"], count["stock"], count["order"], count["article"] + count["look"]) ==
          (kinds["home"], kinds["stock"], kinds["order"], kinds["article"]), f"squall counts {count}, its server {kinds}")
    check({account for method, _, account in seen if method == "POST"} <= {"anna", "bert", "cleo", "dora"}, "accounts")
    records = result["records"]
    check(records[0]["acquired"] == records[0]["handed_back"] > 0, f"accounts: {records}")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    cache = str(folder / "cache")
    # The name is one that C++ has a meaning for: nothing of the project may be called so.
    project = make(folder, "class", PATH, "task", SQUALL_CACHE=cache)
    run(project, cache)
    check(all("acme" not in path.read_text().lower() and "acme" not in path.name for path in project.iterdir() if path.is_file()),
          "the template's own name is left")
    said = squall("new", "task", str(folder / "acme"))
    check(said.returncode == 0 and "squall run scenario.yaml " in said.stdout and "--plugin-path" not in said.stdout, f"new task: {said}")
    check(files(folder / "acme") == files(TEMPLATES), "the template's name does not give the template")

    source = project / "class.cpp"
    whole = source.read_text()
    for mistake, (right, wrong, words) in MISTAKES.items():
        check(whole.count(right) == 1, f"{mistake}: the template has changed: {right}")
        source.write_text(whole.replace(right, wrong))
        done = commands(["cmake", "--workflow", "--preset", "default"], project, PATH, SQUALL_CACHE=cache)
        check(done.returncode != 0 and words in done.stdout, f"{mistake} ends {done.returncode}: {done.stdout[-800:]}")
    again = squall("new", "task", str(project))
    check(again.returncode == 2 and "--force" in again.stderr, f"again: {again}")
    for name, hint in {"http": "org.squall.http", "wait": "a word of the scenario", "My-Shop": "such as my_shop"}.items():
        done = squall("new", "task", f"{folder}/names/{name}")
        check(done.returncode == 2 and hint in done.stderr and not (folder / "names").exists(), f"new task {name}: {done}")

conclude()
