"""squall new protocol: what it writes builds, passes its tests and runs with the SDK of the build folder; its tests see what
is broken; names that cannot be are refused, and nothing is overwritten unasked."""
import os
import pathlib
import shutil
import tempfile

from program import SQUALL, check, conclude, squall
from project import commands, make, run

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "tools/squall/templates/protocol"
PATH = os.path.dirname(os.path.abspath(SQUALL))
# A mistake each, and what the project's own test says of it.
MISTAKES = {
    "completed twice": ("turns.end(SQ_OUT_OK, SQ_K_NONE);", "turns.end(SQ_OUT_OK, SQ_K_NONE), host.calls->complete(call);",
                        "a call was completed twice"),
    "a late answer kept": ("if (turns.cancel(call)) stream.drop();", "turns.cancel(call);", "found 'one', wanted 'two'"),
}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    # The name is one that C++ has a meaning for: nothing of the project may be called so.
    project = make(folder, "class", PATH)
    check(run(project, PATH) == 40, "class does not run")
    check(all("acme" not in path.read_text().lower() and "acme" not in path.name for path in project.iterdir() if path.is_file()),
          "the template's own name is left")

    squall("new", "protocol", str(folder / "acme"))
    check(files(folder / "acme") == files(TEMPLATES), "the template's name does not give the template")

    source = project / "class.cpp"
    whole = source.read_text()
    for mistake, (right, wrong, said) in MISTAKES.items():
        check(whole.count(right) == 1, f"{mistake}: the template has changed: {right}")
        source.write_text(whole.replace(right, wrong))
        done = commands(["cmake", "--workflow", "--preset", "default"], project, PATH)
        check(done.returncode != 0 and said in done.stdout, f"{mistake} ends {done.returncode}: {done.stdout[-800:]}")

    # Nothing is overwritten unasked, and only what is squall's own.
    kept = project / "notes.txt"
    kept.write_text("mine")
    again = squall("new", "protocol", str(project))
    check(again.returncode == 2 and "--force" in again.stderr, f"again: {again}")
    check(source.read_text() != whole, "a refusal has overwritten the source")
    check(squall("new", "protocol", str(project) + "/", "--force").returncode == 0, "--force")
    check(source.read_text() == whole and kept.read_text() == "mine", "--force wrote something else")

    for name, hint in {"http": "org.squall.http", "jsonl": "an output", "tls": "a scheme of tcp", "wait": "a word of the scenario",
                       "My-Protocol": "such as my_protocol", "9p": "a to z first", "a/": "", "x" * 33: "at most 32"}.items():
        at = folder / "names"
        done = squall("new", "protocol", f"{at}/{name}")
        if name == "a/":
            check(done.returncode == 0 and (at / "a/a.cpp").exists(), f"a folder that has to be made: {done}")
            shutil.rmtree(at)
            continue
        check(done.returncode == 2 and hint in done.stderr and not at.exists(), f"new protocol {name}: {done}")
    check(squall("new", "protocol").returncode == 2, "new protocol without a name")
    check(squall("new", "protocol", f"{folder}/x", "--template", "tcp").returncode == 2, "new protocol with a scenario's template")
    check(squall("new", "protocol", "/proc/none").returncode == 109, "a folder that cannot be made")

conclude()
