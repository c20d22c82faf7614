"""The whole default suite under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer: no test
fails, no program that a test starts says anything, and nothing of ours is suppressed.

The judges: the sanitizers. `tools/test --sanitizer` builds (build/asan, build/tsan) and runs, as `tools/test --all`
does. Half an hour; the builds are kept.
"""
import os
import re
import subprocess

from harness import ROOT, expect, expect_equal, figure, file_path, program, show, start

OURS = ("core", "plugins", "sdk", "tools/city", "tools/squall")
# A library as such for what it does to mutexes; for races only the end of objects that its own atomics count.
FOREIGN = re.compile(r"mutex:lib(mosquitto|paho-mqtt\w+)\.so$|race:std::shared_ptr<mqtt::$|race:\^mqtt::\w+::~\w+$")


def under(preset):
    log = file_path(f"{preset}.log")
    with open(log, "w") as file:
        code = start([os.path.join(ROOT, "tools/test"), "--sanitizer", preset], stdin=subprocess.DEVNULL, stdout=file,
                     stderr=subprocess.STDOUT).wait()
    with open(log, errors="replace") as file:
        text = file.read()
    expect_equal(code, 0, f"{preset}: exit code ({' / '.join(text.strip().splitlines()[-3:])})")
    counted = re.search(r"\d+% tests passed, (\d+) tests failed out of (\d+)", text)
    reports = re.search(rf"^{preset}: (\d+) reports$", text, re.M)
    if not expect(counted and reports, f"{preset}: the suite did not come to its end"):
        return
    skipped = re.findall(r"^\s*\d+ - (\S+) \((?:Skipped|Not Run)\)", text, re.M)
    figure(f"{preset}: {counted[2]} tests, {counted[1]} failed, {len(skipped)} skipped {skipped}, {reports[1]} reports")
    expect_equal(int(counted[1]), 0, f"{preset}: failed tests")
    expect(int(counted[2]) > 500, f"{preset}: only {counted[2]} tests")
    expect_equal(int(reports[1]), 0, f"{preset}: reports")
    for first in sorted(set(re.findall(r"^(?:SUMMARY: .*|.*: runtime error: .*)$", text, re.M))):
        figure(f"{preset}: {first}")
    expect_instrumented(preset)


def expect_instrumented(preset):
    """A build without the sanitizer would report nothing either."""
    symbol = {"asan": "__asan_init", "tsan": "__tsan_init"}[preset]
    for name in ("bin/squall", "bin/city", "lib/squall/plugins/libhttp.so"):
        symbols = subprocess.run([program("nm"), "-D", os.path.join(ROOT, "build", preset, name)], capture_output=True,
                                 text=True).stdout
        expect(symbol in symbols, f"{preset}: {name} is not instrumented")


def asan():
    expect_foreign("lsan", re.compile(r"leak:lib(paho-mqtt\w+)\.so$"))
    under("asan")


def expect_foreign(sanitizer, foreign):
    with open(os.path.join(ROOT, f"tools/{sanitizer}-suppressions")) as file:
        entries = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    for entry in entries:
        expect(foreign.match(entry), f"'{entry}' in tools/{sanitizer}-suppressions is no library of others")
    figure(f"{sanitizer}: suppressed are {entries}")


def tsan():
    expect_foreign("tsan", FOREIGN)
    marked = subprocess.run(["grep", "-rlE", "no_sanitize|no_address_safety|__(asan|lsan|tsan)_", *OURS], cwd=ROOT,
                            capture_output=True, text=True)
    expect_equal(marked.stdout.split(), [], "files of ours that tell a sanitizer to look away")
    under("tsan")


show(asan, tsan)
