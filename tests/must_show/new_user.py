"""What somebody made who had the pages and the installed program alone: syslog over UDP (RFC 5424). It builds out of tree, passes
its own test and the conformance kit, exports its entry alone, and a server that takes RFC 5424 at its word has received what
squall counts: to an address, to a name that is looked up first, and to where nobody listens.

What was unclear to him, and what became of it, is told in docs/proofs.md.
"""
import json
import os
import signal
import socket
import subprocess
import sys

from harness import BIN, FULL, expect, expect_equal, figure, free_port, program, show

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples"))
from example import built, command, folder_of, plugin_path, run_with, steps, why  # noqa: E402

RATE, SECONDS = 1000, 10 if FULL else 3


class Syslog:
    """The stranger's server; stop() says what it has counted."""
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, os.path.join(folder_of("syslog"), "server.py"), "0"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        text, _ = self.process.communicate(timeout=20)
        return json.loads(text)


def icmp_errors(run):
    return sum(target["icmp_errors"] for target in run.result["connections"])


def it_builds_and_passes_its_test_and_the_kit():
    folder = built("syslog")
    expect("100% tests passed" in command("ctest", "--test-dir", folder), "its own test")
    library = f"{folder}/plugins/libsyslog.so"
    symbols = command("nm", "-D", "--defined-only", library).split("\n")
    expect_equal([line.split()[-1] for line in symbols if line], ["squall_plugin_entry_v1"], "exported symbols")
    text = command(os.path.join(BIN, "squall"), "plugins", "check", library)
    expect("tests of the kit passed" in text, text)
    figure(text.splitlines()[-1])


def counts_equal(host):
    server = Syslog()
    run = run_with("syslog", os.path.join(folder_of("syslog"), "syslog.yaml"), "--for", f"{SECONDS + 2}s",
                   "--iterations", str(RATE * SECONDS), env={"SYSLOG_SERVER": f"udp://{host}:{server.port}"})
    theirs = server.stop()
    sent = run.one(name="syslog.send")
    expect_equal((sent["count"], sent["failed"]), (RATE * SECONDS, 0), f"messages ({run.stderr()[-300:]})")
    expect_equal((theirs["messages"], theirs["good"], theirs.get("bad", 0), theirs.get("content_wrong", 0)),
                 (RATE * SECONDS, RATE * SECONDS, 0, 0), f"received ({theirs['wrong']})")
    expect_equal((theirs["distinct"], theirs["bytes"]), (RATE * SECONDS, sent["sent_bytes"]), "each once, bytes")
    expect_equal(icmp_errors(run), 0, "ICMP errors")
    figure(f"{host}: {theirs['messages']} messages, {theirs['bytes']} bytes, each once, all RFC 5424")


def an_address():
    counts_equal("127.0.0.1")


def a_name_that_is_looked_up_first():
    counts_equal("localhost")


def nobody_listens():
    run = run_with("syslog", steps(f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}", "syslog.send: { message: lost }", iterations=20))
    failures = why(run, "syslog.send")   # a host answers few a second, and the last answer comes too late
    failed = failures.get(("receive", "ICMP: an earlier message did not arrive"), 0)
    expect(len(failures) == 1 and 0 < failed < 20, f"failures are {failures}")
    expect(icmp_errors(run) >= failed, f"ICMP errors: {icmp_errors(run)}, and {failed} messages failed by them")
    expect("did not arrive" in " ".join(run.result["generator"]["warnings"]), "no warning")


program("nm")
show(it_builds_and_passes_its_test_and_the_kit, an_address, a_name_that_is_looked_up_first, nobody_listens)
