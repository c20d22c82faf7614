"""A hundred and more mutated scenario files: `squall check` names the mutated line of each, or the run is unaffected
and its plan the same; it never crashes; and the schema agrees.

The files are the examples; what is changed in them is drawn from a fixed seed, so that every run judges the same ones.
Agreement: what `squall check` takes, the schema takes; what a schema can express (an unknown key, a value of another
shape, a unit that does not exist, a key that is missing), it refuses as well. Its judges, a YAML parser and a
validator, share no code with squall: python3-yaml and python3-jsonschema; without them that part is skipped.
"""
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import typing

from harness import BIN, FOLDER, ROOT, Skipped, expect, figure, show

SQUALL = os.path.join(BIN, "squall")
FILES = ("hello.yaml", "hello-login.yaml", "mix.yaml", "dump-and-requests.yaml", "city-mix.yaml", "cms/cms.yaml", "replay/replay.yaml")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("CITY_", "SQUALL_"))}
SAME = "unaffected"


class Mutation(typing.NamedTuple):
    kind: str
    file: str
    data: bytes
    line: object          # the mutated line, from 1, or SAME
    expressible: bool     # the schema must refuse it


# ---- kinds: each takes (lines, random) and returns (text or bytes, line or SAME), or nothing when it finds no place

def replace(pattern, to, expressible=False):
    """One place that the pattern finds outside comments; its line is the mutated one."""
    def mutate(lines, draw):
        places = [(n, found) for n, line in enumerate(lines) for found in re.finditer(pattern, line)
                  if "#" not in line[:found.start()]]
        if not places:
            return None
        n, found = draw.choice(places)
        changed = lines[n][:found.start()] + found.expand(to) + lines[n][found.end():]
        return "\n".join([*lines[:n], changed, *lines[n + 1:]]) + "\n", n + 1
    return mutate, expressible


def whole(change, expressible=False):
    return (lambda lines, draw: change(lines, draw)), expressible


def text_of(lines):
    return "\n".join(lines) + "\n"


def with_line(at, line):
    """A line more, before the line `at(lines)` (from 0); it is the mutated one."""
    def mutate(lines, draw):
        n = at(lines)
        return text_of([*lines[:n], line, *lines[n:]]), n + 1
    return mutate


def first_key(lines):
    return next(n for n, line in enumerate(lines) if line and not line.startswith("#"))


def end(lines):
    return len(lines)


def sections(lines):
    """[(first line, line behind the last)] of the keys at the top."""
    begins = [n for n, line in enumerate(lines) if re.match(r"\w", line)] + [len(lines)]
    return list(zip(begins, begins[1:]))


def swap_sections(lines, draw):
    parts = sections(lines)
    (a, b), (c, d) = sorted(draw.sample(parts, 2))
    return text_of(lines[:a] + lines[c:d] + lines[b:c] + lines[a:b] + lines[d:]), SAME


def duplicate_section(lines, draw):
    a, b = draw.choice(sections(lines))
    return text_of(lines + lines[a:b]), len(lines) + 1


def delete_section(key):
    def mutate(lines, draw):
        for a, b in sections(lines):
            if lines[a].startswith(key + ":"):
                left = lines[:a] + lines[b:]
                return text_of(left), first_key(left) + 1
        return None
    return mutate


def tab(lines, draw):
    places = [n for n, line in enumerate(lines) if re.match(r"  +\w[\w.]*:", line)]
    if not places:
        return None
    n = draw.choice(places)
    return text_of([*lines[:n], "\t" + lines[n].lstrip(), *lines[n + 1:]]), n + 1


def wrong_indent(lines, draw):
    """One blank less than the line before it of the same map."""
    places = [n for n in range(1, len(lines)) if (own := re.match(r"(  +)[\w.]+:", lines[n])) and
              (above := re.match(r"(  +)[\w.]+: +[^ #]", lines[n - 1])) and len(own[1]) == len(above[1])]
    if not places:
        return None
    n = draw.choice(places)
    return text_of([*lines[:n], lines[n][1:], *lines[n + 1:]]), n + 1


def cut_in_bracket(lines, draw):
    places = [n for n, line in enumerate(lines) if re.match(r"[^#]*\{ [^}]*\}", line)]
    if not places:
        return None
    n = draw.choice(places)
    return "\n".join(lines[:n] + [lines[n][:lines[n].index("{") + 2]]), n + 1


def comments(lines, draw):
    return text_of([part for line in lines for part in (("# more: { to read ]", line) if re.match(r"\w", line) else (line,))]), SAME


def in_line(what):
    """Bytes put into a value of some line."""
    def mutate(lines, draw):
        places = [n for n, line in enumerate(lines) if re.match(r"[^#]*: \{", line)]
        if not places:
            return None
        n = draw.choice(places)
        before, _, after = lines[n].partition(": {")
        data = [line.encode() for line in lines]
        data[n] = before.encode() + b": {" + what + after.encode()
        return b"\n".join(data) + b"\n", n + 1
    return mutate


KEYS = "targets|tasks|populations|run|load|path|rate|every|steps|expect|payload|topic"
KINDS = {
    # keys and values
    "misspelt key": replace(rf"\b(?=({KEYS}): )(\w)(\w)", r"\3\2", True),
    "misspelt key, again": replace(rf"\b({KEYS}): ", r"\1x: ", True),
    "upper case key": replace(r"\b(load|rate|every|for): ", r"X\1: ", True),
    "a key of another tool": replace(r"\busers: (\d)", r"vus: \1", True),
    "misspelt operation": replace(r"\b(http|mqtt|tcp|udp)\.(\w+)(?=:)", r"\1.\2s", True),
    "unknown protocol": replace(r"\b(http|mqtt|tcp|udp)\.(?=\w+:)", "amqp.", True),
    "unit left out": replace(r"\b(for|every|wait|jitter|ramp): (\d+)(ms|s|m)\b", r"\1: \2", True),
    "unknown unit": replace(r"\b(for|every|wait|ramp|timeout): (\d+)(ms|s|m)\b", r"\1: \2parsecs", True),
    "unknown unit of a rate": replace(r"\brate: (\d+)/(s|m)\b", r"rate: \1/fortnight", True),
    "a list for a value": replace(r"\b(for|users|every): ([\w.]+)", r"\1: [ \2 ]", True),
    "a map for a value": replace(r"\b(for|users): ([\w.]+)", r"\1: { a: \2 }", True),
    "a text for a map": replace(r"\b(load|run): \{[^{}]*\}", r"\1: much", True),
    "a text for a number": replace(r"\busers: \d+", "users: many", True),
    "no value": replace(r"\b(load|for|users): [^,{}]*(?=[,} ])", r"\1: ", True),
    "a word that is no choice": replace(r"\b(arrivals|phase|pick|on_failure): \w+", r"\1: maybe", True),
    "negative": replace(r"\busers: (\d+)", r"users: -\1"),
    "negative duration": replace(r"\bfor: (\d)", r"for: -\1", True),
    "huge number": replace(r"\busers: \d+", "users: 99999999999999999999999"),
    "huge duration": replace(r"\bfor: \d+", "for: 99999999999999999999999"),
    "not a number": replace(r"\busers: \d+", "users: .nan", True),
    "infinite": replace(r"\brate: \d+(?=/)", "rate: .inf", True),
    "a fraction": replace(r"\busers: (\d+)", r"users: \1.5", True),
    "unknown target": replace(r"\bto: \w+", "to: nowhere"),
    "unknown task": replace(r"\btasks: (\w+)(?=[,} ])", "tasks: nothing"),
    "unknown name in a template": replace(r"\$\{user\.index\}", "${usr.index}"),
    "template left open": replace(r"\$\{user\.index\}", "${user.index"),
    "unknown file": replace(r"\b(file|template): [\w./]+", r"\1: absent.json"),
    "unknown scheme": replace(r'(?<=[" -])(http|mqtt|tcp|udp)://', "gopher://"),
    "unknown threshold": replace(r"\bp99\(\w+\)", "p99(nothing)"),
    "comparison that is none": replace(r"(p\d+(?:\(\w+\))?) <", r"\1 <>"),
    "beside, not inside": replace(r"\{ path: ", "{ expect: { status: 200 }, path: ", True),
    "inside, not beside": replace(r"^(\s*)- http\.(get|post): ", r"\1- timeout: 5s, http.\2: "),
    # YAML
    "no blank behind the colon": replace(r"^(targets|tasks|populations|run): \{", r"\1:{"),
    "bracket missing": replace(r"^([^#]*)\}(\s*(?:#.*)?)$", r"\1\2"),
    "bracket too many": replace(r"^([^#]*\})(\s*(?:#.*)?)$", r"\1 }\2"),
    "quote missing": replace(r'^([^#"]*"[^"]*)"([^"]*)$', r"\1\2"),
    "anchor": replace(r"^(run|populations|tasks|targets):", r"\1: &all"),
    "tag": replace(r"\b(users|for): (\w+)", r"\1: !!str \2"),
    "merged map": whole(with_line(end, "<<: { run: { for: 1s } }"), True),
    "alias": whole(with_line(end, "description: *all")),
    "second document": whole(lambda lines, draw: (text_of([*lines, "---", "a: 1"]), len(lines) + 2)),
    "duplicate key": whole(duplicate_section),
    "tab": whole(tab),
    "wrong indent": whole(wrong_indent),
    "deep nesting": whole(with_line(end, "vars_of_mine: " + "[" * 70 + "]" * 70), True),
    "an unknown key at the top": whole(with_line(first_key, "stages: 5"), True),
    "text without a key": whole(with_line(first_key, "this is a scenario")),
    "truncated in a bracket": whole(cut_in_bracket),
    "no tasks": whole(delete_section("tasks"), True),
    "no populations": whole(delete_section("populations"), True),
    "NUL": whole(in_line(b"\0")),
    "not UTF-8": whole(in_line(b" description: \"caf\xe9\",")),
    "UTF-8 cut off": whole(in_line(b" description: \"\xe2\x82\",")),
    "UTF-8 of a surrogate": whole(in_line(b" description: \"\xed\xa0\x80\",")),
    "control character": whole(in_line(b" \x07a: 1,")),
    # what changes nothing
    "byte order mark": whole(lambda lines, draw: (b"\xef\xbb\xbf" + text_of(lines).encode(), SAME)),
    "CRLF": whole(lambda lines, draw: ("\r\n".join(lines) + "\r\n", SAME)),
    "no line feed at the end": whole(lambda lines, draw: ("\n".join(lines), SAME)),
    "comments": whole(comments),
    "empty lines": whole(lambda lines, draw: ("\n\n".join(lines) + "\n\n", SAME)),
    "blanks at line ends": whole(lambda lines, draw: ("  \n".join(lines) + "  \n", SAME)),
    "document markers": whole(lambda lines, draw: (text_of(["---", *lines, "..."]), SAME)),
    "sections swapped": whole(swap_sections),
    "non-ASCII comment": whole(lambda lines, draw: (text_of([*lines, "# café, 日本"]), SAME)),
}


def mutations():
    draw = random.Random(4)
    for name in FILES:
        with open(os.path.join(ROOT, "examples", name)) as file:
            lines = file.read().splitlines()
        seen = set()
        for kind, (mutate, expressible) in KINDS.items():
            made = mutate(lines, draw)
            if not made or made[0] in seen:
                continue
            seen.add(made[0])
            text, line = made
            yield Mutation(kind, name, text if isinstance(text, bytes) else text.encode(), line, expressible)


# ---- judges

def check(path):
    """(exit code, plan without the file's name, {line: messages})."""
    words = [SQUALL, "check", path]
    plain = subprocess.run(words, capture_output=True, env=ENVIRONMENT, timeout=60)
    told = subprocess.run([*words, "--json"], capture_output=True, env=ENVIRONMENT, timeout=60)
    lines = {}
    if told.returncode == plain.returncode and plain.returncode in (0, 104):
        for one in json.loads(told.stdout):
            lines.setdefault(one["line"] if one["severity"] == "error" else -1, []).append(one["message"])
    where = f"{path}:".encode()
    for line in lines:   # file:line, as people and editors read it
        if line > 0 and where + str(line).encode() + b":" not in plain.stderr:
            return -1000, b"", lines
    return plain.returncode, re.sub(rb"^scenario +\S+\n", b"", plain.stdout), lines


def validator():
    """A function that says why the schema refuses a text: None when it does not, "" when the text cannot be read."""
    try:
        import jsonschema
        import yaml
        sys.path.insert(0, os.path.join(ROOT, "tests/language"))
        import yaml_values
    except ImportError as missing:
        return None, f"{missing.name}: apt-get install python3-jsonschema python3-yaml"
    schema = json.loads(subprocess.run([SQUALL, "schema"], stdout=subprocess.PIPE, check=True, env=ENVIRONMENT, timeout=60).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    judge = jsonschema.Draft7Validator(schema)

    def why(data):
        try:
            value = yaml_values.load(data.decode("utf-8-sig"))
        except (yaml.YAMLError, UnicodeDecodeError):
            return ""
        error = next(judge.iter_errors(value), None)
        return error and f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
    return why, None


def each_is_told_at_its_line():
    folder = os.path.join(FOLDER, "examples")
    shutil.copytree(os.path.join(ROOT, "examples"), folder)
    plans = {name: check(os.path.join(folder, name)) for name in FILES}
    for name, (code, _, told) in plans.items():
        expect(code == 0 and not {line for line in told if line > 0}, f"{name} itself: {code}, {told}")
    made = list(mutations())
    paths = [os.path.join(folder, os.path.dirname(one.file), f"mutated-{n}.yaml") for n, one in enumerate(made)]
    for path, one in zip(paths, made):
        with open(path, "wb") as file:
            file.write(one.data)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, paths))

    why, missing = validator()
    at_line = same = alone = refused_by_both = 0
    for path, one, (code, plan, told) in zip(paths, made, results):
        what = f"{one.kind} in {one.file} ({os.path.basename(path)})"
        if one.line == SAME:
            same += expect(code == 0 and plan == plans[one.file][1], f"{what}: ends {code}, told {told}")
        else:
            is_told = code == 104 and one.line in told
            at_line += expect(is_told, f"{what}: ends {code}, not 104 with line {one.line}; told {told}")
            alone += is_told and not {line for line in told if line > 0} - {one.line}
        if not why:
            continue
        schema_says = why(one.data)
        if code == 0:
            expect(schema_says is None, f"{what}: squall takes it, the schema says {schema_says or 'that it is no YAML'}")
        if one.expressible:
            refused_by_both += expect(schema_says is not None, f"{what}: the schema takes it, squall says {told}")
    expect(len(made) >= 100, f"{len(made)} mutations")
    figure(f"{len(made)} mutated files of {len({one.kind for one in made})} kinds: {at_line} told at the mutated line "
           f"({alone} of them there alone), {same} unaffected")
    if missing:
        raise Skipped(f"the schema is not judged: {missing}")
    figure(f"schema and squall agree on each; {refused_by_both} that a schema can express are refused by both")


def the_cases_of_the_language_agree():
    """Each case of tests/language that loads passes the schema, too."""
    why, missing = validator()
    if missing:
        raise Skipped(f"the schema is not judged: {missing}")
    sys.path.insert(0, os.path.join(ROOT, "tests/language"))
    import cases
    loaded = [case for case in cases.read() if case.sign != "-"]
    for case in loaded:
        expect(why(case.text.encode()) is None, f"{case.place}: {case.map}.{case.key}: the schema says {why(case.text.encode())!r}")
    figure(f"{len(loaded)} cases that load pass the schema")


show(each_is_told_at_its_line, the_cases_of_the_language_agree)
