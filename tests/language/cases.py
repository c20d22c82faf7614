"""The cases of the language: for each key of each map one that loads and one that is refused, told in files *.cases.

A section begins with the map's name, as `squall schema --keys` says it, and the scenario that its snippets stand in:

    [load] populations: { p: { load: § } }

and each line below it is a case: the key, + (loads) or - (is refused), and the snippet that is put in at §:

    users   + { users: 10 }                → 10 users in a loop
    users   - { users: ▸-1 }               → 'users' is -1, it must be at least 0

Behind the arrow of a + stands a part of the plan that `squall check` prints (it may be left out), behind that of a -
the message, and after ` | ` its hint (which may be left out). ▸ marks the place that the message must name; it is the
only mistake of the file. `~` in place of +: the key is read, and then refused as not supported yet.
What a snippet leaves out of targets, tasks and populations is added below it. \\n is a line feed, # begins a comment
line, and the files beside the scenario are those of files/.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import typing

FOLDER = pathlib.Path(__file__).resolve().parent
REST = {"targets": "targets: { site: http://127.0.0.1:1, broker: mqtt://127.0.0.1:2 }",
        "tasks": "tasks: { t: [ http.get: { path: /, name: page } ] }",
        "populations": "populations: { p: { load: { users: 1 } } }"}


class Case(typing.NamedTuple):
    place: str      # "load.cases:12"
    map: str
    key: str
    sign: str       # + - ~
    text: str       # the whole scenario
    mark: tuple     # (line, column in bytes) of ▸, or None
    said: str


def _whole(snippet, frame):
    text = frame.replace("§", snippet).replace("\\n", "\n")
    text += "".join(f"\n{rest}" for key, rest in REST.items() if not re.search(rf"^{key}:", text, re.M)) + "\n"
    if "▸" not in text:
        return text, None
    before, after = text.split("▸")
    return before + after, (before.count("\n") + 1, len(before.rpartition("\n")[2].encode()) + 1)


def read():
    cases = []
    for file in sorted(FOLDER.glob("*.cases")):
        section = None
        for number, line in enumerate(file.read_text().splitlines(), 1):
            place = f"{file.name}:{number}"
            if not line.strip() or line.startswith("#"):
                continue
            if heading := re.fullmatch(r"\[([^]]+)\] (.*)", line):
                section = heading.groups()
                continue
            found = re.fullmatch(r"(\w+) +([-+~]) (.*?)(?: +→ (.*))?", line)
            if not found or not section or section[1].count("§") != 1:
                raise ValueError(f"{place}: no case: {line}")
            key, sign, snippet, said = found.groups()
            if (sign == "-") != ("▸" in snippet) or (sign != "+" and not said):
                raise ValueError(f"{place}: a refused case has one ▸ and a message, any other has no ▸")
            text, mark = _whole(snippet, section[1])
            cases.append(Case(place, section[0], key, sign, text, mark, said or ""))
    return cases


class Checker:
    """`squall check` on texts, in a folder with the files that cases name."""

    def __init__(self, squall):
        self.squall = squall
        self.folder = tempfile.TemporaryDirectory(prefix="language-")
        shutil.copytree(FOLDER / "files", self.folder.name, dirs_exist_ok=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("CITY_", "SQUALL_"))}
        self.environment["SQUALL_SECRET_WORD"] = "secret"

    def check(self, text, *options, name="scenario"):
        file = pathlib.Path(self.folder.name, f"{name}.yaml")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = subprocess.run([self.squall, "check", file, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment, timeout=60)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def problem_of(self, case, name="scenario"):
        """What does not hold of the case, or ""."""
        if case.sign == "+":
            code, out, err = self.check(case.text, name=name)
            if code != 0:
                return f"is refused ({code}): {err}"
            return "" if case.said in out else f"the plan does not say '{case.said}':\n{out}"
        code, out, err = self.check(case.text, "--json", name=name)
        told = json.loads(out or "[]")
        if code != 104 or len(told) != 1:
            return f"ends {code} with {len(told)} diagnostics, not 104 with one: {out}{err}"
        message, _, hint = case.said.partition(" | ")
        one = told[0]
        if case.sign == "~":
            return "" if one["message"].endswith("is not supported yet") and one["message"] == message else f"says: {one['message']}"
        is_right = (one["line"], one["column"]) == case.mark and one["message"] == message and (not hint or one["hint"] == hint)
        return "" if is_right else f"says at {one['line']}:{one['column']} (▸ is {case.mark}): {one['message']} | {one['hint']}"

    def problems(self, cases):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = pool.map(lambda n: self.problem_of(cases[n], name=f"case{n}"), range(len(cases)))
        return {case: problem for case, problem in zip(cases, found) if problem}


def keys(squall):
    """{(map, key)} of the tables, as the program lists them."""
    listed = subprocess.run([squall, "schema", "--keys"], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    return [tuple(line.split("\t")[:2]) for line in listed.splitlines()]
