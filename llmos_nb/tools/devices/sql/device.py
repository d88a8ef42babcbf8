"""The tools ``sql`` and ``sql_write``: one reads live tables, files and databases, the other changes a database."""

from __future__ import annotations

import asyncio
import keyword
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from llmos_nb.errors import LlmosError, ToolTimeout, UsageError
from llmos_nb.heap.content import content
from llmos_nb.messages import ToolResult, canonical
from llmos_nb.tools.call import Call
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.devices.namespace.frames import markdown
from llmos_nb.tools.devices.python.guard import interruptible
from llmos_nb.tools.devices.sql.classify import statements, steady
from llmos_nb.tools.devices.sql.query import FIRST, WRITES, Query, reading_code, writing_code
from llmos_nb.tools.outcome import Outcome, captured, failed, in_thread, unless_stopped
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.text import SHOWN as LEAST_SHOWN, safe_text

KEYS = ("tables", "columns", "functions", "rows", "most_rows", "source")
SHOWN, ALL, ROOM, MOST = 20, 60, 1_096, 1_000_000  # rows, rows where there is room, bytes kept free, rows
_WHOLE = "into keeps the whole result as a variable"
_CELL = 80  # characters of a cell
_ENDING_S = 0.8  # `invoke` waits a second beyond the deadline


class SqlDevice:
    """Runs a process's SQL.

    Parameters
    ----------
    site : Site
        Its surroundings; the section is ``[tools.sql]``.
    keeps : bool
        Results may become variables of the namespace.

    Raises
    ------
    ConfigError
        The settings are wrong.
    """

    def __init__(self, site: Site, keeps: bool = True) -> None:
        self._site, self._keeps = site, keeps
        found = site.section("sql", KEYS)
        self._source = "untrusted" if found.get("source") == "untrusted" else "trusted"
        self._shown = site.whole(found, "sql", "rows", ALL if site.shown > LEAST_SHOWN else SHOWN, 1_000)
        self._most = site.whole(found, "sql", "most_rows", MOST, 100_000_000)
        self._query = Query(site, found)
        self._mark = sha256(canonical(found).encode()).hexdigest()[:12]

    @property
    def reading(self) -> Tool:
        """The tool ``sql``."""
        made = device_tool(
            self.sql, "namespace" if self._keeps else "read", "idempotent", manifest={"source": self._source},
            code=partial(reading_code, self._query), as_code=self._as_it_ran, inspect=self._look,
            apart=(lambda: SqlDevice(self._site, keeps=False).reading) if self._keeps else None,
        )  # fmt: skip
        about = made.description if self._keeps else made.description.replace(_WHOLE, "nothing is kept")
        return self._marked(replace(made, description=about))

    @property
    def writing(self) -> Tool:
        """The tool ``sql_write``."""
        write = partial(writing_code, self._query)
        made = device_tool(self.sql_write, "external", "once", code=write, inspect=self._look_at_write)
        return self._marked(made)

    def _marked(self, made: Tool) -> Tool:
        """Bind approvals to the settings, too."""
        return replace(made, digest=f"{made.digest[:40]}{self._mark}")

    def _as_it_ran(self, call: Call) -> str:
        """Return a call as the code that was noted when it ran: a connection may belong to that thread."""
        given = call.arguments if isinstance(call.arguments, dict) else {}
        return str(call.facts.get("code") or reading_code(self._query, given))

    # what a call would do

    def _look(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say what is read and written; what cannot be understood is refused when it runs."""
        found = self._query.seen(arguments, "query")
        into = str(arguments.get("into") or "")
        names = [into] if self._keeps and into and not found.told else []
        read = {"reads": found.reads, "lent": [], "exact": found.exact, "sources": found.sources}
        return {"level": "namespace" if names else "read", "title": "read by SQL", "writes": names, **read}

    def _look_at_write(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        where = arguments.get("database", "")
        said = f"it changes the database `{where}`, and Undo does not reach databases"  # its statement stands beside it
        found = self._query.seen(arguments, "statement")
        return risky(f"change the database {where}", "external", said, reads=found.reads, sources=found.sources)

    # running

    async def sql(
        self, query: str, parameters: dict[str, Any] | None = None, database: str = "", into: str = ""
    ) -> ToolResult:
        """Run SQL that only reads: over tables of the session by their names, files, or a database.

        Tables and files such as 'sales.csv' are read by DuckDB. The first rows are shown;
        into keeps the whole result as a variable. SHOW TABLES tells all tables with their columns.

        Parameters
        ----------
        query : str
            A SELECT; write values as :name.
        parameters : dict, optional
            Value by name.
        database : str
            Variable that holds an engine, connection or address of a database, or a file of SQLite; empty for tables.
        into : str
            Variable for the whole result; empty for none.
        """
        name = into if self._keeps else ""
        if name and (not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_")):
            raise UsageError(f"into {into!r}: not a name for a variable")
        where = self._query.where(database)
        given = {"query": query, "parameters": parameters, "database": database, "into": name}
        found = await self._carried(where, partial(self._rows, where, given, self._identity()))
        if isinstance(found, ToolResult):
            return found
        if isinstance(found, str):
            return ToolResult(True, found)
        rows, code = found
        same = steady(statements(query, where.dialect), len(rows))
        return self._kept(rows, code, name, same)

    def _rows(self, where: Any, given: dict[str, Any], identity: dict[str, str]) -> Any:
        """Check and run; give the rows of the last statement with the call as code, or the answer that needs none."""
        prepared = self._query.prepare(where, given["query"], given["parameters"], ("read",))
        if isinstance(prepared, str):
            return prepared
        rows = [where.run(text, values, self._most, identity) for text, values in prepared][-1]
        whole = getattr(where, "whole", [])
        return rows, reading_code(self._query, given, whole) if given["into"] or whole else ""

    async def sql_write(self, statement: str, database: str, parameters: dict[str, Any] | None = None) -> ToolResult:
        """Change a database: INSERT, UPDATE, DELETE, CREATE and the like, all in one transaction.

        Parameters
        ----------
        statement : str
            One statement or several with ; between them; write values as :name.
        database : str
            Variable that holds an engine, connection or address of a database.
        parameters : dict, optional
            Value by name.
        """
        where = self._query.where(database)
        if where.from_file or not hasattr(where, "write"):
            raise UsageError("sql_write changes a database: name its variable in database; to read, use sql")
        work = partial(self._changed, where, statement, parameters, self._identity())
        done = await self._carried(where, work)
        if isinstance(done, ToolResult):
            return done
        said = "; ".join("done" if n < 0 else _rows(n) for n in done)
        return ToolResult(True, said, facts={"rows": done})

    def _changed(self, where: Any, statement: str, given: Any, identity: dict[str, str]) -> list[int]:
        prepared = self._query.prepare(where, statement, given, WRITES)
        if isinstance(prepared, str):
            raise UsageError("sql_write changes a database; to look at it, use sql")
        return list(where.write(prepared, identity))

    async def _carried(self, where: Any, work: Callable[[], Any]) -> Any:
        """Return what work gave, or the result that says what it raised."""
        outcome = await self._ran(where, work, this_call().deadline_s)
        return failed(_plainly(outcome)) if outcome.error is not None else outcome.value

    async def _ran(self, where: Any, work: Callable[[], Any], deadline_s: float) -> Outcome:
        """Run beside the main thread, or on it where a connection belongs to it; end it at the deadline and on Stop."""
        until = time.monotonic() + deadline_s
        if where.here:
            return unless_stopped(captured(work, deadline_s, interruptible))
        alarm = asyncio.get_running_loop().call_later(deadline_s, where.interrupt)
        try:
            outcome = await in_thread(work, deadline_s + _ENDING_S)
        except asyncio.CancelledError:
            where.interrupt()
            raise
        # a driver that is interrupted raises an error of its own, which would say nothing of the deadline
        late = time.monotonic() >= until and outcome.ended and outcome.error is not None
        alarm.cancel()
        if late:
            return Outcome(error=ToolTimeout(f"it passed its deadline of {deadline_s:g} s and was ended"))
        return outcome

    def _identity(self) -> dict[str, str]:
        context = this_call()
        return {"pid": context.key.partition("-")[0], "user": self._site.user, "call": context.call}

    # results

    def _kept(self, frame: Any, code: str, name: str, same: bool) -> ToolResult:
        """Show the first rows and keep the whole result by its name; `same` is whether it is the same each time."""
        over = len(frame) > self._most
        frame = frame.head(self._most) if over else frame
        text, shown = self._table(frame)
        count = f"{'more than ' if over else ''}{_rows(len(frame))}"
        said = f"{text}\n{count}" + (f", {shown} shown" if shown < len(frame) else "")
        if not name:
            said += "; into='NAME' keeps them all" if self._keeps and shown < len(frame) else ""
            facts = {"rows": len(frame), "cut": over, **({"code": code} if code else {})}
            return ToolResult(True, said, facts={**facts, **_in_a_cell(said, frame, "", same)})
        store, namespace = self._site.snapshots, self._site.namespace
        before = store.begin((name,)) if store is not None else None
        namespace[name] = frame
        changes = store.end(before, this_call().key) if store is not None else {"created": [name]}
        said += f"; {f'the first {len(frame):,} rows are' if over else 'the whole result is'} in `{name}`"
        facts = {"rows": len(frame), "cut": over, "code": code, **_in_a_cell(said, frame, name, same)}
        return ToolResult(True, said, changes=changes, facts=facts)

    def _table(self, frame: Any) -> tuple[str, int]:
        """Return the first rows as text, within the bound, and how many they are."""
        text, shown = "", 0
        for shown in (self._shown, 5, 1):  # whole rows rather than a cut one
            rows = frame.head(shown)
            cells = rows.itertuples(index=False, name=None)
            text = safe_text(markdown(frame.columns, cells, _CELL)) if len(frame.columns) else ""
            if len(text.encode()) <= self._site.shown - ROOM:
                break
        return text[: self._site.shown - ROOM], min(shown, len(frame))


def _in_a_cell(said: str, frame: Any, name: str, same: bool) -> dict[str, Any]:
    """Return what a cell with the call as code shows and leaves, as of a step of Python."""
    head = frame.head(FIRST)
    words = {"": content(head), **({name: content(frame)} if name else {})}
    facts = {"outputs": [["display", len(said), safe_text(repr(head))]]}
    return facts | ({"content": words} if same else {"varies": True})


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _plainly(outcome: Outcome) -> Outcome:
    """Keep the message of a database's error, without the statement and the links that drivers add."""
    error = outcome.error
    if error is None or isinstance(error, LlmosError):
        return outcome
    text = str(getattr(error, "orig", None) or error).partition("\n[SQL")[0]
    return replace(outcome, error=type(type(error).__name__, (Exception,), {})(text))


def reading_tools(site: Site) -> list[Tool]:
    """Return what ``-t sql`` offers."""
    return [SqlDevice(site).reading]


def writing_tools(site: Site) -> list[Tool]:
    """Return what ``-t sql_write`` offers."""
    return [SqlDevice(site).writing]
