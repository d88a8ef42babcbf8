"""Answers to the exercises of lesson 09 as learners write them: right ones, and wrong ones with the hint that helps."""

from lived import edited_plan

from llmos_nb.lessons.planning import Planner, turns

COUNT, SUM, NONE_BELOW = "len(numbers) == len(rows)", "sum(numbers) == total", "min(numbers) >= 0"


def recursive(plan, act, met, most, done=(), news=None):
    if not most:
        return None
    done = [*done]
    for step in plan(done, news):
        if not met(step, seen := act(step)):
            return recursive(plan, act, met, most - 1, done, seen)
        done.append(step)
    return done


def queue(plan, act, met, most):
    done, left, plans, news = [], plan([], None), 1, None
    while left:
        step, *left = left
        news = act(step)
        if met(step, news):
            done = [*done, step]
        elif plans == most:
            return None
        else:
            left, plans = list(plan(done, news)), plans + 1
    return done


def following(keeps=True, tells=True, breaks=True, bound=True, starts=(), gives=True, last=True, off=0):
    """Write a loop that differs from a right one in one thing."""

    def follow(plan, act, met, most):
        done, news = list(starts), None
        for _ in range(most + off if bound else 99):
            held = True
            for step in plan(done, news):
                seen = act(step)
                if met(step, seen):
                    done.append(step)
                    continue
                held, news = False, seen if tells else "it failed"
                done = done if keeps else []
                if breaks:
                    break
            if held:
                return done if gives else len(done)
        return None if last else done

    return follow


def blind(plan, act, met, most):
    return [step for step in plan([], None) if act(step)]


def same_plan(plan, act, met, most):
    done, steps = [], plan([], None)
    for _ in range(most):
        for step in steps[len(done) :]:
            if not met(step, act(step)):
                break
            done.append(step)
        else:
            return done
    return None


def twice(plan, act, met, most):
    done, news = [], None
    for _ in range(most):
        for step in plan(done, news):
            news = act(step)
            if not met(step, act(step)):
                break
            done.append(step)
        else:
            return done
    return None


RIGHT = {
    ("09", "expect"): [
        [COUNT, SUM, NONE_BELOW],
        (COUNT, SUM, NONE_BELOW),
        [f"{COUNT} and {SUM} and {NONE_BELOW}"],
        ["len(rows) == len(numbers)", "total == sum(numbers)", "all(n >= 0 for n in numbers)"],
        [COUNT, "total - sum(numbers) == 0", "not any(n < 0 for n in numbers)"],
        [f"({COUNT}, {SUM}) == (True, True)", "sorted(numbers)[0] >= 0"],
        [COUNT, SUM, "all(v == 'n/a' or int(v.replace(' ', '')) == n for n, (_, v) in zip(numbers, rows))"],
        [COUNT, SUM, "0 <= min(numbers) <= max(numbers) <= total"],
        [COUNT, "abs(sum(numbers) - total) < 1", NONE_BELOW],
    ],
    ("09", "follow"): [following(), recursive, queue],
}
WRONG = {
    ("09", "expect"): [
        ("len(numbers) == 8", 1, "a list of conditions"),
        (["the table looks right"], 1, "no condition"),
        ([3], 1, "no text"),
        ([True, True], 1, "stands in quotes"),
        ([], 1, "at least one"),
        ([COUNT, SUM, "min(numbers) > 0"], 2, "refuses a right result"),
        ([COUNT, SUM, "max(numbers) < 400"], 2, "refuses a right result"),
        (["numbers == [int(v) for _, v in rows]"], 2, "it raises ValueError"),
        (["len(number) == len(rows)"], 1, "NameError: name 'number' is not defined"),
        (["total / min(numbers) > 1", COUNT], 2, "it raises ZeroDivisionError"),
        (["len(numbers) > 3"], 3, "left out"),
        ([COUNT], 3, "taken for 0"),
        ([COUNT, SUM], 3, "fewer than no visits"),
        (["len(numbers) == 8", SUM, NONE_BELOW], 2, "refuses a right result"),
        ([COUNT, "abs(sum(numbers) - total) < 5", NONE_BELOW], 3, "misread by one"),
        ([COUNT, "0.99 * total < sum(numbers) <= total", "1 <= len(numbers)", NONE_BELOW], 3, "hold"),
        ([SUM, NONE_BELOW], 3, "hold"),
        (["total == total"], 3, "left out"),
    ],
    ("09", "follow"): [
        (["a"], 1, "a function"),
        (blind, 2, "not as expected"),
        (same_plan, 2, "it did"),
        (twice, 2, "it did"),
        (following(breaks=False), 2, "none of a plan that has failed"),
        (following(keeps=False), 2, "done=[]"),
        (following(tells=False), 3, "what the failed step gave is the news"),
        (following(bound=False), 3, "nothing bounds it"),
        (following(off=1), 3, "2 are the most"),
        (following(off=-1), 3, "with most=3"),
        (following(last=False), 3, "None is wanted"),
        (following(gives=False), 2, "were done"),
        (following(starts=["a"]), 1, "plan([], None)"),
    ],
}
PLAN = turns()


def made(model, *hands):
    return lambda seed: edited_plan(seed, model(), *hands)


def planner():
    return Planner(turns())


def expects(text, n=1):
    return lambda p: p.edit(n, expect=text)


def approves(p):
    p.approve("plan")


DEMAND = {
    "right": [
        made(planner, expects(COUNT), approves),
        made(planner, expects(SUM), approves),
        made(planner, expects(f"{COUNT} and {NONE_BELOW}"), approves),
        made(planner, lambda p: p.edit(1, check=SUM), approves),
        made(planner, expects("len(numbers) > 3"), expects(COUNT), approves),
        made(planner, lambda p: p.edit(1, "Read all numbers", expect=COUNT), approves),
        made(planner, expects("5 < mean < 50", 2), expects(COUNT), lambda p: p.approve()),
    ],
    "wrong": [
        (lambda seed: "board", 1, "a process is wanted"),
        (lambda seed: [COUNT], 1, "a process is wanted"),
        (made(planner), 1, "it waits for you"),
        (made(planner, expects(COUNT)), 1, "it waits for you"),
        (made(planner, approves), 1, "was given no expectation by you"),
        (made(planner, lambda p: p.edit(1, "Read all numbers"), approves), 1, "a text alone is its title"),
        (made(planner, expects("mean > 100", 2), approves), 1, "gave step 1 no expectation"),
        (made(planner, expects("len(numbers) > 3"), approves), 2, "as expected"),
        (made(planner, expects("all is well"), approves), 1, "in words"),
        (made(planner, expects("len(numbers) == 9"), approves), 2, "refuses the right result, too"),
        (made(planner, expects("min(numbers) > max(numbers)"), approves), 2, "refuses the right result, too"),
        (made(lambda: Planner(turns(COUNT)), approves), 1, "was given no expectation by you"),
        (made(planner, lambda p: p.kill()), 2, "it ended killed"),
    ],
}
