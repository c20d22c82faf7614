"""Each key of the scenario language has a case that loads and one that is refused, at its place and in these words.

The keys are those of the program's own tables (`squall schema --keys`), the cases those of tests/language/*.cases;
`squall check` judges them. A key without a case, and a case without a key, is a mistake: tests/language/cases.py says
how one is added (a line).
"""
import os
import sys

from harness import BIN, ROOT, expect, figure, show

sys.path.insert(0, os.path.join(ROOT, "tests/language"))
import cases as language  # noqa: E402

SQUALL = os.path.join(BIN, "squall")


def each_key_has_both():
    keys, cases = language.keys(SQUALL), language.read()
    checker = language.Checker(SQUALL)
    problems = checker.problems(cases)
    for case, problem in problems.items():
        expect(False, f"{case.place}: {case.map}.{case.key} {case.sign}: {problem}")
    good = [case for case in cases if case not in problems]
    signs = {key: {case.sign for case in good if (case.map, case.key) == key} for key in keys}
    for key, found in signs.items():
        expect("+" in found or "~" in found, f"{'.'.join(key)}: no case that loads")
        expect("-" in found, f"{'.'.join(key)}: no case that is refused")
        expect(not {"+", "~"} <= found, f"{'.'.join(key)}: both supported and not supported yet")
    for case in cases:
        expect((case.map, case.key) in signs, f"{case.place}: no key {case.key} in the map '{case.map}'")
    both = sum({"+", "-"} <= found for found in signs.values())
    later = sum("~" in found for found in signs.values())
    figure(f"{both} of {len(keys)} keys of {len({key[0] for key in keys})} maps load and are refused as they should, "
           f"{later} more are read and not supported yet; {len(cases)} cases")


show(each_key_has_both)
