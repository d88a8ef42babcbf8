"""What hostile code in a child does: it is contained, the parent goes on, and each test fails where its protection is off."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from notebook_driver import Notebook
from turns import python

from llmos_nb.app.doctor import report
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.child import Setup, isolated
from llmos_nb.tools.devices.child.sandbox import landlock, seccomp
from llmos_nb.tools.devices.child.sandbox.sandbox import NAMES

pytestmark = [
    pytest.mark.out_of_process,
    pytest.mark.skipif(landlock.version() < 6, reason="this system has no Landlock, or an old one"),
]
TRY = """
def tries(*acts):
    for act in acts:
        try:
            print("DID IT", act())
        except BaseException as error:
            print("refused", type(error).__name__)
"""


class Cell:
    """A child, called from plain functions."""

    def __init__(self, **setup) -> None:
        self.child = isolated({}, [], Setup(**setup))

    def run(self, code: str, deadline_s: float = 20, **told):
        call = self.child.call("python", {"code": code}, CallContext("r1.0", "k", deadline_s, **told))
        return asyncio.run(call)

    def says(self, code: str) -> list[str]:
        """What it prints, without what is said of the child."""
        result = self.run(TRY + code)
        return [line for line in result.text.splitlines() if not line.startswith("[child process")]

    def raw(self, data: bytes):
        """Have it write bytes of its own choice where its answers go."""
        pipe = "next(f for f in map(int, os.listdir('/proc/self/fd')) if f > 2 and os.readlink(f'/proc/self/fd/{f}').startswith('pipe') and writable(f))"
        code = (
            f"import os, fcntl\nwritable = lambda f: fcntl.fcntl(f, fcntl.F_GETFL) & 3 == 1\nos.write({pipe}, {data!r})"
        )
        return self.run(code)


@pytest.fixture(scope="module")
def cell():
    made = Cell()
    yield made
    made.child.close()


@pytest.fixture
def fresh():
    made = []

    def make(**setup) -> Cell:
        made.append(Cell(**setup))
        return made[-1]

    yield make
    for each in made:
        each.child.close()


def all_refused(lines: list[str]) -> bool:
    return bool(lines) and all(line.startswith("refused") for line in lines)


# the network


def connects(port: int, path: str) -> str:
    return f"""
import socket
def to(family, where, kind=socket.SOCK_STREAM):
    made = socket.socket(family, kind)
    made.settimeout(2)
    made.connect(where)
tries(
    lambda: to(socket.AF_INET, ("127.0.0.1", {port})),
    lambda: to(socket.AF_INET6, ("::1", {port})),
    lambda: to(socket.AF_INET, ("1.1.1.1", 53), socket.SOCK_DGRAM),
    lambda: to(socket.AF_UNIX, {path!r}),
    lambda: to(socket.AF_UNIX, "\\0llmos-attack"),
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: __import__("urllib.request").request.urlopen("http://127.0.0.1:{port}", timeout=2),
)
"""


@pytest.fixture
def servers(tmp_path):
    plain = socket.create_server(("127.0.0.1", 0))
    named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    named.bind(str(tmp_path / "s"))
    abstract.bind("\0llmos-attack")
    for server in (named, abstract):
        server.listen()
    with plain, named, abstract:
        yield plain.getsockname()[1], str(tmp_path / "s")


def test_child_opens_no_connection_of_any_kind(cell, servers):
    said = cell.says(connects(*servers))
    assert len(said) == 7 and all_refused(said)
    raw = "import ctypes\nlibc = ctypes.CDLL(None)\nprint([libc.socket(f, 1, 0) for f in (1, 2, 10, 16)])"
    assert cell.says(raw) == ["[-1, -1, -1, -1]"]  # C code that asks the system itself


def test_check_fails_without_the_filter_and_the_network_namespace(fresh, servers):
    said = fresh(without=("network", "calls", "files")).says(connects(*servers))
    assert [line.split()[0] for line in (said[0], said[3], said[4])] == ["DID"] * 3


def test_network_namespace_alone_stops_outward_connections(fresh, servers):
    said = fresh(without=("calls", "files")).says(connects(*servers))
    assert all_refused([said[0], said[1], said[4]])


# files


@pytest.fixture
def outside(tmp_path):
    """A folder like a home: something to read, something to write."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id").write_text("PRIVATE KEY")
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def reaches(outside: Path) -> str:
    key, notes, parent = str(outside / ".ssh" / "id"), str(outside / "notes.txt"), os.getpid()
    return f"""
import os, shutil
from pathlib import Path
open("own.txt", "w").write("x")
def linked(act, to):
    link = f"link{{len(os.listdir())}}"
    os.symlink(to, link)
    return act(link)
tries(
    lambda: open({key!r}).read(),
    lambda: linked(lambda p: open(p).read(), {key!r}),
    lambda: open("/proc/self/root" + {key!r}).read(),
    lambda: open("/proc/1/root" + {key!r}).read(),
    lambda: open("/proc/{parent}/environ").read(),
    lambda: open("/proc/{parent}/mem", "r+b"),
    lambda: open("/proc/1/mem", "r+b"),
    lambda: os.listdir({str(outside)!r}),
    lambda: os.link({key!r}, "stolen"),
    lambda: open({notes!r}, "w").write("x"),
    lambda: open({notes!r}, "a").write("x"),
    lambda: linked(lambda p: open(p, "w").write("x"), {notes!r}),
    lambda: open("/proc/self/root" + {notes!r}, "w").write("x"),
    lambda: os.truncate({notes!r}, 0),
    lambda: os.unlink({notes!r}),
    lambda: os.chmod({notes!r}, 0o777),
    lambda: os.utime({notes!r}),
    lambda: os.setxattr({notes!r}, "user.x", b"1"),
    lambda: os.mkdir({str(outside / "made")!r}),
    lambda: os.rename("own.txt", {str(outside / "moved")!r}),
    lambda: os.link("own.txt", {str(outside / "hard")!r}),
    lambda: os.symlink("own.txt", {str(outside / "soft")!r}),
    lambda: os.mknod("device", 0o600 | 0x2000, os.makedev(1, 1)),
    lambda: shutil.rmtree({str(outside / ".ssh")!r}),
    lambda: open("/proc/sys/kernel/core_pattern", "w"),
    lambda: open("/etc/passwd", "a"),
)
"""


def test_no_file_outside_its_folder_is_read_or_changed(cell, outside):
    said = cell.says(reaches(outside))
    assert [line for line in said if not line.startswith("refused")] == [] and len(said) == 26
    assert sorted(p.name for p in outside.iterdir()) == [".ssh", "notes.txt"]
    assert ((outside / "notes.txt").read_text(), (outside / "notes.txt").stat().st_mode & 0o777) == (
        "mine",
        0o644,
    )


def test_check_fails_without_the_file_sandbox(fresh, outside):
    said = fresh(without=("files", "processes")).says(reaches(outside))
    assert "PRIVATE KEY" in said[0] and sum(line.startswith("DID") for line in said) > 12
    assert not (outside / "notes.txt").exists()


def test_chosen_files_are_there_for_reading_by_the_names_they_have(fresh, outside, monkeypatch):
    monkeypatch.chdir(outside)
    made = fresh(files=("notes.txt",))
    assert made.says("print(open('notes.txt').read())\ntries(lambda: open('notes.txt', 'a').write('x'))") == [
        "mine",
        "refused OSError",
    ]


def test_environment_of_the_child_holds_nothing_of_the_parent(fresh, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me:pw@host")
    monkeypatch.setenv("HOME", "/home/me")
    said = fresh().says("import os\nprint([v for v in os.environ.values() if 'pw@' in v or v == '/home/me'])")
    assert said == ["[]"]


# other processes


def test_child_cannot_signal_trace_or_gain_privileges(cell):
    said = cell.says(f"""
import ctypes, os, signal
libc = ctypes.CDLL(None)
parent = {os.getpid()}
tries(lambda: os.kill(parent, 0), lambda: os.kill(parent, signal.SIGSTOP), lambda: os.kill(1, signal.SIGKILL),
      lambda: os.setuid(12345), lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
print(libc.ptrace(16, parent, 0, 0), libc.ptrace(16, 1, 0, 0), libc.syscall(321, 0, 0, 0), libc.syscall(250, 0, 0, 0),
      libc.mount(b"none", b"/", b"tmpfs", 0, None), libc.unshare(0x10000000), libc.syscall(425, 1, 0))
""")
    assert all_refused(said[:5]) and said[5] == "-1 -1 -1 -1 -1 -1 -1"


def test_check_fails_without_the_process_sandbox(fresh):
    made = fresh(without=("processes", "files"))
    assert made.says(f"import os\ntries(lambda: os.kill({os.getpid()}, 0))") == ["DID IT None"]


def test_programs_started_by_the_child_are_confined_too(cell, outside):
    key, notes = outside / ".ssh" / "id", outside / "notes.txt"
    code = f"import subprocess\nprint(subprocess.run('cat {key}; echo x > {notes}; echo here', shell=True, capture_output=True, text=True).stdout)"
    assert cell.says(code) == ["here"] and notes.read_text() == "mine"


def processes(folder: str, fewer_than: int = 4, at_least: int = 0) -> list[Path]:
    """Give the processes of a child, once there are so few, or so many."""
    until = time.monotonic() + 10
    while True:
        found = [p for p in Path("/proc").glob("[0-9]*/cmdline") if folder in _words(p)]
        if (at_least <= len(found) < fewer_than + at_least) or time.monotonic() > until:
            return found
        time.sleep(0.01)


def _words(place: Path) -> str:
    try:
        return place.read_text()
    except OSError:
        return ""


BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
# from Python 3.12 on, a fork beside threads says that it may go wrong
QUIET = "import warnings\nwarnings.filterwarnings('ignore', '.*fork', DeprecationWarning)"
DAEMON = f"""
{QUIET}
import os, time
for _ in range({{count}}):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
print(os.getcwd())
"""


def test_a_fork_bomb_ends_with_its_step(fresh):
    made = fresh()
    folder = made.says("import os\nprint(os.getcwd())")[0]
    result = made.run(BOMB, deadline_s=0.7)
    assert not result.ok and "ended" in result.text
    assert len(processes(folder)) <= 3 and made.says("print('again')") == ["again"]


def test_daemons_end_with_the_child_and_many_with_their_step(fresh):
    made = fresh()
    (folder,) = made.says(DAEMON.format(count=1))
    # who keeps watch, the first one inside, the worker; and a daemon, once the one that began it is gone
    assert len(processes(folder, fewer_than=1, at_least=4)) == 4
    made.says(DAEMON.format(count=40))
    assert len(processes(folder)) == 3
    made.says(DAEMON.format(count=1))
    made.child.close()
    assert processes(folder, fewer_than=1) == []


def test_child_never_outlives_a_killed_parent(tmp_path):
    code = f"""
import asyncio, os, signal
from llmos_nb.tools.devices.child.launch import Setup, isolated
from llmos_nb.tools.protocol import CallContext
child = isolated({{}}, [], Setup())
call = child.call("python", {{"code": {DAEMON.format(count=1)!r}}}, CallContext("r1.0", "k", 20))
print(asyncio.run(call).text.splitlines()[-1], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    folder = done.stdout.strip()
    assert done.returncode == -9 and folder.startswith("/") and processes(folder, fewer_than=1) == []


def test_threads_are_bounded(fresh):
    made = fresh()
    code = "import threading, time\nstop = threading.Event()\ntries(*[threading.Thread(target=stop.wait, daemon=True).start] * 0)\n"
    code += "n = 0\ntry:\n    while n < 5000:\n        threading.Thread(target=stop.wait, daemon=True).start(); n += 1\nexcept RuntimeError as error:\n    print(error)\nstop.set()\nprint(n < 5000)"
    assert made.says(code) == ["can't start new thread", "True"]


# bounds


def test_memory_is_bounded_in_one_process_and_in_all_together(fresh):
    made = fresh(memory=900 << 20)
    assert made.says("tries(lambda: bytearray(10 << 30))") == ["refused MemoryError"]
    many = "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        held = b'x' * (400 << 20)\n        time.sleep(100)\ntime.sleep(100)"
    result = made.run(many, deadline_s=15)
    assert "ended (signal 9)" in result.text


def test_check_fails_without_the_memory_bound(fresh):
    assert fresh(memory=500 << 20, without=("memory",)).says("print(len(bytearray(600 << 20)))") == ["629145600"]


FILL = "import os\ntry:\n    for i in range(9):\n        open(f'f{i}', 'wb').write(bytes(1 << 20))\n    print('filled')\nexcept OSError as error:\n    print(os.strerror(error.errno))"


def test_the_disk_cannot_be_filled(fresh):
    made = fresh(disk=4 << 20)
    assert made.says(FILL) == ["No space left on device"]
    assert made.says("tries(lambda: open('big', 'wb').truncate(1 << 40))") == ["refused OSError"]


def test_check_fails_without_the_disk_bound(fresh):
    assert fresh(disk=4 << 20, without=("disk",)).says(FILL) == ["filled"]


def test_100_mb_of_output_are_cut(cell):
    heard: list[str] = []
    context = CallContext("r1.0", "k", 30, heard.append)
    result = asyncio.run(cell.child.call("python", {"code": "for _ in range(100): print('x' * (1 << 20))"}, context))
    assert result.ok and result.facts["size"] > 100 << 20
    assert len(result.text) < 1 << 20 and sum(map(len, heard)) <= 1 << 20


async def _value(cell: Cell, name: str):
    try:
        return await cell.child.value(name, 20)
    except Exception as error:
        return str(error)


def test_values_come_back_typed_or_not_at_all(fresh):
    made = fresh()
    made.run(
        "class Evil:\n    def __reduce__(self):\n        return print, ('ran',)\ngood = {'a': [1, (2.5, None)]}\nevil = Evil(); huge = 'x' * (80 << 20)"
    )
    got = [asyncio.run(_value(made, n)) for n in ("good", "evil", "huge", "absent")]
    assert got[0] == {"a": [1, (2.5, None)]}
    assert "does not come back" in got[1] and "more than come back" in got[2] and "KeyError" in got[3]


# what it sends


HOSTILE = [
    b"not json\n",
    b"[1]\n",
    b'{"done": 5}\n' * 3,
    b'{"done": {}, "bytes": 999999999999}\n',
    b'{"done": {}, "bytes": -1}\n',
    b'{"bytes": "x"}\n',
    b"[" * 60_000 + b"\n",
    b"\xff\xfe\n",
    b'{"done": {"stopped": true}}\n',
    b'{"out": {"a": 1}}\n{"done": {"ok": "yes", "text": 5, "error": [], "parts": [{"mime": "text/html", "data": "x"}, 7], "changes": [1], "facts": {"in_doubt": true, "size": "x"}}}\n',
    b'{"done": {"ok": true, "text": "t", "parts": [{"mime": "image/png", "data": "?"}], "changes": {"created": [[1], "n"], "details": {"n": 3}}, "facts": {"in_doubt": true}}}\n',
    b'{"done": {"ok": true, "text": "t", "facts": {"effects": {"a": 1}}}}\n',
    b'{"done": {"ok": true, "text": "t", "facts": {"effects": [%s]}}}\n'
    % b", ".join([b"1", b'["x"]', b'"%s"' % (b"x" * 999)] * 9),
    b'{"done": {"ok": true, "text": "t", "facts": {"content": {"a": 1, "b": "%s", "c": ["x"]}, "quiet": "yes"}}}\n'
    % (b"x" * 9999),
    b'{"done": {"ok": true, "text": "t", "facts": {"outputs": [["stdout", "5"], [1, 2], 7], "content": [1]}}}\n',
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_any_bytes_from_the_child_are_a_result_or_end_it(fresh, data):
    result = fresh().raw(data)
    assert isinstance(result.text, str) and isinstance(result.ok, bool) and not result.parts
    assert set(result.facts) <= {"size", "line", "child", "effects", "content", "outputs", "quiet"}
    content, outputs = result.facts.get("content", {}), result.facts.get("outputs") or []
    assert len(content) <= 60 and all(type(n) is type(w) is str and len(w) <= 2000 for n, w in content.items())
    assert all(isinstance(o[0], str) and type(o[1]) is int for o in outputs)
    told = result.facts.get("effects", [])
    assert len(told) <= 16 and all(type(e) is str and len(e) <= 200 for e in told)
    json.dumps(result.changes)


def test_an_endless_answer_ends_the_child(fresh, monkeypatch):
    monkeypatch.setattr("llmos_nb.tools.devices.child.launch.MOST_FRAME", 1 << 20)
    made = fresh()
    assert "more than 1 MiB at once" in made.raw(b"x" * (3 << 20)).text
    assert made.says("print('again')") == ["again"]


MANY = 1_000_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"done": {"text": "' + b"x" * (9 << 20) + b'"}}\n', "more than 8 MiB at once"),
        (b'{"done": [' + b"[]," * MANY + b"[]]}\n", "more than 100,000 values at once"),
        (
            b'{"done": {"ok": true, "facts": {' + b",".join(b'"%d":1' % n for n in range(MANY // 4)) + b"}}}\n",
            "more than 100,000",
        ),
        (b"[" * MANY + b"]" * MANY + b"\n", "more than 100,000 values at once"),
    ],
    ids=["long", "lists", "names", "deep"],
)
def test_an_answer_of_too_many_values_is_not_parsed_and_ends_the_child(fresh, data, said):
    made = fresh()
    assert said in made.raw(data).text
    assert made.says("print('again')") == ["again"]


def test_a_long_text_with_many_commas_is_parsed(fresh):
    """The counter-example: what stands in a text is no value."""
    words = "a, [b], {c}, " * 60_000
    assert fresh().raw(json.dumps({"done": {"ok": True, "text": words}}).encode() + b"\n").text.endswith(words)


# what does not hold


def test_missing_protection_is_reported_and_refused_where_required(fresh):
    said = fresh(without=("network", "calls", "memory")).run("1").text.partition("not held: ")[2]
    assert said.startswith("no network through Python's own modules only, no bound on memory, every system call")
    refused = fresh(without=("memory",), require=True).run("1")
    assert not refused.ok and refused.text.endswith(
        "a protection that is required does not hold here: no bound on memory"
    )
    assert fresh(require=True).run("1").ok


@pytest.mark.parametrize(
    ("without", "told"), [((), []), (("memory",), []), (("files",), ["child reads and writes all"])]
)
def test_a_child_that_may_act_outside_says_so_before_its_step_begins(fresh, without, told):
    said = []
    fresh(without=without).run("1", acting=said.append)
    assert [words[:26] for words in said] == told


def test_doctor_reports_the_available_protections():
    lines = [line for line in report(None).splitlines() if "child process" in line]
    assert len(lines) == len(NAMES) and all(line.startswith("ok ") for line in lines)


def test_other_protections_hold_where_namespaces_are_forbidden(tmp_path):
    """As in a container: no new process can be bounded, so there is none."""
    code = f"""
import asyncio
from llmos_nb.tools.devices.child.sandbox import seccomp
from llmos_nb.tools.devices.child.launch import Setup, isolated, protections
from llmos_nb.tools.protocol import CallContext
seccomp.refuse(processes=True, about_files=True)
print(*[p.name for p in protections(Setup()) if not p.holds])
tries = {QUIET!r} + "\\nimport os, socket\\nfor act in (os.fork, socket.socket, lambda: open('/etc/passwd'), lambda: os.chmod('/tmp', 511)):\\n" \
        "    try:\\n        act()\\n        print('DID IT')\\n    except OSError:\\n        print('refused')"
child = isolated({{}}, [], Setup())
print(asyncio.run(child.call("python", {{"code": tries}}, CallContext("r1.0", "k", 20))).text)
child.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[0] == "disk" and lines[2:] == ["refused"] * 4, done.stderr


@pytest.mark.parametrize("machine", seccomp.ARCHES)
@pytest.mark.parametrize("processes", [True, False])
def test_every_filtered_system_call_has_an_exit(machine, processes):
    """Run the filter as the system would: every jump stays inside, and what is refused is refused."""
    program = seccomp.program(machine, processes=processes, about_files=True)

    def verdict(number: int, flags: int = 0) -> int:
        at, value, seen = 0, 0, {0: number, 4: seccomp.ARCHES[machine], 16: flags}
        while True:
            code, yes, no, operand = program[at]
            if code == 0x06:
                return operand
            if code == 0x20:
                value, at = seen[operand], at + 1
                continue
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += 1 + (yes if holds else no)

    names = {"x86_64": (0, 41, 56, 59), "aarch64": (63, 198, 220, 221)}[machine]  # read, socket, clone, execve
    allow, refuse = 0x7FFF0000, 0x00050001
    assert [verdict(n) for n in names[:2]] == [allow, refuse]
    assert verdict(names[2], 0x3D0F00) == allow  # a thread
    assert verdict(names[2], 0x10000000 | 17) == refuse  # a user namespace
    assert [verdict(names[2], 17), verdict(names[3])] == [allow if processes else refuse] * 2
    assert verdict(435) == 0x00050026  # clone3: not there, so that clone is taken
    assert len(program) < 256


def test_a_real_notebook_is_unharmed(tmp_path):
    bomb = "import os, signal\nopen('mine.txt', 'w').write('x')\nfor pid in range(1, 99):\n    try:\n        os.kill(pid, 9)\n    except OSError:\n        pass\nos.kill(os.getppid(), 9)"
    with Notebook(tmp_path) as book:
        book.run("kept = [1]")
        spec = book.script(python(bomb), python("x = bytearray(1 << 44)"), {"text": "done"})
        ran = book.run(f"%%agent bad --isolate -a auto -m {spec}\nDo harm.", timeout=60)
        assert ran.status == "ok", ran.error
        assert book.value("kept") == "[1]" and not (tmp_path / "mine.txt").exists()
