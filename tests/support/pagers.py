"""Models for tests of the memory: they see their prompt and nothing else."""

import random
import re
import uuid
from itertools import pairwise

import llmos_nb as llmos
from llmos_nb.messages import Response, ToolCall
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel

SMALL = 16_384  # bytes of the largest window that keeps a line a page
LOTS = "5000 steps, 1000m tokens, 10000 calls, 24 h"


def call(name, **arguments):
    return Response(calls=(ToolCall(name, arguments),))


class Recorder:
    """Asks another model and keeps each prompt as it would be sent, by the number of answers before it."""

    def __init__(self, inner):
        self.inner, self.traits = inner, inner.traits
        self.answers, self.sent = 0, {}

    def seek(self, answers, failures=0):
        self.answers = answers
        if hasattr(self.inner, "seek"):
            self.inner.seek(answers, failures)

    async def respond(self, request, on_text):
        self.sent[self.answers] = ([m.encoded for m in request.messages], request.tools_encoded)
        answer = await self.inner.respond(request, on_text)
        self.answers += 1
        return answer

    @property
    def prompts(self):
        return [messages for messages, _ in self.sent.values()]

    @property
    def sizes(self):
        """Bytes of each request: messages, the commas between them, tools."""
        return [sum(map(len, ms)) + len(ms) - 1 + len(tools) for ms, tools in self.sent.values()]

    @property
    def kept(self):
        """How many prompts begin with the whole one before them."""
        pairs = list(pairwise(self.prompts))
        return sum(b[: len(a)] == a for a, b in pairs) / max(len(pairs), 1)


class Counting:
    """Calls `add` so many times, then answers: the loop in which agent frameworks are compared."""

    def __init__(self, steps):
        self.traits, self.steps, self.at = Traits("counting", window_bytes=SMALL), steps, 0

    async def respond(self, request, on_text):
        self.at += 1
        return call("add", a=self.at, b=1) if self.at <= self.steps else Response(text="Done.")


class Pager:
    """Reads all pairs, one a step, then follows a key: looks in its prompt, and where it is not, recalls it."""

    def __init__(self, key, pairs):
        self.traits, self.key, self.pairs, self.at, self.asked = (
            Traits("pager", window_bytes=SMALL),
            key,
            pairs,
            0,
            "",
        )

    async def respond(self, request, on_text):
        self.at += 1
        if self.at <= self.pairs:
            return call("pair", n=self.at - 1)
        seen = "\n".join(m.text for m in request.messages if m.role == "tool")
        while found := re.search(rf"{self.key} = ([0-9a-f-]{{36}})", seen):
            self.key = found[1]
        if self.asked == self.key:  # it was looked for, and there is no such key: so it is the value
            return Response(text=self.key)
        self.asked = self.key
        return call("recall", query=self.key)


def nested(seed, level, count=140):
    """Pairs of random keys and values, in which a chain of so many values are keys: pairs, first key, last value."""
    rng = random.Random(seed * 10 + level)
    new = lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4))  # noqa: E731
    chain = [new() for _ in range(level + 2)]
    pairs = list(pairwise(chain))
    pairs += [(new(), new()) for _ in range(count - len(pairs))]
    rng.shuffle(pairs)
    return pairs, chain[0], chain[-1]


async def look_up(seed, level, home):
    """Whether a pager finds the value at the end of a chain of keys, and how often it recalled."""
    pairs, key, value = nested(seed, level)

    @llmos.tool(effect="read", repeat="pure")
    def pair(n: int) -> str:
        """Give pair n."""
        return f"{pairs[n][0]} = {pairs[n][1]}"

    goal = f"Look up {key}; where a value is itself a key, look that up."
    proc = await llmos.run(goal, model=Pager(key, len(pairs)), tools=[pair], approve="auto", budget=LOTS, home=home)
    return proc.answer == value, sum(c.name == "recall" for c in proc.run.state.calls.values())


def varied(steps, window=SMALL):
    """Turns of a run in which all happens that shapes a prompt: long results, failures, recall, texts, parallel calls."""
    turns = []
    for i in range(steps):
        calls = [{"name": "read", "arguments": {"n": i}}]
        if i % 7 == 3:
            calls.append({"name": "read", "arguments": {"n": 1000 + i}})
        if i and i % 12 == 0:
            calls = [{"name": "recall", "arguments": {"query": f"row {i - 8}"}}]
        turns.append({"text": "Next." if i % 5 == 0 else "", "calls": calls})
    return ScriptedModel([*turns, {"text": "Done."}], Traits("varied", window_bytes=window))


@llmos.tool(effect="read", repeat="pure")
def read(n: int) -> str:
    """Read row n."""
    if n % 9 == 5:
        raise ValueError(f"row {n} is not there")
    return f"row {n}: " + "x" * (6_000 if n % 11 == 4 else 150)


async def crashed(journal, n, steps, folder, window=SMALL):
    """Give the prompts that a process sends which is taken up from the first `n` lines of a journal."""
    lines = journal.read_bytes().splitlines(keepends=True)
    (folder / "blobs").mkdir(parents=True)
    for blob in (journal.parent / "blobs").glob("*"):
        (folder / "blobs" / blob.name).write_bytes(blob.read_bytes())
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:n]))
    model = Recorder(varied(steps, window))
    proc = llmos.Session(home=folder).load(folder, tools=[read], model=model)
    await proc.resume()
    return proc, model.sent
