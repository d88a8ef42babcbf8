"""An agent by ACP as the model of a process: agents of the official SDK, each a child process of its own."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from turns import same_as_folded
from waits import START_SECONDS, until, until_async

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal.events import CallFinished
from llmos_nb.models import resolve
from llmos_nb.models.outside import KNOWN, acp, child, known
from llmos_nb.session import Session

pytestmark = pytest.mark.out_of_process

AGENT = Path(__file__).parent.parent / "support" / "acp_agent.py"
WRITES = "import pathlib; pathlib.Path('out.txt').write_text('x')"
ENDLESS = "import asyncio\nwhile True: await asyncio.sleep(0.01)"


class Scene:
    """An agent with its script, and what it was told."""

    def __init__(self, folder, *turns, kind="polite"):
        self.log = folder / "log.jsonl"
        (script := folder / "script.json").write_text(json.dumps(turns))
        command = [sys.executable, str(AGENT), kind, str(script), str(self.log)]
        self.spec = f"acp:{shlex.join(command)}"

    def told(self, what):
        """All that it was told of one thing, in order."""
        lines = map(json.loads, self.log.read_text().splitlines()) if self.log.exists() else ()
        return [told for name, told in lines if name == what]

    @property
    def pids(self):
        return self.told("begun")


def begin(scene, goal="Look at prices.", names=None, **options):
    """Start a process with an agent."""
    session = Session({"prices": [1, 2, 6]} if names is None else names)
    return session.start(goal, model=scene.spec, **options)


def alive(pid):
    """Whether a program runs; one that nobody has asked for its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(*pids):
    await until_async(lambda: not any(map(alive, pids)))


async def test_agent_plans_calls_is_asked_and_answers_with_a_figure_that_is_computed(tmp_path):
    steps = ["Look", "Compute", "Write a note"]

    def at(n):
        return [
            "plan",
            *([t, "completed" if i < n else "in_progress" if i == n else "pending"] for i, t in enumerate(steps)),
        ]

    scene = Scene(
        tmp_path,
        [
            ["say", "I look first. "],
            at(0),
            ["call", "describe", {"name": "prices"}],
            at(1),
            ["call", "python", {"code": "m = sum(prices) / len(prices)"}],
            at(2),
            ["call", "python", {"code": WRITES}],
            ["say", "The mean is {{m:.2f}}."],
        ],
    )
    process = begin(scene)
    await process
    assert process.waits_for and process.run.state.plan_status == "asked"
    await process.approve("plan")
    await until_async(lambda: process.state == "waiting")
    await process.approve("all")
    await process
    assert (process.state, process.reason, process.answer) == ("ended", "answered", "The mean is 3.00.")
    assert [(c.name, c.step) for c in process.run.state.calls.values()][1:] == [
        ("describe", 1),
        ("python", 2),
        ("python", 3),
    ]
    assert not scene.told("cancelled") and "Look at prices." in scene.told("prompt")[0]
    assert same_as_folded(process)
    await gone(*scene.pids)


async def test_export_of_what_an_agent_did_verifies_and_says_what_was_not_seen(tmp_path):
    scene = Scene(
        tmp_path,
        [
            ["use", "Read notes.md"],
            ["call", "python", {"code": "m = sum(prices)"}],
            ["leave", "Write note.md", {"path": "note.md"}],
            ["say", "In all {{m}}."],
        ],
    )
    process = begin(scene, names={})
    process.session.namespace["prices"] = [1, 2, 6]
    await process
    await process.approve("all")
    await process
    assert process.answer == "In all 9."
    source = "\n".join(c.source for c in nbformat.read(process.export(tmp_path / "x.ipynb", run=False), 4).cells)
    assert "# by a tool of the agent's own, not seen by llmos: Read notes.md" in source
    assert "# by a tool of the agent's own, not seen by llmos: Write note.md" in source


async def test_leave_for_its_own_tools_is_asked_of_a_person_each_time_and_given_once_at_most(tmp_path):
    ask = ["leave", "Edit note.md", {"path": "note.md"}]
    scene = Scene(tmp_path, [ask, ask, ["say", "Done."]])
    process = begin(scene)
    await process
    (question,) = process.run.state.questions.values()
    assert question["title"] == "use a tool of its own: Edit note.md" and '"path": "note.md"' in question["shows"]
    assert "not seen by llmos, and Undo cannot take it back" in json.dumps(question)
    await process.approve("all")
    await until_async(lambda: scene.told("leave") == ["y"] and process.state == "waiting")
    await process.reject("all", "not that file")
    await process
    assert scene.told("leave") == ["y", "n"] and process.reason == "answered"
    assert [c.name for c in process.run.state.calls.values()] == ["agent_action", "agent_action"]


async def test_what_a_person_edited_in_a_question_for_leave_is_not_what_the_agent_would_do(tmp_path):
    scene = Scene(tmp_path, [["leave", "Edit note.md"], ["say", "Done."]])
    process = begin(scene)
    await process
    (call,) = process.run.state.calls.values()
    await process.edit(call.id, arguments={**call.arguments, "what": "Edit other.md"})
    await process
    if process.state == "waiting":
        await process.approve("all")
        await process
    assert scene.told("leave") == ["n"]


async def test_our_own_tools_are_let_at_once_since_the_gate_judges_them_and_a_command_that_names_them_is_not(tmp_path):
    scene = Scene(
        tmp_path,
        [
            ["leave", "mcp__llmos__python"],
            ["leave", "python (llmos MCP Server)"],
            ["leave", "mcp__llmos__approve"],
            ["leave", "llmos approve 1 # mcp__llmos__python"],
            ["say", "Done."],
        ],
    )
    process = begin(scene, approve="never")
    await process
    assert scene.told("leave") == ["y", "y", "n", "n"] and process.reason == "answered"


async def test_what_it_does_unasked_stands_on_the_record_as_not_seen_and_our_tools_do_not(tmp_path):
    scene = Scene(
        tmp_path,
        [
            ["use", "Read notes.md"],
            ["use", "Read notes.md"],
            ["use", "Read notes.md"],
            ["use", "Read notes.md"],
            ["call", "calculator", {"expression": "1 + 1"}, "Tool: something unknown"],
            ["call", "calculator", {"expression": "1 + 2"}, "mcp__llmos__calculator", False],
            ["say", "Done."],
        ],
    )
    process = begin(scene)
    await process
    calls = [(c.name, c.status) for c in process.run.state.calls.values()]
    assert sorted(calls) == [("calculator", "done")] * 2 + [("not_seen", "done")] * 4
    assert scene.told("calculator") == [[True, "2"], [True, "3"]]  # and no word of what it did itself
    assert {
        e.body.result["text"] if isinstance(e.body.result, dict) else e.body.result
        for e in process.events
        if isinstance(e.body, CallFinished)
    } >= {"not seen by llmos"}


async def test_failed_check_and_steering_are_further_prompts(tmp_path):
    scene = Scene(
        tmp_path,
        [["say", "It is 3."]],
        [["say", "It is 4."]],
        [["call", "python", {"code": "x = 5"}], ["say", "It is {{x}}."]],
    )
    process = begin(scene, check=lambda answer: "5" in answer)
    await process
    assert process.answer == "It is 5." and process.reason == "answered"
    assert len(scene.told("prompt")) == 3 and len(scene.pids) == 1
    assert "not accepted yet" in scene.told("prompt")[1] and "Look at prices." not in scene.told("prompt")[1]


async def test_words_of_a_person_come_with_the_next_result(tmp_path):
    scene = Scene(
        tmp_path,
        [["call", "python", {"code": WRITES}], ["call", "calculator", {"expression": "1 + 1"}], ["say", "Done."]],
    )
    process = begin(scene)
    await process
    process.send("use the median")
    await process.approve("all")
    await process
    assert "The user says: use the median" in json.dumps([scene.told("python"), scene.told("calculator")])


async def test_stop_cancels_the_turn_of_the_agent_and_a_resume_goes_on_with_the_same_one(tmp_path):
    scene = Scene(tmp_path, [["call", "python", {"code": ENDLESS}]], [["say", "I went on."]])
    process = begin(scene)
    await until_async(lambda: any(c.status == "running" for c in process.run.state.open_calls))
    process.stop()
    await process
    assert process.state == "paused" and process.detail == "stopped by you"
    await until_async(lambda: scene.told("cancelled"))
    await process.resume()
    assert (process.reason, process.answer) == ("answered", "I went on.")
    assert len(scene.pids) == 1 and "Look at prices." not in scene.told("prompt")[1]
    await gone(*scene.pids)


async def test_agent_that_hears_no_cancellation_is_killed_and_a_resume_begins_another_that_knows_all(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(acp, "CANCEL_S", 0.2)
    monkeypatch.setattr(child, "END_S", 0.2)
    scene = Scene(tmp_path, [["call", "python", {"code": "x = 1\nx"}], ["sleep"]], kind="hostile")
    process = begin(scene)
    await until_async(lambda: scene.told("sleeps"))
    process.stop()
    await process
    await gone(*scene.pids)
    assert scene.told("cancelled") and process.state == "paused"
    going = asyncio.create_task(process.resume())
    await until_async(lambda: len(scene.told("sleeps")) == 2)
    assert "Look at prices." in scene.told("prompt")[1] and "Your call r1.0 gave: 1" in scene.told("prompt")[1]
    process.kill()
    await going
    await gone(*scene.pids)
    assert process.reason == "killed"


async def test_number_of_an_agent_that_has_ended_is_used_no_more(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(child.host, "kill_group", ended.append)
    one = await child.Child.begin([sys.executable, "-c", ""], tmp_path / "agent.log")
    await until_async(lambda: ended)
    await one.end()
    assert ended == [one.process.pid]  # at its end, and not once more when it is let go


async def test_copy_of_the_interpreter_that_exits_ends_no_agent_of_it(tmp_path):
    one = await child.Child.begin([sys.executable, "-c", "input()"], tmp_path / "agent.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        os._exit(len(child._there))  # what it would end as it exits
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0 and one.process.pid in child._there
    await one.end()


@pytest.mark.parametrize(
    "before", [[], [["call", "python", {"code": "x = 1"}]], [["say", "a"], ["plan", ["One", "in_progress"]]]]
)
@pytest.mark.parametrize("how", [3, "killed"])
async def test_agent_that_dies_pauses_its_process_and_a_resume_begins_another(tmp_path, before, how):
    scene = Scene(tmp_path, [*before, ["complain", "out of luck"], ["fork"], ["die", how]])
    process = begin(scene)
    await until_async(lambda: process.state == "paused")
    await process
    code = -9 if how == "killed" else 3
    assert f"ended with code {code}; what it complained of stands in agent.log" in process.detail
    assert process.journal.path.with_name("agent.log").read_text() == "out of luck\n"
    await gone(*scene.pids, *scene.told("fork"))
    scene.log.with_name("script.json").write_text(json.dumps([[["say", "Back."]]]))
    await process.resume()
    assert process.answer == "Back." and same_as_folded(process)


async def test_agent_that_dies_while_it_is_asked_leaves_no_question_that_could_still_be_acted_on(tmp_path):
    scene = Scene(tmp_path, [["leave", "Edit note.md"]])
    process = begin(scene)
    await process
    os.kill(scene.pids[0], 9)
    await until_async(lambda: process.state == "paused")
    scene.log.with_name("script.json").write_text(json.dumps([[["say", "Back."]]]))
    going = asyncio.create_task(process.resume())
    await until_async(lambda: process.state != "paused" and (process.run.state.questions or process.reason))
    if process.run.state.questions:
        await process.approve("all")
    await going
    await process
    assert process.answer == "Back." and not scene.told("leave")
    assert not [c for c in process.run.state.calls.values() if c.status == "done"]


@pytest.mark.parametrize(
    ("kind", "turns", "said"),
    [
        ("newer", [], "speaks version 9 of the protocol, not 1"),
        ("locked", [], "Authentication required"),
        ("polite", [["end", "refusal"]], "ended its turn early (refusal)"),
        ("polite", [["end", "max_tokens"]], "ended its turn early (max_tokens)"),
        ("polite", [["end", "nonsense"]], "cannot go on"),
        ("polite", [["raw", json.dumps({"jsonrpc": "2.0", "id": 2, "result": 5})], ["sleep"]], "cannot go on"),
        ("polite", [["raw", json.dumps({"jsonrpc": "2.0", "id": 2, "error": 5})], ["sleep"]], "cannot go on"),
    ],
)
async def test_agent_that_cannot_go_on_pauses_with_what_it_said(tmp_path, kind, turns, said):
    process = begin(Scene(tmp_path, turns, kind=kind))
    await until_async(lambda: process.state == "paused")
    assert said in process.detail


async def test_bad_messages_break_nothing(tmp_path, caplog):
    def note(update, session="nobody"):
        return json.dumps(
            {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": update}}
        )

    bad = [
        "not JSON", "[]", "5", "null", "{}", '{"id": []}', '{"id": {}, "result": 1}', '{"id": 1.5, "method": "x"}',
        '{"method": 5}', '{"method": ["x"], "id": 1}', '{"method": "session/update"}', '{"method": "no/such", "params": 3}',
        '{"id": 99, "result": {}}', '{"id": null, "result": {}}', '{"id": 98, "error": []}', "[" * 100_000, '{"a":' * 100_000,
        note({}), note(5), note({"sessionUpdate": "plan"}), note({"sessionUpdate": "plan", "entries": [5, {}]}),
        note({"sessionUpdate": "agent_message_chunk", "content": {"type": "text"}}),
        note({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "from nobody"}}),
        note({"sessionUpdate": "tool_call", "toolCallId": 5}), note({"sessionUpdate": "of another time"}),
        '{"id": 7, "method": "session/request_permission", "params": {"options": 5}}', "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ]  # fmt: skip
    scene = Scene(tmp_path, [*(["raw", line] for line in bad), ["say", "All is well."]])
    process = begin(scene)
    await process
    assert process.answer == "All is well." and len(process.run.state.calls) == 0
    assert not caplog.records


async def test_files_terminals_and_other_wishes_are_not_there(tmp_path):
    wishes = [
        "fs/read_text_file",
        "fs/write_text_file",
        "terminal/create",
        "elicitation/create",
        "mcp/connect",
        "_approve",
    ]
    scene = Scene(
        tmp_path,
        [*(["request", w, {"sessionId": "x", "path": "/etc/passwd", "content": ""}] for w in wishes), ["say", "So."]],
    )
    process = begin(scene)
    await process
    assert [scene.told(w) for w in wishes] == [[-32601]] * len(wishes) and process.answer == "So."


async def test_hostile_agent_cannot_approve_flood_or_ask_in_the_name_of_another_session(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "MOST_TAKEN", 200_000)
    scene = Scene(
        tmp_path,
        [
            ["call", "approve", {"what": "all"}],
            ["call", "agent_action", {"what": "x", "kind": "y", "details": "", "n": 1}],
            ["leave", "Edit", {}, "another session"],
            ["raw", "x" * 1000, 300],
            ["sleep"],
        ],
        kind="hostile",
    )
    process = begin(scene, approve="auto")
    await until_async(lambda: process.state == "paused")
    assert "sent more than 200,000 bytes" in process.detail and scene.told("leave") == ["n"]
    assert [t[0] for t in scene.told("approve") + scene.told("agent_action")] == [False, False]
    await gone(*scene.pids)
    assert {c.name for c in process.run.state.calls.values()} <= {"not_seen"}


async def test_complaints_are_kept_up_to_a_bound_and_without_secrets(tmp_path, monkeypatch):
    from llmos_nb.policy.secrets import vault

    vault.add("key", "sk-not-to-be-seen-4711")
    monkeypatch.setattr(child, "MOST_LOG", 1000)
    scene = Scene(
        tmp_path, [["complain", "my key is sk-not-to-be-seen-4711"], *[["complain", "x" * 300]] * 5, ["say", "So."]]
    )
    process = begin(scene)
    await process
    await gone(*scene.pids)
    kept = process.journal.path.with_name("agent.log").read_text()
    assert "4711" not in kept and "my key is" in kept and len(kept) <= 1000


async def test_agent_that_speaks_no_http_reaches_our_tools_through_a_program(tmp_path):
    scene = Scene(tmp_path, [["call", "python", {"code": "x = 2"}], ["say", "{{x}}"]], kind="stdio")
    process = begin(scene)
    await process
    assert process.answer == "2" and process.session.namespace["x"] == 2


async def test_agent_of_a_process_that_ended_is_asked_further_as_a_new_one(tmp_path):
    scene = Scene(tmp_path, [["say", "First."]])
    process = begin(scene)
    await process
    await gone(*scene.pids)
    await process.send("and now?")
    await process
    assert process.answer == "First." and len(scene.pids) == 2 and "and now?" in scene.told("prompt")[1]


async def test_thinking_of_the_agent_costs_no_time_and_no_tokens(tmp_path):
    scene = Scene(tmp_path, [["call", "python", {"code": "x = 1"}], ["say", "So."]])
    process = begin(scene, budget="1 tokens, 5 min")
    await process
    assert process.reason == "answered" and process.run.state.spent.get("tokens", 0) == 0
    assert begin(scene).run.state.budget.limits["steps"] == 1000


async def test_two_processes_have_an_agent_each_and_a_killed_one_leaves_none(tmp_path):
    (tmp_path / "two").mkdir()
    one, two = Scene(tmp_path, [["sleep"]]), Scene(tmp_path / "two", [["sleep"]])
    first, second = begin(one), begin(two)
    await until_async(lambda: one.told("sleeps") and two.told("sleeps"))
    first.kill()
    await gone(*one.pids)
    assert alive(two.pids[0]) and second.state == "running"
    second.kill()
    await gone(*two.pids)


async def test_step_begins_no_agent_where_nobody_lets_it_start_programs(tmp_path, script):
    scene = Scene(tmp_path, [["say", "So."]])
    code = f"import llmos_nb\nmade = await llmos_nb.run('x', model={scene.spec!r})"
    turns = {"calls": [{"name": "python", "arguments": {"code": code}}]}, {"text": "No."}
    process = Session(names := {}).start("x", model=script(*turns))
    await process
    (call,) = process.run.state.calls.values()
    assert call.status == "failed" and f"not allowed: start the program {sys.executable}" in call.result
    assert process.answer == "No." and not scene.pids and "made" not in names


async def test_process_that_began_with_another_model_takes_no_agent(tmp_path, script):
    process = Session({}).start("x", model=script({"calls": [{"name": "python", "arguments": {"code": WRITES}}]}))
    await process
    process.stop()
    await process
    with pytest.raises(UsageError, match="begin with it"):
        await process.resume(Scene(tmp_path, []).spec)
    process.kill()


async def test_process_of_an_agent_goes_on_in_another_session_with_a_new_agent_that_is_told_all(tmp_path):
    scene = Scene(tmp_path, [["call", "python", {"code": "x = sum(prices)"}], ["sleep"]])
    process = begin(scene)
    await until_async(lambda: scene.told("sleeps"))
    await process.stop()
    scene.log.with_name("script.json").write_text(json.dumps([[["use", "Look"], ["say", "It was {{x}}."]]]))
    loaded = Session({"prices": [1, 2, 6]}).load(process.journal.path)
    await loaded.resume()
    assert loaded.answer == "It was 9." and "You called r1.0: python(" in scene.told("prompt")[-1]
    assert [c.name for c in loaded.run.state.calls.values()] == ["python", "not_seen"] and same_as_folded(loaded)


@pytest.mark.parametrize("how", ["isolate", "preview"])
async def test_agent_works_on_copies_where_its_process_does(tmp_path, how):
    scene = Scene(tmp_path, [["call", "python", {"code": "prices.append(1)\nx = len(prices)\nx"}], ["say", "So."]])
    process = begin(scene, goal="Look at `prices`.", names=(names := {"prices": [1, 2, 6]}), **{how: True})
    await process
    assert process.answer == "So." and scene.told("python")[0][0] and names["prices"] == [1, 2, 6] and "x" not in names


async def test_fork_has_an_agent_of_its_own_and_that_of_its_parent_ends(tmp_path):
    scene = Scene(tmp_path, [["call", "python", {"code": "x = 1"}], ["sleep"]])
    process = begin(scene)
    await until_async(lambda: scene.told("sleeps"))
    await process.stop()
    child = process.fork(at=len(process.events) - 1)
    going = asyncio.create_task(child.resume())
    await until_async(lambda: len(scene.told("sleeps")) == 2)
    await gone(scene.pids[0])
    assert alive(scene.pids[1]) and process.reason == "forked"
    child.kill()
    await going
    await gone(*scene.pids)


@pytest.mark.parametrize("acts", [[["sleep"]], [["call", "python", {"code": "import time\ntime.sleep(600)"}]]])
def test_agent_does_not_outlive_an_interpreter_that_is_killed(tmp_path, acts):
    scene = Scene(tmp_path, acts, kind="hostile")
    code = f"import llmos_nb, asyncio\nasyncio.run(llmos_nb.run('x', model={scene.spec!r}, namespace={{}}))"
    program = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until(lambda: scene.told("prompt"), seconds=START_SECONDS)
    assert alive(scene.pids[0])
    program.kill()
    program.wait()
    until(lambda: not alive(scene.pids[0]))


def test_specs_name_known_agents_or_commands_and_say_what_is_not_there(monkeypatch):
    assert resolve(f"acp:{sys.executable} -m x").command == (sys.executable, "-m", "x")
    with pytest.raises(ConfigError, match=r"the program no-such-agent is not there; known are claude-code"):
        resolve("acp:no-such-agent --acp")
    with pytest.raises(UsageError, match="No closing quotation"):
        resolve("acp:agent 'x")
    with pytest.raises(UsageError, match="lacks what comes after"):
        resolve("acp:")
    monkeypatch.setattr(known.shutil, "which", lambda name: f"/bin/{name}")
    assert {name: resolve(f"acp:{name}").command for name in KNOWN} == {n: k.command for n, k in KNOWN.items()}
    assert resolve("acp:gemini").traits.name == "acp:gemini" and resolve("acp:gemini").traits.outside
    monkeypatch.setattr(known, "find_spec", lambda name: None if name == "acp" else True)
    with pytest.raises(ConfigError, match=r'pip install "llmos_nb\[acp\]"'):
        resolve("acp:gemini")
