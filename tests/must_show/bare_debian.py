"""Two commands on a bare Debian 12: `tools/demo` shows the city and `tools/test` passes, both again in seconds, with
nothing left running and nothing of ours outside the checkout.

The judges: debootstrap's smallest Debian with a clone of what is committed, /proc, and a second such Debian in which
apt alone installed the same packages. As root, about 25 minutes.
"""
import contextlib
import hashlib
import os
import re
import stat
import subprocess
import time

from bare_root import Inside, debootstrap, last_words, need_root_and_space, new_root, processes_of
from harness import ROOT, Skipped, expect, expect_equal, figure, program, show

CHECKOUT = "/opt/squall"
FREE_BYTES = 8 << 30
AGAIN_LIMIT_S = 60
# Made anew by every installation, and never the same twice.
VOLATILE = re.compile(r"/etc/(ld\.so\.cache|[a-z]*shadow-?|group-?|passwd-?|machine-id)$|/usr/.*\.pyc$")


# ---- files -------------------------------------------------------------------------------------------------

def tree(root):
    """{path: what it is} of the root without the checkout; of a file enough to see that it changed."""
    found = {}
    for at, folders, files in os.walk(root):
        if at == root + os.path.dirname(CHECKOUT):
            folders[:] = set(folders) - {os.path.basename(CHECKOUT)}
        for name in folders + files:
            path = os.path.join(at, name)
            about = os.lstat(path)
            what = (stat.S_IFMT(about.st_mode), about.st_uid)
            if stat.S_ISREG(about.st_mode):
                what += (about.st_size, about.st_mtime_ns, about.st_ino)
            found[path[len(root):]] = what
    return found


def content(root, path):
    full = root + path
    if os.path.islink(full):
        return os.readlink(full)
    with open(full, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def expect_only_packages(root, control, bare):
    """Beside the checkout is what apt leaves: the same names, and in /etc, /usr and homes the same content."""
    ours, theirs = tree(root), tree(control)
    foreign = sorted(set(ours) - set(theirs))
    expect_equal(foreign, [], "files outside the checkout that no package brought")
    changed = [path for path, what in ours.items() if path in theirs and stat.S_IFMT(what[0]) != stat.S_IFDIR
               and path.startswith(("/etc/", "/usr/", "/root/", "/home/", "/opt/", "/srv/"))
               and not VOLATILE.match(path) and content(root, path) != content(control, path)]
    expect_equal(sorted(changed), [], "files outside the checkout with content that no package gave them")
    figure(f"{len(ours) - len(bare)} files and folders came beside the checkout; "
           f"{len(foreign)} of them by other than packages, {len(changed)} with other content")


# ---- the promise -------------------------------------------------------------------------------------------

def expect_nothing_runs(root, what):
    deadline = time.monotonic() + 2  # a child that was told to end may still be on its way
    while processes_of(root) and time.monotonic() < deadline:
        time.sleep(0.05)
    expect_equal(processes_of(root), {}, f"{what}: processes left running")


def demo(root, what):
    report = root + CHECKOUT + "/demo-report.html"
    with contextlib.suppress(FileNotFoundError):
        os.remove(report)
    run = Inside(root, CHECKOUT + "/tools/demo")
    expect_equal(run.code, 0, f"{what}: exit code ({last_words(run.log)})")
    if expect(os.path.exists(report), f"{what}: no report"):
        with open(report) as file:
            expect("passed" in file.read(), f"{what}: the report does not say passed")
    expect_nothing_runs(root, what)
    figure(f"{what}: {run.took_s:.0f} s")
    return run


def test(root, what):
    """Returns the seconds that were not the tests' own."""
    run = Inside(root, CHECKOUT + "/tools/test")
    text = run.text()
    expect_equal(run.code, 0, f"{what}: exit code ({last_words(run.log)})")
    expect_nothing_runs(root, what)
    counted = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", text)
    took = re.search(r"Total Test time \(real\) =\s*([\d.]+) sec", text)
    if not expect(counted and took, f"{what}: no closing lines of ctest ({last_words(run.log)})"):
        return run.took_s
    skipped = re.findall(r"^\s*\d+ - (\S+) \((?:Skipped|Not Run)\)", text, re.M)
    expect_equal(int(counted[2]), 0, f"{what}: failed tests")
    expect(int(counted[3]) > 500, f"{what}: only {counted[3]} tests")
    figure(f"{what}: {run.took_s:.0f} s, of them the tests {float(took[1]):.0f} s; {counted[3]} tests, "
           f"{len(skipped)} skipped {skipped}")
    return run.took_s - float(took[1])


def expect_soon(took_s, what):
    expect(took_s < AGAIN_LIMIT_S, f"{what}: {took_s:.0f} s, {AGAIN_LIMIT_S} s are allowed")


def packages():
    with open(os.path.join(ROOT, "tools/packages")) as file:
        lines = dict(line.strip().split(": ", 1) for line in file if re.match(r"\w+: ", line))
    return [name for group in ("build", "demo", "test") for name in lines[group].split()]


def install_as_apt_does(control):
    script = "apt-get update -q && apt-get install -q -y --no-install-recommends \"$@\""
    run = Inside(control, "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script, "sh", *dict.fromkeys(packages()))
    if run.code != 0:
        raise Skipped(f"apt cannot install the packages here: {last_words(run.log)}")


def clone(root):
    subprocess.run([program("git"), "clone", "--quiet", "--no-hardlinks", ROOT, root + CHECKOUT], check=True)

    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout.strip()
    changed = git("status", "--porcelain")
    figure(f"commit {git('rev-parse', '--short', 'HEAD')}" + (", without what is not committed" if changed else ""))


def two_commands():
    need_root_and_space(FREE_BYTES)
    program("git")
    with new_root() as root, new_root() as control:
        debootstrap(root)
        bare = tree(root)
        subprocess.run(["cp", "-a", root + "/.", control], check=True)
        clone(root)
        expect(len(bare) > 1000 and not os.path.exists(root + "/usr/bin/g++"), "the root is not bare")

        demo(root, "tools/demo, the first time")
        expect(os.path.exists(root + "/usr/bin/g++"), "nothing was installed in the root")
        test(root, "tools/test, the first time")
        first = tree(root)
        install_as_apt_does(control)
        expect_only_packages(root, control, bare)

        again = demo(root, "tools/demo, the second time")
        expect_soon(again.took_s, "tools/demo, the second time")
        beside_s = test(root, "tools/test, the second time")
        figure(f"tools/test, the second time: {beside_s:.0f} s beside the tests")
        expect_soon(beside_s, "tools/test, the second time, beside the tests")
        second = tree(root)
        differs = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
        expect_equal(differs, [], "files outside the checkout that the second time made, changed or took away")


show(two_commands)
