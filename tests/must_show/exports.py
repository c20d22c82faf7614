"""Every export of a run is what it says it is, whatever the names in it are: quotes, line ends, `=cmd`, markup, escape
codes, bytes that are no UTF-8. And a stored run is rendered again as its own end rendered it, byte for byte.

The judges: xmllint, Python's csv and html.parser, jq, promtool and cmark-gfm, each of which gives the names back.
"""
import csv
import html.parser
import http.client
import json
import os
import re
import subprocess
import xml.etree.ElementTree

from harness import BIN, City, Run, expect, expect_equal, figure, file_path, program, show, wait_until, write_file

NAMES = ['a "quoted" name', "it's", "two\nlines", "tab\there", "=cmd|' /C calc'!A0", "+1", "@sum", "a,b;c", "<img src=x onerror=alert(1)>",
         "</script><script>alert(1)</script>", "]]>", "&amp; &#0;", "| pipe | `code` *bold* _it_ [x](y)", "back\\slash", "$(id) ${x}",
         "{{x}} %s %n", "\x1b[31mred\x1b[0m", "bell\x07", "ünï ↯ 漢字", "\u202egnp.exe", "a" * 300]
TASKS = """
#include <squall/sdk.hpp>
squall::Task bytes(squall::User& user) {
  co_await user.call("http.get").with("path", "/").named("no \\xff\\xc3( UTF-8");
}
SQUALL_TASKS("hostile", "1", squall::task("bytes", bytes))
"""
SCENARIO_NAME = "a \"b\" <img src=x onerror=alert(1)>"   # of its file
BAD_BYTES = "no \ufffd\ufffd( UTF-8"   # as it is shown
EXPORTS = ("json", "html", "junit", "markdown")
_run = []


def escaped(text):
    return json.dumps(text.replace("${", "$${"), ensure_ascii=True)


def scenario(city):
    steps = "".join(f"    - http.get: {{ path: {'/' if i % 3 else '/missing'}, name: {escaped(name)} }}\n      on_failure: continue\n" for i, name in enumerate(NAMES))
    return f"""
plugins: {{ hostile: {{ library: "{os.path.basename(write_file('tasks.cpp', TASKS))}" }} }}
targets: {{ site: "http://127.0.0.1:{city.http}" }}
tasks:
  visit:
{steps}
populations:
  visitors: {{ tasks: visit, load: {{ users: 2 }}, stop_after: {{ iterations: 20 }} }}
  odd: {{ tasks: hostile.bytes, load: {{ users: 1 }}, stop_after: {{ iterations: 5 }} }}
thresholds: [ "failed < 1%", "count(visit) > 1" ]
outputs: [ jsonl: {{ file: "{file_path('samples.jsonl')}" }}, prometheus: {{ listen: "127.0.0.1:0", linger: 30s }} ]
"""


def exports():
    """Where each export goes, and the flags that say so."""
    folder = file_path("exports")
    os.mkdir(folder)
    files = {kind: os.path.join(folder, kind) for kind in EXPORTS}
    words = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    files |= {name: os.path.join(folder, f"csv_{name}.csv") for name in ("stats", "stats_history", "failures", "exceptions")}
    return files, [*words, "--csv", os.path.join(folder, "csv")]


def run():
    """One run for all statements, and what it exported itself."""
    if _run:
        return _run[0]
    city = City()
    text = scenario(city)
    files, words = exports()
    one = Run(write_file(SCENARIO_NAME + ".yaml", text), *words)
    one.jsonl = re.search(r'file: "([^"]+)"', text)[1]
    one.files = files
    one.metrics = scrape(one)
    one.wait()
    expect_equal(one.code, 99, f"a third of the paths are missing: {one.last_line()}")
    _run.append(one)
    return one


def scrape(one):
    def address():
        if one.process.poll() is not None:
            raise AssertionError(f"squall ended: {one.stderr()}")
        return re.search(r"http://127\.0\.0\.1:(\d+)/metrics", one.stderr())
    port = int(wait_until(address, "the address of /metrics")[1])

    def page():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read()
        connection.close()
        return text
    return wait_until(lambda: (lambda text: text if text.count(b"squall_operations_total{") > len(NAMES) else None)(page()), "all series")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def visible(name):
    """As readers of one line have it."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "\ufffd", name)


def json_is_read_by_jq():
    one = run()
    for path in (one.files["json"], *(os.path.join(one.folder, name) for name in os.listdir(one.folder) if "json" in name), one.jsonl):
        done = subprocess.run([program("jq"), "-c", "."], input=read(path), capture_output=True)
        expect_equal((done.returncode, done.stderr.decode()), (0, ""), f"jq of {os.path.basename(path)}")
    names = subprocess.run([program("jq"), "-c", "[.series[].name]"], input=read(one.files["json"]), capture_output=True).stdout
    expect_equal(sorted(set(json.loads(names))), sorted([*NAMES, BAD_BYTES]), "names in the result")
    figure(f"{len(NAMES) + 1} names through jq")


def csv_is_read_by_python():
    one = run()
    def rows(name):
        with open(one.files[name], newline="", encoding="utf-8", errors="replace") as file:
            return list(csv.DictReader(file))
    stats = rows("stats")
    expect_equal(sorted(row["Name"] for row in stats[:-1]), sorted([*NAMES, BAD_BYTES]), "names in the statistics")
    expect_equal((stats[-1]["Type"], stats[-1]["Name"]), ("", "Aggregated"), "the last row")
    totals = one.result["totals"]
    for column, total in (("Request Count", totals["samples"]), ("Failure Count", totals["failed"])):
        expect_equal(int(stats[-1][column]), total, f"{column} of all")
        expect_equal(sum(int(row[column]) for row in stats[:-1]), total, f"{column} of all rows")
    history = rows("stats_history")
    expect_equal((int(history[-1]["Total Request Count"]), int(history[-1]["Total Failure Count"])), (totals["samples"], totals["failed"]),
                 "the history's end")
    expect_equal(sum(float(row["Requests/s"]) for row in history), float(totals["samples"]), "the history's sum")
    failures = rows("failures")
    expect_equal(sum(int(row["Occurrences"]) for row in failures), totals["failed"], "failures")
    expect({row["Error"] for row in failures} == {"status 404"}, f"errors: {failures[:2]}")
    expect(all(row["First Seen"] <= row["Last Seen"] for row in failures), "first after last")
    figure(f"csv: {len(stats) - 1} names, {totals['samples']} requests, {totals['failed']} failures in three files")


def xml_is_read_by_xmllint():
    one = run()
    done = subprocess.run([program("xmllint"), "--noout", one.files["junit"]], capture_output=True, text=True)
    expect_equal((done.returncode, done.stderr), (0, ""), "xmllint")
    root = xml.etree.ElementTree.parse(one.files["junit"]).getroot()
    cases = root.findall(".//testcase")
    rules = [threshold["rule"] for threshold in one.result["thresholds"]]
    expect_equal([case.get("name") for case in cases], ["run completed", *rules], "cases")
    expect_equal([case.get("name") for case in cases if case.find("failure") is not None], ["failed < 1%"], "failures")
    expect(cases[0].get("classname").endswith(SCENARIO_NAME), f"the scenario's name: {cases[0].get('classname')}")
    figure(f"xml: {len(cases)} cases")


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self._cell = set(), [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in ("td", "th", "tr", "table"):
            self.end_cell()
        if tag == "td":
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "tr", "table", "tbody"):
            self.end_cell()

    def end_cell(self):
        if self._cell is not None:
            self.cells.append(self._cell.strip())
        self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += data


def expect_shown(page, names, what):
    missing = [name for name in names if not any(name in cell for cell in page.cells)]
    expect(not missing, f"{what}: not shown: {missing}")
    expect(not page.tags & {"img", "script", "em", "strong", "code", "a"}, f"{what}: elements {page.tags}")


def page_and_markdown_have_no_foreign_markup():
    one = run()
    page = Page(read(one.files["html"]).decode(errors="replace"))
    one_line = lambda name: re.sub(r"[\x00-\x1f\x7f]", " ", name).strip()   # noqa: E731
    expect_shown(page, [one_line(name) for name in NAMES], "the page")
    made = subprocess.run([program("cmark-gfm"), "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough"],
                          input=read(one.files["markdown"]), capture_output=True)
    shown = [re.sub(r"[\x00-\x1f\x7f]", "?", name) for name in NAMES if len(name) < 200]
    expect_shown(Page(made.stdout.decode()), shown, "Markdown")
    figure(f"{len(NAMES)} names on the page, {len(shown)} through cmark-gfm, no element of theirs")


def metrics_are_read_by_promtool():
    one = run()
    done = subprocess.run([program("promtool"), "check", "metrics"], input=one.metrics, capture_output=True)
    expect_equal((done.returncode, (done.stdout + done.stderr).decode()), (0, ""), "promtool")
    found = set(re.findall(rb'squall_operations_total\{[^}]*?name="((?:[^"\\]|\\.)*)"', one.metrics))
    expect_equal(len(found), len(NAMES) + 1, "names in the metrics")


def a_stored_run_is_rendered_again_to_the_byte():
    one = run()
    files, words = exports()
    report = subprocess.run([os.path.join(BIN, "squall"), "report", one.folder, *words], capture_output=True, text=True)
    expect_equal((report.returncode, report.stdout, report.stderr), (0, "", ""), "squall report")
    compared = 0
    for kind, path in files.items():   # bytes that are no UTF-8 were replaced when they were stored
        ours, theirs = read(path).decode(), read(one.files[kind]).decode(errors="replace")
        if expect(ours == theirs, f"{kind} is not what the run's own end wrote"):
            compared += len(ours)
    summary = subprocess.run([os.path.join(BIN, "squall"), "report", one.folder], capture_output=True, text=True, errors="replace")
    expect(summary.returncode == 0 and "✗" in summary.stdout and f"{one.result['totals']['samples']} requests" in summary.stdout, f"summary: {summary.stdout[-200:]}")
    figure(f"{len(files)} exports of a stored run, {compared} bytes, equal")


show(json_is_read_by_jq, csv_is_read_by_python, xml_is_read_by_xmllint, page_and_markdown_have_no_foreign_markup, metrics_are_read_by_promtool,
     a_stored_run_is_rendered_again_to_the_byte)
