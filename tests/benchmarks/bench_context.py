"""What a history costs in effective tokens, while it fits and when it does not, and what of it can still be answered.

    python tests/benchmarks/bench_context.py [--steps 400] [--seed 7] [--short 10,50,200] [--out results/context.json]

A token is four bytes; one that stands in the prefix shared with the request before costs a tenth. The model is a script
behind a real endpoint that sees its prompt alone: what to read next, and every fact that it answers, it takes from there.
The plain loop keeps its whole history, has no bound on its context, and asks the same model.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from bench_memory import GOAL as SUMS, add
from endpoint import Endpoint
from pagers import LOTS
from verdicts import conclude
from waits import turns_while

import llmos_nb as llmos
from llmos_nb.process.state.texts import TEXTS

TOKEN, CACHED = 4, 0.1
CONTEXT, ASKED, AT_ONCE, MOST_TURNS = 128_000, 20, 8, 5_000
MOST_LONG, MOST_SHORT, LEAST_KEPT = 0.6, 1.05, 0.96
GOAL = (
    "Read the records 1 to {steps} with record, one at a time; then call questions and answer them. The word is {word}."
)
FACT = re.compile(r"station (S-\d+) reports code (\w-\d+)")
WANTED = re.compile(r"What is the code of (S-\d+)\?")


# what is sent


def parts(body: dict) -> list[str]:
    """Return what a provider's cache sees, in its order: tools, then messages."""
    plain = [*body.get("tools", []), *body["messages"]]
    return [json.dumps(p, separators=(",", ":"), ensure_ascii=False) for p in plain]


def shared(before: list[str], now: list[str]) -> int:
    """Return how many parts two prompts share from the start."""
    return next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))


def tokens(texts: list[str]) -> float:
    return sum(len(t.encode()) for t in texts) / TOKEN


class Bill:
    """Adds up what the requests of one run cost.

    Parameters
    ----------
    most : int
        Tokens that a prompt may have; 0 for any number.
    """

    def __init__(self, most: int = 0) -> None:
        self.most, self.sent, self.kept = most, list[list[str]](), 0
        self.effective = self.largest = 0.0

    def add(self, body: dict) -> tuple[int, int]:
        """Take a request in; return its tokens and how many of them are cached."""
        now, before = parts(body), self.sent[-1] if self.sent else []
        same = shared(before, now)
        whole, cached = tokens(now), tokens(now[:same])
        self.kept += same == len(before)
        self.effective += whole - cached + CACHED * cached
        self.largest = max(self.largest, whole)
        self.sent = [now]
        return int(whole), int(cached)


# the model: it sees a prompt and nothing else


def answer(body: dict) -> dict:
    """Return what a strong model would do, from its prompt alone."""
    messages = body["messages"]
    steps = int(re.search(r"records 1 to (\d+)", messages[1]["content"])[1])
    texts = [m.get("content") or "" for m in messages]
    calls = [
        f"{c['function']['name']}({c['function']['arguments']})" for m in messages for c in m.get("tool_calls", ())
    ]
    story = "\n".join([*texts[2:], *calls])  # what is seen, what is noted, and what the harness noted
    read = max(map(int, re.findall(r"record\((?:n=|{\"n\": ?)(\d+)", story)), default=0)
    if read < steps:
        notes = f"Notes: record(n={read}) is the last that was read." if texts[-1] == TEXTS["window_full"] else ""
        return {"text": notes, "calls": [call("record", n=read + 1)]}
    return _answered(texts, story)


def _answered(texts: list[str], story: str) -> dict:
    """Answer the questions from what stands there; what does not stand there is looked for, once while that is seen."""
    wanted = list(dict.fromkeys(WANTED.findall(story)))
    known = dict(FACT.findall(story))
    missing = [w for w in wanted if w not in known]
    looked = [w for w in missing if f'recall({{"query":"{query(w)}"}})' in story]
    more = [w for w in missing if w not in looked]
    if wanted and not more:
        word = re.search(r"The word is (\w+)", texts[1])
        return {"text": "\n".join([f"{w}: {known.get(w, 'unknown')}" for w in wanted] + [word[1] if word else "?"])}
    found = [f"station {w} reports code {known[w]}" for w in wanted if w in known]
    asked = [f"What is the code of {w}?" for w in wanted]
    notes = "; ".join(["Notes: all records are read", *asked, *found]) if texts[-1] == TEXTS["window_full"] else ""
    wants = [call("recall", query=query(w)) for w in more[:AT_ONCE]] or [call("questions")]
    return {"text": notes, "calls": wants}


def query(station: str) -> str:
    return f"station {station} reports code"


def call(name: str, **arguments: object) -> dict:
    return {"name": name, "arguments": arguments}


class Reader(Endpoint):
    """The model behind an endpoint; it refuses a prompt that does not fit its context."""

    def __init__(self, bill: Bill) -> None:
        super().__init__([{}], endless=True)
        self.bill, self.bodies = bill, list[dict]()
        self.count, self.orders = 0, dict[int, Callable[[], object]]()  # what a user does at a request

    async def _answer(self, request, raw, seen):
        body = seen.body
        self.requests.clear()
        prompt, cached = self.bill.add(body)
        self.bodies, self.count = [body], self.count + 1
        if (act := self.orders.get(self.count)) is not None:
            act()
        if self.bill.most and prompt > self.bill.most:
            said = {
                "error": {
                    "message": "too long",
                    "code": "context_length_exceeded",
                    "type": "invalid_request_error",
                }
            }
            return await super()._answer(request, {"status": 400, "body": said}, seen)
        turn = answer(body)
        return await super()._answer(
            request, {**turn, "usage": {"prompt": prompt, "completion": 20, "cached": cached}}, seen
        )


# the tools


class Records:
    """Records of 2 KB, each with one fact in the middle of it, and the questions that come in the end."""

    def __init__(self, seed: int, steps: int) -> None:
        rng = random.Random(seed)
        stations = rng.sample(range(1_000, 9_999), steps)
        self.facts = [(f"S-{s}", f"{rng.choice('ABCDEF')}-{rng.randrange(1_000, 9_999)}") for s in stations]
        words = [
            "flow",
            "level",
            "gauge",
            "weir",
            "basin",
            "inlet",
            "valve",
            "pump",
            "crest",
            "river",
            "rain",
            "gate",
        ]
        self.texts = [self._text(rng, words, n) for n in range(steps)]
        ages = sorted(rng.sample(range(steps), min(ASKED, steps)))
        ages[:1], ages[-1:] = [0], [steps - 1]  # of all ages: the first and the last among them
        self.asked = [self.facts[a] for a in ages]

    def _text(self, rng: random.Random, words: list[str], n: int) -> str:
        lines = [" ".join(rng.choice(words) for _ in range(9)) + f" {rng.randrange(10_000)}" for _ in range(34)]
        station, code = self.facts[n]
        lines.insert(rng.randrange(5, 30), f"At noon station {station} reports code {code} to the office.")
        return f"record {n + 1}\n" + "\n".join(lines)

    def tools(self) -> list:
        @llmos.tool(effect="read", repeat="pure")
        def record(n: int) -> str:
            """Read a record."""
            return self.texts[n - 1]

        @llmos.tool(effect="read", repeat="pure")
        def questions() -> str:
            """Read the questions."""
            return "\n".join(f"What is the code of {station}?" for station, _ in self.asked)

        return [record, questions]

    def right(self, said: str) -> int:
        """Return how many of the questions an answer answers rightly."""
        return sum(f"{station}: {code}" in said for station, code in self.asked)


def describe_text(text: str) -> str:
    """Give the length of a text.

    Args:
        text: any text
    """
    return str(len(text))


# the plain loop


def spec(function, described: bool) -> dict:
    """Return a function's schema as one writes it first; with what its docstring says of arguments, or without."""
    first, *rest = inspect.getdoc(function).splitlines()
    said = dict(line.strip().split(": ", 1) for line in rest if ": " in line)
    kinds = {"int": "integer", "str": "string"}
    fields = {
        k: {"type": kinds[v], **({"description": said[k]} if described and k in said else {})}
        for k, v in ((k, getattr(t, "__name__", t)) for k, t in function.__annotations__.items() if k != "return")
    }
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "type": "function",
        "function": {"name": function.__name__, "description": first, "parameters": schema},
    }


async def plain(url: str, goal: str, functions: list, described: bool = True) -> str:
    """Ask and call until the model answers, with the whole history each time."""
    by_name = {f.__name__: f for f in functions}
    specs = [spec(f, described) for f in functions]
    messages = [
        {"role": "system", "content": "You are a careful assistant. Use the tools."},
        {"role": "user", "content": goal},
    ]
    async with aiohttp.ClientSession() as client:
        for _ in turns_while(lambda: True, "the model calls tools", MOST_TURNS):
            body = {"model": "m", "messages": messages, "tools": specs}
            async with client.post(url + "/chat/completions", json=body) as reply:
                said = (await reply.json())["choices"][0]["message"]
            messages.append(said)
            if not said.get("tool_calls"):
                return said["content"]
            for c in said["tool_calls"]:
                result = by_name[c["function"]["name"]](**json.loads(c["function"]["arguments"]))
                messages.append({"role": "tool", "tool_call_id": c["id"], "content": str(result)})


# a run that does not fit


async def long_run(seed: int, steps: int, context: int = CONTEXT) -> dict:
    """Read more than fits, then answer; beside the plain loop."""
    word, orders = (
        f"heron{seed}",
        {steps // 4: "Give codes as they stand.", steps // 2 + 5: "Leave nothing out."},
    )
    records, goal = Records(seed, steps), GOAL.format(steps=steps, word=f"heron{seed}")
    bill = Bill(context)
    with tempfile.TemporaryDirectory() as home:
        async with Reader(bill) as endpoint:
            proc = llmos.start(
                goal, model=f"{endpoint.url}#gpt-4o", tools=records.tools(), approve="auto", budget=LOTS, home=home,
                namespace={}, context=str(context),
            )  # fmt: skip
            endpoint.orders = {n: (lambda text=text: proc.send(text)) for n, text in orders.items()}
            await proc
            last = "\n".join(m.get("content") or "" for m in endpoint.bodies[-1]["messages"])
    noted = [m for m in re.findall(r"What you noted: (Notes: [^\n]*)", last)]
    pinned = {
        "goal": goal in last,
        "noted": bool(noted),
        **{t: f"The user says: {t}" in last for t in orders.values()},
    }
    events = [e.k for e in proc.events]
    endless = Bill()
    async with Reader(endless) as endpoint:
        other = await plain(endpoint.url, goal, Records(seed, steps).tools())
    said = proc.answer or ""
    asked = events.count("model.requested")
    return {
        "steps": steps, "ended": f"{proc.reason} {proc.detail}".strip(), "right": records.right(said), "of": len(records.asked),
        "word": word in said, "pinned": pinned, "compactions": events.count("context.paged"),
        "recalls": sum(c.name == "recall" for c in proc.run.state.calls.values()), "requests": asked,
        "kept": bill.kept / asked, "largest": round(bill.largest), "effective": round(bill.effective),
        "spent tokens": round(proc.run.state.spent["tokens"]),
        "plain": {"right": records.right(other), "effective": round(endless.effective), "largest": round(endless.largest)},
        "ratio": bill.effective / endless.effective,
    }  # fmt: skip


# runs that fit


async def short_run(steps: int) -> dict:
    """Add numbers; beside the plain loop, whose tools say as much as ours, or only their first line."""
    turns = [{"calls": [call("add", a=i, b=1)]} for i in range(steps)] + [{"text": "The final answer is 42."}]
    bills = {}
    with tempfile.TemporaryDirectory() as home:
        for who in ("ours", "plain", "bare"):
            async with Endpoint(turns) as endpoint:
                if who == "ours":
                    proc = await llmos.run(
                        SUMS, model=f"{endpoint.url}#m", tools=[add, describe_text], approve="auto", budget=LOTS,
                        home=home,
                    )  # fmt: skip
                    assert proc.reason == "answered", proc.detail
                else:
                    await plain(endpoint.url, SUMS, [add, describe_text], described=who == "plain")
                bills[who] = Bill()
                for request in endpoint.requests:
                    bills[who].add(request.body)
                first = parts(endpoint.requests[0].body)
                bills[who].first = sum(map(len, first))
    effective = {who: bill.effective for who, bill in bills.items()}
    return {
        "effective": {who: round(e) for who, e in effective.items()}, "first prompt": {w: b.first for w, b in bills.items()},
        "ratio": effective["ours"] / effective["plain"], "to bare": effective["ours"] / effective["bare"],
    }  # fmt: skip


async def measure(given: argparse.Namespace) -> dict:
    """Do all of it."""
    short = {n: await short_run(int(n)) for n in given.short.split(",")}
    return {"seed": given.seed, "long": await long_run(given.seed, given.steps), "short": short}


def verdicts(found: dict) -> dict[str, bool]:
    """Say what held."""
    long = found["long"]
    return {
        "the long run answers": long["ended"] == "answered",
        f"it costs at most {MOST_LONG} of an endless context": long["ratio"] <= MOST_LONG,
        "all planted facts are answered": long["right"] == long["of"] > 0,
        "nothing that was pinned is lost": long["word"] and all(long["pinned"].values()),
        f"the prefix is kept on {LEAST_KEPT:.0%} of the requests": long["kept"] >= LEAST_KEPT,
        "every prompt fits the context": 0 < long["largest"] <= CONTEXT,
        **{
            f"{n} steps cost at most {MOST_SHORT} of a plain loop": s["ratio"] <= MOST_SHORT
            for n, s in found["short"].items()
        },
    }


def show(found: dict) -> None:
    """Print the tables."""
    long = found["long"]
    print(f"seed {found['seed']}; effective tokens: four bytes each, a cached one costs {CACHED}")
    print(f"{long['steps']} steps of 2 KB, context {CONTEXT:,}: {long['ended']}, {long['requests']} requests, "
          f"{long['compactions']} compactions, {long['recalls']} recalls, {long['right']} of {long['of']} facts")  # fmt: skip
    print(f"  {long['effective']:,} against {long['plain']['effective']:,} with an endless context: {long['ratio']:.2f}; "
          f"largest prompt {long['largest']:,} against {long['plain']['largest']:,}; prefix kept {long['kept']:.1%}")  # fmt: skip
    print(f"  budget of tokens used: {long['spent tokens']:,}; pinned: {long['pinned']}")
    for n, s in found["short"].items():
        print(f"{n:>4} steps: {s['effective']['ours']:,} against {s['effective']['plain']:,}: {s['ratio']:.3f} "
              f"(tools without their arguments' descriptions {s['to bare']:.3f}); first prompt {s['first prompt']}")  # fmt: skip


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--short", default="10,50,200")
    parser.add_argument("--out", type=Path, default=Path("results/context.json"))
    given = parser.parse_args()
    found = asyncio.run(measure(given))
    return conclude(found, verdicts(found), show, given.out)


if __name__ == "__main__":
    sys.exit(main())
