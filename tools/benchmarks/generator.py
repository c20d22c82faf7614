"""Runs squall once and reads what it says about itself. The CPU is not its own word: it is wait4()'s."""
import json
import os
import tempfile

from .process import RunFailed, run


class Squall:
    def __init__(self, used, result):
        self.used = used
        self.result = result
        self.count = sum(series["count"] - series["failed"] for series in result["series"])
        self.failed = sum(series["failed"] for series in result["series"])

    def series(self, operation):
        for series in self.result["series"]:
            if series["operation"] == operation:
                return series
        raise RunFailed(f"squall did no {operation}")

    def per_operation(self):
        """Microseconds of the whole process, its start and end included, for each operation that was ok."""
        return per_operation(self.used, self.count)


def per_operation(used, count):
    if count <= 0:
        raise RunFailed("nothing was answered")
    return {"rate": count / used.wall_s, "user_us": used.user_s / count * 1e6, "cpu_us": used.cpu_s / count * 1e6,
            "sleeps": used.sleeps / count}


def squall(bench, arguments, scenario=None, env=None, limit_s=180, meanwhile=None, told=True):
    """`scenario`: text of a file that stands in place of "@" in the arguments. What failed, and a verdict other than
    passed, is told after the table unless `told` says that the caller tells it."""
    with tempfile.TemporaryDirectory() as folder:
        file, result = os.path.join(folder, "bench.yaml"), os.path.join(folder, "result.json")
        if scenario:
            with open(file, "w") as out:
                out.write(scenario)
        words = [file if word == "@" else word for word in arguments]
        used = run([bench.program("squall"), *words, "--json", result, "--quiet", "--accept-invalid"],
                   bench.generator_core, env, limit_s, (0, 99, 112), meanwhile)
        with open(result) as answer:
            found = Squall(used, json.load(answer))
    if not told:
        return found
    if found.failed:
        bench.failed += found.failed
        bench.note(f"squall: {found.failed} of {found.count + found.failed} operations failed")
    if found.result["verdict"] != "passed":
        bench.note(f"squall: {found.result['verdict']}: {'; '.join(found.result['reasons'])}")
    return found
