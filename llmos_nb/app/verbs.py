"""Every verb, once: its words, its options, where it is offered, and the function that carries it out.

`%agent`, the `llmos` command, the panel, completion, help and docs are made from this table. Handlers are named, not
imported, so that the table costs nothing. Another package adds a verb by an entry point of the group `llmos_nb.verbs`,
whose name is the verb and whose value a `Verb`; it is loaded when that verb is used, or when help lists all.
"""

from __future__ import annotations

from typing import Any

from llmos_nb.session import Flag, Form, Verb

GROUP = "verbs"


def _agent(run: str, words: str = "", least: int = 0, most: int = 0, *flags: Flag, **more: Any) -> Form:
    """Return the form of a `%agent` command whose handler stands in one of our modules of commands."""
    return Form(f"llmos_nb.app.commands.{run}", words, least, most, flags, **more)


def _llmos(run: str, *flags: Flag, **more: Any) -> Form:
    """Return the form of an `llmos` command whose handler stands in `app.cli`."""
    return Form(f"llmos_nb.app.cli:{run}", flags=flags, **more)


def _home(name: str, *flags: Flag, **more: Any) -> Form:
    """Return the form of an `llmos` command about a process of the home."""
    return Form(f"llmos_nb.app.commands.home:{name}", flags=(*flags, _HOME), **more)


def step_or_call(word: str) -> int | str:
    """Read the number of a step, or the id of a call."""
    return int(word) if word.isdecimal() else word


def _switch(name: str, text: str) -> Flag:
    return Flag(f"--{name}", action="store_true", help=text)


_MODEL = Flag("-m", dest="model")
_BY_NAME = Flag("-t", "--tools", default="", metavar="NAMES", help="devices, servers, functions as module:function")
_HOME = Flag("--home", default="", help="default: LLMOS_HOME, or .llmos here")
_P = Flag("process", nargs="?", default="", metavar="P", help="pid or name; default: the last unfinished one")
_WORDS = Flag("words", nargs="+", metavar="WORD")
_ALL = _switch("all", "every process of the home")
_APPROVED = (
    Flag("--without", type=int, action="append", default=[], metavar="ACT",
        help="of a plan: an act that is not approved"),
    Flag("--upto", type=int, default=0, metavar="N",
        help="of a plan: the last step that is approved; each after it asks"),
)  # fmt: skip
_LOG = (
    _switch("json", "one JSON object a line"),
    _switch("verify", "only check the chain, and the payloads beside it"),
    _switch("decisions", "who approved what, when, why, and what it was bound to"),
    Flag("--by", default="", metavar="WHO", help="only decisions of one: you, a name, mode, rule, plan"),
    _switch("all", "over all runs of the home"),
    Flag("--since", type=int, metavar="N", help="from event N on; of a long journal the last 200 are shown"),
)
_PRUNE = (
    _switch("yes", "delete; without it, only say what would go"),
    Flag("--payload-days", type=float, help="keep large results and images so long after a run's end"),
    Flag("--runs-days", type=float, help="keep whole runs so long after a run's end"),
    Flag("--keep", type=int, help="keep so many of the newest runs whole, however old"),
)
_NOTES = (
    _switch("clean", "code only, no notes"), _switch("trace", "with plan, undone and rejected steps"),
    Flag("--sign", nargs="?", const=True, default=False, metavar="KEY",
        help="sign it with this ssh key; default: git's user.signingkey, or the first in ~/.ssh"),
    Flag("--crate", default="", metavar="DIR|ZIP", help="write an RO-Crate of it, too: a new folder or a zip"),
    _switch("force", "take the place of a signed notebook, or of a file that is no export"),
    _switch("no-run", "only save it: it is not run in a fresh interpreter"),
    Flag("--of", default="", metavar="1,2", help="the processes whose results are asked for"),
)  # fmt: skip
_LOCKS = ("index", "installed", "none")
_LOCK = "where files and hashes of the lock come from: index asks the package index, installed knows versions alone"
_PROVE = (
    Flag("--level", default="same twice", help="opens, unchanged, signed, runs, same, same twice"),
    _switch("fresh", "in a new environment made from the lock"),
    _switch("trust", "run a notebook that was not exported here"),
    Flag("--allowed-signers", default="", metavar="FILE",
        help="one of these must have signed it; default: git's gpg.ssh.allowedSignersFile, and it may be unsigned"),
    Flag("--journal", action="append", default=[], metavar="FILE",
        help="a journal to compare with; default: those that the notebook names, where they are there"),
)  # fmt: skip
_RULE = (
    Flag("--where", action="append", default=[]), Flag("--count", type=int, default=0), Flag("--until", default=""),
)  # fmt: skip
_WHEN = (
    Flag("--every", metavar="'1 h'"), Flag("--at", metavar="TIME"),
    Flag("--cron", metavar="'0 9 * * mon-fri'", help="minute, hour, day, month, weekday"),
    Flag("--rrule", metavar="RULE", help="as in FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0;BYSECOND=0"),
    Flag("--zone", metavar="ZONE", help="on whose clock, as in Europe/Berlin; default: this machine's"),
    Flag("--missed", metavar="HOW", help="times at which nobody woke it: once (default), skip, all"),
    Flag("--tries", metavar="N", help="give up after so many failures on end; default 5"),
)  # fmt: skip

_TRUST = (
    _switch("yes", "you have read what it would do"),
    _switch("list", "what is trusted"),
    _switch("forget", "trust it no more"),
)
# fmt: off
VERBS = (
    # notebooks
    Verb("demo", "run the first notebook in a real kernel with the local model", llmos=_llmos(
        "demo",
        Flag("--folder", default="llmos-demo", help="where notebook, journal and export are left"),
        Flag("--model", default="", help="another model than the local one"),
        example="--folder x",
    )),
    Verb("lab", "open the notebooks in JupyterLab", llmos=_llmos(
        "lab", Flag("jupyter", nargs="*", metavar="OPTION", help="for JupyterLab: --no-browser --port 8899"),
        example="-- --no-browser",
    )),
    Verb("run", "execute a notebook in a real kernel, headless", llmos=_llmos(
        "run", Flag("notebook"),
        Flag("-o", "--out", default="", help="where the executed notebook goes; default: in place"),
        example="a.ipynb -o b.ipynb",
    )),
    Verb("run-batch", "run many processes from a file", llmos=_llmos(
        "run_batch",
        Flag("file", help="JSON lines: id, goal, model, approve, budget, tools, inputs, home, plan, check"),
        Flag("-o", "--out", default="", help="JSON lines of results; what ended there is not run again"),
        Flag("--workers", type=int, default=0, metavar="N", help="how many at once; default: 8 threads"),
        _switch("processes", "processes of this machine rather than threads"),
        Flag("--dask", default="", metavar="ADDRESS", help="of a Dask scheduler, for many machines"),
        Flag("--retry", default="", metavar="WHICH", help="go on with what ended so: failed, budget or all"),
        Flag("-b", "--budget", default="", metavar="AMOUNTS", help="of the whole batch, as '$5, 2m tokens'"),
        Flag("--rate", type=float, default=0, metavar="N", help="requests a minute of the whole batch"),
        example="jobs.jsonl --workers 2",
    )),
    Verb("eval", "how often models are right on a folder of tasks", llmos=_llmos(
        "evaluate",
        Flag("folder", nargs="?", default="", help="of tasks, NAME.toml each; default: ours, of data work"),
        Flag("-m", "--model", action="append", default=[], metavar="SPEC", help="as in %%%%agent; may stand again"),
        Flag("--with", action="append", default=[], dest="settings", metavar="'plan=none; budget=5 steps'",
            help="settings of approve, budget and plan; may stand again, and all are compared"),
        Flag("--epochs", type=int, default=1, metavar="N", help="how often each task is run"),
        Flag("--only", default="*", metavar="GLOB", help="names of tasks"),
        Flag("-o", "--out", default="eval.jsonl", help="JSON lines of results; what ended there is not run again"),
        Flag("--workers", type=int, default=0, metavar="N", help="how many at once; default: 8 threads"),
        _switch("processes", "processes of this machine rather than threads"),
        _switch("runs", "a line for each run, with what it answered"),
        _switch("json", "one JSON object a run"),
        _switch("yes", "you have read the tasks of the folder, whose checks are Python"),
        example="-m local/0.5b -m local/1.5b --epochs 3",
    )),
    # a service
    Verb("serve", "run goals with no notebook there", llmos=Form(
        "llmos_nb.app.commands.serve:serve", flags=(
            _switch("unit", "print a systemd unit that runs it, and where that goes; nothing is started"),
            Flag("--http", type=int, metavar="PORT", help="serve the process table to this machine there, too"),
            _HOME,
        ), example="--home .llmos",
    )),
    Verb("start", "hand a goal to the service of a home", llmos=Form(
        "llmos_nb.app.commands.serve:start", flags=(
            Flag("goal", nargs="+", metavar="GOAL"),
            Flag("--name", default="", help="by which commands call it"),
            Flag("-m", "--model", default="", metavar="SPEC", help="as in %%%%agent"),
            Flag("-a", "--approve", default="", metavar="MODE", help="who decides, as in %%%%agent"),
            _BY_NAME,
            Flag("-b", "--budget", default="", metavar="AMOUNTS", help="as in '20 steps, $0.50'"),
            Flag("--plan", default="", metavar="HOW", help="auto, only, none"),
            Flag("--check", default="", metavar="EXPR", help="what must hold at the end"),
            Flag("--acts", action="append", default=[], metavar="EXPR", help="a call that it may make outside"),
            _HOME,
        ), example='"Count the rows of sales.csv." -a auto -t files',
    )),
    # looking
    Verb("now", "what goes on, and the likeliest next commands; so does %agent alone", _agent("now:now")),
    Verb("ps", "the processes of this notebook, and what else is unfinished",
        _agent("processes:ps", "[--all]", 0, 0, _switch("all", "every process of the home"), example="--all"),
        _llmos("ps", _switch("all", "also what has ended"), _switch("json", "one JSON object a line"), _HOME,
            help="what is unfinished in a home", example="--all")),
    Verb("top", "what each uses now, refreshed in place",
        _agent("processes:top", "[-n TIMES] [--all]", 0, 0, Flag("-n", type=int), _ALL, example="-n 1"),
        _home("top", Flag("-n", type=int, default=0, metavar="TIMES"), help="what each has used", example="-n 1")),
    Verb("tree", "processes and their children",
        _agent("processes:tree", "[--all]", 0, 0, _ALL, example="--all"),
        _home("tree", _switch("all", "also what has ended"), example="--all")),
    Verb("show", "draw the panel of a process here", _agent("show:panel", "P [N]", 0, 2, example="1 2"),
        _home("show", _P, Flag("step", nargs="?", default="", metavar="N"), help="show a process, and what it asks",
            example="1 2")),
    Verb("log", "its events, or who approved what",
        _agent("show:log", "P [--decisions] [--by WHO] [--since N] [--all]", 0, 1, *_LOG, example="1 --decisions"),
        _llmos("log",
            Flag("journal", nargs="?", default="", help="a pid or name of the home, a file, or the folder of a run"),
            *_LOG, _HOME,
            Flag("--spans", default="", metavar="FILE", help="write OpenTelemetry spans as JSON lines (OTLP)"),
            help="show or check a journal", example="1 --json")),
    Verb("trace", "its spans, or into a file",
        _agent("show:trace", "P [FILE]", 0, 2,
            _switch("send", "to the OpenTelemetry collector of the environment"), example="1 spans.jsonl")),
    Verb("loop", "the whole run as a graph", _agent("show:loop", "P", 0, 1, example="1")),
    Verb("cost", "what it has spent", _agent("show:cost", "P", 0, 1, example="1")),
    Verb("context", "what stands in its prompt, and what that costs",
        _agent("show:context", "P", 0, 1, example="1")),
    Verb("tools", "what it may call", _agent("show:tools", "P", 0, 1, example="1")),
    Verb("doctor", "what works here and what does not", _agent("show:doctor"),
        _llmos("doctor", help="say what works here and what does not")),
    Verb("plan", "its plan", _agent("show:plan", "P", 0, 1, example="1")),
    # deciding
    Verb("edit", "edit a step",
        _agent("process:act", 'P N ["title"] [--acts EXPR]', 3, 9,
            Flag("--acts", action="append", metavar="EXPR", help="of a step: what it may do outside instead"),
            example='1 2 "better title"', instead="acts"),
        _home("edit", _P, _WORDS, example='1 2 "better title"')),
    Verb("add", "add a step", _agent("process:act", 'P "title"', 2, 9, example='1 "look again"')),
    Verb("move", "move a step to a position",
        _agent("process:act", "P N TO", 3, 3, example="1 3 1")),
    Verb("skip", "skip a step or call", _agent("process:act", "P N", 2, 2, example="1 2")),
    Verb("retry", "do a step again",
        _agent("process:act", 'P N "hint"', 2, 9, example='1 2 "by median"')),
    Verb("approve", "approve what it asks",
        _agent("process:approve", "P [N|CALL|plan|all] [--without ACT] [--upto N]", 0, 2,
            *_APPROVED, example="1 plan --without 2"),
        _home("approve", _P, Flag("what", nargs="?", default="all", metavar="N|CALL|plan|all"), *_APPROVED,
            Flag("--digest", default="", metavar="D", help="of what was shown, as llmos show says it"),
            _switch("yes", "whatever it is that it asks now"), example="1 r2.0 --digest 0a1b2c3d")),
    Verb("reject", "reject what it asks",
        _agent("process:act", 'P N "why"', 1, 9, example='1 r2.0 "too much"'),
        _home("reject", _P, Flag("words", nargs="*", metavar="[N|CALL|plan|all] WHY"), example='1 r2.0 "too much"')),
    Verb("reply", "answer its question",
        _agent("process:act", 'P "answer"', 2, 9, example="1 yes"),
        _home("reply", _P, _WORDS, example='1 yes')),
    Verb("send", "tell it something", _agent("process:act", 'P "words"', 2, 9, example='1 "use the median"'),
        _home("send", _P, _WORDS, example='1 "use the median"')),
    Verb("pause", "pause after this step", _agent("process:act", "P", 0, 1, example="1"),
        _home("pause", _P, example='1')),
    Verb("stop", "stop now, to be resumed", _agent("process:act", "P", 0, 1, example="1"),
        _home("stop", _P, example='1')),
    Verb("kill", "end for good", _agent("process:act", "P", 0, 1, example="1"),
        _home("kill", _P, example='1')),
    Verb("resume", "go on",
        _agent("process:resume", "P [-m SPEC] [--bg] [--adopt [--yes]] | --all", 0, 1, _MODEL,
            _switch("adopt", "though it was not made here: what would run is said first"),
            _switch("yes", "you have read that"),
            _switch("bg", "in the background; the cell returns at once"),
            _switch("all", "all that is unfinished in the home"),
            example="1 -m local"),
        _home("resume", _P, _switch("all", "all that is paused and at hand somewhere"), example="1")),
    Verb("nice", "who goes first where several wait: -20 first, 19 last",
        _agent("process:act", "P ±N", 2, 2, example="1 +5")),
    Verb("budget", "raise its budget",
        _agent("process:act", 'P "+10 steps"', 2, 9, example='1 "+10 steps"')),
    Verb("resolve", "settle a call in doubt",
        _agent("process:resolve", "P CALL --done|--again", 2, 2,
            _switch("done", "it took effect"), _switch("again", "run it again"),
            example="1 r2.0 --done"),
        _home("resolve", _P, Flag("words", nargs=1, metavar="CALL"), _switch("done", "it took effect"),
            _switch("again", "run it again"), example="1 r2.0 --done")),
    Verb("undo", "take its last step back",
        _agent("process:undo", "P [--to N|CALL]", 0, 1, Flag("--to", type=step_or_call), example="1 --to 2"),
        _home("undo", _P, Flag("--to", type=step_or_call, metavar="N|CALL"), example="1 --to 2")),
    Verb("redo", "put back what was undone",
        _agent("process:undo", "P", 0, 1, example="1"), _home("redo", _P, example="1")),
    Verb("fork", "go on from an event as a new process",
        _agent("process:fork", "P --at N [--isolate]", 0, 1, Flag("--at", type=int),
            _switch("isolate", "run its Python in a child process"),
            example="1 --at 17")),
    # only clicked
    Verb("approve_rest", "approve the rest of what is like this"),
    Verb("approve_same", "approve the same from now on"),
    Verb("check_edit", "check my version of what waits"),
    Verb("undo_all", "take every step back"),
    Verb("preview", "run what waits in a forked copy"),
    Verb("revoke", "take a rule back"),
    Verb("output", "show what a step ran and gave"),
    Verb("rules", "show the rules that hold"),
    Verb("journal", "show the journal"),
    Verb("seek", "show an earlier moment"),
    Verb("close", "close what was opened"),
    # keeping what was done, and rules
    Verb("diff", "where two processes differ", _agent("process:diff", "P Q", 2, 2, example="1 2")),
    Verb("replay", "show a journal; nothing runs",
        _agent("process:replay", "FILE", 1, 1, example="journal.jsonl")),
    Verb("export", "write the plain notebook",
        _agent("process:export", "P [FILE]", 0, 2, *_NOTES,
            Flag("--lock", default="installed", choices=_LOCKS, help=_LOCK), example="1 x.ipynb --clean"),
        _llmos("export",
            Flag("journal", help="a file, the folder of a run, a pid of the home, or a home: its newest notebook"),
            Flag("notebook", nargs="?", default=""), *_NOTES, _HOME,
            Flag("--to", default="", metavar="FILE", help="where to: .ipynb, .py, or .md for a methods supplement"),
            Flag("--lock", default="index", choices=_LOCKS, help=_LOCK),
            _switch("observe", "run it twice and mark what differs by nature, such as times"),
            help="write the plain notebook of a saved process, or of a home", example="1 x.ipynb")),
    Verb("cells", "put its surviving steps as cells below, to be taken or left",
        _agent("process:cells", "P", 0, 1, example="1")),
    Verb("verify", "prove an exported notebook",
        _agent("process:verify", "FILE", 1, 1, *_PROVE, example="x.ipynb --allowed-signers signers"),
        _llmos("verify", Flag("notebook"), *_PROVE, _switch("json", "print the report as JSON"),
            example="x.ipynb --fresh")),
    Verb("allow", "let a tool through in every process",
        _agent("process:rule", "NAME [--where ARG=VALUE]", 1, 1, *_RULE, example="send_mail --where to=a@x.org")),
    Verb("deny", "refuse a tool in every process",
        _agent("process:rule", "NAME [--where ARG=VALUE]", 1, 1, *_RULE, example="'delete_*'")),
    Verb("secret", "keep a variable's value out of all prompts, journals and exports",
        _agent("process:secret", "NAME", 1, 1, example="token")),
    # privacy
    Verb("private", "keep the values of a variable, and of what is made of it, from every model",
        _agent("process:private", "NAME", 1, 1, example="salaries")),
    # MCP
    Verb("mcp", "MCP servers, whose tools -t NAME hands over",
        _agent("mcp:mcp", "list | add NAME COMMAND… | add NAME URL [HEADER…] | remove NAME", 1, 99, rest=True,
            example="add time python -m time_server"),
        Form("llmos_nb.app.commands.door:mcp", flags=(
            Flag("--kernel", type=int, metavar="N", help="of which notebook, where several have a door"), _HOME,
        ), help="the way of an agent to a notebook's door: what `claude mcp add` is given", example="--kernel 4711")),
    # a door
    Verb("door", "let agents of this machine (Claude Code, Codex, …) work here, by MCP",
        _agent("door:door", "[on | off]", 0, 1,
            Flag("-a", "--approve", default="", metavar="MODE", help="who decides, as in %%%%agent"),
            Flag("-t", "--tools", default="", metavar="NAMES", help="functions and devices that they may call, too"),
            Flag("-b", "--budget", default="", metavar="AMOUNTS", help="of each process"),
            Flag("--vars", default="", metavar="NAMES", help="variables that they see (globs, -minus)"),
            Flag("--bind", default="", metavar="NAMES", help="names that they may write (globs, -minus)"),
            example="on -a step")),
    # pruning
    Verb("prune", "delete what is older than it may be kept",
        _agent("prune:prune", "[--yes]", 0, 0, *_PRUNE, example="--yes --keep 3"),
        _llmos("prune", *_PRUNE, _HOME, example="--keep 3")),
    # trust
    Verb("trust", "let a folder do what its files ask for; it is said first",
        _agent("trust:trust", "[FOLDER] [--yes] | --list | --forget", 0, 1, *_TRUST, example="--list"),
        Form("llmos_nb.app.commands.trust:typed", flags=(
            Flag("path", nargs="?", default="", metavar="FOLDER|FILE", help="default: this one"), *_TRUST,
        ), example="--list")),
    # skills
    Verb("skill", "notebooks that run as steps; -t skill:NAME hands one over",
        _agent("skills:skill", "list | add PATH | run NAME x=… | save P NAME x=… | remove NAME", 1, 99, rest=True,
            example="run large limit=2")),
    # goals
    Verb("goals", "goals that come back until they are done",
        _agent("goals:goals", '[add "goal" | done N | remove N | wake [N]]', 0, 99, Flag("--check", metavar="EXPR"),
            *_WHEN, _MODEL, Flag("-a", dest="approve"), _BY_NAME, Flag("-b", dest="budget"),
            example='add "Count rows." --every "1 h"'),
        Form("llmos_nb.app.commands.goals:typed", flags=(
            Flag("words", nargs="*", metavar="add GOAL | done N | remove N | wake N | trust N"),
            Flag("--check", default="", metavar="EXPR"), *_WHEN, _MODEL, Flag("-a", dest="approve"),
            _BY_NAME, Flag("-b", dest="budget"), _HOME,
        ), help="goals that a service or a notebook wakes", example="add 'Count rows.' --cron '0 9 * * mon-fri'")),
    # memory
    Verb("forget", "delete what a call gave (its record stays), or a memory",
        _agent("memory:forget", "P CALL | mN", 1, 2, example="m1")),
    Verb("remember", "keep it over runs; with --from alone, an answer",
        _agent("memory:remember", '"text" [--from P]', 0, 99, Flag("--from", dest="source", metavar="P"),
            example="--from 3")),
    Verb("recall", "find what was remembered, or said in any run",
        _agent("memory:recall", '"words" [--all]', 0, 99,
            _switch("all", "also in former runs"), example="invoice --all")),
    # prompts
    Verb("prompt", "what models are told: list the texts, or print one", llmos=_llmos(
        "prompt", Flag("name", nargs="?", default="", help="of a text; system: the system message, tools: all tools"),
        example="steer",
    )),
    # weights
    Verb("model", "list or pull the local model's weights", llmos=_llmos(
        "model", Flag("act", choices=["list", "pull"], help="what is there, or fetch"),
        Flag("name", nargs="?", default="", help="0.5b to 7b, or OWNER/REPOSITORY/FILE.gguf; default by free memory"),
        Flag("--from", dest="source", default="", metavar="PATH", help="a file or its folder, not a download"),
        example="pull 0.5b",
    )),
    # the lessons stand above this room: the handler is named, and loaded when the verb is used
    Verb("lesson", "try a mini.py of the course: what holds, and what is not right yet", llmos=Form(
        "llmos_nb.lessons.system.judges:lesson", flags=(
            Flag("act", choices=["check"], help="run it in a process apart, with kills and an attack"),
            Flag("file", nargs="?", default="mini.py", help="default: mini.py"),
            Flag("--part", default="whole", metavar="NAME", help="one part; default: all of it, as the capstone does"),
        ), example="check mini.py",
    )),
)
# fmt: on
BUILT_IN: dict[str, Verb] = {verb.name: verb for verb in VERBS}
