"""SQLite after an untrusted read: no statement writes outside, by whatever name the database is opened or attached."""

import sqlite3
from pathlib import Path

import pytest
from at_work import READ, ran
from turns import python

OWN = "import sqlite3\nmade = sqlite3.connect('file:own.db', uri=True)\n"
BOTH = OWN + "made.execute(f\"ATTACH '{there}' AS e\")\nmade.execute(\"ATTACH 'o.db' AS o\")\n"
WAYS = {
    "a bound name, and what is written there": f"{OWN}made.execute('ATTACH ? AS e', (there,))\nmade.execute('delete from e.a')",
    "an address": f"{OWN}made.execute(f\"ATTACH 'file:{{target}}' AS e\")",
    "an address of what is there": f"{OWN}made.execute(f\"ATTACH 'file:{{there}}' AS e\")\nmade.execute('delete from e.a')",
    "an insert into the first of two": f"{BOTH}made.execute('insert into e.a values (2)')",
    "a table that goes": f"{BOTH}made.execute('drop table e.a')",
    "a trigger in memory": (
        f"{BOTH}made.execute('create temp table t (x)')\n"
        "made.execute('create temp trigger g after insert on t begin insert into a values (2); end')\n"
        "made.execute('insert into t values (1)')"
    ),
    "a pragma": f"{BOTH}made.execute('pragma e.user_version = 7')",
    "the version of a schema": f"{OWN}made.execute(f\"ATTACH '{{there}}' AS e\")\nmade.execute('pragma e.schema_version = 9')",
    "statistics": f"{BOTH}made.execute('analyze e')",
    "a virtual table": f"{BOTH}made.execute('create virtual table e.f using fts5(x)')",
    "an escaped question mark": "import sqlite3\nsqlite3.connect(f'file:{target}%3Fmode=ro', uri=True).execute('select 1')",
    "a word like mode": "import sqlite3\nsqlite3.connect(f'file:{target}?x-mode=ro', uri=True).execute('select 1')",
    "a mode behind a fragment": "import sqlite3\nsqlite3.connect(f'file:{target}#?mode=ro', uri=True).execute('select 1')",
    "a host": "import sqlite3\nsqlite3.connect(f'file://localhost{target}', uri=True).execute('select 1')",
    "the class, and a name like a mode": "import sqlite3\nsqlite3.Connection(target + 'mode=ro').execute('select 1')",
    "the class, after `connect` was refused": (
        "import sqlite3\ntry: sqlite3.connect(target)\nexcept BaseException: pass\n"
        "made = sqlite3.Connection(there)\nmade.execute('delete from a')\nmade.execute('insert into a values (3)')\nmade.commit()"
    ),
    "the module in C": "import _sqlite3\n_sqlite3.connect(target + 'mode=ro').execute('select 1')",
}  # fmt: skip
QUIET = {
    "a database that is only read": "sqlite3.connect(f'file:{there}?mode=ro', uri=True).execute('select * from a').fetchall()",
    "one in memory, by an address": "sqlite3.connect('file:x?mode=memory', uri=True).execute('create table a (b)')",
    "two of the working folder": (
        "made = sqlite3.connect('own.db')\nmade.execute(\"ATTACH 'o.db' AS o\")\nmade.execute(\"ATTACH 'p.db' AS p\")\n"
        "made.execute('create table o.a (b)')\nmade.commit()\nmade.close()"
    ),
    "one outside that is attached and read": (
        "made = sqlite3.connect(':memory:')\nmade.execute(f\"ATTACH '{there}' AS e\")\n"
        "made.execute('select * from e.a').fetchall()\nmade.close()"
    ),
    "one outside that is attached by a bound name and read": (
        "made = sqlite3.connect(':memory:')\nmade.execute('ATTACH ? AS e', (there,))\n"
        "made.execute('select * from e.a').fetchall()\nmade.close()"
    ),
}  # fmt: skip


@pytest.fixture
def there(work):
    """Have a database outside the working folder."""
    path = Path(work["target"]).with_name("there.db")
    with sqlite3.connect(path) as made:
        made.execute("create table a (b)")
    made.close()
    work["there"] = str(path)
    return path


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
async def test_no_database_outside_is_made_or_changed(way, there, work):
    before = there.read_bytes()
    _, made = await ran(work, READ, python(WAYS[way] + "\nmade.commit()" * WAYS[way].startswith(OWN)))
    assert made.status == "failed", made.result
    assert there.read_bytes() == before and [*there.parent.iterdir()] == [there]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", QUIET)
async def test_honest_database_works_unasked(way, there, work):
    _, made = await ran(work, READ, python("import sqlite3\n" + QUIET[way]))
    assert made.status == "done", made.result
