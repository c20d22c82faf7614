"""Goals and their verdicts, taken here for every table alike: holds, missed, or not judged here.

A ratio to a peer holds when its estimate is within the limit. It is judged only where squall differs less from
itself (A/A, in the same rounds, five at least) than the estimate does from the limit: else the machine's own spread
could have turned the verdict. A figure of squall alone is the median of its rounds, judged only where the median's
whole interval lies on one side of the limit; a round in which bare peers miss it too is the machine's, and left out.
Not here: what a goal is; that stands beside each metric.
"""
import math
import statistics
from dataclasses import asdict, dataclass

HOLDS, MISSED, NOT_JUDGED = "holds", "missed", "not judged here"
_ROUNDS_AT_LEAST = 5  # two or three may agree by chance


@dataclass(frozen=True)
class Goal:
    """Of a text such as "≤ 1.10"."""
    sense: str
    limit: float

    @classmethod
    def of(cls, text):
        sense, limit = text.split()
        if sense not in ("≤", "≥"):
            raise ValueError(f"'{text}' is no goal")
        return cls(sense, float(limit))

    def allows(self, value):
        return value <= self.limit if self.sense == "≤" else value >= self.limit

    def __str__(self):
        return f"{self.sense} {self.limit:,g}"


@dataclass
class Judged:
    what: str
    goal: str
    value: float
    low: float
    high: float
    spread: float | None  # how much squall differs from itself, as a share; None where nothing is compared with it
    verdict: str

    def __str__(self):
        spread = "" if self.spread is None else f", A/A up to {self.spread:.1%}"
        return (f"{self.what}: {_short(self.value)} ({_short(self.low)} … {_short(self.high)}), "
                f"goal {self.goal}{spread}: {self.verdict}")

    def as_record(self):
        finite = {key: None if value in (math.inf, -math.inf) else value for key, value in asdict(self).items()}
        return {**finite, "text": str(self)}


def _short(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def judge_ratio(what, text, ratio, itself, rounds):
    """`ratio` and `itself` (squall / squall again) have mean, low and high; None when there is no ratio."""
    goal = Goal.of(text)
    if ratio is None:
        return Judged(what, str(goal), math.inf, 0.0, math.inf, None, NOT_JUDGED)
    if itself is None or rounds < _ROUNDS_AT_LEAST:
        return Judged(what, str(goal), ratio.mean, ratio.low, ratio.high, None, NOT_JUDGED)
    spread = math.inf if itself.low <= 0 else max(abs(math.log(itself.low)), abs(math.log(itself.high)))
    margin = abs(math.log(ratio.mean / goal.limit))
    verdict = NOT_JUDGED if spread >= margin else HOLDS if goal.allows(ratio.mean) else MISSED
    share = math.expm1(spread) if spread < 700 else math.inf
    return Judged(what, str(goal), ratio.mean, ratio.low, ratio.high, share, verdict)


def judge_values(what, text, values, peers=()):
    """`peers`: of each tool that does the barest of the same its values, in the same rounds."""
    goal = Goal.of(text)
    judged = [value for number, value in enumerate(values)
              if not peers or any(goal.allows(peer[number]) for peer in peers)]
    if len(judged) < len(values):
        what += f" (in the {len(judged)} of {len(values)} rounds in which a bare loop kept to it)"
    low, high = median_interval(judged or values)
    sides = {goal.allows(low), goal.allows(high)}
    verdict = NOT_JUDGED if len(sides) > 1 else HOLDS if sides == {True} else MISSED
    if peers and len(judged) < _ROUNDS_AT_LEAST:
        verdict = NOT_JUDGED
    return Judged(what, str(goal), statistics.median(judged or values), low, high, None, verdict)


def median_interval(values):
    """95 % by order statistics, whatever the values are distributed like; below six values it is their range."""
    ordered = sorted(values)
    count, left_out = len(ordered), 0
    chance = 1 / 2 ** count  # that the median lies below the lowest value that is not left out
    while True:
        chance += math.comb(count, left_out + 1) / 2 ** count
        if chance > 0.025:
            return ordered[left_out], ordered[-1 - left_out]
        left_out += 1
