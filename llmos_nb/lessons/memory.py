"""Lesson 03, memory: forgetting is paging."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from llmos_nb.lessons.core import Wrong, callable_or_wrong, ours, wrong_if
from llmos_nb.messages import Message, ToolCall
from llmos_nb.process.state import Context

HEAD = (Message("system", "Work through the tools."), Message("user", "Read all stations."))
STEPS, LARGEST, MOST_EVICTIONS = 60, 5_900, 5
IN_PAGES, IN_WINDOW = (1, 4, 29), (STEPS - 1, STEPS)  # stations whose results are looked for: old ones, and the newest


def reading(n: int, text: str) -> tuple[Message, Message]:
    """Make one step: a call, and its result."""
    call = ToolCall("read", {"station": n}, f"r{n}.0")
    return Message("assistant", "", (call,)), Message("tool", text, call=call.id)


def texts(seed: int, steps: int = STEPS) -> list[str]:
    """Make the results that a run of so many steps sees, all of about one size."""
    rng = random.Random(seed)  # noqa: S311 - variants of an exercise, not a secret
    size = 180 + 40 * (seed % 4)
    draws = ([str(rng.randint(100, 999)) for _ in range(size // 4)] for _ in range(steps))
    return [f"station {n}: {' '.join(numbers)}" for n, numbers in enumerate(draws, 1)]


@dataclass
class Paged:
    """What a run of steps did to the window.

    Parameters
    ----------
    context : Context
        As it stands at the end.
    prompts : list of tuple of Message
        What the model was sent, step by step.
    evictions : list of int
        The steps at which pages were cut off.
    """

    context: Context
    prompts: list[tuple[Message, ...]]
    evictions: list[int]

    @property
    def bytes(self) -> list[int]:
        """Size of each prompt."""
        return [sum(len(m.encoded) for m in prompt) for prompt in self.prompts]


def page(results: Sequence[str], max_bytes: int) -> Paged:
    """Feed results into a context window and evict as a process does."""
    context, prompts, evictions = Context(HEAD, max_bytes), [], []
    for n, text in enumerate(results, 1):
        context.add(reading(n, text), 2 * n, 2 * n + 1)
        if context.full:
            context.evict(context.leaving()[0])
            evictions.append(n)
        prompts.append(context.messages())
    return Paged(context, prompts, evictions)


@ours
def breaks(prompts: Sequence[Sequence[object]]) -> int:
    """Count how often a prompt does not begin with the whole one before it."""
    return sum(list(b[: len(a)]) != list(a) for a, b in pairwise(prompts))


def judge_window(attempt: Any, seed: int) -> str:
    """Run the steps with the window that was chosen."""
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        raise Wrong("a number of bytes is wanted", 1)
    run = page(texts(seed), attempt)
    told = f"the largest prompt has {max(run.bytes):,} bytes, over {LARGEST:,}: the window is too large"
    wrong_if(max(run.bytes) > LARGEST, told, 2)
    told = f"{len(run.evictions)} evictions in {STEPS} steps, each of which begins a prompt that no cache knows"
    wrong_if(len(run.evictions) > MOST_EVICTIONS, f"{told}: the window is too small", 3)
    return f"largest prompt {max(run.bytes):,} bytes, {len(run.evictions)} evictions"


def _needle_contexts(seed: int) -> list[tuple[Context, str, str | None]]:
    """Make contexts with one line to be found: in each of several pages, in the window, and nowhere."""
    made = []
    for n in (*IN_PAGES, *IN_WINDOW, None):
        results = texts(seed + (n or 0))
        code, words = str(10_000 + seed * 7 + (n or 0)), f"the code of station {n} is"
        results[7] += " the code of station 99 is not known"
        if n is None:
            results[7] += f", and station {n} is closed. {words.title()} a secret"
        else:
            results[n - 1] += f" {words} {code}"
        made.append((page(results, 4_096).context, words, code if n else None))
    return made


def _texts(context: Context) -> list[str]:
    return [g.text for g in (*(g for evicted in context.pages for g in evicted), *context.window)]


def judge_find(attempt: Any, seed: int) -> str:
    """Look for a needle in the pages, in the window, and where there is none."""
    find = callable_or_wrong(attempt, "find(context, words)")
    places = (*["a page"] * len(IN_PAGES), *["the window"] * len(IN_WINDOW), "nowhere")
    for (context, words, code), where in zip(_needle_contexts(seed), places, strict=True):
        found = find(context, words)
        told = f"these words stand nowhere, and yours gave {found!r:.60}: what is like it is not it"
        wrong_if(code is None and found is not None, told, 3)
        hint = 1 if where == "a page" else 2
        told = f"the group was found in {where}, and its text is wanted: give the group's .text"
        wrong_if(code is not None and code in str(getattr(found, "text", "")), told, hint)
        missed = code is not None and not (isinstance(found, str) and code in found and words in found)
        wrong_if(missed, f"the needle is in {where}, and yours gave {found!r:.60}", hint)
        right = next((text for text in _texts(context) if words in text), None)
        told = f"yours gave {len(found or '')} characters, and the group in {where} has {len(right or '')}: only that"
        wrong_if(found != right, told, hint)
    return "nothing is lost by paging: it is only farther away"


def judge_prefix_breaks(attempt: Any, seed: int) -> str:
    """Count on our window, on a sliding one, and on one that only grows."""
    count = callable_or_wrong(attempt, "prefix_breaks(prompts)")
    ours = [[m.encoded for m in p] for p in page(texts(seed), 4_096).prompts]
    growing = [list(range(n)) for n in range(1, 12)]
    sliding = [list(range(max(0, n - 4), n)) for n in range(1, 12)]
    rewritten = [[0, 1], [0, 9, 2], [0, 9, 2, 3]]
    begun_anew, cut, exchanged = [[0, 1, 2], [9, 8, 2, 3]], [[0, 1, 2], [0, 1]], [[0, 1], [1, 0, 2]]
    for prompts, what, hint in (
        (growing, "a prompt that only grows", 1),
        (sliding, "a window that slides at every step", 2),
        (rewritten, "a prompt of which one message was rewritten", 3),
        (begun_anew, "a prompt whose beginning was rewritten", 3),
        (cut, "a prompt that lost its last message", 2),
        (exchanged, "a prompt of which two messages changed places", 3),
        (ours, "our window", 3),
    ):
        mine, true = count(prompts), breaks(prompts)
        wrong_if(mine != true, f"{what} breaks its prefix {true} times, and yours counts {mine!r}", hint)
    return f"a sliding window breaks {breaks(sliding)} times in 11 steps, ours {breaks(ours)} in {STEPS}"
