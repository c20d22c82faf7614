#!/usr/bin/env python3
"""minors.py FOLDER SQUALL: hosts and plugins of two minors, each with each, do what docs/abi-policy.md says.

The newer abi.h is today's, grown by the rules (grow.py). FOLDER has abi_host_now and abi_host_next, the program's loader built with either, and
the grown header; SQUALL is the program of today. The plugins are built here: by gcc from both headers, for each target.
"""
import filecmp
import os
import re
import subprocess
import sys
import tempfile

import guard

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MAP = os.path.join(ROOT, "sdk/cmake/plugin.map")
failures = []


def expect_equal(found, wanted, what):
    if found != wanted:
        failures.append(f"{what}: found {found!r}, wanted {wanted!r}")


def build(folder, name, include, target, *words):
    """A library, and the object that it was linked from."""
    home = os.path.join(folder, name)
    os.makedirs(home)
    object_file, library = os.path.join(home, "plugin.o"), os.path.join(home, "libminors.so")
    targets = [] if target is None else [f"-DSQ_TARGET_MINOR={target}"]
    for step in (["-c", os.path.join(HERE, "minors/plugin.c"), "-I", include, *targets, *words, "-o", object_file],
                 ["-shared", f"-Wl,--version-script={MAP}", object_file, "-o", library]):
        subprocess.run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-fvisibility=hidden", *step], check=True)
    return library


def said(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


def is_served(now, wanted):
    """Whether find_package(squall-sdk WANTED) takes the SDK of this checkout."""
    with tempfile.NamedTemporaryFile("w", suffix=".cmake") as script:
        major, minor = wanted.split(".")
        script.write(f"set(PACKAGE_FIND_VERSION_MAJOR {major})\nset(PACKAGE_FIND_VERSION_MINOR {minor})\n"
                     f"include({ROOT}/sdk/cmake/squall-sdkConfigVersion.cmake)\nmessage(\"${{PACKAGE_VERSION}} ${{PACKAGE_VERSION_COMPATIBLE}}\")\n")
        script.flush()
        code, text = said("cmake", "-P", script.name)
    expect_equal((code, text.split()[0]), (0, f"1.{now}"), f"the SDK's version: {text}")
    return text.split()[1:] == ["TRUE"]


def main(programs, squall):
    now = guard.newest_minor(guard.INCLUDE)
    grown = os.path.join(programs, "grown")
    following = guard.newest_minor(grown)
    expect_equal(following, now + 1, "the grown header's minor")
    with tempfile.TemporaryDirectory() as folder:
        old = build(folder, "old", guard.INCLUDE, None)
        new = build(folder, "new", grown, None)
        bold = build(folder, "bold", grown, following, "-DHAS_GROWN")

        for host, plugin, wanted in (
                ("abi_host_now", old, f"host 1.{now}: plugin 1.0 delivers 7\n"),
                ("abi_host_now", new, f"host 1.{now}: plugin 1.0 delivers 7\n"),            # asks for the new table, and has none
                ("abi_host_now", bold, f"host 1.{now}: refused: plugin {bold}: org.example.minors 2.0.0 needs plugin ABI 1.{following}, this squall has 1.{now} "
                                   f"(plugin built with: cc); update squall, or rebuild the plugin with -DSQ_TARGET_MINOR={now}\n"),
                ("abi_host_next", old, f"host 1.{following}: plugin 1.0 delivers 7\n"),
                ("abi_host_next", new, f"host 1.{following}: plugin 1.0 delivers 107\n"),
                ("abi_host_next", bold, f"host 1.{following}: plugin 1.{following} pauses and delivers 5117\n")):
            expect_equal(said(os.path.join(programs, host), plugin), (0, wanted), f"{host} with {os.path.basename(os.path.dirname(plugin))}")

        # The program itself: a plugin of a newer header is one of its own, one of a newer target ends it with both remedies.
        for plugin in (old, new):
            code, text = said(squall, "plugins", "--plugin-path", os.path.dirname(plugin))
            expect_equal((code, re.findall(r"org\.example\.minors.*", text) != []), (0, True), f"squall plugins: {text}")
        code, text = said(squall, "plugins", "--plugin-path", os.path.dirname(bold))
        expect_equal((code, f"needs plugin ABI 1.{following}, this squall has 1.{now} (plugin built with: cc); update squall, or rebuild the plugin "
                            f"with -DSQ_TARGET_MINOR={now}" in text), (113, True), f"squall plugins with a newer target: {text}")

        # A new header with an old target is the old header, to the byte, when nothing of the new one is asked for.
        same = build(folder, "same", grown, 0, "-DNO_CLOCK")
        expect_equal(filecmp.cmp(os.path.join(folder, "old/plugin.o"), os.path.join(os.path.dirname(same), "plugin.o"), shallow=False), True,
                     "the object built from the newer header for the older target is what the older header gives")
        # Who asks for more than the header has is told by the compiler.
        done = subprocess.run(["gcc", "-fsyntax-only", "-I", guard.INCLUDE, f"-DSQ_TARGET_MINOR={following}", os.path.join(HERE, "minors/plugin.c")],
                              capture_output=True, text=True)
        expect_equal((done.returncode != 0, "SQ_TARGET_MINOR is newer than this header" in done.stderr), (True, True), f"a target of the future: {done.stderr}")
    for wanted, serves in {"1.0": True, f"1.{now}": True, f"1.{following}": False, "0.2": False, "2.0": False}.items():
        expect_equal(is_served(now, wanted), serves, f"find_package(squall-sdk {wanted})")
    for failure in failures:
        print("FAILED:", failure, file=sys.stderr)
    print("failed" if failures else "held: minors", now, following)
    sys.exit(bool(failures))


main(*sys.argv[1:3])
