"""One program, pinned to a core, and what it cost: wait4() of that process alone, user and system apart.

Not here: what the figures mean. Pinning is taskset's, which becomes the program and adds no process.
"""
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass


class RunFailed(Exception):
    """A tool did not do what was asked; the table says so and the next one is run."""


@dataclass
class Used:
    user_s: float
    system_s: float
    wall_s: float
    sleeps: int  # times it gave its core away because it had nothing to do
    code: int
    out: str
    err: str

    @property
    def cpu_s(self):
        return self.user_s + self.system_s


def pinned(argv, core):
    return [str(word) for word in (["taskset", "-c", core] if core is not None else []) + list(argv)]


def cpu_so_far(pid):
    """(user, all) seconds of a running process, its ended threads included, by its CPU clocks."""
    clock = ~pid << 3  # as clock_getcpuclockid() makes them: + 1 is user time, + 2 what the scheduler counted
    return time.clock_gettime(clock + 1), time.clock_gettime(clock + 2)


def run(argv, core=None, env=None, limit_s=180, codes=(0,), meanwhile=None):
    """Runs it to its end. A code that is not in `codes` raises RunFailed with the last words of the program.
    `meanwhile(pid)` is called while it runs."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen(pinned(argv, core), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 env={**os.environ, **(env or {})})
        killer = threading.Timer(limit_s, child.kill)
        killer.start()
        try:
            if meanwhile:
                meanwhile(child.pid)
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            killer.cancel()
        wall_s = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)  # Popen must not wait for it again
        out.seek(0)
        err.seek(0)
        used = Used(usage.ru_utime, usage.ru_stime, wall_s, usage.ru_nvcsw, child.returncode,
                    out.read().decode(errors="replace"), err.read().decode(errors="replace"))
    if codes is not None and used.code not in codes:
        last = (used.err.strip() or used.out.strip() or "no output").splitlines()[-1]
        raise RunFailed(f"{os.path.basename(str(argv[0]))} ended with {used.code}: {last}")
    return used


class Background:
    """A program that runs while a table is made: servers, and generators that are looked at meanwhile."""

    def __init__(self, argv, core=None, env=None):
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(pinned(argv, core), stdin=subprocess.DEVNULL, stdout=self._log,
                                        stderr=self._log, env={**os.environ, **(env or {})})

    def log(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def ended(self):
        return self.process.poll() is not None

    def until(self, holds, what, limit_s=30):
        """Polls until `holds()`; a program that ended meanwhile, or the limit, raises RunFailed."""
        deadline = time.monotonic() + limit_s
        while not holds():
            if self.ended() or time.monotonic() > deadline:
                last = (self.log().strip() or "no output").splitlines()[-1]
                raise RunFailed(f"no {what}: {os.path.basename(str(self.process.args[0]))} says: {last}")
            time.sleep(0.05)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise RunFailed("the program has no memory any more")

    def stop(self, signals=(signal.SIGTERM,)):
        for number in signals:
            if self.ended():
                break
            self.process.send_signal(number)
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
        if not self.ended():
            self.process.kill()
            self.process.wait()
        self._log.close()
