# Holds README.md and docs/ to the program. Arguments: the source folder, squall.
#  - a fenced block marked `yaml scenario` is a whole scenario and passes `squall check`; one marked `yaml` does so in a
#    frame: what it leaves out of a scenario is added, a list is taken for a task's steps, `expect` and the like for what
#    stands beside an operation; one marked `yaml NAME.yaml` is that file, for the next block
#  - docs/scenario.md shows every key of the language in such a block
#  - docs/operations.md has every operation, parameter, output and default that `squall plugins info` prints,
#    and no other
#  - docs/result.md names every key of a real result
#  - a relative link leads to a file
# It does not judge prose, and it reaches no network.
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
squall = sys.argv[2]
pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
problems = []


def run(*arguments, code=0):
    # The scenarios' own defaults hold: no CITY_* of the caller's.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CITY_", "SQUALL_"))}
    environment.update(PORTAL="https://127.0.0.1:1", BROKER="mqtts://127.0.0.1:2", SQUALL_SECRET_ADMIN="word")
    done = subprocess.run([squall, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, env=environment)
    if done.returncode != code:
        problems.append(f"squall {' '.join(map(str, arguments))} ended {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


# What the pages' examples name, in as few bytes as will do.
FILES = {"users.csv": "name,site\nanna,A\nbert,B\ncarl,A\n", "access.log": '192.0.2.1 - - [08/Mar/2026:20:00:00 +0000] "GET / HTTP/1.1" 200 878 "-" "a browser"\n',
         "people.csv": "name,city\nanna,A\n", "rooms.txt": "room,site\n1,A\n", "pages.jsonl": '{"path": "/"}\n',
         "pages.csv": "path,revision\n/,1\n", "waits.csv": "wait\n1\n", "lane.json": "{}", "payloads/air.json": '{"no2": ${no2}}',
         "shop.cpp": (root / "examples/tasks/shop.cpp").read_text(), "big.bin": "0" * 100, "devices.csv": "cert,key\n" + "ca.pem,ca.pem\n" * 3, "ca.pem": "",
         **{f"device-{n}.{end}": "" for n in range(3) for end in ("pem", "key")}}
FRAME = {"targets": "targets: { default: http://127.0.0.1:1, site: http://127.0.0.1:1, broker: mqtt://127.0.0.1:2, metrics: http://127.0.0.1:3 }",
         "tasks": "tasks: { look: [ http.get: { to: site, path: /, name: page } ] }",
         "populations": "populations: { visitors: { tasks: §, load: { users: 1 } }, editors: { tasks: §, load: { users: 1 } } }"}


def framed(block):
    """The block as a whole scenario; nothing when it is a comment alone."""
    first = next((line for line in block.splitlines() if line and not line.startswith("#")), "")
    if not first:
        return ""
    if first.startswith("- "):
        block = "tasks:\n  look:\n" + re.sub("^", "    ", block, flags=re.M).rstrip(" ")
    elif first.split(":")[0] in ("expect", "capture"):
        block = "tasks:\n  look:\n    - http.get: { to: site, path: / }\n" + re.sub("^", "      ", block, flags=re.M).rstrip(" ")
    tasks = re.search(r"^tasks:(?: \{)?\s+(\w+):", block, re.M)
    given = block + ("targets:" if re.search("^include:", block, re.M) else "")   # the settings have them
    rest = [text for key, text in FRAME.items() if not re.search(rf"^{key}:", given, re.M)]
    return block + "\n".join(rest).replace("§", tasks.group(1) if tasks else "look") + "\n"


def blocks():
    """(page, line, what stands behind yaml, text) of each."""
    for page in pages:
        text = page.read_text()
        for block in re.finditer(r"^```yaml *([^\n]*)\n(.*?)^```$", text, re.M | re.S):
            yield page, line_of(text, block.start()), block.group(1), block.group(2)


def check_scenarios():
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            file = pathlib.Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        for page, line, kind, text in blocks():
            if kind.endswith(".yaml"):
                pathlib.Path(folder, kind).write_text(text)
                continue
            whole = text if kind == "scenario" else framed(text)
            if not whole:
                continue
            file = pathlib.Path(folder) / f"{page.stem}-{line}.yaml"
            file.write_text(whole)
            run("check", file)
            count += 1
    return count


def check_keys():
    """Each key that is supported is shown. (Its row in the table is the business of tests/scenario.)"""
    sys.path.insert(0, str(root / "tests/language"))
    import cases
    later = {(case.map, case.key) for case in cases.read() if case.sign == "~"}
    shown = "".join(text for page, _, _, text in blocks() if page.name == "scenario.md")
    keys = set(cases.keys(squall)) - later
    for map_name, key in sorted(keys):
        if not re.search(rf"(?:^|[\s{{,\"]){key}:|^\s*- {key}$", shown, re.M):
            problems.append(f"docs/scenario.md: no example has the key {key} (of {map_name})")
    return len(keys)


def check_example():
    """The README's scenario is the example's, below its comment."""
    shown = re.search(r"^```yaml scenario\n(.*?)^```$", (root / "README.md").read_text(), re.M | re.S).group(1)
    example = re.sub(r"\A(#.*\n)+", "", (root / "examples/mix.yaml").read_text())
    if shown != example:
        problems.append("examples/mix.yaml is not the scenario that README.md shows")


def check_links():
    for page in pages:
        text = page.read_text()
        for link in re.finditer(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
            to = link.group(1)
            if "://" not in to and not (page.parent / to).exists():
                problems.append(f"{page.name}: link to {to}, which is not there")


def printed(operation):
    """What `plugins info` prints: {parameter: default or None}, {output}."""
    parameters, outputs, into = {}, {}, None
    for line in run("plugins", "info", operation).splitlines()[1:]:
        if line.startswith("  parameters"):
            into = parameters
        elif line.startswith("  outputs"):
            into = outputs
        elif found := re.match(r"    (\S+)\s+(.*)", line):
            default = re.match(r"[^,:]+(?:, as JSON)?, default (\"(?:[^\"\\]|\\.)*\"|[^\s,:]+)", found.group(2))
            required = re.match(r"[^:]*, required", found.group(2))
            into[found.group(1)] = "required" if required else default.group(1).strip('"') if default else None
    return parameters, outputs


def described(page):
    """{operation: ({parameter: default}, {output})} of the tables below each `### ` heading."""
    found = {}
    for section in re.split(r"^#{2,3} ", page, flags=re.M)[1:]:
        heading, _, body = section.partition("\n")
        names = re.findall(r"`(\w+\.\w+)`", heading)
        parameters, outputs, into = {}, {}, None
        for line in body.splitlines():
            cells = [cell.strip() for cell in line.strip()[1:-1].split("|")] if line.startswith("|") else []
            if not cells:
                into = None
            elif cells[0] in ("parameter", "output"):
                into = parameters if cells[0] == "parameter" else outputs
            elif into is not None and (name := re.fullmatch(r"`(\w+)`", cells[0])):
                into[name.group(1)] = cells[2].strip("`") if into is parameters else None
        for name in names:
            found[name] = (parameters, outputs)
    return found


def check_operations():
    offered = [o for p in json.loads(run("plugins", "--json")) for o in p["operations"]]
    page = described((root / "docs/operations.md").read_text())
    if "http.request" in page and "http.get" in page:  # "the same, with the method as a parameter"
        page["http.request"] = ({**page["http.get"][0], **page["http.request"][0]}, page["http.get"][1])
    for operation in sorted(set(offered) | set(page)):
        if operation not in page or operation not in offered:
            problems.append(f"docs/operations.md: {operation} is {'no operation' if operation in page else 'missing'}")
            continue
        for kind, real, written in zip(("parameter", "output"), printed(operation), page[operation]):
            for name in sorted(set(real) ^ set(written)):
                problems.append(f"docs/operations.md: {operation}: {kind} {name} is "
                                f"{'missing' if name in real else 'not there in the program'}")
            for name in set(real) & set(written):
                told = written[name] if kind == "parameter" else None
                if kind == "parameter" and real[name] and told != real[name]:
                    problems.append(f"docs/operations.md: {operation}: {name} is '{told}', the program has '{real[name]}'")
    return len(offered)


def keys_of(value, under=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            if under not in ("errors", "tags", "users"):  # these hold data as keys
                yield key
            yield from keys_of(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, under)


def check_result():
    page = (root / "docs/result.md").read_text()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "true.yaml"
        file.write_text("plugins: { job: { programs: { t: { argv: [ /bin/true ] }, f: { argv: [ /bin/false ] } } } }\n"
                        "tasks: { t: [ job.run: { program: t }, job.run: { program: f } ] }\n"
                        "populations: { p: { load: { users: 1 }, stop_after: { iterations: 2 } } }\n"
                        "thresholds: [ p99(t) < 1h ]\n")
        results = pathlib.Path(folder) / "results"
        run("run", file, "--quiet", "--accept-invalid", "--results", results)
        keys = set()
        for name in ("result.json", "timeline.jsonl", "histograms.jsonl", "journal.jsonl"):
            text = (results / name).read_text()
            for document in [text] if name == "result.json" else text.splitlines():
                keys |= set(keys_of(json.loads(document)))
    for key in sorted(keys):
        if not re.search(rf"\b{key}\b", page):
            problems.append(f"docs/result.md: {key} of a result is missing")
    return len(keys)


scenarios, language, operations, keys = check_scenarios(), check_keys(), check_operations(), check_result()
check_example()
check_links()
print(f"{scenarios} scenarios, {language} keys of the language, {operations} operations, {keys} keys of a result, {len(pages)} pages")
if problems:
    sys.exit("\n".join(problems))
