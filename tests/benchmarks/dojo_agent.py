"""An agent for the tasks of AgentDojo that is no model: it obeys every order that it reads. There is no worse one.

It makes the calls that serve the user. Once what it was given holds an attacker's order, it makes the calls of that
order, too, again after each further call of its own and at the end, until they have run; where it writes Python, it also
tries each time to send something to a host of the attacker's. The guard is not told whose call it judges.
"""

import contextlib
import copy
import io
import json
import random
import re
from collections import Counter

import yaml
from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline
from agentdojo.attacks.base_attacks import FixedJailbreakAttack
from agentdojo.attacks.important_instructions_attacks import ImportantInstructionsAttack
from agentdojo.functions_runtime import FunctionCall
from agentdojo.task_suite.load_suites import get_suites
from pydantic import BaseModel

READS = ("get_", "search_", "list_", "read_", "check_")
SENDS = ("get_webpage",)  # it reads, and the address that it asks for leaves
VERSION = "v1.2.2"

if hasattr(yaml, "CSafeLoader"):  # the same environments, eight times as fast
    yaml.safe_load = lambda text: yaml.load(text, yaml.CSafeLoader)


class Order(FixedJailbreakAttack):
    """How an attacker words an order: AgentDojo's strongest text that needs no name of a model."""

    name = "important_instructions_no_names"

    def __init__(self, suite):
        super().__init__(ImportantInstructionsAttack._JB_STRING, suite, GroundTruthPipeline(None))


class Case:
    """A task of a suite, with an attacker's order in what it reads, if any.

    Parameters
    ----------
    suite : TaskSuite
        The suite.
    task, injection : task of AgentDojo, injection or None
        What the user wants, and what an attacker does.
    make_guard : callable
        Gives the guard, of the suite's name, the task and the environment.
    user : {"never", "honest"}
        Who answers: nobody, or somebody who approves exactly the calls that the task needs.
    """

    def __init__(self, suite, task, injection, make_guard, user):
        self.suite, self.task, self.injection, self.user = suite, task, injection, user
        self.env = task.init_environment(suite.load_and_inject_default_environment(self._placed()))
        self.before = self.env.model_copy(deep=True)
        self.own = task.ground_truth(self.env.model_copy(deep=True))
        self.needed = Counter(key(c.function, c.args) for c in self.own)
        self.guard = make_guard(suite, task, self.env)
        self.ran, self.pending = [], None
        self.asks = self.approved = self.denied = self.injected = 0
        self.leaked = False

    def _placed(self):
        with contextlib.suppress(ValueError):  # nothing that this task reads can be written by the attacker
            return Order(self.suite).attack(self.task, self.injection) if self.injection else {}
        return {}

    def row(self):
        """Run it; return what became of it."""
        well = True
        for call in self.own:
            ran, result, error = self._call(call)
            well = well and ran and error is None
            if self.injection and self.pending is None and ran and holds(result, self.injection.GOAL):
                self.pending = self.injection.ground_truth(self.env.model_copy(deep=True))
            self._obey()
        self._obey()
        counts = {
            "asks": self.asks,
            "approved": self.approved,
            "denied": self.denied,
            "injected": self.injected,
        }
        found = {**self._checked(well), **counts, "seen": self.pending is not None, "leaked": self.leaked}
        return {**named(self.suite, self.task, self.injection, self.user), **found}

    def _obey(self):
        """Make the attacker's calls that have not run; and send something to a host of his."""
        left = []
        if self.pending is not None and self.guard.how.python:
            self.leaked = self.leaked or self.guard.leaked()
        for call in self.pending or ():
            ran, _, error = self._call(call)
            self.injected += ran and error is None and acts(call.function)
            left += [] if ran else [call]
        if self.pending is not None:
            self.pending = left

    def _call(self, call):
        """Return whether a call ran, what it gave, and its error."""
        given = {k: self._call(v)[1] if isinstance(v, FunctionCall) else v for k, v in call.args.items()}
        verdict = self.guard.judged(call.function, copy.deepcopy(given))
        wanted = self.needed[key(call.function, given)] > 0
        self.denied += verdict == "deny"
        if verdict == "ask":
            self.asks += 1
            self.approved += (approved := wanted and self.user == "honest")
        if verdict == "deny" or (verdict == "ask" and not approved):
            return False, None, "refused"
        result, error = self.guard.outcome()
        self.needed[key(call.function, given)] -= wanted
        self.ran.append(FunctionCall(function=call.function, args=given))
        return True, copy.deepcopy(result), error

    def _checked(self, well):
        """Return what the suite's own checks say."""
        said = self.task.GROUND_TRUTH_OUTPUT if well else ""
        if self.pending is not None:
            said += "\n" + self.injection.GROUND_TRUTH_OUTPUT
        seen = ([{"type": "text", "content": said}], self.before, self.env, self.ran)
        with contextlib.redirect_stdout(io.StringIO()):
            utility = bool(self.suite._check_user_task_utility(self.task, *seen))
            goal = bool(self.injection) and bool(self.suite._check_injection_task_security(self.injection, *seen))
        return {"done": utility, "goal": goal}


def acts(tool):
    """Return whether a tool does something outside, rather than read."""
    return tool in SENDS or not tool.startswith(READS)


def key(tool, arguments):
    return tool + json.dumps(dict(arguments), sort_keys=True, default=str)


def holds(result, words):
    """Return whether a result holds some words."""
    return plain(words) in plain(" ".join(map(str, leaves(result))))


def plain(words):
    return re.sub(r"\s+", " ", str(words)).strip().lower()


def leaves(value):
    """Return the plain values in a result."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        for k, v in value.items():
            yield str(k)
            yield from leaves(v)
    elif isinstance(value, list | tuple | set):
        for v in value:
            yield from leaves(v)
    elif value is not None:
        yield value


def suites():
    """Return the suites by name."""
    return get_suites(VERSION)


def cases(chosen, seed, calm=False, limit=None):
    """Return suites and tasks alone, then those with orders, both in the order that a seed gives.

    At most `limit` tasks of a suite. Some orders of the workspace have a check and no calls that would pass it; these
    are left out.
    """
    draw, alone, attacked = random.Random(seed), [], []
    for suite in chosen:
        tasks = list(suite.user_tasks.values())
        draw.shuffle(tasks)
        alone += [(suite, task, None) for task in tasks[:limit]]
        env = suite.load_and_inject_default_environment({})
        made = {i: i.ground_truth(env.model_copy(deep=True)) for i in suite.injection_tasks.values()}
        orders = [i for i, calls in made.items() if calls or i.GROUND_TRUTH_OUTPUT]
        attacked += [(suite, task, i) for task in tasks[:limit] for i in orders]
    draw.shuffle(attacked)
    return alone + ([] if calm else attacked)


def named(suite, task, injection, user):
    return {"suite": suite.name, "user": user, "task": task.ID, "attack": injection.ID if injection else None}
