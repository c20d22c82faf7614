"""`squall build` and `library:`: a source is compiled once, and again when it, a header, a flag or the SDK has changed; what does
not compile or may not be loaded is told at its place; two programs at one source get in nobody's way; nothing needs a HOME."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from program import SQUALL, check, conclude, squall

SDK = pathlib.Path(__file__).resolve().parents[2] / "sdk"
NOT_LOADED, BAD_FILE, BAD_COMMAND_LINE = 113, 104, 2
# The contract alone: it compiles in a moment. LABEL is what `squall check` shows of it.
SOURCE = """
#include <squall/abi.h>
#include "words.h"
static const sq_task kTask = {sizeof(sq_task), 0, TASK, "a task", nullptr, nullptr, nullptr};
static const sq_task* const kTasks[] = {&kTask, nullptr};
static const sq_tasks kTable = {sizeof(sq_tasks), 0, "own", kTasks,
  [](uint32_t, const sq_pair*, uint64_t, void**, sq_error*) noexcept -> sq_status { return SQ_OK; }, [](void*) noexcept {},
  [](sq_user*, void**, sq_error*) noexcept -> sq_status { return SQ_OK; }, [](void*) noexcept {},
  [](void*, void*, sq_done*) noexcept {}, [](void*) noexcept {}};
extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) {
  static const sq_plugin kPlugin = {sizeof(sq_plugin), SQ_ABI_MAJOR, SQ_TARGET_MINOR, "own", "1", "-", "-", "-", 0,
    [](const sq_host*, sq_error*) noexcept -> sq_status { return SQ_OK; }, []() noexcept {},
    [](const char* id) noexcept -> const void* { return __builtin_strcmp(id, SQ_TASKS_V1) == 0 ? &kTable : nullptr; }};
  return &kPlugin;
}
"""
SCENARIO = """plugins:
  own: { library: LIBRARY }
populations:
  all: { tasks: own.TASK, load: { users: 1 } }
"""


class Place:
    """A scenario and its source in a folder of their own, and a cache that nobody else has."""

    def __init__(self, folder, library="own.cpp"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.cache = pathlib.Path(f"{folder}.cache")
        self.source, self.header, self.scenario = (self.folder / name for name in ("own.cpp", "words.h", "own.yaml"))
        self.source.write_text(SOURCE)
        self.name("first")
        self.scenario.write_text(SCENARIO.replace("LIBRARY", library).replace("TASK", "first"))

    def name(self, task):
        self.header.write_text(f'#ifndef TASK\n#define TASK "{task}"\n#endif\n')

    def env(self, **more):
        return {"SQUALL_CACHE": str(self.cache), **more}

    def check(self, task="first", **more):
        """`squall check` of the scenario with that task: how often it was compiled; -1 when it ends badly."""
        self.scenario.write_text(re.sub(r"own\.\w+, load", f"own.{task}, load", self.scenario.read_text()))
        done = squall("check", self.scenario, env=self.env(**more))
        check(done.returncode == 0 and f"own.{task}" in done.stdout, f"check with own.{task}: {done}")
        return done.stderr.count("squall: compiled ") if done.returncode == 0 else -1

    def refused(self, says, code=NOT_LOADED, **more):
        done = squall("check", self.scenario, env=self.env(**more))
        check(done.returncode == code and says in done.stderr, f"wanted {code} and {says!r}: {done}")
        return done.stderr

    def libraries(self):
        return sorted(path.name for path in self.cache.glob("*.so"))


def compiled_when_something_has_changed(folder):
    place = Place(folder / "changes $ and spaces")
    check([place.check(), place.check(), place.check()] == [1, 0, 0], "compiled once and not again")
    check(len(place.libraries()) == 1, f"libraries {place.libraries()}")
    place.source.write_text(SOURCE + "// another line\n")
    check([place.check(), place.check()] == [1, 0], "after the source has changed")
    os.utime(place.source)
    check(place.check() == 0, "after the source was touched only")
    place.name("second")
    check([place.check("second"), place.check("second")] == [1, 0], "after a header has changed")
    check(len(place.libraries()) == 1, f"old ones are replaced: {place.libraries()}")

    for flags in ('-DTASK="third"', '-O0 -DTASK="third"'):
        check([place.check("third", CXXFLAGS=flags), place.check("third", CXXFLAGS=flags)] == [1, 0], f"CXXFLAGS={flags}")
    check(place.check("second") == 0, "what other flags gave is not in the way")
    check(len(place.libraries()) == 3, f"one for each flags: {place.libraries()}")

    sdk = folder / "sdk"
    shutil.copytree(SDK / "include", sdk / "include")
    check([place.check("second", SQUALL_SDK=str(sdk)), place.check("second", SQUALL_SDK=str(sdk))] == [1, 0], "another SDK")
    header = sdk / "include/squall/abi.h"
    header.write_text(header.read_text() + "\n")
    check([place.check("second", SQUALL_SDK=str(sdk)), place.check("second", SQUALL_SDK=str(sdk))] == [1, 0], "the SDK has changed")
    place.refused("SQUALL_SDK is /nowhere, and there is no include/squall/abi.h in it", SQUALL_SDK="/nowhere")

    library = place.cache / place.libraries()[0]
    for path in place.cache.glob("*.so"):
        path.unlink()
    check(place.check("second") == 1, f"{library} was taken away")
    left = [path.name for path in place.cache.iterdir() if not path.name.endswith((".so", ".files", ".lock"))]
    check(not left, f"left in the cache: {left}")


def changed_while_it_is_compiled(folder):
    """The compiler is one that edits the source when it has read it: what it made is not taken for the new source's."""
    place = Place(folder / "edited")
    compiler = folder / "edits"
    compiler.write_text(f"""#!/bin/sh
g++ "$@" || exit
case "$*" in *-shared*) echo '#define TASK "late"' > '{place.header}' ;; esac
""")
    compiler.chmod(0o755)
    check(place.check(CXX=str(compiler)) == 1, "the first time")
    check(place.check("late", CXX=str(compiler)) == 1, "it was edited meanwhile, and is compiled again")


def what_cannot_be(folder):
    place = Place(folder / "mistakes")
    place.source.write_text("#include <squall/abi.h>\nint broken( { return 1; }\n")
    for _ in range(2):   # a failure is not kept
        said = place.refused("own.cpp does not compile (g++ ended 1)")
        check(re.search(r"^\S*own\.cpp:2:\d+: error: ", said, re.M), f"the compiler's own words: {said}")
        check(re.search(r"own\.yaml:2:19: error: \S*own\.cpp does not compile \(g\+\+ ended 1\)$", said, re.M), f"file, line and column: {said}")
    check(not place.libraries(), f"what does not compile leaves {place.libraries()}")
    place.source.write_text('#include <squall/abi.h>\nint elsewhere(); int here() { return elsewhere(); }\nextern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) { return here() ? nullptr : nullptr; }')
    check("elsewhere" in place.refused("does not compile"), "a symbol that is nowhere")
    place.source.write_text("#include <squall/abi.h>\nint x;\n")
    place.refused("own.yaml:2:19: error: ")   # it compiles and is no plugin
    check("is not a squall plugin" in place.refused("squall_plugin_entry_v1"), "no entry")
    place.source.write_text(SOURCE)
    check(place.check() == 1, "mended")

    place.refused("cannot run the compiler 'no-such-g++': No such file or directory; install it (g++), or name another in CXX", CXX="no-such-g++")
    check(place.check(CXX="env g++") == 1, "a compiler of two words")

    def said_of(library):
        place.scenario.write_text(SCENARIO.replace("LIBRARY", library).replace("TASK", "first"))
        return place.refused("own.yaml:2:19: error: ")
    (folder / "outside.cpp").write_text(SOURCE)
    (place.folder / "link.cpp").symlink_to(folder / "outside.cpp")
    (place.folder / "text.so").write_text("no library")
    (place.folder / "folder.cpp").mkdir()
    hint = "a library lies beside the scenario, or in a plugin directory"
    for library, words in {"none.cpp": "no file 'none.cpp'", "../outside.cpp": "leads out of the scenario's folder", "link.cpp": "leads out of the scenario's folder",
                           str(folder / "outside.cpp"): "is an absolute path", "folder.cpp": "is a directory"}.items():
        said = said_of(library)
        check(words in said and hint in said, f"library: {library}: {said}")
    check("text.so" in said_of("text.so"), "a file that is no library")
    place.scenario.write_text(SCENARIO.replace("LIBRARY", "own.cpp, pages: 3").replace("TASK", "first"))
    place.refused("own.yaml:2:28: error: unknown key 'pages' in plugin 'own'", code=BAD_FILE)


def two_at_once(folder):
    """Whoever comes second waits, and finds it made."""
    place = Place(folder / "at once")
    for _ in range(3):
        for path in place.cache.glob("*.files"):
            path.unlink()
        both = [subprocess.Popen([SQUALL, "check", place.scenario], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, **place.env()}) for _ in range(4)]
        ends = [process.communicate(timeout=60) + (process.returncode,) for process in both]
        check(all(code == 0 and "own.first" in out for out, _, code in ends), f"four at once: {ends}")
        check(sum(text.count("squall: compiled") for _, text, _ in ends) == 1, f"four at once: {ends}")


def caches(folder):
    place = Place(folder / "homes")
    bare = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME", "SQUALL_CACHE")}

    def run(**names):
        return subprocess.run([SQUALL, "check", str(place.scenario)], capture_output=True, text=True, timeout=60, env={**bare, **names})
    home = folder / "home"
    for names, where in (({"HOME": str(home)}, home / ".cache/squall"), ({"HOME": str(home), "XDG_CACHE_HOME": str(folder / "xdg")}, folder / "xdg/squall")):
        first, second = run(**names), run(**names)
        check((first.returncode, second.returncode) == (0, 0) and "compiled" in first.stderr and not second.stderr, f"{names}: {first} {second}")
        check(len(list(where.glob("libown-*.so"))) == 1 and where.stat().st_mode & 0o777 == 0o700, f"{where} after {names}")
    done = run(XDG_CACHE_HOME="/proc/none")
    check(done.returncode == NOT_LOADED and "SQUALL_CACHE names another folder" in done.stderr, f"a cache that cannot be: {done}")
    if os.geteuid() == 0:   # someone whom the system does not know has no home, and never one in a folder that all share
        def as_nobody(**names):
            return subprocess.run([SQUALL, "check", str(place.scenario)], capture_output=True, text=True, timeout=60, env={**bare, **names},
                                  user=54321, group=54321, extra_groups=[])
        for path in (folder.parent, folder, place.folder):
            path.chmod(0o755)
        done = as_nobody()
        check(done.returncode == NOT_LOADED and "no home folder for what is compiled; SQUALL_CACHE names a folder" in done.stderr, f"no home: {done}")
        (folder / "nobody").mkdir()
        os.chown(folder / "nobody", 54321, 54321)
        done = as_nobody(SQUALL_CACHE=str(folder / "nobody/cache"))
        check(done.returncode == 0 and "compiled" in done.stderr, f"no home, and a cache: {done}")
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = run(SQUALL_CACHE=str(shared))
    check(done.returncode == NOT_LOADED and "others may write" in done.stderr and not list(shared.iterdir()), f"everyone's cache: {done}")
    check("SQUALL_CACHE" not in squall("version", env={"SQUALL_CACHE": "x", "SQUALL_SDK": "y"}).stderr, "a variable that is read is warned of")


def by_hand(folder):
    place = Place(folder / "by hand")
    done = squall("build", place.source, env=place.env())
    library = place.folder / "libown.so"
    check(done.returncode == 0 and done.stdout == f"{library}\n" and library.exists(), f"build: {done}")
    exported = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout.split()
    check(exported[2:] == ["squall_plugin_entry_v1"], f"it exports {exported}")
    named = place.folder / "else where.so"
    done = squall("build", place.source, "-o", named, "--", "-DTASK=\"mine\"", "-O0", env=place.env())
    check(done.returncode == 0 and done.stdout == f"{named}\n", f"build -o: {done}")
    for file, task in ((library.name, "first"), (f'"{named.name}"', "mine")):
        place.scenario.write_text(SCENARIO.replace("LIBRARY", file))
        check(place.check(task) == 0, f"library: {file}")
    elsewhere = Place(folder / "directory", library="libown.so")
    directory = folder / "plugin directory"
    directory.mkdir()
    shutil.copy(library, directory)
    check(elsewhere.check(SQUALL_PLUGIN_PATH=str(directory)) == 0, "a library in a plugin directory")
    place.refused("tasks 'own' are already offered by", SQUALL_PLUGIN_PATH=str(directory))

    for words, code, says in ((["none.cpp"], NOT_LOADED, "No such file"), (["words.h"], BAD_COMMAND_LINE, "no C++ source"), ([], BAD_COMMAND_LINE, "FILE"),
                              ([place.source, "-o", folder / "none/x.so"], NOT_LOADED, "does not compile"),
                              ([place.source, "--", "--no-such-flag"], NOT_LOADED, "no-such-flag")):
        done = squall("build", *words, env=place.env())
        check(done.returncode == code and says in done.stderr and not done.stdout, f"build {words}: {done}")


with tempfile.TemporaryDirectory() as home:
    for story in (compiled_when_something_has_changed, changed_while_it_is_compiled, what_cannot_be, two_at_once, caches, by_hand):
        story(pathlib.Path(home) / story.__name__)

conclude()
