"""mini.py: an operating system for language-model agents in one file, in the order in which it is read.

Whatever happens is an event, and the state is `fold(events)` and nothing else: whoever has the events can go on after a
wait or a crash. A model is any function model(messages, tools) -> {"text": str, "calls": [{"name", "arguments"}]}.
"""
import ast, copy, hashlib, inspect, json, os
# ==== given: events, a process, what a model is sent, a small Python
MEANS = {}  # what a kind of event does to the state; each part adds its own
SETTLED = ("done", "failed", "reject", "undone")
def fold(events):  # the state: what the events say, one after the other
    s = dict(turns=[], calls={}, pages=[], foreign=[], others=[], arrived=None, reason=None, answer=None)
    for e in events:
        MEANS[e["k"]](s, e["d"])
    return s
def record(p, kind, **data):  # the only way in which a process changes; True, for something was done
    return not p.events.append({"k": kind, "d": data})
def tool(effect="external", repeat="once", source="trusted"):  # where nothing is said, the worst is taken
    return lambda f: vars(f).update(effect=effect, repeat=repeat, source=source) or f

class Process:  # one goal at work: its events, and whatever may act for it
    def __init__(self, goal, model, tools=(), ask=None, names=None, acts=(), journal=None, source=None, window=4000):
        self.model, self.ask, self.source, self.window, self.budget = model, ask, source, window, 40
        self.names, self.before = {} if names is None else names, []
        tools = (*tools, python_of(self), recall_of(self))
        self.tools = {f.__name__: f if hasattr(f, "repeat") else tool()(f) for f in tools}
        self.events = Journal(journal) if journal else []
        if not self.events:
            record(self, "run.started", goal=goal, acts=list(acts))
        rebuild(self)

def proposed(s, d):  # the model spoke; each call that it proposes gets an id
    ids = [f"r{len(s['turns']) + 1}.{i}" for i in range(len(d["calls"]))]
    s["turns"].append({"text": d["text"], "calls": ids})
    s["calls"].update({i: {"id": i, "status": "proposed", "result": "", **c} for i, c in zip(ids, d["calls"])})
def becomes(status=None):  # a call gets a status; what else the event says is kept with the call
    return lambda s, d: s["calls"][d["call"]].update(d, status=status or d["what"])
MEANS["run.started"] = MEANS["run.ended"] = lambda s, d: s.update(d)
MEANS["model.responded"], MEANS["call.finished"] = proposed, becomes()
def messages(s, turn):  # a turn as a model is sent it: what it proposed, and what came back
    calls = [s["calls"][i] for i in turn["calls"]]
    asked = [{"id": c["id"], "type": "function", "function": {
        "name": c["name"], "arguments": json.dumps(c["arguments"])}} for c in calls]
    back = [{"role": "tool", "tool_call_id": c["id"], "content": c["result"]} for c in calls]
    return [{"role": "assistant", "content": turn["text"], **({"tool_calls": asked} if asked else {})}, *back]
def schema(f):  # what a model is told of a tool
    shape = {"type": "object", "properties": {name: {} for name in inspect.signature(f).parameters}}
    said = {"name": f.__name__, "description": f"{f.__name__}{inspect.signature(f)}: {f.__doc__}"}
    return {"type": "function", "function": {**said, "parameters": shape}}
def chat(url, model, key=""):  # a model behind any endpoint that speaks Chat Completions
    from urllib.request import Request, urlopen
    def answer(messages, tools):
        body = json.dumps({"model": model, "messages": messages, "tools": tools}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        with urlopen(Request(f"{url}/chat/completions", body, headers), timeout=120) as reply:
            said = json.load(reply)["choices"][0]["message"]
        calls = [c["function"] for c in said.get("tool_calls") or ()]
        calls = [{"name": c["name"], "arguments": json.loads(c["arguments"])} for c in calls]
        return {"text": said.get("content") or "", "calls": calls}
    return answer
def script(*turns):  # a model that says what is written down
    left = iter(turns)
    return lambda messages, tools: {"text": "", "calls": [], **next(left)}

PURE = {f.__name__: f for f in (abs, len, max, min, range, round, sorted, str, sum)}
SMALL = tuple(vars(ast)[n] for n in (  # no attribute, no import, no function: nothing leads out of the names
    "Module Expr Assign AugAssign For If Name Constant List Tuple Dict Subscript Slice BinOp BoolOp UnaryOp Compare "
    "IfExp Call ListComp DictComp comprehension expr_context operator unaryop boolop cmpop").split())
def execute(names, code):  # run a small Python, which can change `names` and nothing else
    for n in ast.walk(tree := ast.parse(code)):
        if not isinstance(n, SMALL) or (isinstance(n, ast.Call) and getattr(n.func, "id", "") not in PURE):
            raise SyntaxError(f"this small Python has no {ast.unparse(n)[:40]}")
    exec(compile(tree, "step", "exec"), made := {**names, "__builtins__": PURE})
    names.update({n: v for n, v in made.items() if n != "__builtins__"})

# ==== loop: ask, act, feed back
def step(p):  # do the one thing that comes next, as the state says; return whether anything was done
    s = fold(p.events)
    waiting = [c for c in s["calls"].values() if c["status"] not in SETTLED]
    if s["reason"]:
        return False
    if waiting:
        return syscall(p, s, waiting[0])
    if s["turns"] and not s["turns"][-1]["calls"]:
        return record(p, "run.ended", reason="answered", answer=s["turns"][-1]["text"])
    if len(s["turns"]) == p.budget:
        return record(p, "run.ended", reason="budget", answer=None)
    return record(p, "model.responded", **p.model(prompt(p), [schema(f) for f in p.tools.values()]))

# ==== gate: nothing runs without a recorded decision
MEANS["call.decided"], MEANS["call.started"] = becomes(), becomes("running")
def fault(f, arguments):  # what is wrong with a call, in words for the model, or nothing
    wanted = inspect.signature(f).parameters
    kinds = {n: t for n, t in inspect.get_annotations(f, eval_str=True).items() if isinstance(t, type)}
    wrong = [f"no argument {n}" for n in arguments if n not in wanted]
    wrong += [f"{n} is missing" for n, w in wanted.items() if w.default is w.empty and n not in arguments]
    wrong += [f"{n} must be {kinds[n].__name__}" for n, v in arguments.items() if type(v) is not kinds.get(n, type(v))]
    return ", ".join(wrong)
def decide(p, s, call):  # what is to be done with a call, who says so, and why
    f = p.tools.get(call["name"])
    if why := fault(f, call["arguments"]) if f else "there is no such tool":
        return "reject", "gate", why
    if f.effect != "external":
        return "approve", "mode", "it can be taken back"
    if act := covered(p, s, call):
        return "approve", act, "committed to before"
    if read := tainted(s):
        return "reject", "label", f"{read[0]} gave others' words; what goes out now must have been committed to before"
    said = p.ask("May it run?", call) if p.ask else None
    return {True: "approve", False: "reject"}.get(said, "wait"), "you", "you were asked"
def syscall(p, s, call):  # take a call one step further: decide on it, or run what was approved
    if call["status"] not in ("proposed", "approve"):
        return doubt(p, call)
    if call["status"] == "proposed":
        what, by, why = decide(p, s, call)
        return what != "wait" and record(p, "call.decided", call=call["id"], what=what, by=by, result=why)
    f = p.tools[call["name"]]
    record(p, "call.started", call=call["id"])  # the intent is on record before the effect
    try:
        what, result = "done", str(f(**call["arguments"]))
    except Exception as error:  # a result, too: the model is told
        what, result = "failed", f"{type(error).__name__}: {error}"
    return record(p, "call.finished", call=call["id"], what=what, result=result, label=f.source)

# ==== journal: what happened, on disk, so that a killed process goes on
MEANS["call.in_doubt"], MEANS["call.resolved"] = becomes("in doubt"), becomes()
class Journal(list):  # events as lines of a file, each with the hash of all before; a torn last line is dropped
    def __init__(self, path):
        self.path = path
        with open(path, "a+b") as file:
            file.seek(0)
            lines = file.readlines()
            if lines and not lines[-1].endswith(b"\n"):
                file.truncate(sum(map(len, lines)) - len(lines.pop()))
        for e in map(json.loads, lines):
            if e != self.link(e):
                raise ValueError(f"{path}: line {len(self) + 1} is not what was written")
            super().append(e)
    def link(self, e):
        e = {"n": len(self), "k": e["k"], "d": e["d"], "prev": self[-1]["hash"] if self else "0" * 64}
        return {**e, "hash": hashlib.sha256(json.dumps(e, sort_keys=True).encode()).hexdigest()}
    def append(self, e):
        with open(self.path, "ab") as file:
            file.write(json.dumps(self.link(e)).encode() + b"\n")
            os.fsync(file.flush() or file.fileno())
        super().append(self.link(e))
def doubt(p, call):  # an earlier life began this call: whether it took effect nobody knows, so what runs once asks
    if p.tools[call["name"]].repeat == "pure":
        return record(p, "call.resolved", call=call["id"], what="approve", settled="tool")
    if call["status"] == "running":
        return record(p, "call.in_doubt", call=call["id"])
    done = p.ask("Was it done?", call) if p.ask else None
    said = {"what": "done", "result": "done, as a person says"} if done else {"what": "approve"}
    return done is not None and record(p, "call.resolved", call=call["id"], settled="you", **said)

# ==== memory: the window is small; a page comes back when it is called for
MEANS["context.paged"] = lambda s, d: s["pages"].append((d["first"], d["last"]))
def recall_of(p):  # the device that answers a page fault
    @tool("names", "pure")
    def recall(page: int):
        """Bring back a page, word for word."""
        s = fold(p.events)
        return json.dumps([m for t in s["turns"][slice(*s["pages"][page])] for m in messages(s, t)])
    return recall
def prompt(p):  # what the model is sent: the goal, a line a page, and the last turns in full
    s = fold(p.events)
    size = lambda n: len(json.dumps([messages(s, t) for t in s["turns"][n:]]))
    first, newest = s["pages"][-1][1] if s["pages"] else 0, len(s["turns"]) - 1
    if first < newest and size(first) > p.window:
        last = next(n for n in range(first + 1, newest + 1) if n == newest or size(n) < p.window / 2)
        return prompt(p) if record(p, "context.paged", first=first, last=last) else None
    lines = [f"recall({n}) brings back {[s['calls'][i]['name'] for t in s['turns'][a:b] for i in t['calls']]}"
             for n, (a, b) in enumerate(s["pages"])]
    told = "\n".join([s["goal"], *lines, s["arrived"] or ""])
    return [{"role": "user", "content": told}, *(m for t in s["turns"][first:] for m in messages(s, t))]

# ==== scheduler: one slot for many processes
def run(p):  # one process, as far as it goes
    schedule([p])
    return fold(p.events)["answer"]
def schedule(processes):  # the slot goes to whoever has waited longest, until nobody can go on
    queue, idle = [*processes], 0
    while idle < len(queue):
        queue.append(p := queue.pop(0))
        idle = 0 if ready(p) and step(p) else idle + 1

# ==== labels: others' words gain no authority; what goes out then was committed to before
MEANS["names.changed"] = lambda s, d: s["foreign"].extend(d["names"] if tainted(s) else ())
def tainted(s):  # who gave words of others
    return [c["name"] for c in s["calls"].values() if c.get("label") == "untrusted"] + s["others"]
def covered(p, s, call):  # the act that a call fits, argument by argument and by value, or nothing
    for n, act in enumerate(s["acts"]):
        wanted, used = ast.parse(act, mode="eval").body, [c.get("by") for c in s["calls"].values()]
        sources = {k.arg: k.value for k in wanted.keywords}
        if wanted.func.id == call["name"] and sources.keys() == call["arguments"].keys() and f"act {n}" not in used:
            if all(fits(p, s, sources[name], value) for name, value in call["arguments"].items()):
                return f"act {n}"
def fits(p, s, source, value):  # an argument is what trusted names give; _ alone stands for any value
    try:
        execute(scope := {**p.names, "_": value}, f"_ = {ast.unparse(source)}")
    except Exception:
        return False
    return repr(scope["_"]) == repr(value) and not any(getattr(n, "id", 0) in s["foreign"] for n in ast.walk(source))

# ==== undo: a step of the names is taken back in place, and those after it
MEANS["call.undone"] = lambda s, d: [s["calls"][i].update(status="undone", result="taken back") for i in d["calls"]]
def python_of(p):  # the device that works on the names; a step that fails is taken back
    @tool("names", "pure")
    def python(code: str):
        """Run a few lines on the variables: assignments, if, for; no attributes, no imports."""
        was = {n: repr(v) for n, v in p.names.items()}
        p.before.append(snapshot(p.names))
        try:
            execute(p.names, code)
        except BaseException:
            restore(p.before.pop())
            raise
        changed = {n: v for n, v in p.names.items() if was.get(n) != repr(v)}
        record(p, "names.changed", names=list(changed))
        return changed
    return python
def snapshot(names):  # every list, dict and set within reach, with what it holds now
    seen, todo = {}, [names]
    for x in todo:
        if isinstance(x, (list, dict, set, tuple)) and id(x) not in seen:
            seen[id(x)] = (x, copy.copy(x))
            todo += x.values() if isinstance(x, dict) else x
    return [(x, was) for x, was in seen.values() if not isinstance(x, tuple)]
def restore(saved):
    for x, was in saved:
        x.clear()
        x.extend(was) if isinstance(x, list) else x.update(was)
def steps(p):  # the steps that made the names what they are
    return [c for c in fold(p.events)["calls"].values() if c["name"] == "python" and c["status"] == "done"]
def undo(p, call):
    at = [c["id"] for c in steps(p)].index(call)
    record(p, "call.undone", calls=[c["id"] for c in steps(p)[at:]])
    restore(p.before[at])
    del p.before[at:]
def rebuild(p):  # after a crash: the names are what the surviving steps make of them
    for c in steps(p):
        p.before.append(snapshot(p.names))
        execute(p.names, c["arguments"]["code"])

# ==== pipes: what one process answers is what another is told, with its label
MEANS["message.arrived"] = lambda s, d: s.update(arrived=d["text"], others=d["others"])
def ready(p):  # whether it may go on; while its source is at work it waits, and holds no slot
    s = fold(p.source.events) if p.source and fold(p.events)["arrived"] is None else None
    if s and s["reason"] == "answered":
        return record(p, "message.arrived", text=s["answer"], others=tainted(s))
    return s is None or bool(s["reason"] and record(p, "run.ended", reason="no input", answer=None))
