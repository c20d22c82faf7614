"""Paired rounds: in each one every tool runs once, one after the other, and the ratio is taken within the
round, so that what the machine does to all of them falls out. The 95 % interval is Student's on the log
ratios. Beside it stands the same tool against itself (A/A), from the same rounds.
"""
import math
import statistics
import sys
from dataclasses import dataclass, field

from .goals import judge_ratio, judge_values

# Student's t, two-sided 95 %, by degrees of freedom from 1; 1.98 is far enough past 60.
_T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]

OURS = "squall"


@dataclass
class Metric:
    key: str
    text: str
    format: str = "{:,.2f}"
    goals: dict = field(default_factory=dict)  # peer: text such as "≤ 1.10", for the ratio to it
    goal: str | None = None                    # for the figure itself


@dataclass
class Ratio:
    mean: float
    low: float
    high: float

    def __str__(self):
        return f"{self.mean:.3f} ({self.low:.3f} … {self.high:.3f})"

    def as_record(self):
        return {"mean": self.mean, "low": self.low, "high": self.high if self.high < math.inf else None}


def t95(freedom):
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    return 2.042 - (2.042 - 2.000) * min((freedom - 30) / 30, 1) if freedom <= 60 else 1.98


def ratio(above, below):
    """Of two lists in the order of their rounds; None when a value makes no ratio."""
    if not above or any(a <= 0 or b <= 0 for a, b in zip(above, below)):
        return None
    logs = [math.log(a / b) for a, b in zip(above, below)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(mean), 0.0, math.inf)
    margin = t95(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin))


def compare(bench, title, tools, metrics, judged=OURS):
    """`tools`: name → function that runs once and returns {metric key: value}; names that begin with "squall" are
    ours, the others peers. `judged` is ours whose goals the metrics hold: it runs twice a round, once more as
    "… again". The order turns from round to round, so that nobody is always the first."""
    again = judged + " again"
    tools = {**tools, again: tools[judged]}
    names = list(tools)
    values = {metric.key: {name: [] for name in names} for metric in metrics}
    for number in range(bench.rounds):
        turn = number % len(names)
        measured = {}
        for name in names[turn:] + names[:turn]:
            _progress(f"  {title}: round {number + 1} of {bench.rounds}, {name}")
            measured[name] = tools[name]()
        for metric in metrics:  # a round counts whole or not at all
            for name in names:
                values[metric.key][name].append(measured[name][metric.key])
    _progress("")
    _show_medians(bench, title, [name for name in names if name != again], metrics, values)
    ratios = _show_ratios(bench, title, names, metrics, values, judged)
    for metric in metrics:
        if metric.goal:
            peers = [values[metric.key][name] for name in names if not name.startswith(OURS)]
            bench.judged(judge_values(f"{title}: {metric.text}", metric.goal, values[metric.key][judged], peers))
    bench.records.append({"title": title, "rounds": bench.rounds, "values": values, "ratios": ratios})


def _progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _show_medians(bench, title, names, metrics, values):
    print(f"\n{title}: medians of {bench.rounds} paired rounds")
    width = max(len(metric.text) for metric in metrics) + 2
    columns = [max(len(name), 12) + 2 for name in names]
    print("  " + " " * width + "".join(f"{name:>{column}}" for name, column in zip(names, columns)))
    for metric in metrics:
        cells = [metric.format.format(statistics.median(values[metric.key][name])) for name in names]
        print("  " + f"{metric.text:<{width}}" + "".join(f"{cell:>{column}}" for cell, column in zip(cells, columns)))


def _show_ratios(bench, title, names, metrics, values, judged):
    again = judged + " again"
    ours = [name for name in names if name.startswith(OURS) and name != again]
    peers = [name for name in names if not name.startswith(OURS)]
    records = []
    for metric in metrics:
        itself = ratio(values[metric.key][again], values[metric.key][judged])
        for name in ours:
            for peer in peers:
                found = ratio(values[metric.key][name], values[metric.key][peer])
                if found:
                    print(f"  {metric.text}: {name} / {peer} = {found}"
                          + (f", A/A {itself}" if itself and name == judged else ""))
                records.append({"metric": metric.key, "ours": name, "peer": peer,
                                "ratio": found and found.as_record(), "a_a": itself and itself.as_record()})
                if name == judged and peer in metric.goals:
                    what = f"{title}: {metric.text}, {name} / {peer}"
                    bench.judged(judge_ratio(what, metric.goals[peer], found, itself, bench.rounds))
    return records
