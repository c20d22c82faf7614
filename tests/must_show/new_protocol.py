"""A protocol of one's own on a bare Debian 12 with the packages `squall` and `squall-sdk` and nothing of the checkout: what
`squall new protocol` writes builds and passes by one command, also under the sanitizers, and its scenario runs.

The judges: debootstrap's smallest Debian, apt, nm, and the project's own server in Python. As root, about five minutes.
"""
import glob
import json
import os
import re
import shutil
import subprocess

from bare_root import Inside, debootstrap, last_words, need_root_and_space, new_root
from harness import BIN, FOLDER, Skipped, expect, expect_equal, figure, program, show

FREE_BYTES = 3 << 30
LINES = 100
REQUESTS = 100  # 20/s for 5 s
PROJECT = "/srv/acme"  # in the bare system
SERVER = """python3 server.py 0 > port & server=$!
until [ -s port ]; do sleep 0.1; done
ACME_SERVER=tcp://127.0.0.1:$(cat port) squall run scenario.yaml --plugin-path build --json result.json --accept-invalid; code=$?
kill "$server"
exit "$code" """


def packages():
    """The two packages of the build that is shown, made anew."""
    config = os.path.join(os.path.dirname(BIN), "CPackConfig.cmake")
    if not os.path.exists(config):
        raise Skipped(f"no {config}: packages are made in a build folder")
    for name in ("dpkg-shlibdeps", "file"):
        program(name)
    done = subprocess.run([program("cpack"), "-G", "DEB", "--config", config, "-B", FOLDER], capture_output=True, text=True,
                          cwd=FOLDER)
    found = sorted(glob.glob(os.path.join(FOLDER, "*.deb")))
    names = sorted(os.path.basename(path).split("_")[0] for path in found)
    if not expect_equal(names, ["squall", "squall-sdk"], f"packages ({done.stderr[-500:]})"):
        raise AssertionError("nothing to install")
    return found


def shell(root, what, script):
    """Runs it in the project's folder; what it said."""
    run = Inside(root, "sh", "-ec", script)
    expect_equal(run.code, 0, f"{what}: exit code ({last_words(run.log, 12)})")
    figure(f"{what}: {run.took_s:.0f} s")
    return run.text()


def code_lines(path):
    with open(path) as file:
        lines = [line.strip() for line in file]
    return sum(1 for line in lines if line and not line.startswith("//"))


def a_protocol_on_a_bare_debian():
    need_root_and_space(FREE_BYTES)
    debs = packages()
    with new_root() as root:
        debootstrap(root)
        expect(not os.path.exists(root + "/usr/bin/g++"), "the root is not bare")
        for deb in debs:
            shutil.copy(deb, root + "/opt")
        install = Inside(root, "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", "apt-get update -q; apt-get install -q -y /opt/*.deb")
        if install.code != 0:
            raise Skipped(f"apt cannot install the packages here: {last_words(install.log)}")
        figure(f"apt install of both, with what they recommend: {install.took_s:.0f} s")

        project = root + PROJECT
        said = shell(root, "squall new protocol acme && cd acme && cmake --workflow --preset default",
                     f"mkdir -p {os.path.dirname(PROJECT)}; cd {os.path.dirname(PROJECT)}; squall new protocol acme; cd acme; cmake --workflow --preset default")
        expect(re.search(r"100% tests passed, 0 tests failed out of 3", said), f"its tests say {said[-800:]}")
        lines = code_lines(project + "/acme.cpp")
        figure(f"acme.cpp: {lines} lines of code, {os.path.getsize(project + '/acme.cpp')} bytes with what explains them")
        expect(lines < LINES, f"{lines} lines of code, wanted fewer than {LINES}")
        symbols = re.findall(r"^\w+ \w (\S+)$", shell(root, "nm", f"nm -D --defined-only {PROJECT}/build/libacme.so"), re.M)
        figure(f"libacme.so defines {symbols}")
        expect_equal(symbols, ["squall_plugin_entry_v1"], "symbols")

        shell(root, "squall run scenario.yaml", f"cd {PROJECT}; " + SERVER)
        with open(project + "/result.json") as file:
            result = json.load(file)
        totals = result["totals"]
        figure(f"scenario.yaml: {result['verdict']}, {totals['samples']} requests, {totals['failed']} failed")
        # Whether other load on this machine made it late is not what is shown here.
        expect(result["verdict"] in ("passed", "invalid"), f"verdict {result['verdict']}")
        expect_equal((totals["samples"], totals["failed"]), (REQUESTS, 0), "requests and failures")
        said = shell(root, "cmake --workflow --preset asan", f"cd {PROJECT}; cmake --workflow --preset asan")
        expect(re.search(r"100% tests passed, 0 tests failed out of 1", said), f"under the sanitizers its test says {said[-800:]}")


show(a_protocol_on_a_bare_debian)
