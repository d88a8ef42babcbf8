"""Previews: a step runs in a forked copy, shows what it would do, and the parent stays as it was."""

import os
import time

import pytest
from notebook_driver import Notebook
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.app.present.panel import CLICKS
from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import preview
from llmos_nb.session import Session
from llmos_nb.views.panel import Projector

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def own(names):
    return {n: v for n, v in names.items() if not n.startswith("__")}


async def run(script, *codes, names, **options):
    turns = [python(code) for code in codes]
    return await llmos.run("go", model=script(*turns, {"text": "ok"}), namespace=names, preview=True, **options)


async def test_steps_see_what_earlier_ones_made_and_the_parent_is_untouched(script):
    items = [1]
    names = {"items": items}
    proc = await run(
        script, "items.append(2)\ntotal = sum(items)\nprint('sum', total)", "total + len(items)", names=names
    )
    assert proc.reason == "answered" and items == [1] and own(names) == {"items": items}
    first, second = proc.run.state.calls["r1.0"], proc.run.state.calls["r2.0"]
    assert "sum 3" in first.result and "would change: created total; mutated items" in first.result
    assert second.result.startswith("5") and first.facts["preview"]["mutated"] == ["items"]
    assert not any(e.k == "names.changed" for e in proc.events) and same_as_folded(proc)
    with pytest.raises(UsageError, match="no step that changed"):
        proc.undo()


async def test_risky_code_is_previewed_unasked_without_effect(script, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("kept")
    codes = [
        f"open({str(kept)!r}, 'w').write('lost')",
        f"import os\nos.remove({str(kept)!r})",
        f"import subprocess\nsubprocess.run(['rm', {str(kept)!r}])",
        f"import os\nos.system('rm {kept}')",
        "import socket\nsocket.create_connection(('127.0.0.1', 9))",
    ]
    proc = await run(script, *codes, names={})
    calls = [proc.run.state.calls[f"r{n}.0"] for n in range(1, 6)]
    assert proc.reason == "answered" and kept.read_text() == "kept"
    assert all(c.status == "failed" and "refused in a preview" in c.result for c in calls), [c.result for c in calls]


async def test_writes_by_c_code_are_blocked_by_the_system(script, tmp_path):
    import sqlite3

    connection = sqlite3.connect(tmp_path / "data.db", isolation_level=None)
    connection.execute("create table t (x)")
    with (tmp_path / "lines.txt").open("w+") as file:
        file.write("a\nb\n")
        file.flush()
        file.seek(0)
        proc = await run(
            script,
            "con.execute('insert into t values (1)')",
            "file.readline()",
            names={"con": connection, "file": file},
        )
        assert proc.run.state.calls["r1.0"].status == "failed"
        assert proc.run.state.calls["r2.0"].result.startswith("'a")
        assert file.readline() == "a\n"  # the copy has a position of its own
    assert connection.execute("select count(*) from t").fetchone() == (0,)
    connection.close()


async def test_external_tools_are_refused_and_reads_run(script):
    sent = []

    def send(to: str) -> str:
        """Send it."""
        sent.append(to)
        return "sent"

    @llmos.tool(effect="read")
    def look() -> str:
        """Look."""
        return "seen"

    model = script(call("send", to="x"), call("look"), {"text": "ok"})
    proc = await llmos.run("go", model=model, tools=[send, look], namespace={}, preview=True)
    assert proc.reason == "answered" and sent == []
    assert "refused in a preview; nothing was done" in proc.run.state.calls["r1.0"].result
    assert proc.run.state.calls["r2.0"].result == "seen"


async def test_preview_reports_bind_violations(script):
    proc = await run(script, "x = 1", names={}, bind="y")
    assert "only y may be written, not x" in proc.run.state.calls["r1.0"].result


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.sleep(60)",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ],
)
async def test_deadline_ends_a_preview(script, code):
    began = time.monotonic()
    proc = await run(script, code, names={}, call_timeout=0.4)
    assert proc.run.state.calls["r1.0"].error == "ToolTimeout" and time.monotonic() - began < 10


async def test_a_crash_of_the_copy_is_an_error_for_the_model(script):
    proc = await run(script, "import ctypes\nctypes.string_at(0)", "1 + 1", names={})
    assert "the child process has ended (signal 11)" in proc.run.state.calls["r1.0"].result
    assert proc.run.state.calls["r2.0"].result.startswith("2") and proc.reason == "answered"


async def test_no_copy_is_left_behind(script):
    proc = await run(script, "import os\nprint(os.getpid())", names={})
    pid = int(proc.run.state.calls["r1.0"].result.split()[0])
    assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_preview_without_fork_is_reported(script, monkeypatch, tmp_path):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(UsageError, match=r"needs os\.fork"):
        await run(script, "x = 1", names={})
    assert not list(tmp_path.rglob("journal.jsonl"))


async def test_preview_options_are_checked(script):
    with pytest.raises(UsageError, match="choose one"):
        await run(script, "x = 1", names={}, isolate=True)
    with pytest.raises(UsageError, match="there is no namespace"):
        await llmos.run("go", model=script({"text": "ok"}), preview=True)


async def test_a_call_that_waits_is_previewed_and_then_approved(script, tmp_path):
    names = {"items": [1]}
    code = f"import pathlib\nitems.append(2)\npathlib.Path({str(tmp_path / 'x.txt')!r}).write_text('x')"
    proc = await llmos.run("go", model=script(python(code), {"text": "ok"}), namespace=names)
    assert proc.state == "waiting"
    result = await preview.preview(proc.run, "r1.0")
    assert not result.ok and result.facts["would"] == "created pathlib; mutated items" and names["items"] == [1]
    await proc.approve("r1.0")
    assert names["items"] == [1, 2] and (tmp_path / "x.txt").read_text() == "x"


async def test_panel_preview_is_recorded(script):
    names = {"items": [1]}
    proc = await llmos.run(
        "go", model=script(python("items.append(2)"), {"text": "ok"}), namespace=names, approve="step"
    )
    await CLICKS["preview"](proc, {"verb": "preview", "call": "r1.0"})
    (seen,) = [e.d for e in proc.events if e.k == "signal.received"]
    assert seen["signal"] == "previewed" and seen["would"] == "mutated items" and names["items"] == [1]
    projector = Projector()
    projector.preview(proc.events[-1])
    sheet = projector.view(proc.run.state, proc.events)["sheet"]
    assert sheet["title"] == "Preview of r1.0" and "It would change: mutated items." in str(sheet["blocks"][-1])
    projector.open("")
    assert "sheet" not in projector.view(proc.run.state, proc.events)
    await proc.approve("all")
    assert names["items"] == [1, 2] and same_as_folded(proc)


def test_dry_run_works_in_a_notebook(tmp_path):
    with Notebook(tmp_path) as book:
        book.run("import pandas as pd\ndf = pd.DataFrame({'a': [3, 1, 2]})")
        spec = book.script(
            python("df['b'] = df['a'] * 2\nprint(df.b.sum())\n!touch made"),
            python("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(df.shape)"),
            {"text": "doubled"},
        )
        ran = book.run(f"%%agent try -n -m {spec}\nDouble `df`.", timeout=60)
        assert ran.status == "ok", ran.error
        said = book.run("%agent log try --json").text
        assert "12" in said and "mutated df" in said and "(3, 2)" in said and "figure: 1 line" in said
        assert book.value("list(df), __import__('os').path.exists('made')") == "(['a'], False)"
        assert book.run("print('alive')").text == "alive\n"


@pytest.mark.parametrize(
    ("options", "place"), [({}, "here"), ({"preview": True}, "fork"), ({"isolate": True}, "child")]
)
def test_place_of_python_follows_how_the_process_runs(options, place):
    proc = Session({}).create("go", model=ScriptedModel([{"text": "ok"}]), **options)
    tool = proc.run.tools["python"]
    assert tool.place == place and tool.elsewhere == (place != "here") == (tool.worker is not None)
