"""squall plugins check of plugins that break a rule each: caught by the test that is about it, with words that name it.

tests/evil has them; those that are wrong before anything is called are the loader's to refuse."""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

squall, folder = sys.argv[1:3]
evil = os.path.join(folder, "evil", "libevil.so")

# operation: (the test that catches it, what it says)
CAUGHT = {
    "throws": ("calls", "an exception left it: thrown on purpose"),
    "throws_int": ("calls", "an exception left it"),
    "throws_later": ("calls", "an exception left it: thrown later"),
    "nonsense": ("calls", "an outcome that abi.h does not have"),
    "null_detail": ("calls", "a detail of NULL with a length of 12"),
    "huge_detail": ("calls", "a detail of 1099511627776 bytes"),
    "wild_detail": ("calls", "it ended by SIGSEGV"),
    "odd_output": ("calls", "output word is of type 99"),
    "null_output": ("calls", "output word is a text of NULL with a length of 10"),
    "huge_output": ("calls", "output word is a text of 8589934592 bytes"),
    "twice": ("calls", "a call was completed twice"),
    "never": ("calls", "complete() did not follow cancel() within 0.2 s"),
    "too_late": ("calls", "complete() did not follow cancel() within 0.2 s"),
    "stale": ("calls", "a released call was completed"),
    "after_session": ("calls", "a released call was completed"),
    "foreign": ("calls", "complete() is for the shard's thread alone"),
    "foreign_timer": ("calls", "timer_new() is for the shard's thread alone"),
    "greedy": ("calls", "more was consumed than was shown"),
    "closes_twice": ("calls", "a dead stream handle was used"),
    "leaves_stream": ("calls", "a stream was never closed"),
    "leaves_timer": ("calls", "a timer was never freed"),
    "leaves_watch": ("calls", "a watch was never ended"),
    "frees_twice": ("calls", "timer_free() on a timer that was freed"),
    "blocks": ("calls", "it did not come back within"),
    "exits": ("calls", "it ended the process by exit(3)"),
    "exits_beside": ("calls", "it ended the process by exit(4)"),
    "aborts": ("calls", "it ended by SIGABRT"),
    "crashes": ("calls", "it ended by SIGSEGV"),
    "crashes_later": ("calls", "it ended by SIGSEGV"),
    "crashes_beside": ("calls", "it ended by SIGSEGV"),
    "recurses": ("calls", "it ended by SIGSEGV"),
    "completes_null": ("calls", "it ended by SIGSEGV"),
    "breaks_heap": ("calls", "it ended by SIGABRT"),
    "leaks_files": ("calls", "of /dev/null"),
    "sets_locale": ("calls", "it changed the locale from 'C' to 'C.UTF-8'"),
    "phases": ("calls", "phases that are longer than the call"),
    "many_phases": ("calls", "phases that are longer than the call"),
    "future": ("calls", "it ended in the future"),
    "past": ("calls", "it ended before it began"),
    "first_byte": ("calls", "a first byte outside of the call"),
    "bytes": ("calls", "more bytes than can be"),
    "progress": ("calls", "progress() by more bytes than can be"),
    "strange_sample": ("calls", "samples.record() of an unknown session"),
    "future_sample": ("calls", "samples.record() of times or bytes that cannot be"),
    "odd_sample": ("calls", "samples.record() of an unknown outcome or kind"),
    "logs_nothing": ("calls", "log() of a text of NULL with a length"),
    "never_done": ("calls", "shard_close was not done within 10 s"),
    "done_twice": ("calls", "done() twice"),
    "no_session": ("calls", "session_open said SQ_OK and gave no session"),
    "slow_shard": ("calls", "it did not come back within"),
    "no_shard": ("calls", "shard_open failed: without a reason"),
    "no_step": ("parameters", "prepare of no_step fails without a reason"),
}
# What the loader alone sees, and what it says is held by must_show/evil_plugins.py.
REFUSED = ["entry_null", "root_short", "init_fails", "init_locale", "table_short", "op_twice", "param_odd"]
FOUND_LATER = {"open_crashes": ("options", "it ended by SIGSEGV"), "open_exits": ("options", "it ended the process by exit("),
               "close_crashes": ("options", "it ended by SIGSEGV"), "open_moves": ("options", "it changed ")}

# Where squall is built with a sanitizer: crashes are left to the kit, what else it finds ends the process by SIGABRT, and
# nothing of it is a report of the suite's.
sanitized = b"__asan_init" in open(squall, "rb").read()
reports = tempfile.TemporaryDirectory()
leave = f"handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:abort_on_error=1:detect_leaks=0:log_path={reports.name}/report"
tolerant = {name: f"{os.environ.get(name, '')}:{leave}" for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
if sanitized:   # a reference to NULL is seen before it is used
    CAUGHT["completes_null"] = ("calls", "it ended by SIGABRT")


def check(library, *words):
    done = subprocess.run([squall, "plugins", "check", library, *words], capture_output=True, text=True, timeout=120, close_fds=True,
                          env=dict(os.environ, EVIL_BLOCK_S="30", LC_ALL="C", **tolerant))
    return done.returncode, done.stdout + done.stderr


def failures(text):
    """Name of each test that failed, with what stands below it."""
    parts = re.split(r"^(?=(?:ok|FAILED)\s)", text, flags=re.M)
    return {part.split()[1]: part for part in parts if part.startswith("FAILED")}


def catch(library, test, words, *flags):
    code, text = check(library, "--test", test, "--limit", "5", *flags)
    found = failures(text)
    if code != 1 or words not in found.get(test, ""):
        return f"{os.path.basename(library)} {' '.join(flags)}: wanted '{words}' of the test {test}; exit code {code}\n{text}"
    return ""


jobs = [(evil, test, words, "--operation", operation) for operation, (test, words) in CAUGHT.items()]
jobs += [(os.path.join(folder, name, f"lib{name}.so"), test, words) for name, (test, words) in FOUND_LATER.items()]
wrong = []
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    wrong += [one for one in pool.map(lambda job: catch(*job), jobs) if one]
for name in REFUSED:
    code, text = check(os.path.join(folder, name, f"lib{name}.so"))
    if code != 1 or "loader" not in failures(text) or text.count("\n") > 4:
        wrong.append(f"{name}: wanted a refusal of the loader and no more; exit code {code}\n{text}")
# One that behaves passes, so it is the rule that is caught and not the plugin.
code, text = check(evil, "--operation", "well")
if code != 0:
    wrong.append(f"well: exit code {code}\n{text}")
described = set(re.findall(r'^    \{"([a-z_]+)"', open(os.path.join(os.path.dirname(__file__), "..", "evil", "evil.cpp")).read(), re.M)) - {"well"}
if described != set(CAUGHT):
    wrong.append(f"not in this table, or not in evil.cpp: {described ^ set(CAUGHT)}")
print(f"{len(jobs)} ways to break a rule, {len(REFUSED)} refusals, {len(wrong)} not as they should be")
sys.exit("\n".join(wrong) or 0)
