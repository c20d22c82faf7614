"""symbols.py PROGRAM PLUGIN_FOLDER: a plugin exports its entry and nothing else, and the program exports no function: what either of them
has of a library (templates of the C++ library among it) can then never stand in for the other's.

Two plugins with a Boost.Asio each, both exporting it, have bound 23 symbols to each other in spite of RTLD_LOCAL.
"""
import os
import shutil
import subprocess
import sys

ENTRY = "squall_plugin_entry_v1"
FUNCTIONS = "TtWwi"   # of nm's letters those of code; a program has copies of data of shared libraries, and must


def exported(path):
    """(letter, name) of each dynamic symbol that the file defines."""
    lines = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout.splitlines()
    return [tuple(line.split()[-2:]) for line in lines]


def main():
    if not shutil.which("nm"):
        print("skipped: nm is not installed (binutils)")
        sys.exit(77)
    program, folder = sys.argv[1:]
    wrong = [f"{program} exports the function {name}" for letter, name in exported(program) if letter in FUNCTIONS]
    plugins = sorted(name for name in os.listdir(folder) if name.endswith(".so"))
    for plugin in plugins:
        names = [name for _, name in exported(os.path.join(folder, plugin))]
        if names != [ENTRY]:
            wrong.append(f"{plugin} exports {', '.join(names) or 'nothing'}")
    print(f"{len(plugins)} plugins and the program: {len(wrong)} that export more or less than they should")
    print(*wrong, sep="\n", file=sys.stderr)
    sys.exit(1 if wrong or not plugins else 0)


main()
