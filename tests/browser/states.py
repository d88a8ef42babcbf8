"""The panel's states as fixtures: views in the words of the visual reference, and what a person did to get there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

GOAL = (
    "Which island has the heaviest birds on average, and is the difference likely chance? "
    "Use df, and save the table by island."
)
WHO = "penguins · pid 3 · gpt-4o-mini"
R2, R3, R4, R5, R7, R8 = (["@", f"r{r}.0", n] for r, n in [(2, 1), (3, 2), (4, 3), (5, 4), (7, 5), (8, 6)])


@dataclass
class State:
    """A view, and what is done on the page after it is shown: ``("press", key)`` or ``("fill", selector, text)``."""

    view: dict[str, Any]
    do: list[tuple[str, ...]] = field(default_factory=list)


def code(text: str) -> list[str]:
    return ["`", text]


def bars(steps: int, tokens: str, money: str, time: str) -> list[dict[str, Any]]:
    minutes, seconds = time.split(":")
    parts = (
        steps / 20,
        float(tokens.rstrip("k")) / 50,
        float(money[1:]) / 0.5,
        (int(minutes) * 60 + int(seconds)) / 180,
    )
    used, of = (str(steps), tokens, money, time), ("20", "50k", "$0.50", "3:00")
    names = ("steps", "tokens", "money", "time")
    rows = zip(names, used, of, parts, strict=True)
    return [{"name": name, "used": u, "of": o, "part": part} for name, u, o, part in rows]


def counts(*values: str) -> dict[str, str]:
    return {f"e{i}": value for i, value in enumerate(values, 1) if value}


def pending(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("ev", "dur", "cost")} | {
        "s": "pending",
        **more,
    }


def text(*words: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "text", "words": list(words), **more}


def lead(words: str, **more: Any) -> dict[str, Any]:
    return {"kind": "lead", "text": words, **more}


def button(label: str, verb: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "verb": verb, **more}


def clock(seconds_ago: float, say: str, **more: Any) -> dict[str, Any]:
    """A time that runs on, and stands at some seconds when the fixtures are read."""
    since = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {"since": since.isoformat(), "say": say, **more}


def live_now(source: str, cap: list[Any], of: str) -> dict[str, Any]:
    return {"kind": "live", "of": of, "code": source, "lang": "python", "cap": cap, "label": "Code and prints"}


def code_now(source: str, cap: list[Any], side: str = "at most 30 s") -> dict[str, Any]:
    return {"kind": "code", "code": source, "cap": cap, "side": side, "label": "Code that runs now"}


STEP1 = {
    "n": 1,
    "t": "Keep the birds that have a body mass",
    "x": "344 rows, fewer than 5 without a mass",
    "ev": ["342 of 344 rows kept, 2 had no mass ", R2],
    "dur": "0.1 s",
    "cost": "$0.0004",
    "s": "done",
    "back": True,
    "calls": ["r2.0"],
}
STEP2 = {
    "n": 2,
    "t": "Average body mass on each island",
    "x": "three islands, means between 2,500 and 6,500 g",
    "ev": ["Biscoe 4,716 g (n = 167), Dream 3,713 g (124), Torgersen 3,706 g (51) ", R3],
    "after": "1",
    "dur": "0.2 s",
    "cost": "$0.0005",
    "s": "done",
    "back": True,
    "calls": ["r3.0"],
    "out": True,
}
STEP3 = {
    "n": 3,
    "t": "Save the table by island",
    "x": "a CSV file with 3 rows",
    "after": "2",
    "s": "waiting",
    "call": "r4.0",
    "digest": "9f3ce1",
}
STEP4 = {
    "n": 4,
    "t": "Test whether chance explains the difference",
    "x": "a p-value, from a test that allows unequal spreads",
    "after": "1",
    "s": "pending",
}
CODE = """from pathlib import Path

path = Path("results/islands.csv")
path.parent.mkdir(exist_ok=True)
by_island.round(1).to_csv(path)"""
MY_CODE = CODE.replace("islands.csv", "islands_by_mass.csv")
CODE2 = """by_island = (
    birds.groupby("island")["body_mass_g"]
    .agg(["count", "mean", "std"])
    .sort_values("mean", ascending=False)  # heaviest first
)
by_island"""
DAG = {
    "w": 112,
    "h": 58,
    "n": {"1": [14, 29], "2": [54, 14], "3": [96, 14], "4": [54, 44]},
    "e": [[1, 2], [2, 3], [1, 4]],
}
DAG2 = {
    "w": 152,
    "h": 64,
    "n": {"1": [14, 32], "2": [54, 12], "3": [94, 12], "4": [54, 36], "5": [96, 36], "6": [138, 36]},
    "e": [[1, 2], [2, 3], [1, 4], [4, 5], [5, 6]],
}
BASE: dict[str, Any] = {
    "goal": GOAL,
    "who": WHO,
    "name": "penguins",
    "pid": 3,
    "acts": ["Pause", "Stop"],
    "dag": DAG,
    "dagsay": "Plan: 2 and 4 need 1, 3 needs 2",
    "dagnote": "what needs what",
}
view = partial(dict, BASE)

APPROVE = button("Approve", "approve", key="A", main=True)
EDIT, REJECT, SKIP = (
    button("Edit", "edit", key="E"),
    button("Reject", "reject", key="R"),
    button("Skip", "skip", key="S"),
)
UNTRUSTED = [code("by_island"), " comes from ", code("df"), ", which was read from the web"]
HEADS = ["access", "name", "before → after", "where it comes from"]
READS = [
    ["reads", [code("by_island")], "table, 3 × 3, unchanged", ["step 2, ", R3]],
    ["writes", [code("path")], "new → Path", "this call"],
]
WHERE = "path chosen by the model; your goal names no file"
CARD: dict[str, Any] = {
    "call": "r4.0",
    "digest": "9f3ce1",
    "step": 3,
    "title": "Step 3 wants to replace a file",
    "why": [
        "It asks because ",
        code("to_csv"),
        " overwrites ",
        code("results/islands.csv"),
        ", and Undo cannot bring an overwritten file back.",
    ],
    "risks": [
        ["cannot be undone", "the file from 12 November (118 bytes) is lost"],
        ["untrusted data", UNTRUSTED],
        ["external", "writes outside the namespace"],
    ],
    "cap": ["Python, written by the model in ", R4],
    "side": "runs in this kernel, at most 30 s",
    "code": CODE,
    "table": {
        "caption": "What this call reads and writes",
        "heads": HEADS,
        "rows": [*READS, ["writes", [code("results/islands.csv")], "118 bytes → replaced", WHERE]],
    },
    "buttons": [
        APPROVE,
        button("Approve the rest like this", "approve_rest", key="⇧ A"),
        EDIT,
        REJECT,
        SKIP,
    ],
    "cover": [
        "Approve counts once, for exactly this call (",
        code("9f3c e1"),
        "). “The rest like this” covers at most 2 more Python calls of this run that write files in ",
        code("results/"),
        "; take it back under More, Rules.",
    ],
}

WAITING = view(
    id="waiting",
    tone="ask",
    glyph="waiting",
    state="Waiting for you",
    what="step 3 wants to replace a file",
    budget=bars(2, "6.2k", "$0.002", "0:41"),
    stage="you",
    counts=counts("1", "2", "2", "2", "", "", "2"),
    steps=[STEP1, STEP2, STEP3, STEP4],
    planhead="Plan, approved by you",
    planside="2 of 4 done",
    say="Waiting for you. Step 3 wants to replace the file results/islands.csv. "
    "Press A to approve, E to edit, R to reject.",
    card=CARD,
)
EDITED = WAITING | {
    "id": "edited",
    "say": "Your edit was checked again. It now writes a new file.",
    "what": "step 3 wants to write a file, as you edited it",
    "card": CARD
    | {
        "digest": "41d07b",
        "title": "Step 3 wants to write a file",
        "why": "It asks because the call writes a file. With your edit it is a new one, so Undo can delete it again.",
        "risks": CARD["risks"][1:],
        "cap": ["Python, 1 line changed by you since ", R4],
        "side": "policy checked again 2 s ago",
        "code": MY_CODE,
        "model_code": CODE,
        "table": {
            "caption": "What this call reads and writes",
            "heads": HEADS,
            "rows": [
                *READS,
                ["writes", [code("results/islands_by_mass.csv")], "not there → new file", "path typed by you"],
            ],
        },
        "buttons": [
            APPROVE | {"more": "my version"},
            button("Model’s version", "check_edit", data={"restore": True}),
            EDIT,
            REJECT,
            SKIP,
        ],
        "cover": [
            "Approve counts once, for exactly this call (",
            code("41d0 7b"),
            "). The journal keeps both versions.",
        ],
    },
}
DONE3 = STEP3 | {
    "s": "done",
    "back": True,
    "ev": ["results/islands_by_mass.csv, 95 bytes, 3 rows ", R4],
    "dur": "0.1 s",
    "cost": "$0.0005",
    "calls": ["r4.0"],
}
TOOL = WAITING | {
    "id": "tool",
    "what": "step 4 wants to send an e-mail",
    "say": "Waiting for you. Step 4 wants to send an e-mail. Press A to approve, E to edit, R to reject.",
    "steps": [
        STEP1,
        STEP2,
        DONE3,
        {
            "n": 4,
            "t": "Send the table to the station",
            "x": "the mail server accepts it",
            "after": "3",
            "s": "waiting",
        },
    ],
    "planside": "3 of 4 done",
    "counts": counts("1", "3", "3", "3", "", "", "3"),
    "dag": {
        "w": 124,
        "h": 58,
        "n": {"1": [14, 29], "2": [46, 29], "3": [78, 29], "4": [110, 29]},
        "e": [[1, 2], [2, 3], [3, 4]],
    },
    "dagsay": "Plan: one after the other",
    "card": {
        "call": "r5.0",
        "digest": "c07a55",
        "step": 4,
        "title": "Step 4 wants to send an e-mail",
        "why": [
            "It asks because ",
            code("send_mail"),
            " sends data out of this kernel, and the body holds untrusted data.",
        ],
        "risks": [
            ["cannot be undone", "a mail that was sent stays sent"],
            ["untrusted data", ["the body quotes ", code("by_island"), ", which comes from the web"]],
            ["external", [code("send_mail"), " is yours, declared ", code('effect="external"'), ", once"]],
        ],
        "args": [
            {
                "name": "to",
                "value": "station@example.org",
                "origin": "the model",
            },
            {
                "name": "subject",
                "value": "Body mass by island",
                "origin": "the model",
            },
            {
                "name": "body",
                "value": "Biscoe 4,716 g (167 birds)\nDream 3,713 g (124)\nTorgersen 3,706 g (51)",
                "origin": ["step 2, ", R3, ", untrusted"],
            },
        ],
        "buttons": [APPROVE, REJECT, SKIP],
        "cover": [
            "Approve counts once, for exactly these arguments (",
            code("c07a 55"),
            "). Calls that go out cannot be approved in advance.",
        ],
    },
}
RUNNING = view(
    id="running",
    tone="go",
    glyph="running",
    state="Running",
    what="step 2",
    clock=clock(3.2, "{} so far"),
    strip="step 2 of 4 · Average body mass on each island",
    time="0:19",
    cost="$0.001",
    printed="Biscoe     4716.0\nDream      3712.9\n",
    budget=bars(1, "3.6k", "$0.001", "0:19"),
    stage="act",
    counts=counts("1", "2", "1", "1", "", "", "1"),
    steps=[
        STEP1,
        pending(STEP2, s="running", clock=clock(3.2, "{} so far")),
        pending(STEP3),
        STEP4,
    ],
    planhead="Plan, approved by you",
    planside="1 of 4 done",
    now=[
        lead("Step 2 runs"),
        text("Allowed by the approved plan. It reads ", code("birds"), " and makes ", code("by_island"), "."),
        live_now(CODE2, ["Python, written by the model in ", R3], "r3.0"),
    ],
)
WRITING = RUNNING | {
    "id": "writing",
    "what": "the model works on step 2",
    "clock": clock(1.4, "thinking {}"),
    "printed": "",
    "stream": "I group the birds by island, and **average** their mass.\n\n",
    "written": CODE2[:70],
    "now": [
        lead("The model works on step 2"),
        {"kind": "live", "of": "request 3", "cap": "Written by the model", "label": "What it writes"},
    ],
}
STARTING = view(
    id="starting",
    tone="go",
    glyph="running",
    state="Starting",
    what="loading the local model",
    who="penguins · pid 3 · local/qwen2.5-coder-0.5b",
    budget=bars(0, "0k", "$0", "0:00"),
    steps=[],
    dag=None,
    acts=["Stop"],
    planside="none yet",
    now=[
        lead("Loading the model"),
        text("312 of 491 MB read, about 9 s left."),
        text(
            "Only the first run after a kernel start waits for this. Nothing has run yet, and the time does not count.",
            mute=True,
        ),
    ],
)
PLANNING = view(
    id="planning",
    tone="go",
    glyph="running",
    state="Planning",
    what="the model writes a plan",
    clock=clock(2, "thinking {}"),
    budget=bars(0, "0.9k", "$0.0003", "0:02"),
    stage="plan",
    steps=[],
    dag=None,
    planside="being written",
    now=[
        lead("Writing a plan"),
        text(
            "The model sees the goal, the name and shape of ",
            code("df"),
            " (344 × 8, untrusted), and 6 tools. A plan and what acts outside ask you first;"
            " what only reads, or can be undone, runs.",
        ),
        {"kind": "live", "of": "request 1", "cap": "Written by the model", "label": "What it writes"},
    ],
)
PROPOSED = view(
    id="proposed",
    tone="ask",
    glyph="waiting",
    state="Waiting for you",
    what="a plan of 4 steps",
    budget=bars(0, "2.1k", "$0.0006", "0:06"),
    stage="you",
    counts=counts("1"),
    steps=[pending(step) for step in (STEP1, STEP2, STEP3, STEP4)],
    planside="4 steps",
    planhead="Plan, proposed by the model",
    say="Waiting for you. A plan of 4 steps. Press A to approve, E to edit, R to reject.",
    card={
        "call": "plan:1",
        "title": "Approve the plan?",
        "plan": {
            "acts": [],
            "promise": "Whatever a step would do outside is asked when it comes to it.",
            "rest": [
                [code("python"), ": at most 4 calls, every step"],
                "Still asks: what touches files or the net.",
            ],
        },
        "why": "It asks because a plan of 4 steps is to be approved first. "
        "Approving it allows these calls and no others:",
        "table": {
            "caption": "What the plan may do",
            "heads": ["tool", "at most", "with", "still asks"],
            "rows": [
                [
                    [code("python")],
                    "3 calls",
                    ["reads ", code("df"), ", writes new names"],
                    "if it touches files or the net",
                ],
                [[code("python")], "1 call", "step 3 only", "yes, it writes a file"],
                [[code("describe")], "4 calls", "any name you listed", "no"],
            ],
        },
        "buttons": [
            APPROVE | {"more": "the plan"},
            button("Ask at each step", "approve", data={"mode": "step"}),
            EDIT,
            REJECT,
        ],
        "cover": "Change the steps first if you like: the plan you approve is the one you see.",
    },
)
ACTS = [
    {
        "n": 1,
        "words": ["write ", code("./report.md")],
        "kind": "bound",
        "why": "Bound: you, in your words, and what exists.",
        "chosen": [
            [[code("path")], "you, in your words"],
            [[code("text")], "nobody: it is computed from what exists"],
        ],
    },
    {
        "n": 2,
        "words": "e-mail to the one address on www.dora-website.example",
        "kind": "delegated",
        "why": "Delegated: others choose. To is chosen by what others wrote in read_page.",
        "chosen": [[[code("to")], "others, by what they wrote in read_page"]],
    },
    {
        "n": 3,
        "words": "fill in the form on that page, in my own words",
        "kind": "open",
        "why": "Open: always asks, with the values.",
        "chosen": [[[code("text")], "the model, in its own words"]],
    },
]
PLAN_DOC = PROPOSED | {
    "id": "plan-doc",
    "what": "a plan of 4 steps",
    "steps": [
        pending(STEP1, x="len(out) == 342"),
        pending(STEP2, x="len(out) == 3"),
        pending(STEP3, acts=[1]),
        STEP4 | {"acts": [2, 3]},
    ],
    "card": PROPOSED["card"]
    | {
        "plan": {
            "acts": ACTS,
            "promise": "It commits to these before it reads anything of others. Whatever else goes out will be asked.",
            "rest": PROPOSED["card"]["plan"]["rest"],
        },
        "buttons": [
            APPROVE | {"more": "the plan"},
            button("Approve all but 2", "approve", data={"without": [2]}),
            EDIT,
            REJECT,
        ],
    },
}
UNDO_ALL, EXPORT = button("Undo all", "undo_all"), button("Export notebook", "export")
PAUSED = view(
    id="paused",
    tone="",
    glyph="pause",
    state="Paused by Stop",
    what="step 2 was interrupted after 0.8 s",
    acts=["Resume"],
    budget=bars(1, "3.6k", "$0.001", "0:24"),
    counts=counts("1", "2", "2", "1", "", "", "1"),
    steps=[STEP1, pending(STEP2, note="interrupted, taken back"), pending(STEP3), STEP4],
    planside="1 of 4 done",
    now=[
        lead("Paused"),
        text(
            "Step 2 ran for 0.8 s and had not finished. What it had made (",
            code("by_island"),
            ") was taken back, so your names are as step 1 left them.",
        ),
        {
            "kind": "actions",
            "buttons": [button("Resume", "resume", key="P", main=True), UNDO_ALL, EXPORT],
        },
        text("Resume starts step 2 again. In another cell: ", code("%agent resume 3"), mute=True),
    ],
)
BUDGET = view(
    id="budget",
    tone="bad",
    glyph="pause",
    state="Budget reached",
    what="3 minutes are used up, in step 4",
    acts=["Resume"],
    budget=bars(3, "7.9k", "$0.003", "3:00"),
    counts=counts("1", "4", "3", "3", "", "", "3"),
    steps=[STEP1, STEP2, DONE3 | {"note": "edited by you"}, STEP4 | {"note": "stopped, taken back"}],
    planside="3 of 4 done",
    now=[
        lead("The time is used up"),
        text(
            "3 of 3 minutes are spent; step 4 still ran a simulation of 10,000 draws and was stopped. "
            "Steps 1 to 3 stand."
        ),
        {
            "kind": "actions",
            "buttons": [
                button("Add 2 minutes", "budget", main=True, data={"add": "2 min"}),
                button("Answer with what is known", "resume", data={"answer": True}),
                button("End here", "kill"),
            ],
        },
        text(
            "Whether chance explains the difference is not answered yet. In another cell: ",
            code("%agent budget 3 +2 min"),
            mute=True,
        ),
    ],
)
FAILED = view(
    id="failed",
    tone="bad",
    glyph="failed",
    state="Failed",
    what="the model’s server refused the request",
    acts=["Resume"],
    budget=bars(2, "6.2k", "$0.002", "0:58"),
    counts=counts("1", "2", "2", "2", "", "", "2"),
    steps=[STEP1, STEP2, pending(STEP3), STEP4],
    planside="2 of 4 done",
    now=[
        lead("api.openai.com says: quota exceeded (429)"),
        text(
            "Tried 3 times in 17 s. Waiting longer does not help: the account has no credit left. "
            "Steps 1 and 2 and their names are kept."
        ),
        {"kind": "heading", "text": "What you can do"},
        {
            "kind": "table",
            "plain": True,
            "caption": "What you can do",
            "rows": [
                [
                    button("Resume", "resume", main=True),
                    "after adding credit to the account of OPENAI_API_KEY",
                ],
                [
                    button("Use the local model", "resume", data={"model": "local"}),
                    ["slower, no key, no cost: ", code("%agent resume 3 -m local")],
                ],
                [EXPORT, "keeps steps 1 and 2 as cells"],
            ],
        },
        {
            "kind": "details",
            "summary": "Journal, event 19",
            "label": "Error",
            "code": "model.failed  r4  429 insufficient_quota  tries=3",
        },
    ],
)
OWN3 = DONE3 | {"note": "edited and approved by you"}
FAIL4 = {
    "n": 4,
    "t": "Welch’s test with scipy.stats.welch_anova",
    "x": "a p-value",
    "ev": ["ImportError: scipy.stats has no welch_anova ", R5],
    "after": "1",
    "dur": "0.4 s",
    "cost": "$0.0006",
    "s": "failed",
    "note": "replaced by 5",
    "calls": ["r5.0"],
}
STEP5 = {
    "n": 5,
    "t": "Test with Alexander and Govern, which allows unequal spreads",
    "x": "a p-value",
    "ev": ["A = 157.0, p = 8 × 10⁻³⁵ ", R7],
    "after": "1",
    "dur": "0.6 s",
    "cost": "$0.0005",
    "s": "done",
    "back": True,
    "note": "instead of 4",
    "calls": ["r7.0"],
}
STEP6 = {
    "n": 6,
    "t": "Compare one species across the islands",
    "x": "whether the gap stays within a species",
    "ev": ["Adélie 3,710, 3,688, 3,706 g, p = 0.97; Gentoo: 123 birds, all on Biscoe ", R8],
    "after": "5",
    "dur": "0.3 s",
    "cost": "$0.0005",
    "s": "done",
    "back": True,
    "note": "re-planned",
    "calls": ["r8.0"],
}
