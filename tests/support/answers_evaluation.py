"""Answers to the exercises of lesson 10 as learners write them: right ones, and wrong ones with the hint that helps."""

from collections import defaultdict
from math import comb, sqrt
from statistics import mean

from numpy import array

from llmos_nb.lessons.evaluation import sign_test


def by_formula(z=1.96, scale=1, swap=False, empty=(0.0, 1.0), sharp=False):
    def interval(right, n):
        if not n:
            return empty
        share, whole = right / n, 1 + z * z / n
        middle, reach = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        found = [scale * (middle - reach) / whole, scale * (middle + reach) / whole]
        found = [max(found[0], 0.0), min(found[1], scale)] if not sharp else [share, share]
        return found[::-1] if swap else found

    return interval


def by_grid(steps):
    def interval(right, n):
        found = (0.0, 1.0)
        if n:
            fits = [
                p / steps
                for p in range(steps + 1)
                if abs(right / n - p / steps) <= 1.96 * sqrt(p / steps * (1 - p / steps) / n) + 1e-9
            ]
            found = (fits[0], fits[-1])
        return found

    return interval


def by_halving(right, n):
    if n == 0:
        return [0, 1]

    def edge(inside, outside):
        for _ in range(40):
            p = (inside + outside) / 2
            fits = abs(right / n - p) <= 1.96 * sqrt(p * (1 - p) / n)
            inside, outside = (p, outside) if fits else (inside, p)
        return inside

    return edge(right / n, 0.0), edge(right / n, 1.0)


def around_the_share(right, n):
    share = right / n if n else 0.5
    reach = 1.96 * sqrt(share * (1 - share) / n) if n else 0.5
    return share - reach, share + reach


def score_like(weigh=mean, finished=True, runs=False, empty=0.0, swap=False, tasks_of_all=False, percent=1):
    """Write a score that differs from a right one in one thing."""

    def score(given):
        by_task, names = defaultdict(list), {r["task"] for r in given}
        for run in given:
            if run["finished"] or not finished:
                by_task[run["task"]].append(run["right"])
        shares = [weigh([float(r) for r in found]) for found in by_task.values()]
        share = percent * mean(shares) if shares else empty
        count = sum(map(len, by_task.values())) if runs else len(names) if tasks_of_all else len(by_task)
        return (count, share) if swap else (share, count)

    return score


def over_runs(given):
    done = [r for r in given if r["finished"]]
    return (mean(float(r["right"]) for r in done) if done else 0.0), len({r["task"] for r in done})


def with_sets(given):
    tasks = {r["task"] for r in given if r["finished"]}
    of = {t: [r["right"] for r in given if r["task"] == t and r["finished"]] for t in tasks}
    return sum(sum(found) / len(found) for found in of.values()) / max(len(of), 1), len(of)


def better_like(level=0.05, sides=2, common=True, gives=("a", "b"), nobody=None):
    """Write a comparison that differs from a right one in one thing."""

    def better(a, b):
        tasks = a.keys() & b.keys() if common else a.keys() | b.keys()
        wins = sum(a.get(t, False) > b.get(t, False) for t in tasks)
        losses = sum(b.get(t, False) > a.get(t, False) for t in tasks)
        k, n = max(wins, losses), wins + losses
        chance = sides * sum(comb(n, i) for i in range(k, n + 1)) / 2**n
        return nobody if chance > level or wins == losses else gives[wins < losses]

    return better


def more_right(a, b):
    return "a" if sum(a.values()) > sum(b.values()) else "b"


def by_intervals(a, b):
    (low, high), (lower, higher) = (by_formula()(sum(x.values()), len(x)) for x in (a, b))
    return "a" if low > higher else "b" if lower > high else None


def by_a_tenth(a, b):
    shares = [mean(x.values()) if x else 0 for x in (a, b)]
    return None if abs(shares[0] - shares[1]) < 0.1 else "ab"[shares[0] < shares[1]]


def by_simulated_coins(a, b):
    mine = [a[t] - b[t] for t in a if t in b and a[t] != b[t]]
    n, lead = len(mine), abs(sum(mine))
    ways = [comb(n, heads) for heads in range(n + 1) if abs(2 * heads - n) >= lead]
    return None if sum(ways) / 2**n > 0.05 else "a" if sum(mine) > 0 else "b"


def by_place(a, b):
    pairs = list(zip(a.values(), b.values(), strict=False))
    wins, losses = pairs.count((True, False)), pairs.count((False, True))
    return None if sign_test(wins, losses) > 0.05 else "a" if wins > losses else "b"


def by_our_test(a, b):
    pairs = [(a[t], b[t]) for t in a if t in b]
    wins, losses = pairs.count((True, False)), pairs.count((False, True))
    return None if sign_test(wins, losses) > 0.05 else "a" if wins > losses else "b"


def by_counting(a, b):
    wins, losses = (sum(x[t] and not y[t] for t in x if t in y) for x, y in ((a, b), (b, a)))
    few, n = min(wins, losses), wins + losses
    chance = 2 * sum(comb(n, i) for i in range(few + 1)) / 2**n
    return {True: "a", False: "b"}[wins > losses] if chance <= 0.05 else None


RIGHT = {
    ("10", "interval"): [by_formula(), by_formula(1.959964), by_formula(empty=[0, 1]), by_grid(1000), by_grid(2000), by_grid(500), by_halving, lambda right, n: array(by_formula()(right, n))],
    ("10", "score"): [score_like(), score_like(lambda x: sum(x) / len(x)), score_like(empty=0), with_sets, lambda runs: list(score_like()(runs)), lambda runs: with_sets(runs[::-1])],
    ("10", "better"): [better_like(), by_simulated_coins, by_our_test, by_counting, better_like(0.0501)],
}  # fmt: skip
WRONG = {
    ("10", "interval"): [
        (0.8, 1, "a function"),
        (lambda right, n: right / max(n, 1), 1, "two numbers"),
        (around_the_share, 2, "7 of 10"),
        (by_formula(1.0), 2, "7 of 10"),
        (by_formula(2.58), 2, "7 of 10"),
        (by_formula(scale=100), 2, "7 of 10"),
        (by_formula(swap=True), 2, "7 of 10"),
        (by_formula(sharp=True), 2, "7 of 10"),
        (by_grid(20), 2, "7 of 10"),
        (by_grid(100), 1, "close, and not close enough"),
        (by_formula(2.0), 1, "close, and not close enough"),
        (lambda right, n: (float("nan"), float("nan")), 2, "7 of 10"),
        (lambda right, n: "ab", 1, "two numbers"),
        (lambda right, n: (None, 1), 1, "two numbers"),
        (lambda right, n: {0.4, 0.9}, 1, "two numbers"),
        (by_formula(empty=(0.0, 0.0)), 3, "0 of 0"),
        (by_formula(empty=(0.5, 0.5)), 3, "0 of 0"),
        (lambda right, n: by_formula()(right, n or 1), 3, "0 of 0"),
    ],
    ("10", "score"): [
        ([1], 1, "a function"),
        (lambda runs: with_sets(runs)[0], 1, "(share, tasks)"),
        (score_like(swap=True), 1, "one run a task"),
        (score_like(percent=100), 1, "one run a task"),
        (over_runs, 2, "an easy task nine times"),
        (score_like(runs=True), 2, "an easy task nine times"),
        (score_like(max), 2, "right in one of two"),
        (score_like(min), 2, "right in one of two"),
        (score_like(lambda x: x[-1]), 2, "right in one of two"),
        (score_like(finished=False), 3, "not finished"),
        (score_like(tasks_of_all=True), 3, "no run has finished"),
        (score_like(empty=1.0), 3, "no runs"),
        (score_like(empty=float("nan")), 3, "no runs"),
        (score_like(empty=None), 1, "with no runs"),
    ],
    ("10", "better"): [
        ("a", 1, "a function"),
        (more_right, 1, "8 of 10 against 7"),
        (lambda a, b: "a", 1, "40 tasks"),
        (by_a_tenth, 1, "8 of 10 against 7"),
        (lambda a, b: better_like()(a, b) or "equal", 1, "8 of 10 against 7"),
        (better_like(gives=("b", "a")), 1, "40 tasks"),
        (better_like(sides=1), 3, "5 tasks"),
        (better_like(level=0.01), 3, "6 tasks"),
        (better_like(gives=(True, False)), 1, "40 tasks"),
        (by_intervals, 3, "6 tasks"),
        (better_like(common=False), 3, "only what both did"),
        (by_place, 3, "in another order"),
    ],
}
