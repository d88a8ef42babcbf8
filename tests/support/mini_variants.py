"""The reference `mini.py` with one deliberate fault: what a learner gets wrong, with the hint that helps and what is said."""

import tempfile
from functools import cache
from pathlib import Path

REFERENCE = Path(__file__).parents[2] / "docs" / "mini.py"
LAST = 'return record(p, "model.responded", **p.model(prompt(p), [schema(f) for f in p.tools.values()]))'
VERBATIM = """    new = [v for c in s["calls"].values() if c["status"] == "proposed" for v in c["arguments"].values()]
    return [c["name"] for c in s["calls"].values() if c.get("label") == "untrusted" and any(str(v) in c["result"] for v in new)]
"""
TAINTED = """    return [c["name"] for c in s["calls"].values() if c.get("label") == "untrusted"] + s["others"]
"""
STARTED = """    record(p, "call.started", call=call["id"])  # the intent is on record before the effect
"""
# by part: a name of the fault, what of the reference becomes what, the hint, and what is said
FAULTS = {
    "loop": {
        "hard_coded": (LAST, 'return record(p, "run.ended", reason="answered", answer="ok")', 1, "never asked"),
        "all_at_once": ("return syscall(p, s, waiting[0])", "return [syscall(p, s, c) for c in waiting][-1]", 2, "one step did 2 things"),
        "no_bound": ('if len(s["turns"]) == p.budget', "if False", 3, "nothing bounds it"),
        "counted_in_a_variable": ('    if len(s["turns"]) == p.budget:', '    TURNS[id(p)] = TURNS.get(id(p), 0) + (not s["turns"] or all(s["calls"][c]["status"] in SETTLED for c in s["turns"][-1]["calls"]))\n    if TURNS[id(p)] > p.budget:', 3, "counted in a variable"),
        "one_counter_for_all": ('    if len(s["turns"]) == p.budget:', '    TURNS[0] = TURNS.get(0, 0) + 1\n    if TURNS[0] > p.budget:', 3, "counted in a variable"),
        "one_too_many": ('== p.budget', '> p.budget', 3, "was asked"),
        "budget_first": ("    if waiting:\n        return syscall", "    if len(s['turns']) == p.budget and not waiting:\n        return record(p, 'run.ended', reason='budget', answer=None)\n    if waiting:\n        return syscall", 3, "before you look at p.budget"),
        "budget_of_its_own": ('== p.budget', '== 40', 3, "not p.budget"),
        "no_tools": ("[schema(f) for f in p.tools.values()]", "[]", 2, "which tools there are"),
        "says_true_while_it_waits": ("return syscall(p, s, waiting[0])", "return [syscall(p, s, waiting[0])] != []", 2, "give what syscall gives"),
        "gives_nothing": ("return record(p, \"model.responded\"", "record(p, \"model.responded\"", 2, "gave False, or None"),
        "other_order": ("waiting[0]", "waiting[-1]", 2, "in this order"),
        "goes_on_after_the_end": ('    if s["reason"]:\n        return False', '    if s["reason"]:\n        return True', 3, "returns False then"),
        "waits_for_a_key": ("    s = fold(p.events)\n    waiting", "    s = fold(p.events)\n    input()\n    waiting", 1, "nobody answers input()"),
        "takes_all_memory": ("    s = fold(p.events)\n    waiting", "    s = fold(p.events)\n    'x' * 5_000_000_000\n    waiting", 1, "No memory was left"),
        "imports_the_package": ("    s = fold(p.events)\n    waiting", "    s = fold(p.events)\n    import llmos_nb\n    waiting", 1, "the standard library and nothing else"),
        "text_is_an_answer": ('if s["turns"] and not s["turns"][-1]["calls"]:', 'if s["turns"] and s["turns"][-1]["text"]:', 3, "such a turn is no answer"),
        "silence_is_no_answer": ('if s["turns"] and not s["turns"][-1]["calls"]:', 'if s["turns"] and not s["turns"][-1]["calls"] and s["turns"][-1]["text"]:', 3, "with no text"),
        "answers_for_it": ('answer=s["turns"][-1]["text"])', 'answer=s["turns"][-1]["text"] or "done")', 3, "with 'done': without calls"),
        "tries_for_ever": (LAST, f"try:\n        {LAST}\n    except OSError:\n        return True", 3, "let it raise"),
        "messages_of_its_own": ("p.model(prompt(p), [", 'p.model([{"role": "user", "content": s["goal"]}, *(m for t in s["turns"] for m in messages(s, t))], [', 2, "other messages than prompt(p) gives"),
        "misspelt": ("def step(p)", "def stepp(p)", 1, "there is no step in it"),
        "yields": ("def step(p):  # do the one thing", "def step(p):\n    yield  # do the one thing", 1, "no yield in it"),
        "async": ("def step(p)", "async def step(p)", 1, "no async before it"),
        "begun_and_left": ('c["status"] not in SETTLED]', 'c["status"] in ("proposed", "approve")]', 1, "'in doubt', and went no further"),
        "approved_and_left": ('c["status"] not in SETTLED]', 'c["status"] == "proposed"]', 1, "'approve', and went no further"),
        "ended_again": ('    if s["reason"]:\n        return False', '    if s["reason"] == "answered":\n        return False', 3, "ended again and again"),
        "never_ends": ("    if s[\"turns\"] and not s[\"turns\"][-1][\"calls\"]:", "    if False:", 3, "the model answered, and it ended"),
    },
    "gate": {
        "any_type": ("if type(v) is not kinds.get(n, type(v))", "if False", 1, "was called with the text"),
        "true_is_a_number": ("if type(v) is not kinds.get(n, type(v))", "if not isinstance(v, kinds.get(n, object))", 1, "compare type(value)"),
        "half_a_number": ("if type(v) is not kinds.get(n, type(v))", "if type(v) is not kinds.get(n, type(v)) and not (type(v) is float and kinds[n] is int)", 1, "has a half"),
        "no_bool_at_all": ("if type(v) is not kinds.get(n, type(v))", "if type(v) is bool or type(v) is not kinds.get(n, type(v))", 1, "True is a bool"),
        "asks_for_variables": ('if f.effect != "external"', 'if f.effect == "read"', 2, "works on variables"),
        "failed_is_trusted": (", label=f.source)", ', label=f.source if what == "done" else "trusted")', 3, "others' words, too"),
        "no_defaults": ("if w.default is w.empty and n not in arguments", "if n not in arguments", 1, "m has a default"),
        "raised_is_done": ('what, result = "failed"', 'what, result = "done"', 3, "what is 'failed' then"),
        "no_label": (", label=f.source)", ")", 3, "label is the tool's source"),
        "one_label": (", label=f.source)", ', label="trusted")', 3, "label is the tool's source"),
        "no_text": ('"done", str(f(**call["arguments"]))', '"done", f(**call["arguments"])', 3, "result is no text"),
        "never_covered": ("if act := covered(p, s, call):", "if act := None:", 2, "named a commitment"),
        "never_tainted": ("if read := tainted(s):", "if read := []:", 2, "reject it"),
        "all_tainted": ('    if f.effect != "external":', '    if tainted(s) and not covered(p, s, call):\n        return "reject", "label", "others"\n    if f.effect != "external":', 2, "what is not external comes first"),
        "no_doubt": ('    if call["status"] not in ("proposed", "approve"):\n        return doubt(p, call)\n', "", 3, "return doubt(p, call)"),
        "missing_is_asked": ('if w.default is w.empty and n not in arguments', 'if False', 1, "without count"),
        "unknown_is_asked": ('[f"no argument {n}" for n in arguments if n not in wanted]', '[]', 1, "that it has not"),
        "nobody_is_a_person": ('call) if p.ask else None\n    return {', 'call)\n    return {', 1, "'NoneType' object is not callable"),
        "nobody_is_no": ('call) if p.ask else None\n    return {', 'call) if p.ask else False\n    return {', 2, "nobody was there"),
        "asks_nobody": ('p.ask("May it run?", call) if p.ask else None', "True", 2, "nobody was asked"),
        "silence_is_no": ('False: "reject"}.get(said, "wait")', 'None: "reject", False: "reject"}[said]', 2, "nobody was there"),
        "no_intent": (STARTED, "", 3, "recorded before the effect"),
        "raises": ("    except Exception as error:  # a", "    except KeyError as error:  # a", 1, "raised OSError"),
    },
    "memory": {
        "everything": ("if first < newest and size(first) > p.window", "if False", 1, "the window is 3,000"),
        "little_by_little": ("size(n) < p.window / 2", "size(n) <= p.window", 2, "in one go"),
        "all_pages": ('s["turns"][slice(*s["pages"][page])]', 's["turns"]', 3, "a page is a part of them"),
        "all_from_the_first": ('record(p, "context.paged", first=first,', 'record(p, "context.paged", first=0,', 3, "begins where the last one ended"),
        "counts_turns": ("if first < newest and size(first) > p.window", "if newest - first > 8", 1, "the window is 3,000"),
        "pipe_lost": ('*lines, s["arrived"] or ""]', '*lines]', 2, "keep its place"),
        "page_lost": ('record(p, "context.paged", first=first,', 'record(p, "context.paged", first=first + 1,', 3, "no gap"),
        "from_the_first": ('s["turns"][slice(*s["pages"][page])]', 's["turns"][: s["pages"][page][1]]', 3, "a page is a part of them"),
        "shortened": ('for m in messages(s, t)])\n    return recall', 'for m in messages(s, t) if not m.update(content=m["content"][:40])])\n    return recall', 3, "the whole result"),
        "results_alone": ('for m in messages(s, t)])\n    return recall', 'for m in messages(s, t)[1:]])\n    return recall', 3, "lacks what the model said"),
        "summary": ("return json.dumps([m for t in s[\"turns\"]", "return str([len(m) for t in s[\"turns\"]", 3, "word for word"),
    },
    "scheduler": {
        "waits_for_one": ("while idle < len(queue)", "while not idle", 1, "not all of them came to their end"),
        "never_asks_ready": ("ready(p) and step(p)", "step(p)", 1, "was called all the same"),
        "to_the_end": ("idle = 0 if ready(p) and step(p) else idle + 1", "idle += 1\n        while ready(p) and step(p):\n            idle = 0", 2, "times in a row"),
        "two_steps": ("idle = 0 if ready(p) and step(p) else idle + 1", "idle = 0 if ready(p) and step(p) and [step(p)] else idle + 1", 2, "a turn at the slot is one step"),
        "once_not_ready": ("        idle = 0 if ready(p) and step(p) else idle + 1", "        if not (ready(p) and step(p)):\n            queue.pop()", 1, "may be ready the next time"),
        "shortest": ("        queue.append(p := queue.pop(0))", '        queue.sort(key=lambda p: "slow" in fold(p.events)["goal"])\n        queue.append(p := queue.pop(idle))', 3, "came last"),
    },
    "labels": {
        "f_string": (TAINTED, VERBATIM, 1, "nobody had committed to"),
        "by_name": ('return repr(scope["_"]) == repr(value) and not', "return not", 2, "compared by value"),
        "others_are_ours": (' + s["others"]\ndef covered', '\ndef covered', 1, "came through a pipe"),
        "alike": ('return repr(scope["_"]) == repr(value)', 'return str(scope["_"]) in str(value)', 2, "equal, not alike"),
        "alike_the_other_way": ('return repr(scope["_"]) == repr(value)', 'return str(value) in str(scope["_"])', 2, "equal, not alike"),
        "any_tool": ('wanted.func.id == call["name"] and ', "", 2, "names another tool"),
        "more_arguments": ('sources.keys() == call["arguments"].keys() and f"act {n}" not in used:\n            if all(fits(p, s, sources[name], value) for name, value in call["arguments"].items())', 'sources.keys() <= call["arguments"].keys() and f"act {n}" not in used:\n            if all(fits(p, s, e, call["arguments"][name]) for name, e in sources.items())', 2, "does not name that argument"),
        "fewer_arguments": ('sources.keys() == call["arguments"].keys() and', 'sources.keys() >= call["arguments"].keys() and', 2, "names one more argument"),
        "fewer_where_free": ('sources.keys() == call["arguments"].keys() and f"act {n}" not in used:\n            if all(fits(p, s, sources[name], value) for name, value in call["arguments"].items())', 'f"act {n}" not in used:\n            if call["arguments"].keys() <= sources.keys() and all(getattr(e, "id", "") == "_" or fits(p, s, e, call["arguments"].get(name)) for name, e in sources.items())', 2, "names one more argument"),
        "first_act_alone": ('enumerate(s["acts"])', 'enumerate(s["acts"][:1])', 2, "not the first alone"),
        "as_text": ('return repr(scope["_"]) == repr(value)', 'return str(scope["_"]) == str(value)', 2, "a value has a type"),
        "free_anywhere": ('    return repr(scope["_"])', '    if any(getattr(n, "id", 0) == "_" for n in ast.walk(source)):\n        return True\n    return repr(scope["_"])', 2, "where it stands alone"),
        "free_words_only": ('    return repr(scope["_"])', '    if getattr(source, "id", 0) == "_":\n        return isinstance(value, str)\n    return repr(scope["_"])', 2, "a text or a number"),
        "true_is_one": ('return repr(scope["_"]) == repr(value)', 'return scope["_"] == value', 2, "True is no 1"),
        "raises": ("    except Exception:\n        return False\n    return repr", "    except KeyError:\n        return False\n    return repr", 3, "cannot be evaluated fits nothing"),
        "gives_up": ("    except Exception:\n        return False\n    return repr", "    except Exception:\n        s['acts'].clear()\n        return False\n    return repr", 3, "an act that cannot be evaluated"),
        "in_the_names": ('execute(scope := {**p.names, "_": value}, f"_ =', 'execute(scope := p.names.update(_=value) or p.names, f"_ =', 3, "in p.names itself"),
        "counts_from_one": ('enumerate(s["acts"])', 'enumerate(s["acts"], 1)', 3, "by its place in the list"),
        "failed_gives_nothing": ('if c.get("label") == "untrusted"]', 'if c.get("label") == "untrusted" and c["status"] == "done"]', 1, "fails gives their words"),
        "free_again_after_a_failure": ('for c in s["calls"].values()]\n        sources', 'for c in s["calls"].values() if c["status"] == "done"]\n        sources', 2, "also by one that failed"),
        "any_case": ('return repr(scope["_"]) == repr(value)', 'return repr(scope["_"]).lower() == repr(value).lower()', 2, "equal, not alike"),
        "true_alone_is_no_number": ('return repr(scope["_"]) == repr(value)', 'return scope["_"] == value and isinstance(value, bool) == isinstance(scope["_"], bool)', 2, "a value has a type"),
        "forgets_at_the_next_step": ('s["foreign"].extend(d["names"] if tainted(s) else ())', 's.update(foreign=d["names"] if tainted(s) else [])', 3, "a later step changes no more"),
        "never_used_up": ('f"act {n}" not in used', "n not in used", 2, "an act is used up"),
        "names_are_clean": ('s["foreign"].extend(d["names"] if tainted(s) else ())', "None", 3, "what they touched is theirs"),
        "all_foreign": ("if tainted(s) else ())", "or ())", 3, "is one's own"),
    },
    "pipes": {
        "no_wait": ('return s is None or bool(', "return True or bool(", 1, "the pipe was empty"),
        "no_label": ("others=tainted(s))", "others=[])", 2, "without its label"),
        "own_calls_alone": ("others=tainted(s))", 'others=[c["name"] for c in s["calls"].values() if c.get("label") == "untrusted"])', 2, "lost in the next"),
        "nothing_is_no_answer": ('if s and s["reason"] == "answered":', 'if s and s["answer"]:', 2, "with an empty text"),
        "told_again": ('if p.source and fold(p.events)["arrived"] is None else None', 'if p.source and not fold(p.events)["reason"] else None', 2, "more than once"),
        "runs_its_source": ('    s = fold(p.source.events) if', '    p.source and run(p.source)\n    s = fold(p.source.events) if', 2, "hold nothing"),
        "nothing_is_an_answer": ('reason="no input"', 'reason="answered"', 3, "says that it answered"),
        "waits_for_ever": ('return s is None or bool(s["reason"]', 'return s is None or bool(None', 3, "nothing will ever come"),
    },
    "journal": {
        "in_memory": ('            file.write(json.dumps(self.link(e)).encode() + b"\\n")\n', "", 1, "is on disk"),
        "not_cut_off": ("file.truncate(sum(map(len, lines)) - len(lines.pop()))", "lines.pop()", 2, "cut it off"),
        "whole_without_its_newline": ('if lines and not lines[-1].endswith(b"\\n")', 'if lines and not lines[-1].endswith((b"}", b"}\\n"))', 2, "lost its newline"),
        "prev_is_not_hashed": ('json.dumps(e, sort_keys=True).encode()', 'json.dumps({k: e[k] for k in "kd"}, sort_keys=True).encode()', 2, "which the hash must cover"),
        "not_flushed": ("            os.fsync(file.flush() or file.fileno())\n", "", 1, "flushes, then os.fsync"),
        "not_synced": ("os.fsync(file.flush() or file.fileno())", "file.flush()", 1, "flushes, then os.fsync"),
        "synced_and_not_flushed": ("os.fsync(file.flush() or file.fileno())", "os.fsync(file.fileno())", 1, "flushes, then os.fsync"),
        "forgets_the_act": ('settled="you", **said', 'by="you", **said', 3, "wrote over by"),
        "believes_idempotent": ('repeat == "pure":\n        return record(p, "call.resolved"', 'repeat in ("pure", "idempotent"):\n        return record(p, "call.resolved"', 3, "only what is 'pure' is"),
        "no_doubt_on_record": ('    if call["status"] == "running":\n        return record(p, "call.in_doubt", call=call["id"])\n', "", 3, "record call.in_doubt"),
        "no_hash": ("if e != self.link(e)", "if False", 2, "a line was changed"),
        "first_unchecked": ("if e != self.link(e)", "if self and e != self.link(e)", 2, "the first of all"),
        "last_unchecked": ("if e != self.link(e)", "if e != self.link(e) and len(self) + 1 < len(lines)", 2, "the last of all"),
        "torn": ('if lines and not lines[-1].endswith(b"\\n")', "if False", 2, "drop it"),
        "again": ('repeat == "pure":\n        return record(p, "call.resolved"', 'repeat:\n        return record(p, "call.resolved"', 3, "simply run again"),
        "taken_as_done": ('p.ask("Was it done?", call) if p.ask else None', "True", 3, "taken as done"),
        "clock": ('reason=None, answer=None)', 'reason=None, answer=None, at=__import__("time").time_ns())', 3, "a clock?"),
    },
    "undo": {
        "shallow": ("    return [(x, was) for x, was in seen.values() if not isinstance(x, tuple)]", "    return [(names, dict(names))]", 2, "however deep"),
        "other_objects": ("    return [(x, was) for x, was in seen.values() if not isinstance(x, tuple)]", "    return [(names, copy.deepcopy(names))]", 2, "not another object"),
        "no_dicts": ("if not isinstance(x, tuple)]", "if x is names or isinstance(x, list)]", 1, "a dict inside"),
        "no_tuples": ("isinstance(x, (list, dict, set, tuple)) and", "isinstance(x, (list, dict, set)) and", 1, "a tuple is gone through"),
        "copies_in_a_step": ("        p.before.append(snapshot(p.names))\n        try", "        p.before.append([(p.names, copy.deepcopy(p.names))])\n        try", 2, "not another object"),
        "one_alone": ('calls=[c["id"] for c in steps(p)[at:]]', "calls=[call]", 3, "of those after it"),
        "rebuilds_on_record": ('        p.before.append(snapshot(p.names))\n        execute(p.names, c["arguments"]["code"])', '        p.tools["python"](c["arguments"]["code"])', 3, "record nothing"),
        "half_a_step": ("            restore(p.before.pop())\n", "            p.before.pop()\n", 2, "a step that raised"),
        "no_rebuild": ('        execute(p.names, c["arguments"]["code"])\n', "", 3, "rebuilt by running"),
        "not_recorded": ('    record(p, "call.undone", calls=[c["id"] for c in steps(p)[at:]])\n', "", 3, "record call.undone"),
    },
}  # fmt: skip
# the reference written otherwise, and right: a part, a name, what of the reference becomes what
RIGHT = {
    ("loop", "at_least"): ('== p.budget', '>= p.budget'),
    ("loop", "true_or_nothing"): ('        return False\n    if waiting', '        return None\n    if waiting'),
    ("gate", "no_bool_for_a_number"): ("if type(v) is not kinds.get(n, type(v))", "if not isinstance(v, kinds.get(n, object)) or (isinstance(v, bool) and kinds.get(n, bool) is not bool)"),
    ("gate", "by_signature"): ('    wrong += [f"{n} is missing" for', '    try:\n        inspect.signature(f).bind(**arguments)\n    except TypeError as error:\n        wrong.append(str(error))\n    wrong += [f"{n} is missing" for'),
    ("memory", "as_text"): ('return json.dumps([m for t in s["turns"][slice(*s["pages"][page])] for m in messages(s, t)])', 'return "\\n".join(m["content"] for t in s["turns"][slice(*s["pages"][page])] for m in messages(s, t))'),
    ("labels", "any_value"): ('    try:\n        execute(scope := {**p.names, "_": value}', '    if getattr(source, "id", "") == "_":\n        return True\n    try:\n        execute(scope := {**p.names, "_": value}'),
    ("labels", "type_and_value"): ('repr(scope["_"]) == repr(value)', 'type(scope["_"]) is type(value) and scope["_"] == value'),
    ("labels", "without_the_free_name"): ('execute(scope := {**p.names, "_": value}', 'execute(scope := {**p.names, **({"_": value} if getattr(source, "id", "") == "_" else {})}'),
    ("journal", "file_stays_open"): ('        with open(self.path, "ab") as file:\n            file.write(json.dumps(self.link(e)).encode() + b"\\n")\n            os.fsync(file.flush() or file.fileno())', '        if not hasattr(self, "file"):\n            self.file = open(self.path, "ab")\n        self.file.write(json.dumps(self.link(e)).encode() + b"\\n")\n        os.fsync(self.file.flush() or self.file)'),
    ("journal", "by_descriptor"): ('        with open(self.path, "ab") as file:\n            file.write(json.dumps(self.link(e)).encode() + b"\\n")\n            os.fsync(file.flush() or file.fileno())', '        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n        os.write(file, json.dumps(self.link(e)).encode() + b"\\n")\n        os.fsync(file)\n        os.close(file)'),
    ("journal", "written_anew_each_time"): ('        with open(self.path, "ab") as file:\n            file.write(json.dumps(self.link(e)).encode() + b"\\n")\n            os.fsync(file.flush() or file.fileno())', '        with open(str(self.path) + ".new", "wb") as file:\n            file.write(b"".join(json.dumps(x).encode() + b"\\n" for x in [*self, self.link(e)]))\n            os.fsync(file.flush() or file.fileno())\n        os.replace(file.name, self.path)'),
}  # fmt: skip
BUSY = '    while p.source and not fold(p.source.events)["reason"]:\n        pass\n'
# what the capstone says of each
WHOLE = {
    ("loop", "hard_coded"): (1, "written down is no run"),
    ("gate", "no_intent"): (1, "the intent must be on disk before the act"),
    ("journal", "no_hash"): (1, "the hash of all before"),
    ("journal", "clock"): (1, "no clock"),
    ("labels", "f_string"): (2, "a label belongs to the process, not to a string"),
    ("labels", "never_used_up"): (2, "used up by it"),
    ("pipes", "no_label"): (2, "the label of what was read"),
    ("scheduler", "to_the_end"): (2, "somebody starves"),
    ("scheduler", "waits_for_one"): (2, "it holds no slot"),
    ("memory", "page_lost"): (3, "the words of the first invoice"),
    ("undo", "shallow"): (3, "a copy of the names copies no object"),
    ("undo", "not_recorded"): (3, "in the next life"),
}


@cache
def folder():
    return Path(tempfile.mkdtemp(prefix="llmos-variants-"))


def faulty(part, name):
    """Write the reference with one fault; give its path."""
    return written(part, name, *FAULTS[part][name][:2])


def right(part, name):
    """Write the reference with something in it otherwise, and right; give its path."""
    return written(part, name, *RIGHT[part, name])


def written(part, name, old, new):
    """Write the reference with one thing of it exchanged."""
    text = REFERENCE.read_text("utf-8")
    assert text.count(old) == 1, (part, name, text.count(old))
    path = folder() / f"{part}-{name}.py"
    path.write_text(text.replace(old, new).replace("SETTLED = (", "TURNS = {}\nSETTLED = ("), "utf-8")
    return path


def deadlocked():
    """Write the reference with a reader that holds the slot while it waits."""
    text = REFERENCE.read_text("utf-8")
    begin = '    s = fold(p.source.events) if p.source and fold(p.events)["arrived"] is None else None\n'
    assert text.count(begin) == 1
    path = folder() / "deadlocked.py"
    path.write_text(text.replace(begin, BUSY + begin), "utf-8")
    return path


def spinning():
    """Write the reference with a loop in a step that comes to no end and prints."""
    text, begin = REFERENCE.read_text("utf-8"), "    s = fold(p.events)\n    waiting"
    assert text.count(begin) == 1
    path = folder() / "spinning.py"
    path.write_text(text.replace(begin, "    while True:\n        print(p)\n" + begin), "utf-8")
    return path


def wrong(part):
    """Give the wrong answers of a part: path, hint, what is said."""
    return [(faulty(part, name), *rest) for name, (_, _, *rest) in FAULTS[part].items()]
