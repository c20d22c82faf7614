#!/usr/bin/env python3
"""guard.py compile|layout|dump [--include DIR]: holds abi.h to what it promises and to what has been released.

compile  the header alone, by every compiler that is there, as C11, C17, C++17 and C++20, with each target minor: no warning,
         and no padding that nobody named.
layout   compiles each release's asserts against the header, as C11 and as C++17: places, sizes, types, values, texts.
dump     builds each release's anchor library with that release's SQ_TARGET_MINOR and compares it with the dump of then by abidiff:
         names, signatures, const. Dumps are made with gcc -g, and other compilers say the same things in other words: gcc here, too.
tests/must_show/abi_guard.py breaks the header on purpose and says which of them tells.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "sdk/include")
# Field names and const are "harmless" to abidiff, which thinks of machine code; plugins are also built again.
ABIDIFF = ("abidiff", "--harmless", "--no-show-locs")
STANDARDS = {"gcc": ("c11", "c17"), "clang": ("c11", "c17"), "g++": ("c++17", "c++20"), "clang++": ("c++17", "c++20")}
SKIP = 77


def releases():
    return sorted((name for name in os.listdir(HERE) if re.fullmatch(r"\d+\.\d+", name)), key=lambda name: int(name.split(".")[1]))


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def newest_minor(include):
    with open(os.path.join(include, "squall/abi.h")) as file:
        return int(re.search(r"^#define SQ_ABI_MINOR (\d+)", file.read(), re.M).group(1))


def compile_alone(include):
    """What the compilers say of the header by itself; "" for nothing."""
    for compiler in filter(shutil.which, STANDARDS):
        for standard in STANDARDS[compiler]:
            for target in ([], *([f"-DSQ_TARGET_MINOR={minor}"] for minor in range(newest_minor(include) + 1))):
                code, text = run([compiler, "-x", "c++" if "++" in compiler else "c", f"-std={standard}", "-pedantic", "-Wall", "-Wextra",
                                  "-Wpadded", "-Werror", "-fsyntax-only", "-I", include, *target, "-include", "squall/abi.h", os.devnull])
                if code:
                    return f"{compiler} -std={standard} {' '.join(target)}: {text}"
    return ""


def layout(release, include):
    """What the asserts of that release say of the header in `include`; "" when all hold."""
    source = os.path.join(HERE, release, f"layout_{release.replace('.', '_')}.c")
    said = ""
    for words in (["gcc", "-std=c11"], ["g++", "-x", "c++", "-std=c++17"]):
        code, text = run([*words, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", include, source])
        said += text if code else ""
    return said


def anchor(release, include, folder):
    """The anchor library of that release, built from the header in `include`."""
    library = os.path.join(folder, "libanchor.so")
    source = os.path.join(HERE, release, "anchor.c")
    code, text = run(["gcc", "-std=c11", "-g", "-O0", "-shared", "-fPIC", f"-ffile-prefix-map={HERE}=.", f"-DSQ_TARGET_MINOR={release.split('.')[1]}", "-I", include,
                      "-Wl,-soname,libanchor.so", "-o", library, source])
    if code:
        raise RuntimeError(text)
    return library


def dump(release, include):
    """What abidiff says of the header in `include` against that release; "" when nothing has changed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            library = anchor(release, include, folder)
        except RuntimeError as error:
            return str(error)
        code, text = run([*ABIDIFF, os.path.join(HERE, release, f"abi-{release}.abi"), library])
    return text or f"abidiff ended with {code}" if code else ""


def missing_tool(what):
    tools = {"compile": (), "layout": ("gcc", "g++"), "dump": ("gcc", "abidiff")}[what]
    return next((tool for tool in tools if not shutil.which(tool)), None)


def all_said(what, include):
    """(of what, what is said of it) for the header and each release."""
    if what == "compile":
        yield "the header", compile_alone(include)
    else:
        for release in releases():
            yield release, {"layout": layout, "dump": dump}[what](release, include)


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("compile", "layout", "dump"):
        sys.exit(__doc__)
    include = sys.argv[sys.argv.index("--include") + 1] if "--include" in sys.argv else INCLUDE
    if tool := missing_tool(sys.argv[1]):
        print(f"skipped: {tool} is not installed" + (" (abigail-tools)" if tool == "abidiff" else ""))
        sys.exit(SKIP)
    if sys.argv[1] == "compile":
        print("by", ", ".join(filter(shutil.which, STANDARDS)), *(f"(skipped: {name} is not installed)" for name in STANDARDS if not shutil.which(name)))
    is_broken = False
    for of, said in all_said(sys.argv[1], include):
        print(f"{sys.argv[1]} of {of}: {'broken' if said else 'holds'}")
        if said:
            is_broken = True
            print(said, file=sys.stderr)
    sys.exit(is_broken)


if __name__ == "__main__":
    main()
