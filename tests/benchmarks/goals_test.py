"""Verdicts over goals: what holds, what is missed, and what this machine cannot judge."""
import math
import os
import sys
import unittest
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/benchmarks"))
from goals import HOLDS, MISSED, NOT_JUDGED, Goal, judge_ratio, judge_values, median_interval

Ratio = namedtuple("Ratio", "mean low high")


class GoalTest(unittest.TestCase):
    def test_a_goal_is_a_sense_and_a_limit(self):
        self.assertEqual([Goal.of("≤ 1.1").allows(value) for value in (1.0, 1.1, 1.2)], [True, True, False])
        self.assertEqual([Goal.of("≥ 2").allows(value) for value in (1.9, 2, 3)], [False, True, True])
        self.assertEqual(str(Goal.of("≤ 20000")), "≤ 20,000")
        for text in ("< 1", "1.1", "≤ soon"):
            with self.assertRaises(ValueError):
                Goal.of(text)


class RatioTest(unittest.TestCase):
    def verdict(self, mean, itself, text="≤ 1.10", rounds=30):
        return judge_ratio("x", text, Ratio(mean, mean * 0.9, mean * 1.1), itself, rounds).verdict

    def test_the_estimate_is_judged_against_the_limit(self):
        quiet = Ratio(1.0, 0.99, 1.01)
        self.assertEqual(self.verdict(0.9, quiet), HOLDS)
        self.assertEqual(self.verdict(1.3, quiet), MISSED)
        self.assertEqual(self.verdict(0.9, quiet, "≥ 1"), MISSED)

    def test_nearer_to_the_limit_than_squall_is_to_itself_is_not_judged(self):
        self.assertEqual(self.verdict(1.05, Ratio(1.0, 0.97, 1.03)), HOLDS)
        self.assertEqual(self.verdict(1.05, Ratio(1.0, 0.97, 1.06)), NOT_JUDGED)
        self.assertEqual(self.verdict(1.15, Ratio(1.0, 0.94, 1.03)), NOT_JUDGED)

    def test_without_enough_to_compare_nothing_is_judged(self):
        quiet = Ratio(1.0, 0.99, 1.01)
        self.assertEqual(self.verdict(0.5, quiet, rounds=4), NOT_JUDGED)
        self.assertEqual(self.verdict(0.5, quiet, rounds=5), HOLDS)
        self.assertEqual(self.verdict(0.5, None), NOT_JUDGED)
        self.assertEqual(self.verdict(0.5, Ratio(1.0, 0.0, 2.0)), NOT_JUDGED)
        nothing = judge_ratio("x", "≤ 1.10", None, quiet, 30)
        self.assertEqual((nothing.verdict, nothing.as_record()["value"]), (NOT_JUDGED, None))


class ValuesTest(unittest.TestCase):
    def test_the_whole_interval_lies_on_one_side(self):
        self.assertEqual(judge_values("x", "≤ 50", [10] * 10).verdict, HOLDS)
        self.assertEqual(judge_values("x", "≤ 50", [60] * 10).verdict, MISSED)
        self.assertEqual(judge_values("x", "≤ 50", [10] * 5 + [60] * 5).verdict, NOT_JUDGED)

    def test_one_bad_round_of_ten_turns_nothing(self):
        self.assertEqual(judge_values("x", "≤ 50", [10] * 9 + [900]).verdict, HOLDS)

    def test_rounds_in_which_no_bare_peer_kept_to_it_are_left_out(self):
        ours = [10] * 6 + [900] * 6
        judged = judge_values("x", "≤ 50", ours, peers=([5] * 6 + [800] * 6,))
        self.assertEqual((judged.verdict, judged.value), (HOLDS, 10))
        self.assertIn("in the 6 of 12 rounds", judged.what)
        # one peer that kept to it is enough: then the round was ours to keep
        kept = judge_values("x", "≤ 50", ours, peers=([5] * 6 + [800] * 6, [5] * 12))
        self.assertEqual((kept.verdict, kept.what), (NOT_JUDGED, "x"))

    def test_fewer_than_five_such_rounds_are_none(self):
        for kept, verdict in ((5, HOLDS), (4, NOT_JUDGED), (0, NOT_JUDGED)):
            peer = [5] * kept + [800] * (12 - kept)
            self.assertEqual(judge_values("x", "≤ 50", [10] * 12, peers=(peer,)).verdict, verdict, kept)


class MedianIntervalTest(unittest.TestCase):
    def test_it_covers_the_median_in_95_of_100_cases(self):
        for count in range(6, 60):
            low, high = median_interval(range(count))
            left_out = low
            self.assertEqual(high, count - 1 - left_out)
            outside = 2 * sum(math.comb(count, k) for k in range(left_out + 1)) / 2 ** count
            more = outside + 2 * math.comb(count, left_out + 1) / 2 ** count
            self.assertLessEqual(outside, 0.05, count)
            self.assertGreater(more, 0.05, count)

    def test_of_a_few_values_it_is_their_range(self):
        for count in range(1, 6):
            self.assertEqual(median_interval(list(range(count))), (0, count - 1))


if __name__ == "__main__":
    unittest.main()
