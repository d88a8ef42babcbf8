"""Writes a journal as the scheduler does, and folds it as it goes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from llmos_nb.journal import GENESIS, Event
from llmos_nb.journal.events import parse
from llmos_nb.journal.journal import chained
from llmos_nb.process.state import State
from llmos_nb.process.state.fold.fold import apply

GOAL = "Which island has the heaviest birds on average, and is the difference likely chance? Save the table by island."
STEPS = (
    ("Keep the birds that have a body mass", "344 rows, fewer than 5 without a mass", ()),
    ("Average body mass on each island", "three islands, means between 2,500 and 6,500 g", (1,)),
    ("Save the table by island", "a CSV file with 3 rows", (2,)),
    ("Test whether chance explains the difference", "a p-value, from a test that allows unequal spreads", (1,)),
)
CODES = (
    'birds = df.dropna(subset=["body_mass_g"])\nlen(birds)',
    'by_island = birds.groupby("island")["body_mass_g"].agg(["count", "mean"])\n'
    'by_island = by_island.sort_values("mean", ascending=False)  # heaviest first\nby_island',
    'path = "results/islands.csv"\nby_island.round(1).to_csv(path)',
    "from scipy.stats import welch_anova",
)
RESULTS = (
    "342 of 344 rows kept, 2 had no mass",
    "Biscoe 4716.0 (n = 167), Dream 3712.9 (124), Torgersen 3706.4 (51)",
    "95 bytes written, 3 rows",
)
ANSWER = (
    "Biscoe, and not by chance. Birds on **Biscoe** are the heaviest: 4,716 g on average, against 3,713 g on "
    "Dream (r3.0). The table has 3 rows."
)
BUDGET = {"steps": 20, "tokens": 50_000, "$": 0.5, "s": 180}
TOOLS = {"python": "aa", "describe": "bb", "send_mail": "cc"}


def plan(steps=STEPS, first=1, status="pending"):
    return [
        {"n": first + i, "title": t, "expect": x, "depends_on": list(d), "status": status}
        for i, (t, x, d) in enumerate(steps)
    ]


@dataclass
class Writer:
    """Writes a journal in memory, on a clock of its own, and folds as it goes."""

    events: list[Event] = field(default_factory=list)
    state: State = field(default_factory=State)
    clock: datetime = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    requests: int = 0

    def add(self, k, after=0.1, **d):
        self.clock += timedelta(seconds=after)
        at = self.clock.isoformat(timespec="milliseconds")
        event, _ = chained(len(self.events), at, parse(k, d, 1), d, self.events[-1].hash if self.events else GENESIS)
        self.events.append(event)
        apply(self.state, event)
        return self

    def start(self, mode="risky", name="penguins", model="openai/gpt-4o-mini", **more):
        keys = {"goal": GOAL, "model": model, "budget": BUDGET, "name": name, "pid": 3, "mode": mode, **more}
        return self.add("run.started", **keys).add("policy.loaded", digest="dd", tools=TOOLS, mode=mode)

    def request(self, size=2_100, **asked):
        self.requests += 1
        self.add("budget.reserved", request=self.requests, amounts={"tokens": size // 4})
        return self.add("model.requested", request=self.requests, head="h", ledger=0, window=[], bytes=size, **asked)

    def respond(self, *calls, text="", finish="stop", tokens=1_500, dollars=0.0005):
        self.add("budget.settled", after=2, request=self.requests, amounts={"tokens": tokens, "$": dollars})
        made = [{"name": n, "arguments": a} for n, a in calls]
        usage = {"prompt": tokens, "completion": 0, "cached": 0}
        return self.add("model.responded", request=self.requests, text=text, calls=made, finish=finish, usage=usage)

    def propose(self, steps=STEPS):
        self.request().respond(("plan", {"steps": []}))
        n = self.state.plan.version + 1
        call = f"r{self.state.responses}.0"
        kind, kept = "plan.proposed", []
        if self.state.plan.steps:
            kind, kept = "plan.edited", self.state.plan.replace_rest([{"title": "x"}]).plain()[:-1]
        return self.add(kind, version=n, steps=[*kept, *plan(steps, len(kept) + 1)], by="model", call=call)

    def approve_plan(self, by="you"):
        version = self.state.plan.version
        return self.add("plan.decided", version=version, what="approve", envelope={"python": 3}, by=by)

    def planned(self, mode="risky"):
        self.start(mode).propose()
        self.add(
            "question.asked",
            question="plan:1",
            kind="plan",
            text="It asks because so.",
        )
        return self.approve_plan()

    def call(self, name="python", **arguments):
        self.request().respond((name, arguments))
        return f"r{self.state.responses}.0"

    def ask(self, call, digest="9f3ce1aa", **question):
        question = {"kind": "approval", "text": "It asks because this mode asks.", "digest": digest, **question}
        return self.add("question.asked", question=call, **question)

    def allow(self, call, by="mode:risky", **more):
        return self.add("call.decided", call=call, digest="9f3ce1aa", what="approve", by=by, why="", **more)

    def run(self, call, result, ok=True, seconds=0.1, created=(), **more):
        self.add("call.started", call=call, key=f"3-abc-{call}", epoch=1)
        if created:
            changes = {"created": list(created), "rebound": [], "mutated": [], "deleted": [], "digests": {}}
            self.add("names.changed", call=call, **changes)
        return self.add("call.finished", after=seconds, call=call, ok=ok, result=result, size=len(result), **more)

    def step(self, n, result=None, ok=True, code=None, created=()):
        call = self.call(code=code or CODES[n - 1])
        self.allow(call).run(call, result or RESULTS[n - 1], ok, created=created)
        lines = (result or RESULTS[n - 1]).splitlines()
        return self.add(
            "step.integrated", step=self.state.step, met=ok, evidence=lines[-1] if not ok else " ".join(lines)
        )

    def two_steps(self, mode="risky"):
        return self.planned(mode).step(1, created=["birds"]).step(2, created=["by_island"])

    def end(self, reason, detail="", answer=None):
        return self.add("run.ended", reason=reason, detail=detail, answer=answer)
