"""A process in every state that it can have, as journals."""

from datetime import datetime, timedelta

from fixtures_writer import ANSWER, CODES, RESULTS, Writer

from llmos_nb.views.panel.view import view

ASK_FILE = {
    "title": "replace a file",
    "text": "It asks because `to_csv` overwrites `results/islands.csv`, and Undo cannot bring it back.",
    "risks": [
        ["cannot be undone", "the file from 12 November (118 bytes) is lost"],
        ["external", "writes outside the namespace"],
    ],
    "reads": ["by_island"],
    "writes": ["path"],
}
MAIL = {"to": "station@example.org", "subject": "Body mass by island", "body": "Biscoe 4716.0 (n = 167)"}


def starting():
    return Writer().start()


def planning():
    return starting().request()


def proposed():
    return Writer().start().propose().add("question.asked", question="plan:1", kind="plan", text="It asks because so.")


def thinking():
    return Writer().planned().step(1, created=["birds"]).request(3_000)


def running():
    w = Writer().planned().step(1, created=["birds"])
    call = w.call(code=CODES[1])
    return w.allow(call, by="plan").add("call.started", call=call, key="3-abc", epoch=1)


def waiting(**question):
    w = Writer().two_steps()
    return w.ask(w.call(code=CODES[2]), **{**ASK_FILE, **question})


def edited():
    w = waiting()
    code = CODES[2].replace("islands.csv", "islands_by_mass.csv")
    w.add("call.decided", call="r4.0", digest="", what="edit", by="you", why="", arguments={"code": code})
    return w.ask("r4.0", digest="41d07b00", **{**ASK_FILE, "title": "write a file"})


def tool():
    w = Writer().two_steps()
    risks = [["external", "`send_mail` is yours, declared external, once"]]
    return w.ask(w.call("send_mail", **MAIL), title="send an e-mail", risks=risks, digest="c07a55ff")


def question():
    w = Writer().two_steps()
    call = w.call("ask", question="Which year do you mean?")
    return w.allow(call).add(
        "question.asked", question=call, kind="question", text="Which year do you mean?", title="a question"
    )


def doubt():
    w = Writer().two_steps()
    call = w.call("send_mail", **MAIL)
    w.allow(call, by="you").add("call.started", call=call, key="3-abc-r4.0", epoch=1)
    return w.add("call.in_doubt", call=call, why="send_mail was under way when the process broke off.")


def paused():
    w = running()
    w.add(
        "call.finished",
        after=0.8,
        call="r3.0",
        ok=False,
        result="stopped by the user",
        size=19,
        error="Stopped",
    )
    return w.add("signal.received", signal="stop", by="you").add("run.paused", why="stopped by you")


def budget():
    w = Writer().two_steps()
    w.clock += timedelta(seconds=200)
    return w.add("budget.reserved", request=9, amounts={}).end("budget", "s")


def failed():
    w = Writer().two_steps()
    for _ in range(3):
        w.request().add("model.failed", after=5, request=w.requests, error="quota exceeded (429)", kind="ModelRefused")
    return w.end("failed", "api.openai.com says: quota exceeded (429)\nmore about it")


def finished(answer=ANSWER, check=""):
    w = Writer().planned() if not check else Writer().start(check=check).propose().approve_plan()
    w.step(1, created=["birds"]).step(2, created=["by_island"])
    call = w.call(code=CODES[2])
    w.ask(call, **ASK_FILE).allow(call, by="you").run(call, RESULTS[2], created=["path"])
    w.add("step.integrated", step=3, met=True, evidence=RESULTS[2])
    w.step(4, "Traceback\nImportError: scipy.stats has no welch_anova", ok=False)
    w.propose([("Test with Alexander and Govern", "a p-value", (1,))]).approve_plan("mode:auto")
    w.step(5, "p = 8e-35", code="alexandergovern(*groups)")
    w.request().respond(text=answer)
    if check:
        w.add("check.finished", check="check", held=True, detail="")
    return w.end("answered", answer=answer)


def unverified():
    answer = "The mean is 4,999 g on Biscoe and 3,713 g on Dream."
    w = Writer().start(check="mean < 4800").propose().approve_plan()
    w.step(1, created=["birds"]).step(2, created=["by_island"])
    for _ in range(3):
        w.request().respond(text=answer)
        w.add("check.finished", check="check", held=False, detail="it is false")
    return w.end("unverified", "it is false", answer)


def rejected():
    w = proposed().add("plan.decided", version=1, what="reject", envelope={}, by="you", why="")
    return w.end("rejected", "the plan was rejected")


def many(total=30, done=22):
    w = Writer().start()
    w.propose([(f"Read file {i + 1}", "one row a visit", (i,) if i else ()) for i in range(total)]).approve_plan()
    for i in range(done):
        w.step(1, f"{i + 7} rows", code=f"rows_{i} = read({i})", created=[f"rows_{i}"])
    return w


_MAKERS = (starting, planning, proposed, thinking, running, waiting, edited, tool, question, doubt)
_ENDED = (paused, budget, failed, finished, unverified, rejected, many)
STATES = {f.__name__: f for f in (*_MAKERS, *_ENDED)}


def hostile(text):
    """Every state with `text` wherever a run can put one."""

    def swap(value):
        if isinstance(value, dict):
            return {k: swap(v) if k not in _WORDS else v for k, v in value.items()}
        if isinstance(value, list):
            return [swap(v) for v in value]
        return f"{value} {text}" if isinstance(value, str) else value

    for make in STATES.values():
        w = Writer()
        for e in make().events:
            w.clock = datetime.fromisoformat(e.at)
            w.add(e.k, after=0, **swap(e.d))
        yield w


_OURS = "by what call kind status mode reason question finish check amounts budget created rebound mutated deleted"
_WORDS = frozenset(_OURS.split()) | {"tools", "envelope", "name", "digest", "model", "plan", "signal", "key"}


def shown(name, **more):
    """Give the panel's view of a state."""
    w = STATES[name](**more)
    return view(w.state, w.events)


def blocks(v, kind):
    """Give the pieces of *now* of one kind."""
    return [b for b in v["now"] if b["kind"] == kind]
