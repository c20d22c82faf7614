"""Each misbehaviour of a plugin has the outcome that docs/plugins.md gives it, named with the plugin and the function,
and the well-behaved operations beside it are counted as their server counted them.

The judge: the city, which counts requests, and the kernel, for how the process ended and that nothing of it is left. In
full each is done a hundred times. In a sanitizer's build the crashes stay ours (handle_segv=0), and where the sanitizer is
the first to see it, its exit code is expected.
"""
import concurrent.futures
import os
import re
import signal
import threading

from harness import (BIN, FULL, ROOT, City, expect, expect_closed, expect_equal, figure, file_path, show, squall, write_file)

TIMES = 100 if FULL else 1
WORKERS = 8 if FULL else 2
PLUGINS = os.path.join(os.path.dirname(BIN), "lib/squall/evil_plugins")
LIMIT_S = 60                 # 30 s of a thread that hangs, 10 s for a shard that does not close, and what a run takes
BLOCK_S = 10 if FULL else 2
GOOD, EVIL = 40, 3           # operations of each
FAULT = "plugin fault: plugin 'evil', in "
STREAM = "stream"            # its target is the city's echo


class Outcome:
    """Exit code 112 and a fault that begins so, unless said otherwise. `failed`: the evil operations that must fail,
    None: any number; `detail`: what results count them by."""

    def __init__(self, says, code=112, failed=EVIL, detail=None, count=EVIL, target="http", good=GOOD):
        self.says, self.code, self.failed, self.detail = says, code, failed, detail
        self.count, self.target, self.good = count, target, good


def lie(what, detail):
    return Outcome(FAULT + r"start: evil\.\w+: " + what + r" \(3 times\)", detail=detail)


ORDERLY = {
    "well": Outcome("", code=0, failed=0),
    "nonsense": lie("ended with an outcome or kind that does not exist", "unknown outcome or kind"),
    "null_detail": lie("has a detail of NULL with a length", "absurd detail"),
    "huge_detail": lie("has a detail longer than 64 KiB", "absurd detail"),
    "phases": lie("has phases that are longer than all of it", "absurd phases"),
    "many_phases": lie("has a phase of more than 36 years", "absurd phases"),
    "future": lie("ended before it began, or in the future", "absurd end"),
    "past": lie("ended before it began, or in the future", "absurd end"),
    "first_byte": lie("has a first byte before its begin or after its end", "absurd first byte"),
    "bytes": lie("moved more bytes than can be", "absurd bytes"),
    "twice": lie(r"complete\(\) twice", "completed twice"),
    "odd_output": Outcome(FAULT + "output: .*a value of a type that no output has", detail="output that cannot be"),
    "null_output": Outcome(FAULT + "output: .*a text of NULL with a length", detail="output that cannot be"),
    "huge_output": Outcome(FAULT + "output: .*a text longer than 64 MiB", detail="output that cannot be"),
    "progress": Outcome(FAULT + r"start: progress\(\) by more bytes", failed=0),
    "never": Outcome(FAULT + r"cancel: evil\.never: complete\(\) did not follow", detail="no answer to cancel"),
    "too_late": Outcome(FAULT + r"a timer's callback: evil\.too_late: complete\(\) on a call that is not in flight",
                        count=1, failed=1, detail="no answer to cancel", good=400),
    "stale": Outcome(FAULT + r"release: evil\.stale: complete\(\) on a call that is not in flight", failed=0, good=100),
    "after_session": Outcome(FAULT + r"session_close: .*complete\(\) on a call", failed=0),
    "foreign": Outcome(FAULT + r"a thread of its own: complete\(\) is for the shard's thread alone",
                       detail="completed on another thread"),
    "foreign_timer": Outcome(FAULT + r"a thread of its own: timer_new\(\) is for the shard's thread", failed=0),
    "greedy": Outcome(FAULT + "on_data: consumed more bytes than it was shown", target=STREAM),
    "closes_twice": Outcome(FAULT + r"on_closed: stream\.write\(\) on a stream after its on_closed", failed=0, target=STREAM),
    "leaves_stream": Outcome(FAULT + r"shard_close: left a stream open \(3 times\)", failed=0, target=STREAM),
    "leaves_timer": Outcome(FAULT + r"shard_close: left a timer that was never freed \(3 times\)", failed=0),
    "leaves_watch": Outcome(FAULT + "shard_close: left a descriptor watched", failed=0),
    "frees_twice": Outcome(FAULT + r"start: timer_free\(\) on a timer that was freed \(3 times\)", failed=0),
    "strange_sample": Outcome(FAULT + r"start: samples\.record\(\) of an unknown session", failed=0),
    "odd_sample": Outcome(FAULT + r"start: samples\.record\(\) of an unknown session, outcome or kind", failed=0),
    "future_sample": Outcome(FAULT + r"start: samples\.record\(\) of times or bytes that cannot be", failed=0),
    "no_session": Outcome(FAULT + "session_open: said SQ_OK and gave no session", detail="no session"),
    "done_twice": Outcome(FAULT + r"shard_close: done\(\) twice", failed=0),
    "never_done": Outcome(FAULT + r"shard_close: done\(\) did not come within 10 s", failed=0),
    "sets_locale": Outcome("one of the plugins '.*evil.*' changed the locale from .* while the run went on", failed=0),
    "logs_nothing": Outcome("a plugin logs a text of NULL with a length", code=0, failed=0),
    "leaks_files": Outcome("", code=0, failed=0),
}

CRASHES = {   # operation: (signal or exit code, what is said)
    "throws": (-signal.SIGABRT, "crashed in start .*SIGABRT, an exception that nobody caught: std::runtime_error: thrown on purpose"),
    "throws_int": (-signal.SIGABRT, "crashed in start .*an exception that nobody caught: int"),
    "throws_later": (-signal.SIGABRT, "crashed in a timer's callback .*std::logic_error: thrown later"),
    "aborts": (-signal.SIGABRT, "crashed in start .*SIGABRT"),
    "crashes": (-signal.SIGSEGV, "crashed in start .*SIGSEGV"),
    "crashes_later": (-signal.SIGSEGV, "crashed in a timer's callback .*SIGSEGV"),
    "crashes_beside": (-signal.SIGSEGV, "crashed on a thread of its own .*SIGSEGV"),
    "recurses": (-signal.SIGSEGV, "crashed in start .*SIGSEGV"),
    "wild_detail": (-signal.SIGSEGV, "crashed in complete, whose detail is read: SIGSEGV"),
    "completes_null": (-signal.SIGSEGV, "crashed in start .*SIGSEGV"),
    "exits": (109, r"called exit\(3\) in start"),
    "exits_beside": (109, r"called exit\(4\) on a thread of its own"),
}

AT_LOAD = {   # folder: (code, what is said)
    "constructor": (-signal.SIGSEGV, "plugin 'libconstructor.so' crashed in its constructors: SIGSEGV"),
    "init_crashes": (-signal.SIGSEGV, "plugin 'libinit_crashes.so' crashed in init"),
    "get_crashes": (-signal.SIGSEGV, "plugin 'libget_crashes.so' crashed in get_interface"),
    "open_crashes": (-signal.SIGSEGV, "plugin 'wrong' crashed in open"),
    "close_crashes": (-signal.SIGSEGV, "plugin 'wrong' crashed in close"),
    "init_exits": (113, r"plugin 'libinit_exits.so' called exit\(0\) in init"),
    "open_exits": (109, r"plugin 'wrong' called exit\(0\) in open"),
    "entry_null": (113, "its entry returned nothing"),
    "root_short": (113, "its descriptor is too short for this ABI"),
    "root_holes": (113, "its descriptor lacks id, version, init or get_interface"),
    "root_minor": (113, r"org\.example\.wrong 1 needs plugin ABI 1\.99, this squall has 1\.\d+ .*; update squall, or rebuild the plugin with -DSQ_TARGET_MINOR="),
    "root_flags": (113, "its descriptor has flags 0x10000000000, which this ABI does not know"),
    "init_fails": (113, "init failed: x{248}$"),
    "init_locale": (113, "its init changed the locale from 'C' to 'C.UTF-8'"),
    "init_folder": (113, "its init changed the working folder from .* to /"),
    "init_umask": (113, r"its init changed the umask from \d+ to 777"),
    "init_signal": (113, "its init changed what SIGTERM does"),
    "init_handler": (113, "its init changed what SIGSEGV does"),
    "table_short": (113, "its protocol table is incomplete"),
    "table_holes": (113, "its protocol table is incomplete"),
    "table_nameless": (113, "its protocol table is incomplete"),
    "op_short": (113, "an operation that is too short for this ABI or has no name"),
    "table_flags": (113, "protocol wrong has flags 0x2, which this ABI does not know"),
    "op_flags": (113, r"wrong\.well has flags 0x80000000, which this ABI does not know"),
    "op_nameless": (113, "an operation that is too short for this ABI or has no name"),
    "op_twice": (113, r"wrong\.well is described twice"),
    "param_odd": (113, "parameter 'odd' has type 99 and unit 0, which are unknown"),
    "param_nameless": (113, "a parameter that is too short for this ABI or has no name"),
    "param_reserved": (113, "declares a parameter 'timeout', which belongs to every operation"),
    "name_taken": (113, "protocol 'http' is already offered by"),
    "open_fails": (104, r"plugins\.wrong: the plugin gives no reason \(status -8\)"),
    "open_moves": (104, "plugin 'wrong' changed the working folder from .* to / in open"),
}

SCENARIO = """
targets: {{ http: "${{env.CITY_HTTP}}", stream: "${{env.CITY_TCP}}" }}
tasks:
  good: [ http.get: {{ to: http, path: /page/x, name: good }}, wait: 5ms ]
  evil:
    - evil.{op}: {{ to: {target}, timeout: 200ms, name: evil }}
      expect: {{ word: word }}
populations:
  good: {{ tasks: good, load: {{ users: 2 }}, stop_after: {{ iterations: {good} }} }}
  evil: {{ tasks: evil, load: {{ users: 1 }}, stop_after: {{ iterations: {count} }} }}
run: {{ valid: {{ lag: 10s }} }}
"""
WRONG = """
tasks: { wrong: [ wrong.well: { name: wrong } ] }
populations: { wrong: { tasks: wrong, load: { users: 1 }, stop_after: { iterations: 3 } } }
"""


def sanitizer():
    with open(os.path.join(BIN, "squall"), "rb") as file:
        content = file.read()
    return "asan" if b"__asan_init" in content else "tsan" if b"__tsan_init" in content else ""


def environment():
    """A sanitizer leaves crashes to squall here, and what it says of our evil is no report of the suite's. What a plugin that
    breaks a rule keeps for ever is its own; a leak of anybody else is one."""
    ours = f"handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0:log_path={file_path('sanitizer')}"
    names = {"EVIL_BLOCK_S": str(BLOCK_S)}
    for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
        names[name] = ":".join(filter(None, [os.environ.get(name), ours]))
    with open(os.path.join(ROOT, "tools/lsan-suppressions")) as file:
        leaks = write_file("leaks", "\n".join([file.read(), "leak:libevil.so", "leak:libcareless.so"]))
    names["LSAN_OPTIONS"] = f"suppressions={leaks}:print_suppressions=0"
    return names


def run(scenario, folder, city=None):
    ours = squall(scenario, "--shards", "1", "--plugin-path", os.path.join(PLUGINS, folder), env=environment(), city=city,
                  limit_s=LIMIT_S, prefix=("setsid",))
    try:   # setsid made it the leader of a group that has its number
        os.killpg(ours.process.pid, 0)
        expect(False, f"{folder}: something of it still runs")
    except ProcessLookupError:
        pass
    return ours


def run_beside(city, op, outcome):
    return run(SCENARIO.format(op=op, target=outcome.target, good=outcome.good, count=outcome.count), "evil", city)


def said(ours, words, what):
    text = ours.stderr()
    expect(re.search(words, text, re.M), f"{what}: says {text[-400:]!r} and not {words!r}")


_own = threading.local()


def own_city():
    """One a worker: what a city counts is then what this run made."""
    if getattr(_own, "city", None) is None or _own.city.process.poll() is not None:
        _own.city = City()
    return _own.city


def side_by_side(act, things):
    """Most of a run is waiting: several at once. Each thing `TIMES` times."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(act, [thing for thing in things for _ in range(TIMES)]))


def fault(evil):
    op, outcome = evil
    city = own_city()
    before = city.counters()["http"]["requests"]
    ours = run_beside(city, op, outcome)
    expect_equal(ours.code, outcome.code, f"{op}: exit code ({ours.last_line()})")
    said(ours, outcome.says, op)
    if not expect(ours.result is not None, f"{op}: no results"):
        return 0
    good, bad = ours.one(name="good"), ours.one(name="evil")
    expect_equal((good["count"], good["failed"]), (outcome.good, 0), f"{op}: good operations")
    expect_equal(city.counters()["http"]["requests"] - before, outcome.good, f"{op}: requests that the city saw")
    expect_equal((bad["count"], bad["failed"]), (outcome.count, outcome.failed), f"{op}: evil operations")
    if outcome.detail:
        expect_equal([(e["class"], e["detail"]) for e in bad["error_details"]], [("plugin", outcome.detail)],
                     f"{op}: what failed")
    sane = all(0 <= bad["response_ms"][k] < LIMIT_S * 1000 for k in bad["response_ms"])
    expect(sane and bad["received_bytes"] + bad["sent_bytes"] == 0, f"{op}: its figures are {bad}")
    expect_closed(ours, op)
    if op == "leaks_files":
        left = [w for w in ours.result["generator"]["warnings"] if "3 of /dev/null" in w]
        expect(left and "evil" in left[0], f"{op}: warnings {ours.result['generator']['warnings']}")
    return 1


def faults():
    seen = side_by_side(fault, ORDERLY.items())
    figure(f"{len(ORDERLY)} ways to break the rules, {seen} runs: each with its outcome, and {GOOD} or more good operations exact")


def blocking():
    """In start, and in shard_open, which comes before anything else; the good ones go on when it is over."""
    city = City()
    for op, place in (("blocks", "start"), ("slow_shard", "shard_open")):
        for _ in range(TIMES if op != "blocks" else min(TIMES, 5)):
            before = city.counters()["http"]["requests"]
            for _ in range(5):   # a machine that gave the thread no CPU meanwhile says so, and is asked again
                ours = run_beside(city, op, Outcome("", count=1))
                if re.search(r"plugin 'evil' \(libevil\.so\+0x", ours.stderr()):
                    break
                before = city.counters()["http"]["requests"]
            expect_equal(ours.code, 112, f"{op}: exit code ({ours.last_line()})")
            said(ours, rf"stood still for 1\.\d s or more: plugin 'evil' \(libevil\.so\+0x.*\) in {place}", op)
            good = ours.one(name="good")
            expect_equal((good["count"], good["failed"]), (GOOD, 0), f"{op}: good operations")
            expect_equal(city.counters()["http"]["requests"] - before, GOOD, f"{op}: requests that the city saw")
    figure(f"a thread that is held up for {BLOCK_S} s is told with plugin, place and function; the run is invalid")


def many_faults():
    """A plugin that breaks every rule on every call ends the run, long before its million operations."""
    city = City()
    ours = run_beside(city, "nonsense", Outcome("", count=1_000_000, good=1_000_000))
    expect_equal(ours.code, 112, f"exit code ({ours.last_line()})")
    stops = [e["text"] for e in ours.result["journal"] if e["event"] == "stop"]
    expect(stops and "plugins broke" in stops[0] and "evil.nonsense" in stops[0], f"the journal's stop: {stops}")
    expect_equal(ours.one(name="good")["failed"], 0, "good operations that failed")
    expect_closed(ours, "many faults")
    figure(f"after {ours.one(name='evil')['failed']} faults: {stops}")


def crash(evil):
    op, (code, words) = evil
    ours = run_beside(own_city(), op, Outcome(""))
    if op == "completes_null" and sanitizer() == "asan":   # a reference to NULL
        expect(ours.code not in (0, 112), f"{op}: exit code {ours.code}")
        return 1
    expect_equal(ours.code, code, f"{op}: exit code ({ours.last_line()})")
    said(ours, f"^squall: plugin 'evil' {words}", op)
    if not expect(ours.result is not None, f"{op}: no results"):
        return 0
    expect_equal(ours.result["exit_code"], 109, f"{op}: the result's exit code")
    expect(re.search(f"plugin 'evil' {words}", ours.result["reasons"][0]), f"{op}: reasons {ours.result['reasons']}")
    expect(os.path.exists(os.path.join(ours.folder, "journal.jsonl")), f"{op}: no journal")
    return 1


def crashes():
    seen = side_by_side(crash, CRASHES.items())
    figure(f"{len(CRASHES)} ways to crash or to exit, {seen} runs: named, with results, and ended as it should")


def break_heap(op):
    ours = run_beside(own_city(), op, Outcome(""))
    if sanitizer():   # TSan's heap forgives a block that is freed twice
        expect(sanitizer() == "tsan" or ours.code not in (0, 112), f"exit code {ours.code}")
        return 1
    expect_equal(ours.code, -signal.SIGABRT, f"exit code ({ours.last_line()})")
    said(ours, "^squall: plugin 'evil' crashed in start .*SIGABRT", "a broken heap")
    return 1


def broken_heap():
    """Who writes results may need the heap: they come or do not, but within 10 s the process is gone, and named."""
    figure(f"a broken heap: {side_by_side(break_heap, ['breaks_heap'])} runs")


def load(evil):
    folder, (code, words) = evil
    ours = run(write_file("wrong.yaml", WRONG), folder)
    expect_equal(ours.code, code, f"{folder}: exit code ({ours.last_line()})")
    said(ours, words, folder)
    return 1


def refuse(evil):
    op, code, words = evil
    ours = run_beside(own_city(), op, Outcome(""))
    expect_equal(ours.code, code, f"{op}: exit code ({ours.last_line()})")
    said(ours, words, op)
    return 1


def at_load():
    seen = side_by_side(load, AT_LOAD.items())
    seen += side_by_side(refuse, [("no_step", 104, r"evil\.no_step: the plugin gives no reason \(status -1\)"),
                                  ("no_shard", 109, r"plugin 'evil' cannot open its shard: the plugin gives no reason \(status -8\)")])
    figure(f"{len(AT_LOAD) + 2} plugins that are wrong from the begin, {seen} runs: each in a sentence")


if __name__ == "__main__":
    show(faults, blocking, many_faults, crashes, broken_heap, at_load)
