"""The states that come late in a run: the finished one, time travel over its events, and long plans."""

from __future__ import annotations

from typing import Any

from states import (
    BASE,
    BUDGET,
    CARD,
    CODE,
    CODE2,
    DAG,
    DAG2,
    EDITED,
    FAIL4,
    FAILED,
    GOAL,
    MY_CODE,
    OWN3,
    PAUSED,
    PLAN_DOC,
    PLANNING,
    PROPOSED,
    R3,
    R7,
    RUNNING,
    STARTING,
    STEP1,
    STEP2,
    STEP3,
    STEP4,
    STEP5,
    STEP6,
    TOOL,
    WAITING,
    WRITING,
    State,
    bars,
    button,
    clock,
    code,
    code_now,
    counts,
    lead,
    pending,
    text,
)


class Story:
    """The events of the finished run, written as they would stand in its journal."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.deltas: list[dict[str, Any]] = []

    def add(self, kind: str, words: str, stage: str, *, kb: float = 0, mark: str = "", **delta: Any) -> None:
        event = {"n": len(self.events), "k": kind, "t": words, "s": round(len(self.events) * 2.3, 1)}
        self.events.append(event | ({"kb": kb} if kb else {}) | ({"mark": mark} if mark else {}))
        self.deltas.append({"stage": stage, "kb": kb, **delta})

    def model(self, r: int, kb: float, words: str) -> None:
        plans = r in (1, 6)
        self.add("model.requested", f"r{r}", "plan" if plans else "act", kb=kb)
        self.add("model.responded", words, "plan" if plans else "you")

    def call(self, name: str, n: int, decided: str, result: str, human: str = "", error: bool = False) -> None:
        self.add("call.decided", f"{name} {decided}", "you", step=(n, "waiting"))
        if human:
            self.add("call.decided", f"{name} {human}", "you", mark="h")
        self.add("call.started", f"{name}, step {n}", "act", step=(n, "running"))
        self.add("call.finished", f"{name} {result}", "observe", mark="e" if error else "")
        said = "not as expected, plan again" if error else f"step {n} as expected"
        self.add("step.integrated", said, "integrate", step=(n, "failed" if error else "done"))

    def stretches(self) -> list[dict[str, Any]]:
        """Model, you and tool in turn, as the stages have it."""
        who = {"plan": "model", "you": "you", "act": "tool", "observe": "model"}
        found: list[dict[str, Any]] = []
        for event, delta in zip(self.events, self.deltas, strict=True):
            if (now := who.get(delta["stage"])) is not None:
                found.append({"who": now, "begin": event["s"], "end": event["s"] + 2.3})
        return found


def tell() -> Story:
    story, allowed = Story(), "allowed by the plan"
    story.add("run.started", f"{GOAL[:48]}…", "plan")
    story.model(1, 2.1, "a plan of 4 steps")
    story.add("plan.proposed", "4 steps", "you")
    story.add("plan.approved", "by you", "you", mark="h")
    story.model(2, 3, "r2.0 python")
    story.call("r2.0", 1, allowed, "342 rows")
    story.model(3, 3.6, "r3.0 python")
    story.call("r3.0", 2, allowed, "table 3 × 3")
    story.model(4, 4.4, "r4.0 python")
    story.call("r4.0", 3, "asks: replaces a file", "95 bytes written", "edited and approved by you")
    story.model(5, 4.9, "r5.0 python")
    story.call("r5.0", 4, allowed, "ImportError", error=True)
    story.model(6, 5.7, "steps 5 and 6 instead of 4")
    story.add("plan.edited", "4 replaced by 5 and 6", "plan", replanned=True)
    story.model(7, 6.3, "r7.0 python")
    story.call("r7.0", 5, allowed, "p = 8e-35")
    story.model(8, 6.9, "r8.0 python")
    story.call("r8.0", 6, allowed, "p = 0.97")
    story.model(9, 7.4, "final_answer")
    story.add("run.ended", "answered, checks held", "answer")
    return story


STORY = tell()
ANSWER = """Birds on **Biscoe** are the heaviest: **4,716 g** on average, against 3,713 g on Dream and \
3,706 g on Torgersen r3.0. Chance alone would hardly give such a gap: **p = 8 × 10⁻³⁵** r7.0.

The island is not the cause, though. Adélie, the only species on all three, weighs the same on each (p = 0.97), \
and every Gentoo in the data lives on Biscoe r8.0."""


def claim(row: int, words: str, kind: str, mark: str, how: Any, call: str = "") -> dict[str, Any]:
    at = ANSWER.index(words)
    return {"row": row, "at": [at, at + len(words)], "kind": kind, "mark": mark, "how": how} | (
        {"call": call} if call else {}
    )


CLAIMS = [
    claim(0, "4,716 g", "computed", "computed", [["`", 'by_island.loc["Biscoe", "mean"]']], "r3.0"),
    claim(1, "3,713", "seen", "seen", "Dream      124  3713", "r3.0"),
    claim(2, "8 × 10⁻³⁵", "seen", "seen", "p = 8e-35", "r7.0"),
    claim(3, "0.97", "typed", "typed by the model", ""),
]
ALL_STEPS = [STEP1, STEP2, OWN3, FAIL4, STEP5, STEP6]
FINISHED = BASE | {
    "id": "finished",
    "tone": "ok",
    "glyph": "done",
    "state": "Answered",
    "what": "checks held, 6 steps, you were asked twice",
    "acts": [],
    "budget": bars(6, "14.8k", "$0.005", "1:52"),
    "stage": "answer",
    "counts": counts("2", "6", "6", "6", "1", "1", "5", "1"),
    "steps": ALL_STEPS,
    "dag": DAG2,
    "dagsay": "Plan: 1, then 2 and 3; 4 failed and was replaced by 5 and 6",
    "dagnote": "4 was replaced by 5, 6",
    "planhead": "Plan, re-planned once",
    "planside": "5 of 6 as expected",
    "events": STORY.events,
    "stretches": STORY.stretches(),
    "begun": [("1", 20.7), ("2", 36.8), ("3", 55.2), ("4", 71.3), ("5", 92.0), ("6", 108.1)],
    "at": len(STORY.events) - 1,
    "now": [
        lead("Biscoe, and not by chance. But the reason is the species."),
        {"kind": "answer", "markdown": ANSWER, "claims": CLAIMS},
        {
            "kind": "table",
            "numbers": True,
            "caption": "Where each number of the answer is from",
            "heads": ["in the answer", "how it is known", "where", "call"],
            "rows": [
                ["4,716 g", "computed", [["`", 'by_island.loc["Biscoe", "mean"]']], [R3]],
                ["3,713", "seen", "Dream      124  3713", [R3]],
                ["8 × 10⁻³⁵", "seen", "p = 8e-35", [R7]],
                ["0.97", "typed by the model", "", "–"],
            ],
        },
        text(
            "Check held: ",
            code("0 < p < 1"),
            " is true.",
            glyph="done",
        ),
    ],
    "foot": {
        "ask": True,
        "buttons": [
            button("Export notebook", "export", main=True),
            button("Undo all", "undo_all", key="U"),
            button("Redo", "redo", key="⇧ U"),
            button("+20 steps", "budget", data={"text": "+20 steps"}),
        ],
        "note": "Undo all takes back 6 names and deletes the one new file.",
    },
}
CODE_OF = {
    1: 'birds = df.dropna(subset=["body_mass_g"])\nlen(df), len(birds)',
    2: CODE2,
    3: MY_CODE,
    4: "from scipy.stats import welch_anova",
    5: 'groups = [g.body_mass_g for _, g in birds.groupby("island")]\n'
    "result = alexandergovern(*groups)  # spreads may differ\nresult",
    6: 'adelie = birds[birds.species == "Adelie"]\nf_oneway(*[g.body_mass_g for _, g in adelie.groupby("island")])',
}
CALL_OF = {1: "r2.0", 2: "r3.0", 3: "r4.0", 4: "r5.0", 5: "r7.0", 6: "r8.0"}
NOW_WORD = {"done": "finished", "failed": "failed", "running": "runs here"}


def row_at(row: dict[str, Any], status: str, replanned: bool) -> dict[str, Any]:
    kept = row if status in ("done", "failed") else pending(row)
    row = {**kept, "s": status}
    if status not in ("done", "failed") or (row["n"] == 4 and not replanned):
        row.pop("note", None)
    return row | ({"t": STEP4["t"]} if row["n"] == 4 and status == "pending" else {})


def decided_by(at: int) -> str:
    decisions = [e for e in STORY.events[: at + 1] if e["k"] in ("call.decided", "plan.approved")]
    if not decisions:
        return "nobody yet"
    last = decisions[-1]
    if last.get("mark") == "h":
        return "you"
    return "not yet, it asks you" if "asks" in last["t"] else "the policy, by the plan you approved"


def spent(done: int) -> float:
    return done * 0.0005 + 0.0006


def replay(at: int) -> dict[str, Any]:
    """The view of the run as it stood at an event."""
    past, event = STORY.deltas[: at + 1], STORY.events[at]
    status = dict(delta["step"] for delta in past if "step" in delta)
    replanned = any(delta.get("replanned") for delta in past)
    current = next((delta["step"][0] for delta in reversed(past) if "step" in delta), 0)
    done = sum(s == "done" for s in status.values())
    kb = next((delta["kb"] for delta in reversed(past) if delta["kb"]), 0.0)
    rows = [row_at(r, status.get(r["n"], "pending"), replanned) for r in ALL_STEPS if replanned or r["n"] < 5]
    names = [code("birds"), ", ", code("by_island")] if done > 1 else [code("birds")] if done else "none yet"
    glyph = {"h": "waiting", "e": "failed"}.get(event.get("mark", ""), "replaced")
    seconds = 6 + round(at * 0.95)
    facts = [
        ["prompt", f"{kb:.1f} KB, the head is unchanged"],
        ["decided by", decided_by(at)],
        ["names changed", names],
        ["spent so far", f"${spent(done):.4f}"],
    ]
    now = [
        lead(f"{event['k']}: {event['t']}", glyph=glyph),
        {"kind": "table", "caption": "At this event", "rows": facts},
    ]
    if current:
        cap = [
            "Python, ",
            ["@", CALL_OF[current], current],
            f", {NOW_WORD.get(status[current], 'not run yet')}",
        ]
        now.append(code_now(CODE_OF[current], cap, ""))
    back = button("Back to the end", "seek", data={"at": len(STORY.events) - 1})
    now.append({"kind": "actions", "buttons": [button("Fork here", "fork", main=True), back]})
    now.append(text("Fork here starts a new process from this event. The finished run stays as it is.", mute=True))
    some = str(done) if done else ""
    return FINISHED | {
        "id": "replaying",
        "tone": "",
        "glyph": "replaced",
        "state": "Replaying",
        "what": "a finished run, nothing is executed",
        "budget": bars(
            done + replanned,
            f"{1.6 + kb * at / 28:.1f}k",
            f"${spent(done):.4f}",
            f"{seconds // 60}:{seconds % 60:02d}",
        ),
        "dagnote": FINISHED["dagnote"] if replanned else BASE["dagnote"],
        "dag": DAG2 if replanned else DAG if at >= 3 else None,
        "stage": STORY.deltas[at]["stage"],
        "counts": counts("1", str(done + 1), str(done), str(done), "", "", some, "1" if replanned else ""),
        "steps": rows if at >= 3 else [],
        "at": at,
        "past": True,
        "planside": f"{done} done at this point",
        "planhead": "Plan at this event",
        "say": f"Event {at + 1}: {event['k']}, {event['t']}",
        "now": now,
    }


MIXED = RUNNING | {
    "id": "mixed",
    "what": "step 8",
    "clock": clock(0.4, "{} so far"),
    "steps": [
        STEP1,
        STEP2,
        STEP3 | {"s": "rejected", "ev": "You: “do not write files here”"},
        STEP4 | {"s": "skipped", "note": "skipped by you"},
        FAIL4 | {"n": 5, "note": "replaced by 6"},
        {"n": 6, "t": "Welch’s test by hand", "x": "a p-value", "s": "replaced", "note": "replaced by 7 and 8"},
        STEP5 | {"n": 7, "note": "instead of 5 and 6", "ev": ["A = 157.0, p = 8 × 10⁻³⁵ ", ["@", "r7.0", 7]]},
        pending(STEP6, n=8, after="7", s="running", clock=clock(0.4, "{} so far")),
    ],
    "dag": None,
    "planside": "3 of 8 done",
    "planhead": "Plan, re-planned twice",
    "counts": counts("3", "5", "4", "4", "", "", "3", "2"),
    "budget": bars(5, "11.2k", "$0.004", "1:20"),
    "now": [
        lead("Step 8 runs"),
        text("Every way a step can end, in the list beside this."),
        code_now(CODE_OF[6], ["Python, written by the model in ", ["@", "r8.0", 8]]),
    ],
}


def survey(i: int) -> dict[str, Any]:
    """One of thirty steps."""
    if i == 22:
        return STEP3 | {"n": 23, "after": "22"}
    titles = ["Read one survey file", "Check the dates", "Join counts to islands", "Flag islands counted twice"]
    expects = ["one row a visit", "no date after 2009", "no row lost", "a list of islands"]
    row = {"n": i + 1, "t": titles[i % 4], "x": expects[i % 4], "s": "pending"} | ({"after": str(i)} if i else {})
    if i > 22:
        return row
    return row | {
        "s": "done",
        "back": True,
        "ev": ["as expected ", ["@", f"r{i + 2}.0", i + 1]],
        "dur": "0.2 s",
        "cost": "$0.0005",
    }


MANY = WAITING | {
    "id": "many",
    "who": "audit · pid 9 · gpt-4o-mini",
    "name": "audit",
    "pid": 9,
    "goal": "Clean the three survey files, join them, and report which islands were counted twice.",
    "what": "step 23 wants to replace a file",
    "fold": {"upto": 22, "text": "Steps 1–22 done, all as expected · 38.4 s · $0.019"},
    "dag": None,
    "planhead": "Plan, approved by you",
    "planside": "22 of 30 done",
    "budget": [
        {"name": "steps", "used": "22", "of": "40", "part": 0.55},
        {"name": "tokens", "used": "31.4k", "of": "60k", "part": 0.52},
        {"name": "money", "used": "$0.019", "of": "$0.50", "part": 0.04},
        {"name": "time", "used": "1:48", "of": "5:00", "part": 0.36},
    ],
    "counts": counts("3", "22", "22", "22", "", "", "22", "2"),
    "steps": [survey(i) for i in range(30)],
    "card": CARD | {"title": "Step 23 wants to replace a file", "step": 23},
}
LONG_PATH = "results/2026-11-24/penguins/by_island/averages_with_spread_and_count_v3.csv"
LONG = WAITING | {
    "id": "long",
    "goal": f"{GOAL} The island names in the third file are spelled in four ways; treat “Torgersen I.”, "
    "“Torgersen Island” and “torgersen” as one. Ignore birds whose sex is unknown only where sex matters, "
    "say so where you did, and do not use any file outside this folder.",
    "steps": [
        STEP1,
        STEP2
        | {
            "t": "Average body mass on each island, after folding the four spellings of the island names that "
            "occur in the third file into one",
            "x": "three islands and no more, whatever the spelling; means between 2,500 and 6,500 g; "
            "no group with fewer than 30 birds",
        },
        STEP3,
        STEP4,
    ],
    "card": CARD
    | {
        "why": [
            "It asks because ",
            code("to_csv"),
            " overwrites ",
            code(LONG_PATH),
            ", and Undo cannot bring an overwritten file back.",
        ],
        "code": CODE.replace('Path("results/islands.csv")', f'Path("{LONG_PATH}").resolve()'),
    },
}

STATES: dict[str, State] = {
    "starting": State(STARTING),
    "planning": State(PLANNING),
    "proposed": State(PROPOSED),
    "stepedit": State(PROPOSED, [("click", "Edit step 2")]),
    "running": State(RUNNING),
    "writing": State(WRITING),
    "plan-doc": State(PLAN_DOC),
    "upto": State(PLAN_DOC, [("click", "up to here, step 2")]),
    "folded": State(WAITING, [("click", "Fold the panel")]),
    "drawing": State(WAITING, [("menu", "Drawing of the loop")]),
    "waiting": State(WAITING),
    "editing": State(WAITING, [("press", "e"), ("fill", "Code of step 3", MY_CODE)]),
    "edited": State(EDITED),
    "reject": State(
        WAITING,
        [("press", "r"), ("fill", "Why not?", "Do not overwrite. Put the date in the file name.")],
    ),
    "tool": State(TOOL),
    "paused": State(PAUSED),
    "budget": State(BUDGET),
    "failed": State(FAILED),
    "mixed": State(MIXED),
    "finished": State(FINISHED),
    "replaying": State(replay(21)),
    "many": State(MANY),
    "long": State(LONG, [("click", LONG["goal"])]),
    "menu": State(WAITING, [("click", "More")]),
    "keys": State(WAITING, [("press", "?")]),
}
