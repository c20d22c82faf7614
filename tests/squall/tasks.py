"""examples/tasks as it stands: the scenario names a C++ file, and the city has counted what squall counts; `--once -v` shows what the
tasks do, call by call. The city shares no code with squall."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "city"))
from city_process import City  # noqa: E402
from program import check, conclude, squall  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/tasks"


def load(scenario, env, city):
    before = city.counters()["http"]
    done = squall("run", scenario, "--for", "2s", "--shards", "2", "--json", "--quiet", "--accept-invalid", env=env)
    check(done.returncode == 0, f"it ends {done.returncode}: {done.stderr[-800:]}")
    result = json.loads(done.stdout)
    after = city.counters()["http"]
    seen = {key: after[key] - before[key] for key in ("requests", "request_bytes", "response_bytes", "connections")}
    totals = result["totals"]
    check((totals["samples"], totals["failed"], totals["sent_bytes"], totals["received_bytes"]) ==
          (seen["requests"], 0, seen["request_bytes"], seen["response_bytes"]), f"squall counts {totals}, the city {seen}")
    check(result["connections"][0]["opened"] == seen["connections"], f"connections: {result['connections']}, {seen}")
    count = {series["name"]: series["count"] for series in result["series"]}
    check(set(count) == {"home", "page", "compare", "left", "right"} and min(count.values()) > 0, f"series {count}")
    # Each visit is one home and its three pages; each comparison one group of two. Nobody is cut: the drain is long enough.
    check(count["page"] == 3 * count["home"] and count["compare"] == count["left"] == count["right"], f"series {count}")
    check(count["home"] + count["compare"] == totals["iterations"], f"{count} in {totals['iterations']} iterations")
    print(f"{totals['samples']} requests in {totals['iterations']} passes, as many as the city has seen, {totals['received_bytes']} bytes back")


def calls_shown(done):
    """Names of the calls that went well, in their order; a group's line is none."""
    return [name for name, what in re.findall(r"^ *✓ (\w+) +(\w+)", done.stdout, re.M) if what != "group"]


def once(scenario, env, city):
    before = city.counters()["http"]["requests"]
    done = squall("run", scenario, "--once", "-v", env=env)
    check(done.returncode == 0, f"--once -v ends {done.returncode}: {done.stderr[-800:]}")
    shown = calls_shown(done)
    # One user, each of its tasks once: as many calls of each name as the source makes.
    check(sorted(shown) == ["home", "left", "page", "page", "page", "right"], f"--once shows {shown}: {done.stdout[-1500:]}")
    check(city.counters()["http"]["requests"] - before == len(shown), "requests of --once")
    for text in ("  shop.browse\n", "  shop.compare\n", "> GET /site/page/1 HTTP/1.1", "> accept: text/html", "< HTTP/1.1 200 OK", "wait "):
        check(text in done.stdout, f"--once -v does not show {text!r}")
    done = squall("run", scenario, "--once", "shop.compare", env=env)
    check(sorted(calls_shown(done)) == ["left", "right"] and "✓ compare  group" in done.stdout, f"--once shop.compare: {done}")


def options_and_mistakes(folder, env):
    """A task's options stand where it is used; what it does not have is told at its place."""
    scenario = folder / "options.yaml"
    text = (folder / "shop.yaml").read_text()
    steps = text.replace("populations:", "tasks: { visit: { steps: [ shop.browse: { PAGES } ] } }\npopulations:").replace(
        "{ shop.browse: 3, shop.compare: 1 }", "visit")
    scenario.write_text(steps.replace("PAGES", "pages: 1, think: 201ms"))
    done = squall("run", scenario, "--once", env=env)
    check(calls_shown(done) == ["home", "page"], f"pages: 1 gives {done}")
    scenario.write_text(steps.replace("PAGES", "pagse: 1"))
    done = squall("check", scenario, env=env)
    check(done.returncode == 104 and re.search(r"options\.yaml:5:43: error: unknown key 'pagse' of 'shop\.browse'", done.stderr) and
          "did you mean 'pages'" in done.stderr, f"an option that is not: {done}")
    scenario.write_text(text.replace("shop.browse: 3", "shop.brouse: 3"))
    done = squall("check", scenario, env=env)
    check(done.returncode == 104 and "unknown task 'shop.brouse'" in done.stderr and "did you mean 'shop.browse'" in done.stderr, f"a task that is not: {done}")


with tempfile.TemporaryDirectory() as home:
    folder = pathlib.Path(home) / "tasks"
    shutil.copytree(EXAMPLE, folder)
    city = City()
    try:
        env = {"SQUALL_VAR_PORTAL": f"http://127.0.0.1:{city.http}", "SQUALL_CACHE": f"{home}/cache"}
        load(folder / "shop.yaml", env, city)
        once(folder / "shop.yaml", env, city)
        options_and_mistakes(folder, env)
        check([path.name for path in sorted(folder.iterdir())] == ["options.yaml", "shop.cpp", "shop.yaml"], "something was written beside the source")
        built = subprocess.run(["nm", "-D", "--defined-only", *pathlib.Path(home, "cache").glob("libshop-*.so")], capture_output=True, text=True, check=True)
        check(re.findall(r" T (\S+)", built.stdout) == ["squall_plugin_entry_v1"], f"it exports {built.stdout}")
    finally:
        city.end()

conclude()
