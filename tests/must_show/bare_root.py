"""A bare Debian 12 in a folder, and commands in it: debootstrap's smallest, /proc, /sys and /dev of this machine. As root.
Every mount is made in a namespace of its command, so none outlives it and none is seen from outside."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness import Skipped, end_process, file_path, program, start, wait_until

COMMAND_LIMIT_S = 3600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTER = f"""for name in proc sys dev; do mount --bind "/$name" "$0/$name" || exit 125; done
exec chroot "$0" /usr/bin/env -i PATH={PATH} HOME=/root "$@" """


def need_root_and_space(free_bytes):
    if os.geteuid() != 0:
        raise Skipped("a root of its own needs root")
    for name in ("debootstrap", "unshare", "chroot", "mount"):
        program(name)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < free_bytes:
        raise Skipped(f"{free / 1e9:.1f} GB are free in {tempfile.gettempdir()}, {free_bytes / 1e9:.1f} are needed")


def processes_of(root):
    """{pid: command line} of all that call this folder their root."""
    found, ours = {}, os.stat(root)
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(f"/proc/{name}/root"), ours):
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    found[int(name)] = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def remove(root):
    for pid in processes_of(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(root), "the last process of the root to end")
    with open("/proc/self/mounts") as file:
        mounted = [line.split()[1] for line in file if line.split()[1].startswith(root + "/")]
    if mounted:
        raise AssertionError(f"{root} is left: {mounted} are mounted")
    shutil.rmtree(root)


@contextlib.contextmanager
def new_root():
    root = os.path.realpath(tempfile.mkdtemp(prefix="must-show-root-"))
    try:
        os.chmod(root, 0o755)
        yield root
    finally:
        remove(root)


def debootstrap(root):
    log = file_path("debootstrap.log")
    with open(log, "w") as file:
        words = [program("unshare"), "--mount", program("debootstrap"), "--variant=minbase", "bookworm", root]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Skipped(f"no bare Debian can be made here: {last_words(log)}")


def last_words(log, count=3):
    with open(log, errors="replace") as file:
        return " / ".join(line.strip() for line in file.read().strip().splitlines()[-count:])


class Inside:
    """A command in the root, from its start to its end, with no terminal and a bare environment."""

    def __init__(self, root, *words):
        self.log, begun = file_path("inside.log"), time.monotonic()
        with open(self.log, "w") as file:
            process = start([program("unshare"), "--mount", "sh", "-c", ENTER, root, *words], stdin=subprocess.DEVNULL,
                            stdout=file, stderr=subprocess.STDOUT, cwd="/")
            try:
                self.code = process.wait(COMMAND_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.code = f"none within {COMMAND_LIMIT_S} s"
            end_process(process)
        self.took_s = time.monotonic() - begun

    def text(self):
        with open(self.log, errors="replace") as file:
            return file.read()
