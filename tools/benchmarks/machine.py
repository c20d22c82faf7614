"""What a figure is worth without this: nothing. Machine, kernel, settings, versions and build flags."""
import os
import platform
import re

from . import servers
from .process import run

_VERSIONS = (("wrk", ["-v"]), ("h2load", ["--version"]), ("nginx", ["-v"]), ("iperf3", ["--version"]),
             ("mosquitto", ["-h"]), ("locust", ["--version"]))


def _read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return "?"


def _version(program, arguments):
    if not servers.find(program):
        return "not installed"
    if program == "locust":  # Debian's prints its name without a number
        found = run(["dpkg-query", "-W", "-f=${Version}", "python3-locust"], codes=None)
        if found.code == 0:
            return found.out.strip()
    said = run([servers.find(program), *arguments], codes=None)
    found = re.search(r"\d+\.\d+(\.\d+)?", said.out + said.err)
    return found.group(0) if found else "?"


def _build_flags(bin_dir):
    cache = _read(os.path.join(os.path.dirname(bin_dir), "CMakeCache.txt"))
    values = dict(re.findall(r"^(CMAKE_BUILD_TYPE|CMAKE_CXX_FLAGS\w*):\w+=(.*)$", cache, re.M))
    kind = values.get("CMAKE_BUILD_TYPE", "?")
    return f"{kind} {values.get('CMAKE_CXX_FLAGS', '')} {values.get('CMAKE_CXX_FLAGS_' + kind.upper(), '')}".split()


def describe(bench):
    model = re.search(r"^model name\s*:\s*(.*)$", _read("/proc/cpuinfo"), re.M)
    return {"cpu": model.group(1) if model else platform.machine(),
            "cores": os.cpu_count(), "kernel": platform.release(),
            "congestion_control": _read("/proc/sys/net/ipv4/tcp_congestion_control"),
            "load": [round(value, 2) for value in os.getloadavg()],
            "generator_core": bench.generator_core, "server_core": bench.server_core,
            "squall": run([bench.program("squall"), "version"]).out.split("\n")[0],
            "build": " ".join(_build_flags(bench.bin_dir)),
            "versions": {program: _version(program, arguments) for program, arguments in _VERSIONS}}


def show(about):
    print(f"machine   {about['cores']} × {about['cpu']}, Linux {about['kernel']}, "
          f"congestion control {about['congestion_control']}, load {' '.join(map(str, about['load']))}")
    print(f"cores     generator {about['generator_core']}, servers {about['server_core']}")
    print(f"squall    {about['squall']}; built {about['build']}")
    print("peers     " + ", ".join(f"{name} {version}" for name, version in about["versions"].items()))
