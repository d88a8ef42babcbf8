"""`local`: Qwen2.5-Coder on this machine, with no key and no network, by a harness that was measured.

A small model does not make native tool calls. It writes a fenced block of Python under a grammar, or a line
``Answer: …`` once something was observed. What failed leaves its prompt and is sampled anew; code that loads
files, makes up data or filters by what nobody asked for is never handed out. Every raw reply is kept in
`Response.raw`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from llmos_nb.errors import WeightsMissing
from llmos_nb.messages import Request, Response, ToolCall, Usage
from llmos_nb.models.base import Traits
from llmos_nb.models.local import lint, prompt, weights
from llmos_nb.models.local.engine import CONTEXT, Reply, engine
from llmos_nb.models.local.prompt import Dialogue, Turn

SEED, WARM_SEEDS, TEMPERATURE = 42, (1, 2, 3), 0.7
CODE_TOKENS, ANSWER_TOKENS = 200, 160
MAX_RESULTS = 5  # with the answer, six replies a question
WINDOW_BYTES = 5_000
HOW = "or name another model (-m openai/NAME, -m URL#NAME)"
Show = Callable[[str], None]


@dataclass
class _Asking:
    """One call of `respond`: what is asked, and each raw reply."""

    talk: Dialogue
    show: Show
    replies: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, reply: Reply, **drawn: Any) -> None:
        """Keep a raw reply with how it was drawn."""
        facts = {"finish": "length" if reply.cut else "stop", "usage": asdict(reply.usage)}
        self.replies.append({"text": reply.text, **drawn, **facts})

    @property
    def usage(self) -> Usage:
        """Tokens of all replies together."""
        return Usage(*(sum(r["usage"][f.name] for r in self.replies) for f in fields(Usage)))


# right, and of how many: `tests/benchmarks/bench_local.py --hundred`
JOINS = {"qwen2.5-coder-0.5b": (1, 20), "qwen2.5-coder-1.5b": (0, 20)}


class LocalModel:
    """A small model in this process.

    Parameters
    ----------
    name : str, optional
        ``0.5b``, ``7b``, a full name, the path of a ``.gguf`` file, or ``OWNER/REPOSITORY/FILE.gguf`` of the hub; by
        default what is there and fits.

    Raises
    ------
    WeightsMissing
        The weights are not on this machine, or it has too little memory.
    """

    slots, endpoint = 1, "local"

    def __init__(self, name: str | None = None) -> None:
        if (path := weights.find(name or None)) is None:
            if name and weights.is_path(name):
                raise WeightsMissing(f"{name}: there is no such file; give the path of one, {HOW}")
            fetch = f"fetch them (llmos model pull{f' {name}' if name else ''})"
            raise WeightsMissing(f"the weights of {name or 'the local model'} are not on this machine: {fetch}, {HOW}")
        known = next((w.name for w in weights.CATALOGUE if w.filename == path.name), path.stem)
        self.path, self._prefix = path, prompt.prefix()
        self._fixed = prompt.render(self._prefix, len(self._prefix)).chat()
        self._engine = engine(path)
        self._sha256 = ""
        how: dict[str, Any] = {"plans": False, "sees_values": True, "prefix": self._prefix}
        how |= {"first": "python", "small": True, "joins": JOINS.get(known)}
        self.traits = Traits(f"local/{known}", context_tokens=CONTEXT, window_bytes=WINDOW_BYTES, **how)

    async def warm_up(self) -> None:
        """Load the weights and evaluate the fixed prefix, so that the first question does not wait for it."""
        await self._engine.warm(self._fixed)

    async def respond(self, request: Request, on_text: Show) -> Response:
        """Answer one prompt once: a block of code as a `python` call, or the answer."""
        asking = _Asking(prompt.render(request.messages, len(self._prefix)), on_text)
        talk = asking.talk
        spent = len(talk.results) >= MAX_RESULTS or talk.failures > len(WARM_SEEDS)
        return await (self._answer if talk.results and spent else self._act)(asking)

    async def _act(self, asking: _Asking) -> Response:
        """Draw code (or, once there is a result, the answer) until something may be handed out."""
        talk = asking.talk
        grammar = "either" if talk.results else "code"
        failed = list(talk.failed)
        # one greedy reply, then a warm one for each failure, three at most
        draws = [(SEED, 0.0), *((seed, TEMPERATURE) for seed in WARM_SEEDS)]
        for seed, temperature in draws[talk.failures :]:
            reply = await self._draw(asking, grammar, seed=seed, temperature=temperature)
            code, answer = prompt.read(reply.text)
            if answer:
                return self._answered(asking, answer, reply)
            code = lint.trim(code)
            if _same(code, talk.done):
                return await self._answer(asking)
            if reply.cut:
                why = "it was cut off twice"
            elif _same(code, [c for c, _ in failed]):
                why = "the same code failed before"
            elif not (why := lint.complain(code, talk.seen)):
                return self._response(asking, code=code)
            asking.replies[-1]["refused"] = why
            failed.append((code, f"not run: {why}"))
        return await self._answer(asking) if talk.results else self._give_up(asking, failed)

    async def _draw(self, asking: _Asking, grammar: str, **drawn: float) -> Reply:
        """Draw one reply; code that was cut off is asked for once more, shorter."""
        turns = asking.talk.chat()
        reply = await self._ask(asking, turns, grammar, **drawn)
        if reply.cut and prompt.read(reply.text)[0]:
            asking.replies[-1]["refused"] = "it was cut off"
            turns.append({"role": "user", "content": prompt.SHORTER})
            reply = await self._ask(asking, turns, "code", **drawn)
        return reply

    async def _answer(self, asking: _Asking) -> Response:
        """Ask for the answer and nothing else."""
        reply = await self._ask(asking, asking.talk.chat(), "answer", seed=SEED, temperature=0.0)
        return self._answered(asking, prompt.read(reply.text)[1], reply)

    def _answered(self, asking: _Asking, comment: str, reply: Reply) -> Response:
        """Return the answer: the last value and the code that gave it, with the model's sentence as a comment."""
        talk = asking.talk
        comment += "…" if reply.cut else ""  # what counts is whole: the value and the code
        text = prompt.answer(talk.results[-1], talk.done[-1], comment) if talk.results else comment
        return self._response(asking, text=text)

    async def _ask(self, asking: _Asking, turns: list[Turn], grammar: str, **drawn: float) -> Reply:
        most = ANSWER_TOKENS if grammar == "answer" else CODE_TOKENS
        body = {"messages": turns, "grammar": prompt.GRAMMARS[grammar], "max_tokens": most, **drawn}
        reply = await self._engine.chat(self._fixed, body, asking.show)
        asking.keep(reply, grammar=grammar, **drawn)
        return reply

    def _give_up(self, asking: _Asking, failed: list[tuple[str, str]]) -> Response:
        """Say honestly that it did not work, with the last code and what became of it."""
        code, error = failed[-1] if failed else ("", "nothing was tried")
        text = f"I could not compute this: {error.strip()}\n{prompt.fence(code)}"
        return self._response(asking, text=text, finish="refused")

    def _response(self, asking: _Asking, text: str = "", code: str = "", finish: Any = "stop") -> Response:
        self._sha256 = self._sha256 or weights.fingerprint(self.path)
        raw = {"model": self.traits.name, "weights_sha256": self._sha256, "replies": asking.replies}
        calls = (ToolCall("python", {"code": code}),) if code else ()
        return Response(text, calls, finish, asking.usage, raw=raw)


def _same(code: str, others: list[str]) -> bool:
    """Say whether code was written before, spaces aside."""
    plain = re.sub(r"\s+", "", code)
    return any(plain == re.sub(r"\s+", "", other) for other in others)
