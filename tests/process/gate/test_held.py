"""A step that is held before an effect: approvers are asked, and whatever ends the wait leaves a true state."""

import asyncio
import json
import threading

import pytest
from notebook_driver import Notebook
from page_driver import Page
from turns import python, same_as_folded
from waits import until, until_async

from llmos_nb.journal.events import Decider, EffectDecided, QuestionAsked
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import Decision
from llmos_nb.session import Session

DONE = {"text": "done"}
HELPER = 'exec(\'def save(path):\\n    with open(path, "a") as f: f.write("x")\', globals())'  # nobody can read its code beforehand


class Desk:
    """An approver that answers for effects only, and keeps what it was asked."""

    name = "desk"

    def __init__(self, answer):
        self.answer, self.asked, self.threads = answer, [], []

    async def decide(self, request):
        if request.effect is None:
            return None
        self.asked.append(request)
        self.threads.append(threading.current_thread())
        found = self.answer(request) if callable(self.answer) else self.answer
        return await found if asyncio.iscoroutine(found) else found


@pytest.fixture
def space(tmp_path):
    made = {"target": str(tmp_path / "touched")}
    exec(HELPER, made)
    made.pop("__builtins__")
    return made


def begun(tmp_path, space, code, *approvers, **options):
    session = Session(space, tmp_path / "home")
    model = ScriptedModel([python(code), DONE])
    return session.create("Save.", model=model, plan="none", approvers=approvers, **options)


async def held(proc):
    """Wait until a step is held."""
    await until_async(lambda: [e for e in proc.events if isinstance(e.body, QuestionAsked)])


def effects(proc):
    return [(e.body.what, e.body.by, e.body.why) for e in proc.events if isinstance(e.body, EffectDecided)]


# approvers


async def test_approver_is_asked_before_headless_refuses(tmp_path, space):
    desk = Desk(Decision("approve", "a note"))
    proc = begun(tmp_path, space, "save(target)", desk)
    await proc.start()
    assert (tmp_path / "touched").exists() and proc.reason == "answered" and same_as_folded(proc)
    assert effects(proc) == [("allow", Decider("approver", "desk"), "a note")]
    (request,) = desk.asked
    assert request.effect == ("write", space["target"]) and request.tool == "python"
    assert "wants to write" in request.risks[0] and "could not be foreseen" in request.why


async def test_approver_that_refuses_fails_the_step_and_tells_the_model_why(tmp_path, space):
    proc = begun(tmp_path, space, "save(target)", Desk(Decision("reject", "not there")))
    await proc.start()
    assert not (tmp_path / "touched").exists() and same_as_folded(proc)
    assert "not there" in proc.run.state.calls["r1.0"].result
    assert effects(proc) == [("refuse", Decider("approver", "desk"), "not there")]


async def failing(request):
    raise OSError("no line")


@pytest.mark.parametrize(
    "answer", [None, "yes", Decision("edit", arguments={}), failing], ids=["none", "text", "edit", "error"]
)
async def test_effect_that_no_approver_decides_on_is_refused_where_nobody_is_there(tmp_path, space, answer):
    desk = Desk(answer)
    proc = begun(tmp_path, space, "save(target)", desk)
    await proc.start()
    assert desk.asked and not (tmp_path / "touched").exists() and effects(proc) == []
    assert proc.run.state.calls["r1.0"].status == "failed" and same_as_folded(proc)


async def test_approver_is_not_asked_where_the_mode_refuses(tmp_path, space):
    desk = Desk(Decision("approve"))
    await begun(tmp_path, space, "save(target)", desk, approve="never").start()
    assert desk.asked == [] and not (tmp_path / "touched").exists()


async def test_approver_may_act_itself_while_it_holds_a_step(tmp_path, space):
    """What it writes and looks up, on whichever thread, is not the step's."""

    def log(folder):
        (folder / "log").write_text("asked")

    async def decide(request):
        await asyncio.to_thread(log, tmp_path)
        (tmp_path / "own").touch()
        return Decision("approve")

    desk = Desk(decide)
    proc = begun(tmp_path, space, "save(target)", desk)
    await proc.start()
    assert (tmp_path / "touched").exists() and (tmp_path / "log").exists() and (tmp_path / "own").exists()
    assert len(desk.asked) == 1 and len(effects(proc)) == 1


async def test_step_cannot_loosen_an_approver_that_judges_its_effects(tmp_path, space):
    space["desk"] = Desk(Decision("reject"))
    space["yes"] = Decision("approve")
    proc = begun(tmp_path, space, "desk.answer = yes\nsave(target)", space["desk"])
    await proc.start()
    assert not (tmp_path / "touched").exists()


async def test_stop_while_an_approver_thinks_ends_the_step(tmp_path, space):
    loop, here = asyncio.get_running_loop(), threading.Event()

    async def think(request):
        here.set()
        await asyncio.Event().wait()

    proc = begun(tmp_path, space, "await asyncio.to_thread(save, target)", Desk(think))
    space["asyncio"] = asyncio
    proc.start()
    await loop.run_in_executor(None, here.wait, 20)
    await asyncio.wait_for(proc.stop(), 20)
    assert proc.state == "paused" and not (tmp_path / "touched").exists() and same_as_folded(proc)


# whatever else ends the wait

WAYS = {
    "main": "save(target)",
    "thread": "await asyncio.to_thread(save, target)",
    "pool": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p: [f.result() for f in [p.submit(save, target + n) for n in 'ab']]",
}


@pytest.mark.parametrize("verb", ["stop", "kill"])
@pytest.mark.parametrize("way", WAYS)
async def test_stop_and_kill_end_a_held_step_wherever_it_is_held(tmp_path, space, way, verb):
    space["asyncio"] = asyncio
    proc = begun(tmp_path, space, WAYS[way])
    proc.run.attended = lambda: True

    def end():
        until(lambda: [e for e in proc.events if isinstance(e.body, QuestionAsked)])
        getattr(proc, verb)()

    other = threading.Thread(target=end)
    other.start()
    await asyncio.wait_for(proc.start(), 20)
    other.join()
    assert proc.state == ("paused" if verb == "stop" else "ended") and same_as_folded(proc)
    assert not list(tmp_path.glob("touched*")) and not proc.run.state.questions
    assert proc.run.state.calls["r1.0"].status == "failed"


async def test_time_under_a_question_is_not_the_steps_and_its_own_deadline_holds_after_it(tmp_path, space):
    code = "save(target)\nimport time\nwhile True: time.sleep(0.01)"
    proc = begun(tmp_path, space, code, call_timeout=0.5)
    proc.run.attended = lambda: True

    def allow():
        until(lambda: [e for e in proc.events if isinstance(e.body, QuestionAsked)])
        threading.Event().wait(0.8)  # longer than the step may take
        proc.approve("all")

    other = threading.Thread(target=allow)
    other.start()
    await asyncio.wait_for(proc.start(), 20)
    other.join()
    assert (tmp_path / "touched").exists()
    assert "deadline" in proc.run.state.calls["r1.0"].result and same_as_folded(proc)


async def test_second_process_gets_the_namespace_when_the_held_step_has_ended(tmp_path, space):
    space["asyncio"] = asyncio
    first = begun(tmp_path, space, WAYS["thread"])
    first.run.attended = lambda: True
    first.start()
    await asyncio.wait_for(held(first), 20)
    second = first.session.create("Other.", model=ScriptedModel([python("y = 2"), DONE]), plan="none")
    second.start()
    first.reject("all", "no")
    await asyncio.wait_for(asyncio.gather(first, second), 20)
    assert second.reason == "answered" and space["y"] == 2 and not (tmp_path / "touched").exists()


async def test_kill_of_a_second_process_that_waits_for_the_namespace_does_not_wait_for_the_held_step(tmp_path, space):
    space["asyncio"] = asyncio
    first = begun(tmp_path, space, WAYS["thread"])
    first.run.attended = lambda: True
    first.start()
    await asyncio.wait_for(held(first), 20)
    second = first.session.create("Other.", model=ScriptedModel([python("y = 2"), DONE]), plan="none")
    second.start()
    await until_async(lambda: second.run.waits)
    await asyncio.wait_for(second.kill(), 20)
    assert second.reason == "killed" and "y" not in space and first.state == "waiting"
    first.reject("all", "no")
    await asyncio.wait_for(first, 20)


# in a notebook


@pytest.fixture
def book(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        book.run(HELPER)
        yield book


def journal(folder):
    return "".join(path.read_text() for path in folder.glob("*/runs/*/journal.jsonl"))


def hold(book):
    spec = book.script(python("save('a.txt')"), DONE)
    page = Page(book)
    sent = book.send(f"%%agent --plan none -m {spec}\nSave.")
    page.until(lambda: page.comm and "question.asked" in journal(book.folder))
    return page, sent


def test_interrupt_of_the_notebook_ends_a_held_step(book):
    page, sent = hold(book)
    book.manager.interrupt_kernel()
    page.until(lambda: "run.paused" in journal(book.folder) and sent in page.idle)
    assert not (book.folder / "a.txt").exists()
    assert book.run("print(1 + 1)").text.strip().endswith("2")


def test_kill_from_the_panel_ends_a_held_step(book):
    page, sent = hold(book)
    page.click(1, verb="kill")
    page.until(lambda: '"killed"' in journal(book.folder) and sent in page.idle)
    assert not (book.folder / "a.txt").exists()


def test_restart_while_a_step_is_held_leaves_a_process_that_can_be_resumed(book):
    hold(book)
    book.manager.restart_kernel(now=True)
    book.client.wait_for_ready(timeout=60)
    book.run("%load_ext llmos_nb")
    book.run(HELPER)
    assert not (book.folder / "a.txt").exists()
    said = book.run(
        "import llmos_nb\nimport glob\n"
        "p = llmos_nb.load(glob.glob('*/runs/*/journal.jsonl')[0], namespace=globals())\n"
        "print(p.state, list(p.run.state.questions), {c: k.status for c, k in p.run.state.calls.items()})"
    ).text
    assert "paused" in said and "!" not in said  # the question went with the step
    assert [json.loads(line)["k"] for line in journal(book.folder).splitlines()].count("effect.decided") == 0
