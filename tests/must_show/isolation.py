"""Plugins do not see each other: two that link two versions of one library, both with Boost.Asio, set up in two ways, and one of them
with a C++ library of its own, run side by side, and no symbol of one is bound to another's. The same without the SDK's version script
is refused; a process that loads it all the same shows what it is there for. What it cannot do, two shared libraries of one SONAME,
is shown as docs/plugins.md tells it.

The judges: the dynamic linker's own account of what it binds (LD_DEBUG=bindings), and the plugins, which ask at every pass.
"""
import glob
import os
import re
import subprocess
import sys

from harness import BIN, FOLDER, ROOT, FULL, Skipped, expect, expect_equal, expect_passed, figure, file_path, program, show, squall

SOURCES = os.path.join(ROOT, "tests/must_show/isolation")
PLUGINS = os.path.join(os.path.dirname(BIN), "lib/squall/plugins")
PASSES = 20_000 if FULL else 500
BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `([^']+)'")
SCENARIO = """
plugins: {{ {0}: {{ library: lib{0}.so }}, {1}: {{ library: lib{1}.so }} }}
populations:
  {0}: {{ tasks: {0}.look, load: {{ users: 3 }}, stop_after: {{ iterations: {passes} }} }}
  {1}: {{ tasks: {1}.look, load: {{ users: 3 }}, stop_after: {{ iterations: {passes} }} }}
run: {{ valid: {{ lag: 10s }} }}
"""
# Another reactor and no threads: other members in classes of the same names.
ASIO = ["-DBOOST_ASIO_DISABLE_EPOLL", "-DBOOST_ASIO_DISABLE_THREADS"]


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words[0]} ends {done.returncode}: {done.stderr[-1500:]}")
    return done


def folder(name):
    path = os.path.join(FOLDER, name)
    os.makedirs(path, exist_ok=True)
    return path


def compiler():
    if not os.path.exists("/usr/include/boost/asio.hpp"):
        raise Skipped("Boost.Asio's headers are not installed")
    return program("g++")


def library(version, shared=False):
    """The library of that version, as what a linker is given: an archive, or a shared one with the SONAME of its sister."""
    at = folder(f"library-{version}-{'so' if shared else 'a'}")
    source = os.path.join(SOURCES, "answer.cpp")
    if shared:
        run(compiler(), "-std=c++20", "-O1", "-fPIC", "-shared", f"-DVERSION={version}", "-Wl,-soname,libanswer.so.1", source,
            "-o", f"{at}/libanswer.so.1")
        return [f"{at}/libanswer.so.1", f"-Wl,-rpath,{at}"]
    run(compiler(), "-std=c++20", "-O1", "-fPIC", "-c", f"-DVERSION={version}", source, "-o", f"{at}/answer.o")
    run(program("ar"), "rcs", f"{at}/libanswer.a", f"{at}/answer.o")
    return [f"{at}/libanswer.a"]


def flags(name, version, more):
    return [f'-DNAME="{name}"', f"-DWANTED={version}", f"-I{SOURCES}", *more]


def build(at, name, version, more):
    """As anyone builds one: with squall build."""
    run(os.path.join(BIN, "squall"), "build", os.path.join(SOURCES, "plugin.cpp"), "-o", f"{at}/lib{name}.so", "--",
        *flags(name, version, more), env={**os.environ, "SQUALL_CACHE": os.path.join(FOLDER, "cache")})


def build_exposed(at, name, version, more):
    """By somebody who knows nothing of the version script."""
    run(compiler(), "-std=c++20", "-O2", "-fPIC", "-shared", "-DEXPOSED", "-I", os.path.join(ROOT, "sdk/include"),
        os.path.join(SOURCES, "plugin.cpp"), "-o", f"{at}/lib{name}.so", *flags(name, version, more))


def bindings(prefix, among):
    """(from, to, symbol) between different ones of `among`, and how many bindings each of them has at all."""
    across, own = [], {path: 0 for path in among}
    for path in glob.glob(prefix + ".*"):
        with open(path, errors="replace") as file:
            for line in file:
                if not (found := BINDING.search(line)):
                    continue
                source, target, symbol = (os.path.realpath(found[1]), os.path.realpath(found[2]), found[3])
                if source in own:
                    own[source] += 1
                    if target in own and target != source:
                        across.append((os.path.basename(source), os.path.basename(target), symbol))
    return across, own


def side_by_side():
    at = folder("apart")
    build(at, "one", 1, library(1))
    build(at, "two", 2, [*library(2), *ASIO, "-static-libstdc++", "-static-libgcc"])
    needed = {name: run(program("readelf"), "-d", f"{at}/lib{name}.so").stdout for name in ("one", "two")}
    expect("libstdc++" in needed["one"] and "libstdc++" not in needed["two"], "one has the system's C++ library, two one of its own")
    scenario = f"{at}/both.yaml"
    with open(scenario, "w") as file:
        file.write(SCENARIO.format("one", "two", passes=PASSES))
    account = file_path("bindings")
    ours = squall(scenario, "--shards", "1", env={"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": account})
    expect_passed(ours, "side by side")
    expect_equal({s["name"]: (s["count"], s["failed"]) for s in ours.result["series"]}, {"one": (PASSES, 0), "two": (PASSES, 0)},
                 "passes in which all was their own")
    plugins = [os.path.realpath(path) for path in (f"{at}/libone.so", f"{at}/libtwo.so", *glob.glob(f"{PLUGINS}/lib*.so"))]
    across, own = bindings(account, plugins)
    quiet = [os.path.basename(path) for path, count in own.items() if count == 0]
    expect(not quiet, f"the linker tells of no binding of {quiet}: it has not been heard")
    expect_equal(across, [], "symbols of one plugin bound to another's")
    figure(f"{len(plugins)} plugins in one process, {sum(own.values())} symbols bound for them, {len(across)} of them to another plugin; "
           f"{2 * PASSES} passes in which library, Asio and statics were each plugin's own")


def without_the_version_script():
    at = folder("exposed")
    build_exposed(at, "one", 1, library(1))
    build_exposed(at, "two", 2, library(2))
    scenario = f"{at}/both.yaml"
    with open(scenario, "w") as file:
        file.write(SCENARIO.format("one", "two", passes=PASSES))
    ours = squall(scenario, "--shards", "1")
    expect_equal(ours.code, 113, f"exit code ({ours.last_line()})")
    said = re.search(r"libone\.so: exports (\d+) more symbols than its entry .*; link it with the SDK's version script", ours.stderr())
    expect(said, f"it says {ours.stderr()[-500:]}")

    # A process that loads them as squall would, without asking what they export.
    account = file_path("bindings")
    text = "import ctypes, sys\nfor path in sys.argv[1:]: print(ctypes.CDLL(path).look_once())"
    both = [f"{at}/libone.so", f"{at}/libtwo.so"]
    done = run(sys.executable, "-c", text, *both, env={**os.environ, "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": account})
    across, _ = bindings(account, [os.path.realpath(path) for path in both])
    expect(across, "no symbol is bound across without the version script: then the count above could not fail")
    expect_equal(done.stdout.split(), ["1", "-2"], "the one's count, and the other's, who finds it counted already")
    figure(f"without the version script {said[1] if said else '?'} symbols are in sight, and the plugin is refused; loaded all the same, {len(across)} symbols of one "
           f"are the other's, such as {across[0][2] if across else '?'}")


def two_shared_libraries_of_one_soname():
    """The dynamic linker knows a library by its SONAME: the second plugin gets the first one's, as docs/plugins.md says."""
    at = folder("soname")
    build(at, "three", 1, library(1, shared=True))
    build(at, "four", 2, library(2, shared=True))
    scenario = f"{at}/both.yaml"
    with open(scenario, "w") as file:
        file.write(SCENARIO.format("three", "four", passes=10))
    ours = squall(scenario, "--shards", "1")
    failed = {s["name"]: [e["detail"] for e in s["error_details"]] for s in ours.result["series"] if s["failed"]}
    expect_equal(failed, {"four.look": ["the answer is 1, wanted 2"]}, "who got the other's library")
    figure("two shared libraries of one SONAME are one to the dynamic linker: the second plugin got the first one's")


show(side_by_side, without_the_version_script, two_shared_libraries_of_one_soname)
