"""Taking back what acted outside: asked for, run once, on the record, and in doubt after a crash."""

import pytest
from notebook_driver import Notebook
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal.events import Decider
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

DONE = {"text": "ok"}


class Shop:
    """A shop outside: what was ordered and what was cancelled."""

    def __init__(self):
        self.log, self.fails, self.hold = [], False, None

    def tools(self, **more):
        def cancel(item: str, result: str, idempotency_key: str) -> str:
            """Cancel an order."""
            self.log.append(("cancel", item, result, idempotency_key))
            if self.fails:
                raise OSError("the shop is closed")
            return "cancelled"

        @llmos.tool(**{"undo": cancel, **more})
        def order(item: str, count: int = 1) -> str:
            """Order something."""
            self.log.append(("order", item))
            return f"order of {count} {item}"

        def post(text: str) -> str:
            """Post a text; there is no way back."""
            self.log.append(("post", text))
            return "posted"

        return [order, post]

    @property
    def cancelled(self):
        return [entry[1] for entry in self.log if entry[0] == "cancel"]


@pytest.fixture
def shop():
    return Shop()


async def ran(shop, *turns, namespace=None, **options):
    session = Session({} if namespace is None else namespace)
    proc = session.create("work", model=ScriptedModel([*turns, DONE]), tools=shop.tools(), **options).start()
    await proc
    if proc.state == "waiting":
        await proc.approve("all")
    return proc


def kinds(proc, name):
    return [e.k for e in proc.events if e.d.get("call") == name]


async def test_undo_asks_runs_the_tools_undo_once_and_records_it(shop):
    proc = await ran(shop, call("order", item="cup"))
    await proc.undo()
    assert shop.cancelled == [] and proc.run.state.questions["r1.0.undo"]["title"] == "take back r1.0 (order)"
    await proc.approve("r1.0.undo")
    first = proc.run.state.calls["r1.0"]
    assert shop.log[-1][:3] == ("cancel", "cup", "order of 1 cup") and first.status == "undone"
    assert kinds(proc, "r1.0.undo") == ["undo.proposed", "call.decided", "call.started", "call.finished"]
    assert kinds(proc, "r1.0")[-1] == "call.undone" and same_as_folded(proc)
    assert first.key != proc.run.state.calls["r1.0.undo"].key == shop.log[-1][3]
    for again in (proc.undo, proc.redo):
        with pytest.raises(UsageError):
            again()
    assert shop.cancelled == ["cup"]


async def test_undo_of_a_running_process_tells_the_model(shop):
    model = ScriptedModel([call("order", item="cup"), call("ask", question="Enough?"), DONE])
    proc = Session({}).create("work", model=model, tools=shop.tools(), approve="auto").start()
    await proc
    assert proc.state == "waiting"
    await proc.undo()
    await proc.reply("yes")
    assert shop.cancelled == ["cup"] and proc.reason == "answered"  # in `auto` nobody is asked
    assert any("taken back" in m.text for m in proc.run.state.context.messages())


async def test_effect_without_an_undo_is_reported(shop):
    proc = await ran(shop, call("post", text="hi"), approve="auto")
    with pytest.raises(UsageError, match=r"r1\.0 \(post\) acted outside and its tool declares no undo="):
        proc.undo()


async def test_several_undos_are_asked_together_and_run_last_first(shop):
    proc = await ran(shop, call("order", item="a"), call("order", item="b"), approve="auto")
    proc.run.state.mode = "risky"
    await proc.undo(to=0)
    assert list(proc.run.state.questions) == ["r2.0.undo", "r1.0.undo"]
    await proc.approve("all")
    assert shop.cancelled == ["b", "a"] and proc.run.state.undoing == []


async def test_namespace_is_undone_beside_the_effect(shop):
    names = {}
    proc = await ran(shop, python("x = 1"), call("order", item="a"), namespace=names, approve="auto")
    await proc.undo(to=0)
    assert "x" not in names and shop.cancelled == ["a"]


async def test_rejected_undo_can_be_asked_for_again(shop):
    proc = await ran(shop, call("order", item="cup"))
    await proc.undo()
    await proc.reject("all", "not today")
    assert shop.cancelled == [] and proc.run.state.calls["r1.0"].status == "done"
    await proc.undo()
    await proc.approve("r1.0.undo2")
    assert shop.cancelled == ["cup"] and proc.run.state.calls["r1.0"].status == "undone"


async def test_failed_undo_leaves_the_effect_standing(shop):
    shop.fails = True
    proc = await ran(shop, call("order", item="cup"))
    await proc.undo()
    await proc.approve("all")
    assert proc.run.state.calls["r1.0"].status == "done" and "closed" in proc.run.state.calls["r1.0.undo"].result
    assert proc.run.state.undoing == []


async def test_undo_asked_twice_is_one_question(shop):
    proc = await ran(shop, call("order", item="cup"))
    await proc.undo()
    with pytest.raises(UsageError):
        proc.undo()
    assert list(proc.run.state.questions) == ["r1.0.undo"]


async def test_rules_deny_an_undo_and_a_spent_budget_does_not(shop, tmp_path):
    (tmp_path / "llmos.toml").write_text('[[policy.rules]]\ntool = "order.undo"\ndo = "deny"\n')
    proc = await ran(shop, call("order", item="cup"), approve="auto")
    await proc.undo()
    assert proc.run.state.calls["r1.0.undo"].status == "rejected" and shop.cancelled == []
    (tmp_path / "llmos.toml").write_text("")
    proc = await ran(shop, call("order", item="pot"), approve="auto", budget="1 calls")
    await proc.undo()
    assert shop.cancelled == ["pot"]


async def test_no_model_can_name_a_compensation(shop):
    proc = await ran(shop, call("order", item="cup"), call("order.undo", item="cup", result="x"), approve="auto")
    assert proc.run.state.calls["r2.0"].by == Decider("check", "schema") and shop.cancelled == []


@pytest.mark.parametrize("at", ["call.started", "call.finished"])
@pytest.mark.parametrize("done", [True, False])
async def test_a_crash_in_the_middle_never_compensates_twice(shop, at, done, tmp_path):
    proc = await ran(shop, call("order", item="cup"))
    await proc.undo()
    await proc.approve("all")
    lines = proc.journal.path.read_bytes().splitlines(keepends=True)
    last = next(e.n for e in proc.events if e.k == at and e.d["call"] == "r1.0.undo")
    proc.journal.path.write_bytes(b"".join(lines[: last + 1]))
    again = Session({}).load(proc.journal.path, tools=shop.tools(), model=ScriptedModel([DONE]))
    await again.resume()
    if at == "call.finished":  # it is known to be done: only that was not written yet
        assert again.run.state.calls["r1.0"].status == "undone" and shop.cancelled == ["cup"]
        return
    assert again.run.state.calls["r1.0.undo"].status == "in_doubt" and shop.cancelled == ["cup"]
    with pytest.raises(UsageError):
        again.undo()
    await again.resolve("r1.0.undo", done=done)
    keys = {entry[3] for entry in shop.log if entry[0] == "cancel"}
    assert len(shop.cancelled) == (1 if done else 2) and len(keys) == 1  # again only at a person's word, same key
    assert again.run.state.calls["r1.0"].status == "undone" and same_as_folded(again)


async def test_uncallable_undo_function_is_refused_at_declaration():
    def cancel(order_number: str) -> str:
        return order_number

    @llmos.tool(undo=cancel)
    def order(item: str) -> str:
        """Order."""
        return item

    with pytest.raises(ConfigError, match="undo takes 'order_number'"):
        Session({}).create("work", model=ScriptedModel([DONE]), tools=[order])


@pytest.mark.out_of_process
async def test_undone_effects_are_not_exported(shop):
    import nbformat

    proc = await ran(shop, call("order", item="cup"), approve="auto")
    await proc.undo()
    book = nbformat.read(proc.export("x.ipynb"), 4)
    assert "cup" not in "".join(c.source for c in book.cells if c.metadata["llmos_nb"]["role"] == "step")


async def test_panel_names_and_asks_for_possible_compensation(shop):
    from llmos_nb.views.panel.view import view

    proc = await ran(shop, call("order", item="cup"), approve="auto")
    assert "can be compensated" in view(proc.run.state, proc.events)["steps"][0]["note"]
    proc.run.state.mode = "risky"
    await proc.undo()
    card = view(proc.run.state, proc.events)["card"]
    assert "take back r1.0 (order)" in card["title"] and card["call"] == "r1.0.undo"
    await proc.approve("all")
    shown = view(proc.run.state, proc.events)
    assert "taken back by its tool" in shown["steps"][0]["note"] and not shown.get("card")


def test_undo_command_compensates_in_a_notebook(tmp_path):
    with Notebook(tmp_path) as nb:
        nb.run(
            "import llmos_nb as llmos\nlog = []\n"
            "def cancel(item: str):\n    log.append('cancel ' + item)\n"
            "@llmos.tool(undo=cancel)\ndef order(item: str):\n    'Order.'\n    log.append(item)"
        )
        model = nb.script(call("order", item="cup"), DONE)
        assert nb.run(f"%%agent -a auto -m {model} -t order\nOrder a cup.").status == "ok"
        said = nb.run("%agent undo 1")
        assert said.status == "ok" and "r1.0 (order) was taken back by its tool" in said.text, said.error
        assert nb.value("log") == "['cup', 'cancel cup']"
