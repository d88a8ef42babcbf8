"""The first events of a journal: what was started, under which policy, and what is known of the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.errors import CallDenied, ConfigError, UsageError
from llmos_nb.journal import events as ev, who
from llmos_nb.messages import Message
from llmos_nb.models import Model, catalogue, parse_context, place_of, window_bytes
from llmos_nb.policy import Budget, budget as budgets, labels
from llmos_nb.policy.secrets import vault
from llmos_nb.process import Run, briefing, finish, preview as previews
from llmos_nb.process.gate import labels as file_labels, quarantine
from llmos_nb.process.scheduling import resource
from llmos_nb.process.state import Plan, Step, parse_steps
from llmos_nb.session import toolbox
from llmos_nb.session.config import Settings
from llmos_nb.session.tightening import PLANNING, STRICTEST
from llmos_nb.tools import current_call, reentry
from llmos_nb.tools.devices.namespace import NAMED_ONLY

DEFAULT_MODE = "risky"
ALL_DAY = "1000 steps, 2000 calls, 60 min"  # of an agent outside: its own thinking takes none of the time


def hold_to(run: Run, settings: Settings) -> Run:
    """Bring a process under the bounds of its settings, and return it: its turns, and what is stored of its values."""
    resource.bind(run, settings.limits)
    run.values = settings.values
    return run


def hold_inside(settings: Settings) -> Settings:
    """Return settings, unless their mode is looser than that of the step whose code starts a process.

    Raises
    ------
    CallDenied
        The caller runs inside a step, and the process would be freer than that step.
    """
    if not reentry.inside():
        return settings
    settings = replace(settings, acts=(), delegate="ask")  # nothing there is a person's word
    call = current_call.get()
    own = (call.mode if call is not None else "") or DEFAULT_MODE
    if STRICTEST.index(settings.approve) < STRICTEST.index(own):
        raise CallDenied(f"a step cannot start a process with approve {settings.approve!r}: its own has {own!r}")
    return settings


def hold_host(model: Model) -> Model:
    """Return the model of a process that begins, unless a step's code begins it and may not connect there, or run it.

    Raises
    ------
    CallDenied
        The step may not send anything there, or start that program.
    """
    place, program = place_of(model), getattr(model, "command", ("",))[0]
    if (place or program) and reentry.inside():
        if (call := current_call.get()) is None:
            raise CallDenied(f"what a step has left behind may not ask {place or program}")
        call.permit(*(("process", program) if program else ("network", urlsplit(place).netloc)))
    return model


def record_start(
    run: Run,
    settings: Settings,
    goal: str,
    bounds: Budget,
    head: tuple[Message, ...],
    facts: Mapping[str, Any],
    **more: Any,
) -> None:
    """Write the first two events: what was started, and under which policy; `facts` are what parts say of it."""
    traits, plain_head = run.model.traits, [_plain(m) for m in head]
    run.append(
        ev.RunStarted(
            version=ev.VERSION,
            goal=goal,
            model=traits.name,
            endpoint=place_of(run.model) or None,
            budget=bounds.limits,
            head=plain_head,
            window_bytes=window_bytes(traits, parse_context(settings.context)),
            mode=settings.approve,
            plan=settings.plan,
            remembers=bool(facts.get("remembers")),
            parts={k: v for k, v in facts.items() if k != "remembers"} or None,
            prompts=settings.prompts or None,
            outside=traits.outside,
            quarantine=quarantine.READ in run.tools and settings.quarantine,
            untrusted=settings.untrusted if settings.untrusted != "ask" else None,
            **_committed(run, settings, goal, more),
        )
    )
    digests, rules = {t.name: t.digest for t in run.tools.values()}, [r.plain() for r in settings.rules]
    digest = toolbox.digest(digests, settings)
    other = settings.other_approver or settings.approval.other
    run.append(
        ev.PolicyLoaded(
            digest=digest,
            tools=digests,
            reads=[t.name for t in run.tools.values() if t.independent] or None,
            in_turn=[t.name for t in run.tools.values() if t.in_turn] or None,
            rules=rules,
            mode=settings.approve,
            requester=who() if other else "",
            approval=settings.approval.plain(),
        )
    )


def _committed(run: Run, settings: Settings, goal: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return what the first event says, with the acts that a person gives; a child has its parent's word alone."""
    if more["parent"] is not None:
        return more
    given: dict[str, Any] = {"delegate": settings.delegate} if settings.delegate != "ask" else {}
    if (call := current_call.get()) is not None and call.closed:  # it is begun by code of a step
        given["closed"] = True
    if settings.acts:
        from llmos_nb.process.gate import acts as gate_acts  # few processes are given acts

        given["acts"] = gate_acts.of_person(settings.acts, run.tools, goal)
    return {**more, **given}


def private_names(*known: Mapping[str, str]) -> list[str]:
    """Return the variables whose values no model is shown, by what is known of names."""
    return labels.private(labels.inherited(known)) if any(known) else []


def record_labels(run: Run, declared: Mapping[str, str], others: Iterable[Mapping[str, str]]) -> None:
    """Write the labels that stand before the first step: those declared, and what other processes have learnt.

    What is declared goes before: it is the user's word. A goal whose card shows labelled data taints the context; one
    that only names them does not.
    """
    declared = file_labels.declared(declared, Path.cwd())
    known = {**labels.inherited((*others, file_labels.known(run.journal.path))), **declared}
    for name, label in known.items():
        there = name.startswith(labels.FILE) or name in declared or name in (run.namespace or {})
        if there and labels.parse(label) != labels.TRUSTED:
            why = "declared in llmos.toml" if name in declared else "by a process before this one"
            run.append(ev.LabelChanged(name=name, label=label, why=why))
    file_labels.hide(run, known)
    if (call := current_call.get()) is not None and call.exposed():
        label = str(labels.context(run.state.labels).join(labels.UNTRUSTED))
        run.append(ev.LabelChanged(name=labels.CONTEXT, label=label, why="begun by a step that others may be behind"))
    _label_attached(run)
    said = run.state.context.head[-1].text if run.state.context.head else ""
    # what the goal says is the user's, as a bare name is: only what is shown of variables is not
    said = NAMED_ONLY.sub("", said.replace(run.state.goal.strip(), "", 1))
    shown = [n for n in labels.marked(run.state.labels) if re.search(rf"\b{re.escape(n)}\b", said)]
    if shown:
        came = labels.Came(labels.of(shown, run.state.labels), f"the goal's variables: {', '.join(shown)}")
        for name, label, why in labels.floated(run.state.labels, came, ()):
            run.append(ev.LabelChanged(name=name, label=label, why=why))


def _label_attached(run: Run) -> None:
    """Label what the goal attaches: the user's own, unless a process that had read untrusted data wrote the file.

    A table's variable is labelled; an image stands in the prompt itself, so the context is.
    """
    tables = {file: name for name, file in briefing.tables(run.state.goal).items()}
    for file in briefing.files(run.state.goal):
        label = labels.file_label(file, run.state.goal, run.state.labels, Path.cwd())
        name = tables.get(file, labels.CONTEXT)
        now = labels.of((name,), run.state.labels).join(label)
        if now != labels.of((name,), run.state.labels):
            run.append(ev.LabelChanged(name=name, label=str(now), why=f"the attached {file}"))


def declare_outputs(run: Run, declared: str) -> None:
    """Record which variables, of which types, a process must leave."""
    if declared and run.namespace is None:
        raise UsageError(f"out {declared!r}: a process without a namespace leaves no variables")
    if declared:
        run.append(ev.OutputsDeclared(outputs=[list(o) for o in finish.parse(declared, "out")]))


def checked_goal(goal: str) -> str:
    """Return a goal with handles for the secrets that it spells; refuse one that says nothing."""
    if not goal.strip():
        raise UsageError("the goal is empty: write what you want done (in a notebook, below %%agent)")
    return vault.written(goal)


def how_apart(preview: bool, isolate: bool, namespace: object) -> str:
    """Read the two options: ``preview``, ``isolate`` or an empty text for neither.

    Raises
    ------
    UsageError
        Both, or there is nothing to run apart from, or no fork.
    """
    if preview and isolate:
        raise UsageError("--dry-run and --isolate: choose one; a dry run is apart from your variables already")
    how = "preview" if preview else "isolate" if isolate else ""
    if how and namespace is None:
        raise UsageError(f"{how}: there is no namespace; give one, or leave the option out")
    if preview:
        previews.check_fork()
    return how


def seeing(model: Model, images: str) -> Model:
    """Return a model that takes images, or takes none, where the settings say so."""
    if images != "auto" and model.traits.images != (images == "yes"):
        model.traits = replace(model.traits, images=images == "yes")
    return model


def model_of(model: Model, parent: ev.Parent | None) -> Model:
    """Return the model of a process: for a child that has its parent's, the script of its own where there is one."""
    child = getattr(model, "child", None)
    return child(parent["nth"]) if child is not None and parent and parent.get("own_model") is False else model


def bounds_of(model: Model, settings: Settings) -> tuple[Budget, tuple[float, float] | None]:
    """Return what bounds a process, and the prices that it is counted by."""
    long = model.traits.outside and settings.budget == budgets.DEFAULT
    bounds = budgets.parse(ALL_DAY if long else settings.budget).within(budgets.parse(budgets.DEFAULT))
    return bounds, price_of(model, bounds, settings)


def price_of(model: Model, bounds: Budget, settings: Settings) -> tuple[float, float] | None:
    """Return a model's prices; a budget of money needs to know them."""
    price = settings.prices.get(model.traits.name) or catalogue.price(model.traits.name)
    if "$" in bounds.limits and price is None:
        raise ConfigError(
            f"budget ${bounds.limits['$']:g}: the price of {model.traits.name} is not known; "
            "give it under [prices] in llmos.toml, or bound tokens instead"
        )
    return price


def given_plan(plan: str, namespace: Mapping[str, Any]) -> tuple[Step, ...]:
    """Read a plan that the user gives by the name of a variable."""
    if plan in PLANNING:
        return ()
    given = namespace.get(plan)
    if given is None:
        raise UsageError(f"plan {plan!r}: no variable of this name holds steps")
    return given.steps if isinstance(given, Plan) else parse_steps(given)


def give_plan(run: Run, steps: tuple[Step, ...]) -> None:
    """Record a plan that the user gives, with its acts read."""
    if any(p.acts for p in steps):
        from llmos_nb.process.gate import acts as gate_acts  # few plans of a person's have some

        steps = gate_acts.steps_of_person(steps, run)
    if steps:
        run.append(ev.PlanProposed(version=1, steps=[p.plain() for p in steps], by=ev.YOU))


def check_name(check: Any) -> str:
    """Name a check for the record: its expression, or its function's name.

    Raises
    ------
    UsageError
        The expression is not Python.
    """
    if isinstance(check, str) and check:
        try:
            compile(check, "<check>", "eval")
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"check {check!r}: not a Python expression ({error})") from None
    return check if isinstance(check, str) else getattr(check, "__name__", "check") if check is not None else ""


def _plain(message: Message) -> ev.HeadMessage:
    """Return a message of the head as plain data, to be read back by `fold`."""
    found: ev.HeadMessage = {"role": message.role, "text": message.text}
    if message.calls:
        found["calls"] = [{"name": c.name, "arguments": c.arguments, "id": c.id} for c in message.calls]
    if message.call:
        found["call"] = message.call
    if message.parts:
        found["parts"] = [{"kind": p.kind, "text": p.text, "mime": p.mime, "data": p.data.hex()} for p in message.parts]
    return found
