"""What is installed runs from where it is put, and the package says what it needs."""
import json
import os
import pathlib
import subprocess
import tempfile

from program import check, conclude

PLUGINS = ("http", "mqtt", "tcp", "udp", "job", "jsonl")


def output_of(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, cwd=cwd,
                          stdin=subprocess.DEVNULL)
    check(done.returncode == 0, f"{words[0]} ends {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return done.stdout


def check_program(prefix):
    listed = output_of(prefix / "bin/squall", "plugins")
    check(all(plugin in listed for plugin in PLUGINS), f"{prefix}: plugins are {listed}")
    plan = output_of(prefix / "bin/squall", "check", prefix / "share/doc/squall/examples/hello.yaml")
    check("hello" in plan, f"{prefix}: the example's plan is {plan}")
    schema = prefix / "share/squall/scenario.schema.json"
    check("http.get" in json.loads(schema.read_text())["definitions"]["step"]["properties"], f"{schema}: no http.get")
    begun = output_of(prefix / "bin/squall", "new", "scenario", "-")
    check(begun.startswith(f"# yaml-language-server: $schema={schema}\n"), f"{prefix}: new scenario begins with {begun[:90]}")
    check((prefix / "share/squall/sdk/include/squall/plugin.hpp").exists(), f"{prefix}: no plugin.hpp")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    output_of("cmake", "--install", os.environ["BUILD_DIR"], "--prefix", folder / "installed")
    check_program(folder / "installed")

    output_of("cpack", "-G", "DEB", "--config", pathlib.Path(os.environ["BUILD_DIR"]) / "CPackConfig.cmake", "-B", folder, cwd=folder)
    packages = list(folder.glob("squall_*.deb"))
    check(len(packages) == 1, f"packages: {packages}")
    needs = output_of("dpkg-deb", "--field", packages[0], "Depends")
    check(all(library in needs for library in ("libssl3", "libmosquitto1", "libpaho-mqttpp3", "libc6")), f"needs {needs}")
    output_of("dpkg-deb", "--extract", packages[0], folder / "unpacked")
    check_program(folder / "unpacked/usr")
    print(f"{packages[0].name}: {packages[0].stat().st_size >> 10} KiB, needs {needs.strip()}")

conclude()
