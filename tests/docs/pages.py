# Holds README.md and docs/ to the program. Arguments: the source folder, squall.
#  - a fenced block marked `yaml scenario` is a whole scenario and passes `squall check`
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
    done = subprocess.run([squall, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, env=environment)
    if done.returncode != code:
        problems.append(f"squall {' '.join(map(str, arguments))} ended {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def check_scenarios():
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            text = page.read_text()
            for block in re.finditer(r"^```yaml scenario\n(.*?)^```$", text, re.M | re.S):
                file = pathlib.Path(folder) / f"{page.stem}-{line_of(text, block.start())}.yaml"
                file.write_text(block.group(1))
                run("check", file)
                count += 1
    return count


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


scenarios, operations, keys = check_scenarios(), check_operations(), check_result()
check_example()
check_links()
print(f"{scenarios} scenarios, {operations} operations, {keys} keys of a result, {len(pages)} pages")
if problems:
    sys.exit("\n".join(problems))
