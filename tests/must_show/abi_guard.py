"""No change that breaks a plugin out there gets through: abi.h is broken on purpose in each way that has happened to others, and
the nets of tests/abi tell; a change that the policy allows passes all of them.

The figures say which net told of which break. The nets run on copies of the header alone.
"""
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

from harness import FOLDER, Skipped, expect, expect_equal, figure, show

ABI = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "abi")
sys.path.insert(0, ABI)
import guard  # noqa: E402

NETS = ("compile", "layout", "dump")

# What is done to the header: text that is there once, and what stands there instead.
BREAKS = {
    "two fields change places": ("uint64_t bytes_out, bytes_in;         /*", "uint64_t bytes_in, bytes_out;         /*"),
    "two functions of one signature change places": (
        "  SQ_FN(void, shutdown, (sq_stream *));                  /* half-close after queued writes [shard] */\n"
        "  SQ_FN(void, close, (sq_stream *));                     /* abort; on_closed follows [shard] */\n",
        "  SQ_FN(void, close, (sq_stream *));\n  SQ_FN(void, shutdown, (sq_stream *));\n"),
    "a field has another name": ("start_ns, deadline_ns;  /*", "start_ns, limit_ns;  /*"),
    "a field is shorter": ("uint32_t struct_size, flags; uint64_t number; ", "uint32_t struct_size, flags; uint32_t number, spare; "),
    "a field has another sign": ("  int32_t  code;  ", "  uint32_t code;  "),
    "a field is a number of another kind": ("typedef struct sq_gauge { sq_str name; double value;", "typedef struct sq_gauge { sq_str name; uint64_t value;"),
    "an array is shorter": ("phase_ns[16]", "phase_ns[8]"),
    "a reserved word is gone": ("uint32_t type;                                                        /* SQ_T_* */\n  uint32_t reserved;\n",
                                "uint64_t type;\n"),
    "struct_size is gone": ("typedef struct sq_calls_api {\n  uint32_t struct_size, flags;", "typedef struct sq_calls_api {\n  uint64_t flags;"),
    "a field in the middle": ("  void *owner_data; ", "  void *more;\n  void *owner_data; "),
    "a field at the beginning": ("  SQ_FN(uint64_t, size, (sq_source *)); ", "  void *more;\n  SQ_FN(uint64_t, size, (sq_source *)); "),
    "a field at the end, not under a target minor": ("                    /* flush, then done() [shard io] */\n} sq_output;",
                                                     "\n  void *more;\n} sq_output;"),
    "padding that nobody named": ("                    /* flush, then done() [shard io] */\n} sq_output;", "\n  uint32_t more;\n} sq_output;"),
    "two enumerators change places": ("SQ_T_LIST, SQ_T_MAP,", "SQ_T_MAP, SQ_T_LIST,"),
    "an enumerator in the middle": ("SQ_K_CLOSED,\n", "SQ_K_CLOSED, SQ_K_NEW,\n"),
    "an enumerator is gone": ("SQ_FD_WRITE = 2u, SQ_FD_ERROR = 4u", "SQ_FD_WRITE = 2u"),
    "a flag has another bit": ("SQ_S_DIRECT = 1u << 1", "SQ_S_DIRECT = 1u << 2"),
    "an error has another code": ("SQ_E_IO = -7", "SQ_E_IO = -17"),
    "an id has another text": ('SQ_LOOP_V1 "squall.loop/1"', 'SQ_LOOP_V1 "squall.loops/1"'),
    "an id has another text of the same length": ('SQ_STREAM_V1 "squall.stream/1"', 'SQ_STREAM_V1 "squall.stream/2"'),
    "the entry has another name": ('"squall_plugin_entry_v1"', '"squall_plugin_entry_v2"'),
    "a macro has another value": ("SQ_PARAM_TO 0xFFFFFFFFu", "SQ_PARAM_TO 0xFFFFFFFEu"),
    "the buckets of histograms change": ("(uint32_t)(i) < 1024u ?", "(uint32_t)(i) < 2048u ?"),
    "a parameter more": ("SQ_FN(void, cancel, (void *sess, sq_call *));", "SQ_FN(void, cancel, (void *sess, sq_call *, uint32_t why));"),
    "a parameter of another type": ("SQ_FN(void, timer_set, (sq_timer *, uint64_t at_ns));", "SQ_FN(void, timer_set, (sq_timer *, int64_t at_ns));"),
    "a handle of another kind": ("SQ_FN(void, unwatch, (sq_watch *));", "SQ_FN(void, unwatch, (sq_timer *));"),
    "a function returns something else": ("SQ_FN(void, release, (void *sess, sq_call *));", "SQ_FN(sq_status, release, (void *sess, sq_call *));"),
    "a const is gone": ("SQ_FN(void, start, (void *sess, const void *prepared, const sq_value *args,",
                        "SQ_FN(void, start, (void *sess, const void *prepared, sq_value *args,"),
    "a const comes": ("  SQ_FN(void, complete, (sq_call *));", "  SQ_FN(void, complete, (const sq_call *));"),
    "noexcept is gone": ("#define SQ_NOEXCEPT noexcept ", "#define SQ_NOEXCEPT "),
    "a type has another name": ("typedef struct sq_event { uint64_t unix_ns; sq_str kind, text; } sq_event;",
                                "typedef struct sq_note { uint64_t unix_ns; sq_str kind, text; } sq_note;\n#define sq_event sq_note\n"),
}

ALLOWED = {
    "a field and a function at the end, under the next target minor": (
        "                    /* flush, then done() [shard io] */\n} sq_output;",
        "\n#if SQ_TARGET_MINOR >= NEXT\n  uint64_t more;\n  SQ_FN(void, pause, (void *inst));\n#endif\n} sq_output;"),
    "a field at the end of what the host allocates, under the next target minor": (
        "  uint32_t flags, reserved;             /* host sets: SQ_CALL_* */\n} sq_call;",
        "  uint32_t flags, reserved;\n#if SQ_TARGET_MINOR >= NEXT\n  uint64_t more;\n#endif\n} sq_call;"),
    "a table with an id of its own": (
        "/* ---- reserved:", '#define SQ_METRICS_V1 "squall.metrics/1"\ntypedef struct sq_metrics_api {\n  uint32_t struct_size, flags;\n'
        "  SQ_FN(void, add, (sq_user *, sq_str name, double));\n} sq_metrics_api;\n/* ---- reserved:"),
    "a kind at the end": ("       SQ_K_TIMEOUT /*", "       SQ_K_TIMEOUT, SQ_K_NEW /*"),
    "a flag more": ("enum { SQ_OP_BULK = 1u << 0", "enum { SQ_OP_NEW = 1u << 1, SQ_OP_BULK = 1u << 0"),
    "other words in a comment": ("/* async: sq_loop.done(d) when idle [shard] */", "/* asynchronous [shard] */"),
}


def nets():
    """Those whose tools are there. Without abidiff the script cannot show what it is for."""
    for net in NETS:
        if tool := guard.missing_tool(net):
            raise Skipped(f"{tool} is not installed")
    return NETS


def tellers(number, change):
    """The nets that tell of a header with that change."""
    with open(os.path.join(guard.INCLUDE, "squall/abi.h")) as file:
        text = file.read()
    old, new = change
    if text.count(old) != 1:
        raise AssertionError(f"the header has {text.count(old)} times: {old!r}")
    text = text.replace(old, new)
    next_minor = guard.newest_minor(guard.INCLUDE) + 1
    if f"SQ_TARGET_MINOR >= {next_minor}" in text:
        text = re.sub(r"^#define SQ_ABI_MINOR \d+u", f"#define SQ_ABI_MINOR {next_minor}u", text, flags=re.M)
    include = os.path.join(FOLDER, f"header-{number}")
    os.makedirs(os.path.join(include, "squall"))
    with open(os.path.join(include, "squall/abi.h"), "w") as file:
        file.write(text)
    return [net for net in nets() if any(said for _, said in guard.all_said(net, include))]


def tellers_of_all(changes, kind):
    """(name, nets that tell) of each, side by side."""
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        numbers = [f"{kind}-{i}" for i in range(len(changes))]
        return list(zip(changes, workers.map(tellers, numbers, changes.values())))


def the_header_of_today_holds():
    expect_equal([net for net in nets() if any(said for _, said in guard.all_said(net, guard.INCLUDE))], [], "nets that tell of nothing")


def each_break_is_told():
    of_net = dict.fromkeys(NETS, 0)
    for name, told in tellers_of_all(BREAKS, "broken"):
        figure(f"{name}: {', '.join(told) or 'NOBODY'}")
        expect("layout" in told or "dump" in told, f"nobody tells: {name}")
        for net in told:
            of_net[net] += 1
    figure(f"{len(BREAKS)} breaks; told by " + ", ".join(f"{net} {count}" for net, count in of_net.items()))


def what_may_change_passes():
    next_minor = str(guard.newest_minor(guard.INCLUDE) + 1)
    changes = {name: (old, new.replace("NEXT", next_minor)) for name, (old, new) in ALLOWED.items()}
    for name, told in tellers_of_all(changes, "allowed"):
        expect_equal(told, [], f"nets that tell of what is allowed: {name}")
    figure(f"{len(ALLOWED)} changes that are allowed pass")


show(the_header_of_today_holds, each_break_is_told, what_may_change_passes)
