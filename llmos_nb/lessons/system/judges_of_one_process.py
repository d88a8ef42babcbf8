"""The judges of a learner's loop, gate and memory: one process, tried in a process apart by what it does."""

from __future__ import annotations

import re
from itertools import pairwise
from secrets import randbelow
from typing import Any

from llmos_nb.lessons.core import wrong_if
from llmos_nb.lessons.system.trial import (
    FOREIGN,
    Message,
    ToolError,
    World,
    answer,
    call,
    draw,
    live,
    lived,
    process,
    read_only,
    source_of,
    text_of,
    tool,
    word,
)

# ---- lesson 01

WAITS = """
_syscall = syscall
def syscall(p, s, call):
    if call["status"] == "in doubt":
        return record(p, "call.finished", call=call["id"], what="done", result="looked into")
    return s["goal"] != "wait" and _syscall(p, s, call)
_prompt = prompt
def prompt(p):
    return [*_prompt(p), {"role": "user", "content": "as prompt(p) says"}]
"""
LOOKS = "I look at two of them."
HALF = 8  # steps before what is no event is forgotten


def judge_loop(attempt: Any, seed: int) -> str:
    """Two calls in a turn, a tool that raises, an answer; no answer; nobody there. Half-way all but events is lost."""
    source = source_of(attempt, "loop") + WAITS
    secret, numbers, budget = draw(), [draw(), draw(), draw()], 5 + randbelow(4)

    def probe(arguments: Message) -> int:
        if arguments["n"] == numbers[2]:
            raise ToolError("the probe is broken")
        return int(arguments["n"]) + secret

    both = {"text": LOOKS, "calls": [{"name": "probe", "arguments": {"n": n}} for n in numbers[:2]]}
    again = [call("probe", n=numbers[0])]
    turns = [both, call("probe", n=numbers[2]), answer(f"all is {secret}")]
    world = World({0: turns, 1: again, 2: again, 3: [answer("")], 4: again}, {"probe": probe})
    probing = read_only("probe", "n: int")
    processes = [
        process(f"probe {secret}", probing, budget=len(turns)),
        process("probe for ever", probing, budget=budget),
        process("wait", probing),
        process("say nothing", probing, budget=budget),
        process("go on", probing),
    ]
    begun = [["record", 4, "model.responded", again[0]], ["record", 4, "call.in_doubt", {"call": "r1.0"}], ["step", 4]]
    begin = [["step", p] for p, steps in ((0, HALF), (1, HALF), (2, 3)) for _ in range(steps)]
    rest = [["step", p] for p, steps in ((0, 12), (1, 4 * budget), (3, 4)) for _ in range(steps)]
    life = lived(source, world, processes, *begin, ["anew"], *rest, *begun)
    wrong_if(not world.sent, "the model was never asked", 1)
    ran = [a["n"] for p, _, a in world.done if p == 0]
    _loop_leaves_none(ran, life.states)
    told = "it ended with the text of a turn that has calls: such a turn is no answer, whatever its text"
    wrong_if(life.states[0]["answer"] == LOOKS, told, 3)
    _loop_steps(world.log)
    _loop_acts(world, ran, numbers, secret)
    _loop_ends(world, life.states, secret)
    _loop_is_bounded(world.requests(1), budget, life.states[1]["reason"])
    told = "a process that ran out of budget is ended again and again: whatever the reason, step returns False then"
    wrong_if(life.facts[1]["kinds"].count("run.ended") > 1, told, 3)
    silent = life.states[3]["reason"], life.states[3]["answer"]
    told = f"the model answered with no text, and it ended {silent[0]!r} with {silent[1]!r}: without calls it is one"
    wrong_if(silent != ("answered", ""), told, 3)
    _loop_ends_with_no_model(source)
    return "it acts in order, feeds back, does one thing a step, and always ends. Nothing of it is kept in a variable"


def _loop_leaves_none(ran: list[int], states: list[Message]) -> None:
    told = "the model proposed calls, and none ran: whatever waits goes through syscall(p, s, call)"
    calls = [c["status"] for p in (0, 4) for c in states[p]["calls"].values()]
    if lying := [status for status in calls if status in ("approve", "in doubt")]:
        told = f"a call is {lying[0]!r}, and went no further: it waits as long as its status is not in SETTLED"
    wrong_if(not ran or lying, told, 1)


def _loop_steps(log: list[Message]) -> None:
    since: list[str] = []
    stepped = [line for line in log if line["kind"] == "stepped"]
    for line in log:
        if line["kind"] != "stepped":
            since.append(line["kind"])
            continue
        told = f"one step did {len(since)} things ({', '.join(since)}): another may need the slot in between"
        wrong_if(len(since) > 1, told, 2)
        told = f"a step did something ({', '.join(since)}) and gave False, or None: whoever asks must hear True"
        wrong_if(since and not line["value"], told, 2)
        since = []
    waiting = [line["value"] for line in stepped if line["p"] == 2][1:]
    told = "a call waits for somebody, syscall gave False, and step True: give what syscall gives"
    wrong_if(any(waiting), told, 2)
    last = [line["value"] for line in stepped if line["p"] == 0][-1]
    wrong_if(last, "a process that has ended says that something was done: step returns False then", 3)


def _loop_acts(world: World, ran: list[int], numbers: list[int], secret: int) -> None:
    told = f"the model proposed probe of {numbers}, in this order, and what ran is {ran}"
    wrong_if(ran != numbers, told, 2)
    prompts = [text_of(m) for m in world.prompts(0)]
    back = [str(n + secret) for n in numbers[:2]]
    told = "the model was not told what came back"
    wrong_if(len(prompts) < 3 or any(b not in prompts[1] for b in back), told, 2)
    wrong_if("broken" not in prompts[2], "the tool raised, and the model was not told", 2)
    wrong_if(any(str(secret) not in p for p in prompts), "the goal is not in each request", 2)
    told = "a request held other messages than prompt(p) gives: lesson 03 makes them fit into the window"
    wrong_if(any("as prompt(p) says" not in p for p in prompts), told, 2)
    sent = [line["tools"] for line in world.log if line["kind"] == "model"]
    told = "the model was not told which tools there are: [schema(f) for f in p.tools.values()]"
    wrong_if(any("probe" not in map(_name, tools) for tools in sent), told, 2)


def _name(schema: Any) -> Any:
    return schema.get("function", {}).get("name") if isinstance(schema, dict) else None


def _loop_ends(world: World, states: list[Message], secret: int) -> None:
    ended = states[0]["reason"], states[0]["answer"]
    told = f"the model answered, and it ended {ended[0]!r} with {ended[1]!r}; 'answered' and its text are wanted"
    last = "" if ended[0] != "budget" else ". Look for an answer before you look at p.budget"
    wrong_if(ended != ("answered", f"all is {secret}"), told + last, 3)
    told = f"the model answered in its third turn, and was asked {world.requests(0)} times"
    wrong_if(world.requests(0) != 3, told, 3)


def _loop_is_bounded(requests: int, budget: int, reason: str | None) -> None:
    told = f"p.budget is {budget}, and a model that never answers was asked {requests} times"
    wrong_if(reason is None, f"{told}, and is asked on: nothing bounds it, or not p.budget", 3)
    life = "half-way a new life had the same events: what is counted in a variable is gone then"
    wrong_if(requests not in (budget, budget + 1), f"{told}; {life}", 3)
    wrong_if(requests > budget, told, 3)
    wrong_if(reason == "answered", "a process that ran out of budget says that it answered", 3)


def _loop_ends_with_no_model(source: str) -> None:
    """Have nobody answer at the model's end: that is raised or put on record, and is no step that did something."""

    def nobody(messages: list[Message]) -> Message:
        raise ToolError("nobody answers at this address")

    world = World({0: [nobody]}, {})
    job = {"processes": [process("ask", budget=2)], "do": [["step", 0]] * HALF}
    life = live(source, world, job)
    last = [line["value"] for line in world.log if line["kind"] == "stepped"][-1:]
    told = "the model could not be reached and raised, nothing was recorded, and step says True for ever: let it raise"
    wrong_if(not life.error and last == [True] and not life.states[0]["reason"], told, 3)


# ---- lesson 02

FOUND = """
MEANS["call.resolved"] = becomes()
def covered(p, s, call):
    return "act 7" if s["goal"] == "committed" else None
def tainted(s):
    return ["a file"] if s["goal"] in ("committed", "foreign") else []
def doubt(p, call):
    return record(p, "call.resolved", call=call["id"], what="done", result="looked into")
"""
YES, NO, NOBODY, FAILS, COMMITTED, FOREIGN_READ, BEGUN, NO_PERSON = range(1, 9)


def judge_gate(attempt: Any, seed: int) -> str:
    """Faults go back, readers pass, what acts outside asks, and each effect has a decision and an intent before it."""
    source = source_of(attempt, "gate") + FOUND
    number, secret = draw(), word()
    look = tool("look", "n: int", "m: int = 0", "note=None", **FOREIGN)
    weigh = tool("weigh", "kg: float", "heavy: bool", effect="names", repeat="pure")
    buy, fail = tool("buy", "count: int"), tool("fail", **FOREIGN)
    faulty: list[Message] = [{"n": str(number)}, {"n": True}, {"n": number + 0.5}, {}, {"n": number, "k": 1}]
    good, true = call("look", n=number, note="any"), call("weigh", kg=0.5, heavy=True)
    turns = {p: [call("buy", count=number + p), answer("ok")] for p in range(1, 9)}
    nonsense = [call("buy"), call("buy", count=number, colour="red")]
    turns[0] = [*(call("look", **a) for a in faulty), *nonsense, call("lok", n=number), true, good, answer("ok")]
    turns[FAILS] = [call("fail"), answer("ok")]
    turns[FOREIGN_READ].insert(0, good)

    def fails(arguments: Message) -> None:
        raise ToolError(secret)

    def person(question: str, asked: Message) -> bool | None:
        return {number + NO: False, number + NOBODY: None}.get(asked["arguments"].get("count"), True)

    world = World(turns, {"look": lambda a: a["n"], "buy": str, "fail": fails, "weigh": str}, person)
    goals = {COMMITTED: "committed", FOREIGN_READ: "foreign"}
    processes = [process(goals.get(p, "go"), look, buy, fail, weigh, ask=p != NO_PERSON) for p in range(9)]
    begun = [["step", BEGUN], ["record", BEGUN, "call.started", {"call": "r1.0"}]]
    life = lived(source, world, processes, *begun, *[["schedule", n] for n in range(9)])
    calls = [list(s["calls"].values()) for s in life.states]
    bought = {a["count"] - number for _, name, a in world.done if name == "buy"}
    _gate_checks(world, number)
    _gate_asks(world, life.states, bought)
    told = "a call that an earlier life began has another status than 'proposed' and 'approve': return doubt(p, call)"
    wrong_if(BEGUN in bought or calls[BEGUN][0]["result"] != "looked into", told, 3)
    _gate_records(world, calls, secret)
    _gate_knows_whose_words(world, calls, bought)
    return "faults go back as text, readers pass, what acts outside asks, and a decision stands before each effect"


def _gate_checks(world: World, number: int) -> None:
    ran = [a["n"] for p, name, a in world.done if p == 0 and name == "look"]
    told = f"look(n: int) was called with the text {str(number)!r}"
    wrong_if(str(number) in ran, told, 1)
    told = "look(n: int) was called with True, which is no number: isinstance(True, int) holds, so compare type(value)"
    wrong_if(any(n is True for n in ran), told, 1)
    told = "look(n: int) was called with a number that has a half: it is of another type"
    wrong_if(number + 0.5 in ran, told, 1)
    told = "look(n: int, m: int = 0, note=None) did not run with n and note: m has a default, note no type"
    wrong_if(number not in ran, told, 1)
    told = "a call with a fault ran: look at the names and types of its arguments first"
    wrong_if(len(ran) > 1, told, 1)
    told = "after a call with a fault the model was not asked again: tell it, it can repair"
    wrong_if(world.requests(0) < 11, told, 1)
    prompts = world.prompts(0)
    silent = [n for n in range(1, 9) if not str(prompts[n][-1].get("content") or "").strip()]
    told = "a call with a fault was refused, and the model was not told what is wrong: put it into result"
    wrong_if(silent, told, 1)
    asked = {name for p, _, name in world.asked if p == 0}
    told = (
        "a person was asked for buy(count: int) without count, or with an argument that it has not: nonsense goes back"
    )
    wrong_if("buy" in asked, told, 1)
    wrong_if(asked, "a person was asked for a call that only reads or works on variables: it is not external", 2)
    told = "weigh(kg: float, heavy: bool) did not run with 0.5 and True: True is a bool, and one is wanted"
    wrong_if(not world.times("weigh"), told, 1)


def _gate_asks(world: World, states: list[Message], bought: set[int]) -> None:
    wrong_if(not world.asked, "buy acts outside, and nobody was asked: p.ask(question, call)", 2)
    wrong_if(YES not in bought, "a person said yes, and the call did not run", 2)
    wrong_if(NO in bought, "a person said no, and the call ran", 2)
    wrong_if(NOBODY in bought, "nobody was there to be asked (p.ask gave None), and the call ran", 2)
    for p in (NOBODY, NO_PERSON):
        told = "nobody was there, and it ended, or went on: it waits, its call still 'proposed', and step is False"
        wrong_if(states[p]["reason"] is not None or world.requests(p) != 1, told, 2)
        waits = [c["status"] for c in states[p]["calls"].values()]
        wrong_if(waits != ["proposed"], f"{told}; it is {waits}", 2)
    told = "a person said no, and the process did not go on: the model is told"
    wrong_if(states[NO]["reason"] != "answered", told, 2)


def _gate_records(world: World, calls: list[list[Message]], secret: str) -> None:
    for line in world.log:
        if line["kind"] == "tool":
            last = [k for k in line["kinds"] if k.startswith("call.")][-2:]
            missing = next((k for k in ("call.started", "call.decided") if k not in last), None)
            told = f"{line['name']} ran, and no {missing} of it was recorded before the effect"
            wrong_if(missing, told, 3)
    told = "a tool raised, and the process did not go on: what it raised is a result, and the model is told"
    wrong_if(world.requests(FAILS) < 2 or secret not in text_of(world.prompts(FAILS)[1]), told, 3)
    failed = calls[FAILS][0]["status"]
    wrong_if(failed != "failed", f"a tool raised, and its call is {failed!r} on record: what is 'failed' then", 3)
    gave = calls[0][-1]["result"]
    wrong_if(not isinstance(gave, str), f"look gave {gave!r}, and result is no text: the model reads text", 3)
    labels = calls[0][-1].get("label"), calls[YES][0].get("label")
    told = f"the labels of a foreign tool's call and of one's own are {labels}: label is the tool's source"
    wrong_if(labels != ("untrusted", "trusted"), told, 3)
    told = "a foreign tool raised, and its call has no label 'untrusted': what it raised is others' words, too"
    wrong_if(calls[FAILS][0].get("label") != "untrusted", told, 3)


def _gate_knows_whose_words(world: World, calls: list[list[Message]], bought: set[int]) -> None:
    told = "covered(p, s, call) named a commitment, and the call did not run: ask it first; by is what it gives"
    wrong_if(COMMITTED not in bought or calls[COMMITTED][0].get("by") != "act 7", told, 2)
    told = "tainted(s) named whose words were read, and the call ran, or a person was asked: reject it"
    wrong_if(FOREIGN_READ in bought or any(p == FOREIGN_READ for p, _, _ in world.asked), told, 2)
    told = "others' words were read, and a call that only reads did not run: what is not external comes first"
    wrong_if(calls[FOREIGN_READ][0]["status"] != "done", told, 2)


# ---- lesson 03

WINDOW = 3_000
TURNS = 30
LONG = range(12, 20)  # the results that are long: a window is not so many turns
_RECALL = re.compile(r"recall\((\d+)\)")


def judge_memory(attempt: Any, seed: int) -> str:
    """Thirty results in a small window; then each page is called for, and has its words."""
    source = source_of(attempt, "memory")
    secrets = [f"{word()} {draw()}" for _ in range(TURNS)]
    left: list[int] | None = None
    recalled: list[int] = []

    def fault(messages: list[Message]) -> Message:
        nonlocal left
        if left is None:
            left = sorted({int(n) for n in _RECALL.findall(str(messages[0].get("content")))})
        if not left:
            return answer("ok")
        recalled.append(left.pop(0))
        return call("recall", page=recalled[-1])

    said = [word() for _ in range(TURNS)]
    turns = [{**call("read", station=n), "text": said[n]} for n in range(TURNS)] + [fault] * TURNS
    size = {n: 600 if n in LONG else 60 for n in range(TURNS)}
    piped, results = word(), [f"{s} {'.' * size[n]}" for n, s in enumerate(secrets)]
    world = World({0: turns, 1: [answer("ok")]}, {"read": lambda a: results[a["station"]]})
    processes = [process("read all stations", read_only("read", "station: int"), window=WINDOW), process("go")]
    arrives = ["record", 1, "message.arrived", {"text": piped, "others": []}]
    life = lived(source, world, processes, ["schedule", 0], arrives, ["schedule", 1])
    prompts = [text_of(m) for m in world.prompts(0)]
    wrong_if(len(prompts) < TURNS, f"{TURNS} stations are to be read, and it ended after {len(prompts)} requests", 1)
    _memory_is_bounded(prompts[: TURNS + 1], secrets)
    _memory_pages(prompts, secrets, recalled)
    pages = life.states[0]["pages"]
    told = f"the pages are {pages}, as slices of the turns: each begins where the last one ended"
    wrong_if(any(a[1] != b[0] for a, b in pairwise([[0, 0], *pages])), told, 3)
    back = [text_of(m[-1:]) for m in world.prompts(0)[TURNS + 1 :]]
    for page, text in zip(recalled, back, strict=False):
        _memory_is_word_for_word(page, range(*pages[page]), text, list(zip(said, results, strict=True)))
    told = "what had come through a pipe, s['arrived'], is not in the first message: lesson 06 fills it, keep its place"
    wrong_if(any(piped not in text_of(m[:1]) for m in world.prompts(1)), told, 2)
    return f"{len(recalled)} page faults, each answered word for word, in a window of {WINDOW:,} characters"


def _memory_is_bounded(prompts: list[str], secrets: list[str]) -> None:
    largest = max(map(len, prompts))
    told = f"the window is {WINDOW:,} characters, and a request had {largest:,}: move the oldest turns out"
    wrong_if(largest > WINDOW * 1.6, told, 1)
    late = [n for n in range(1, TURNS) if secrets[n - 1] not in prompts[n]]
    wrong_if(late, "the newest result was not in the next request: it never leaves before the model has seen it", 1)
    wrong_if("read all stations" not in prompts[-1], "the goal left the prompt: it never does", 1)
    oldest = [next(n for n, s in enumerate(secrets) if s in p) for p in prompts[1:]]
    cuts = sum(a != b for a, b in pairwise(oldest))
    told = f"the prompt was cut down {cuts} times in {TURNS} turns: go down to half in one go, and a cache can hold"
    wrong_if(cuts > TURNS / 3, told, 2)


def _memory_pages(prompts: list[str], secrets: list[str], recalled: list[int]) -> None:
    told = "what was moved out left no line in the first message: the model must see recall(0), recall(1), …"
    wrong_if(not recalled, told, 2)
    faults = prompts[TURNS + 1 : TURNS + 1 + len(recalled)]
    wrong_if(len(faults) < len(recalled), "the model called recall(page), and was not asked again", 3)
    seen = [{n for n, s in enumerate(secrets) if s in p} for p in faults]
    wrong_if(
        not seen[0] & set(range(6)),
        "recall(0) did not bring back the first words: a page keeps them word for word",
        3,
    )
    told = f"recall(0) brought back the words of all {TURNS} turns: a page is a part of them, or the window is full"
    wrong_if(len(recalled) > 1 and len(seen[0]) == TURNS, told, 3)
    missing = set(range(TURNS)) - set().union(*seen, {n for n, s in enumerate(secrets) if s in prompts[TURNS]})
    told = f"all pages were called for, and the words of {len(missing)} turns are in none: pages leave no gap"
    wrong_if(missing, told, 3)


def _memory_is_word_for_word(page: int, turns: range, back: str, words: list[tuple[str, str]]) -> None:
    """Hold what a page fault brought back to the turns of its page: all of their words, and no others."""
    told = f"recall({page}) is of the turns {turns.start} to {turns.stop - 1}, and it"
    for n, (said, result) in enumerate(words):
        wrong_if(n not in turns and result in back, f"{told} brought back turn {n}: a page is a part of them", 3)
        wrong_if(n in turns and result not in back, f"{told} did not bring back the whole result of turn {n}", 3)
        wrong_if(n in turns and said not in back, f"{told} lacks what the model said in turn {n}", 3)
