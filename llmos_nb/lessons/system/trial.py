"""Run a learner's `mini.py` in a process apart, and be all that it meets there: models, tools, people, and crashes.

What a verdict rests on is seen from here: the requests and effects that arrived, their order, what stands on disk, and
what a fresh process makes of it. The numbers are drawn anew for each trial.
"""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import host
from llmos_nb.lessons.core import Wrong, wrong_if
from llmos_nb.lessons.system.child import Watch, play
from llmos_nb.lessons.system.parts import System, syntax_fault

PATIENCE_S = 15.0  # between two lines of the process apart
COMPUTES_S = 3.0  # of them at work, not waiting
MOST_LINES = 300
# what a learner must know beside the name of what was raised
RAISED = {
    "ModuleNotFoundError": ". It runs in a process of its own, with the standard library and nothing else",
    "MemoryError": ". No memory was left: something grows without end",
}
CHILD = Path(__file__).with_name("child.py")
Message = dict[str, Any]
Kill = Callable[[int, Message, bool], bool]


def draw(most: int = 900_000) -> int:
    """Return a number that no learner has seen."""
    return 100_000 + secrets.randbelow(most)


def word() -> str:
    """Return a word that no learner has seen."""
    return "".join(secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in range(4))


def call(name: str, /, **arguments: Any) -> Message:
    """Write a turn that proposes one call."""
    return {"text": "", "calls": [{"name": name, "arguments": arguments}]}


def answer(text: str) -> Message:
    """Write a turn that answers."""
    return {"text": text, "calls": []}


class ToolError(Exception):
    """What a tool raises in the process apart."""


@dataclass
class World:
    """The models, tools and people of one trial, over all its lives, and what they met.

    Parameters
    ----------
    turns : dict
        What the model of each process says, by turn: a turn, or a function of the messages that gives one.
    effects : dict
        What a tool does, by its name: a function of its arguments.
    person : callable
        What somebody says to a question: True, False, or None where nobody is there.
    """

    turns: dict[int, list[Any]]
    effects: dict[str, Callable[[Message], Any]] = field(default_factory=dict)
    person: Callable[[str, Message], bool | None] = lambda question, call: None
    sent: list[tuple[int, list[Message]]] = field(default_factory=list)
    done: list[tuple[int, str, Message]] = field(default_factory=list)
    asked: list[tuple[int, str, str]] = field(default_factory=list)
    log: list[Message] = field(default_factory=list)

    def meet(self, message: Message) -> Any:
        """Answer a line of the process apart."""
        self.log.append(message)
        if message["kind"] == "model":
            return self._speak(message["p"], message["messages"])
        if message["kind"] == "tool":
            self.done.append((message["p"], message["name"], message["arguments"]))
            return self.effects[message["name"]](message["arguments"])
        if message["kind"] == "ask":
            self.asked.append((message["p"], message["call"]["status"], message["call"]["name"]))
            return self.person(message["question"], message["call"])
        return None

    def _speak(self, p: int, messages: list[Message]) -> Message:
        said = self.turns[p]
        turn = said[min(self.requests(p), len(said) - 1)]
        self.sent.append((p, messages))
        made: Message = turn(messages) if callable(turn) else turn
        return made

    def requests(self, p: int) -> int:
        """Return how often the model of a process was asked."""
        return sum(q == p for q, _ in self.sent)

    def prompts(self, p: int) -> list[list[Message]]:
        """Return what the model of a process was sent."""
        return [m for q, m in self.sent if q == p]

    def times(self, name: str, **arguments: Any) -> int:
        """Return how often a tool took effect, with these arguments where some are given."""
        return sum(n == name and (not arguments or a == arguments) for _, n, a in self.done)


@dataclass(frozen=True)
class Life:
    """What became of one process apart.

    Parameters
    ----------
    facts : list of dict
        State, names and kinds of event of each process, where it came to its end.
    error, type : str
        What it raised.
    killed : bool
        It was killed by the trial.
    """

    facts: list[Message]
    error: str = ""
    type: str = ""
    killed: bool = False

    @property
    def states(self) -> list[Message]:
        """The state of each process."""
        return [f["state"] for f in self.facts]


def live(source: str, world: World, job: Message, kill: Kill | None = None) -> Life:
    """Run a job to its end, or until it is killed.

    Parameters
    ----------
    source : str
        The text of the learner's file.
    world : World
        What it meets.
    job : dict
        Its processes, and what to do with them.
    kill : callable, optional
        ``kill(n, message, met)``: whether to kill it at line `n`, before or after the world has met it.
    """
    job, kill = {**job, "source": source, "computes": COMPUTES_S}, kill or (lambda n, message, met: False)
    if host.ALONE:
        return _live_here(job, world, kill)
    child = subprocess.Popen(  # noqa: S603 - this Python, and our own file
        [sys.executable, "-I", "-S", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
    )  # fmt: skip
    try:
        return _talk(child, job, world, kill)
    finally:
        child.kill()
        child.communicate()


def _talk(child: Any, job: Message, world: World, kill: Kill) -> Life:
    came: Message | Life = job
    lines = count()
    while not isinstance(came, Life):
        came = _met(next(lines), _ask(child, came), world, kill)
    return came


def _met(n: int, message: Message, world: World, kill: Kill) -> Message | Life:
    """Return the reply to a line, or what became of the process where it was the last one."""
    if message["kind"] == "done":
        return Life(message["facts"])
    if message["kind"] == "raised":
        return Life([], message["text"] + RAISED.get(message["type"], ""), message["type"])
    if message["kind"] == "stuck":
        told = f"nothing happened for {COMPUTES_S:.0f} s: it waits in a loop, or for itself"
        raise Wrong(told + message["where"], 3)
    wrong_if(n >= MOST_LINES, f"after {n} requests and effects it was still going on: nothing bounds it", 3)
    if kill(n, message, False):
        return Life([], killed=True)
    try:
        reply = {"value": world.meet(message)}
    except ToolError as error:
        reply = {"error": str(error)}
    return Life([], killed=True) if kill(n, message, True) else reply


class _Over(BaseException):
    """The end of a job in this process, which is thrown through the learner's code."""

    def __init__(self, came: Life | Wrong) -> None:
        self.came = came


def _live_here(job: Message, world: World, kill: Kill) -> Life:
    """Run a job in this very process, where a browser has no other."""
    lines, watch = count(), Watch(COMPUTES_S, host.ALONE)

    def say(kind: str, **more: Any) -> Any:
        message = json.loads(json.dumps({"kind": kind, "loose": False, **more}, default=repr))
        try:
            reply = _met(next(lines), message, world, kill)
        except Wrong as wrong:
            raise _Over(wrong) from None
        if isinstance(reply, Life):
            raise _Over(reply)
        watch.begin()
        if "error" in reply:
            raise OSError(reply["error"])
        return reply["value"]

    try:
        with redirect_stdout(io.StringIO()):
            play(job, say)
    except _Over as over:
        if isinstance(over.came, Life):
            return over.came
        raise over.came from None
    finally:
        watch.end()
    raise AssertionError("a job ends with what it says last")


def _ask(child: Any, reply: Message) -> Message:
    """Send a reply and wait for the next line, not for ever."""
    watch = threading.Timer(PATIENCE_S, child.kill)
    watch.start()
    try:
        child.stdin.write(json.dumps(reply) + "\n")
        child.stdin.flush()
        line = child.stdout.readline()
    except BrokenPipeError:
        line = ""
    finally:
        waiting = watch.is_alive()
        watch.cancel()
    wrong_if(
        not line and not waiting,
        f"nothing happened for {PATIENCE_S:.0f} s: it waits in a loop, or for itself",
        3,
    )
    wrong_if(not line, "its process ended in the middle, before all was done", 1)
    try:
        found: Message = json.loads(line)
    except ValueError:
        raise Wrong("its process wrote into the line to the judge", 1) from None
    return found


def lived(source: str, world: World, processes: Iterable[Message], *do: list[Any]) -> Life:
    """Run a job that must come to its end without raising."""
    life = live(source, world, {"processes": list(processes), "do": list(do)})
    wrong_if(life.error, f"your mini.py raised {life.error}", 1)
    return life


def process(goal: str, *tools: Message, **options: Any) -> Message:
    """Write the process of a job."""
    return {"goal": goal, "tools": list(tools), **options}


def tool(name: str, *parameters: str, **facts: str) -> Message:
    """Write a tool of a job: its parameters as they are annotated, and what it says of itself, if anything."""
    return {"name": name, "parameters": list(parameters), **({"facts": facts} if facts else {})}


def text_of(messages: list[Message]) -> str:
    """Return all that a model is shown, as one text."""
    return json.dumps(messages, ensure_ascii=False)


# what a learner hands in
READS = {"effect": "read", "repeat": "pure"}
FOREIGN = {**READS, "source": "untrusted"}


def source_of(attempt: Any, part: str) -> str:
    """Return the text to be tried: the learner's file, ours in the place of other parts that are not written yet."""
    wrong_if(not isinstance(attempt, str | Path), 'the path of your file is wanted: "mini.py"', 1)
    wrong_if(not Path(attempt).is_file(), f"there is no {attempt}: run the cell that begins with %%mini", 1)
    try:
        system = System(attempt)
        told = f"part {part!r} of {attempt} is as it was handed out"
        wrong_if(part in system.unwritten(), told, 1)
        source = system.whole(but=part)
    except UsageError as error:
        raise Wrong(str(error), 1) from None
    fault = syntax_fault(source)
    wrong_if(fault, fault, 1)
    return source


def read_only(name: str, *parameters: str) -> Message:
    """Write a tool that only reads and may be repeated."""
    return tool(name, *parameters, **READS)
