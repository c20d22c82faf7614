"""Paired rounds: in each one every tool runs once, one after the other, and the ratio is taken within the
round, so that what the machine does to all of them falls out. The 95 % interval is Student's on the log
ratios. Beside it stands the same tool against itself (A/A): a difference inside that spread is noise.
"""
import math
import statistics
import sys
from dataclasses import dataclass, field

# Student's t, two-sided 95 %, by degrees of freedom from 1; 1.96 is far enough past 60.
_T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]

OURS, AGAIN = "squall", "squall again"


@dataclass
class Metric:
    key: str
    text: str
    format: str = "{:,.2f}"
    goals: dict = field(default_factory=dict)  # peer: text such as "≤ 1.10"


@dataclass
class Ratio:
    mean: float
    low: float
    high: float

    def __str__(self):
        return f"{self.mean:.3f} ({self.low:.3f} … {self.high:.3f})"


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


def compare(bench, title, tools, metrics):
    """`tools`: name → function that runs once and returns {metric key: value}. The first is squall, and it
    runs twice a round. The order turns from round to round, so that nobody is always the first."""
    tools = {**tools, AGAIN: tools[OURS]}
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
    return _show(bench, title, names, metrics, values)


def _progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _show(bench, title, names, metrics, values):
    peers = [name for name in names if name not in (OURS, AGAIN)]
    print(f"\n{title} — medians of {bench.rounds} paired rounds")
    width = max(len(metric.text) for metric in metrics) + 2
    shown = [OURS, *peers]
    columns = [max(len(name), 12) + 2 for name in shown]
    print("  " + " " * width + "".join(f"{name:>{column}}" for name, column in zip(shown, columns)))
    record = {"title": title, "rounds": bench.rounds, "values": values, "ratios": []}
    for metric in metrics:
        cells = [metric.format.format(statistics.median(values[metric.key][name])) for name in shown]
        print("  " + f"{metric.text:<{width}}" + "".join(f"{cell:>{column}}" for cell, column in zip(cells, columns)))
    for metric in metrics:
        ours = values[metric.key][OURS]
        itself = ratio(values[metric.key][AGAIN], ours)
        for peer in peers:
            found = ratio(ours, values[metric.key][peer])
            goal = metric.goals.get(peer)
            print(f"  {metric.text}: squall / {peer} = {found or 'none'}, A/A {itself or 'none'}"
                  + (f", goal {goal}" if goal else ""))
            record["ratios"].append({"metric": metric.key, "peer": peer, "goal": goal,
                                     "ratio": found and vars(found), "a_a": itself and vars(itself)})
    bench.records.append(record)
    return record
