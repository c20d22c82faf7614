#!/usr/bin/env python3
"""grow.py HEADER OUT: abi.h as the next minor might have it, by the rules of docs/abi-policy.md: for tests of hosts and plugins of two minors.

What a host allocates gets a field (sq_batch.dropped), what a plugin allocates a function (sq_output.pause), and a table comes with an id of its own
(squall.clock/1). Prints the minor.
"""
import re
import sys

GROWTH = (
    ("  const sq_event *events; uint64_t n_events;\n} sq_batch;",
     "  const sq_event *events; uint64_t n_events;\n#if SQ_TARGET_MINOR >= {minor}\n  uint64_t dropped;\n#endif\n}} sq_batch;"),
    ("/* flush, then done() [shard io] */\n} sq_output;",
     "/* flush, then done() [shard io] */\n#if SQ_TARGET_MINOR >= {minor}\n  SQ_FN(void, pause, (void *inst, uint64_t ns));\n#endif\n}} sq_output;"),
    ("/* ---- reserved:",
     '#define SQ_CLOCK_V1 "squall.clock/1"\ntypedef struct sq_clock_api {{\n  uint32_t struct_size, flags;\n  SQ_FN(uint64_t, unix_ns, (void));\n'
     "}} sq_clock_api;\n\n/* ---- reserved:"),
)


def grown(text):
    """(the header one minor later, that minor)."""
    minor = int(re.search(r"^#define SQ_ABI_MINOR (\d+)u", text, re.M).group(1)) + 1
    for old, new in GROWTH:
        if text.count(old) != 1:
            raise ValueError(f"the header has {text.count(old)} times: {old!r}")
        text = text.replace(old, new.format(minor=minor))
    return re.sub(r"^#define SQ_ABI_MINOR \d+u", f"#define SQ_ABI_MINOR {minor}u", text, flags=re.M), minor


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        header, next_minor = grown(file.read())
    with open(sys.argv[2], "w") as file:
        file.write(header)
    print(next_minor)
