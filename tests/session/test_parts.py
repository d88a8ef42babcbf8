"""Parts: a feature costs a process that does not use it nothing, and a package can add one of its own."""

import subprocess
import sys
import textwrap

import pytest
from turns import call, python

from llmos_nb.journal import Home
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session, parts
from llmos_nb.session.memory.part import Memory

DONE = {"text": "ok"}


def test_a_plain_process_imports_no_part():
    code = f"""
        import asyncio, sys
        from llmos_nb.models.scripted import ScriptedModel
        from llmos_nb.session import Session
        from llmos_nb.session.parts import PARTS
        async def main():
            names = {{}}
            model = ScriptedModel([{python("x = 1")!r}, {DONE!r}])
            proc = await Session(names).start("Make x.", model=model, approve="auto")
            assert (proc.reason, names["x"]) == ("answered", 1), proc.detail
            proc.undo()
            assert "x" not in names
            print(sorted(n for n, e in PARTS.items() if e.where.partition(":")[0] in sys.modules))
        asyncio.run(main())
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert ran.stdout.strip().splitlines()[-1:] == ["[]"], ran.stdout + ran.stderr


@pytest.mark.parametrize("name", parts.PARTS)
def test_each_part_of_the_table_is_there(name):
    assert isinstance(Session().parts[name], parts.Part)


async def test_a_tool_of_a_part_makes_it_wanted():
    session = Session()
    plain = session.create("a", model=ScriptedModel([DONE]))
    assert not session.parts.made
    mail = session.create("b", model=ScriptedModel([DONE]), tools=["mail"])
    assert list(session.parts.made) == ["mail"]
    assert "send" in mail.run.tools and "send" not in plain.run.tools


async def test_what_is_remembered_in_a_home_makes_the_memory_wanted(tmp_path):
    first = Session(home=tmp_path).create("a", model=ScriptedModel([DONE]))
    Memory(Home(tmp_path)).remember("herons are counted in May")
    session = Session(home=tmp_path)
    second = session.create("a", model=ScriptedModel([DONE]))
    assert (first.run.state.remembers, second.run.state.remembers) == (False, True)
    assert list(session.parts.made) == ["memory"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package with a part: it gives each process a tool, and counts the calls that end."""
    info = tmp_path / "site" / "birds-1.0.dist-info"  # not in the working folder, where anybody may put one
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: birds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[llmos_nb.parts]\nbirds = birds_part:Birds\n")
    (tmp_path / "site" / "birds_part.py").write_text(
        textwrap.dedent("""
        from llmos_nb.session.parts import Part
        from llmos_nb.tools import as_tool

        class Birds(Part):
            hears = ("call.finished", "run.ended")

            def offers(self, order, tools):
                self.heard_of = []

                def count(bird: str) -> int:
                    return len(bird)

                return [as_tool(count)]

            def begun(self, run, settings):
                return {"birds": settings.approve}

            def heard(self, run, event):
                self.heard_of.append((event.k, run.state.pid))
                if event.k == "run.ended":
                    raise ValueError("a part that fails")
    """)
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    parts._installed.cache_clear()
    yield
    parts._installed.cache_clear()
    sys.modules.pop("birds_part", None)


async def test_a_package_adds_a_part_by_an_entry_point(package, caplog):
    session = Session()
    model = ScriptedModel([call("count", bird="heron"), DONE])
    proc = await session.start("count", model=model, approve="auto")
    assert proc.reason == "answered" and proc.run.state.calls["r1.0"].result == "5"
    assert proc.events[0].d["parts"] == {"birds": "auto"}
    assert session.parts["birds"].heard_of == [("call.finished", proc.pid), ("run.ended", proc.pid)]
    assert "a part that fails" in caplog.text


async def test_a_part_that_cannot_be_imported_is_said_in_one_line_and_left_out(package, tmp_path, caplog):
    (tmp_path / "site" / "birds_part.py").write_text("import no_such_library\n")
    proc = await Session().start("count", model=ScriptedModel([DONE]), approve="auto")
    assert proc.reason == "answered"
    (line,) = [r.getMessage() for r in caplog.records if "birds" in r.getMessage()]
    assert "entry point llmos_nb.parts" in line and "no_such_library" in line
