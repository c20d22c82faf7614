"""What is installed runs from where it is put, an outside project builds with its SDK, and the packages say what they need."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from program import check, conclude
from project import make, run

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/plugins/whois"
PLUGINS = ("http", "mqtt", "tcp", "udp", "job", "jsonl")


def output_of(*words, cwd=None, **environment):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, cwd=cwd,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})
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


def check_sdk(prefix, build):
    """A project outside builds with what was installed, and its plugin loads."""
    project = prefix.parent / "whois"
    shutil.copytree(EXAMPLE, project)
    output_of("cmake", "-G", "Ninja", "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    found = [line for line in (build / "CMakeCache.txt").read_text().splitlines() if line.startswith("squall-sdk_DIR")]
    check(found == [f"squall-sdk_DIR:PATH={prefix}/share/cmake/squall-sdk"], f"the SDK was found in {found}")
    output_of("cmake", "--build", build)
    said = output_of(prefix / "bin/squall", "plugins", "info", "whois.query", "--plugin-path", build / "plugins")
    check("domain" in said, f"whois.query, built with {prefix}: {said}")
    run(make(prefix.parent, "lamp_bus", prefix / "bin"), prefix / "bin")
    make(prefix.parent, "visitors", prefix / "bin", "task", SQUALL_CACHE=str(prefix.parent / "cache of visitors"))


def check_library(prefix, **environment):
    """A scenario that names a source, with what was installed: the program finds the SDK beside it."""
    cache = prefix.parent / f"cache of {prefix.name}"
    plan = output_of(prefix / "bin/squall", "check", prefix / "share/doc/squall/examples/tasks/shop.yaml", SQUALL_CACHE=str(cache), **environment)
    check("shop.browse 3" in plan and len(list(cache.glob("libshop-*.so"))) == 1, f"{prefix}: a library from its source: {plan}")
    return cache


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    output_of("cmake", "--install", os.environ["BUILD_DIR"], "--prefix", folder / "installed")
    check_program(folder / "installed")
    check_sdk(folder / "installed", folder / "build")
    cache = check_library(folder / "installed")
    check(f"{folder}/installed/include/squall/abi.h\n" in next(cache.glob("*.files")).read_text(), "compiled with other headers than those installed")

    output_of("cpack", "-G", "DEB", "--config", pathlib.Path(os.environ["BUILD_DIR"]) / "CPackConfig.cmake", "-B", folder, cwd=folder)
    packages = {path.name.split("_")[0]: path for path in folder.glob("*.deb")}
    check(sorted(packages) == ["squall", "squall-sdk"], f"packages: {packages}")

    def field(package, name):
        return output_of("dpkg-deb", "--field", packages[package], name).strip()
    needs = field("squall", "Depends")
    check(all(library in needs for library in ("libssl3", "libmosquitto1", "libpaho-mqttpp3", "libc6")), f"needs {needs}")
    check(field("squall-sdk", "Architecture") == "all", "the SDK is for one architecture")
    wishes = field("squall-sdk", "Recommends")
    check(all(tool in wishes for tool in ("cmake", "ninja-build", "g++")), f"squall-sdk recommends {wishes}")
    for path in packages.values():
        output_of("dpkg-deb", "--extract", path, folder / path.name.split("_")[0])
    check_program(folder / "squall/usr")
    check(not (folder / "squall/usr/include").exists(), "headers in the program's package")
    scenario = folder / "squall/usr/share/doc/squall/examples/tasks/shop.yaml"
    done = subprocess.run([folder / "squall/usr/bin/squall", "check", scenario], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "SQUALL_CACHE": str(folder / "none")})
    check(done.returncode == 113 and "install squall-sdk, or name its folder in SQUALL_SDK" in done.stderr, f"without squall-sdk: {done}")
    check_library(folder / "squall/usr", SQUALL_SDK=str(folder / "squall-sdk/usr"))
    check((folder / "squall-sdk/usr/include/squall/plugin.hpp").exists(), "no plugin.hpp in squall-sdk")
    check((folder / "squall-sdk/usr/share/cmake/squall-sdk/squall-sdkConfig.cmake").exists(), "no CMake package in squall-sdk")
    for path in packages.values():
        print(f"{path.name}: {path.stat().st_size >> 10} KiB")
    print(f"squall needs {needs}")

conclude()
