"""The parts of a `mini.py` as a learner writes them who has read the lessons and not the reference: longer, and otherwise."""

PARTS = {
    "loop": """
def step(p):
    s = fold(p.events)
    if s["reason"] is not None:
        return False
    for call in s["calls"].values():
        if call["status"] not in SETTLED:
            return syscall(p, s, call)
    if s["turns"]:
        last = s["turns"][-1]
        if not last["calls"]:
            record(p, "run.ended", reason="answered", answer=last["text"])
            return True
    if len(s["turns"]) >= p.budget:
        record(p, "run.ended", reason="budget", answer=None)
        return True
    said = p.model(prompt(p), [schema(f) for f in p.tools.values()])
    record(p, "model.responded", text=said["text"], calls=said["calls"])
    return True
""",
    "gate": """
MEANS["call.decided"], MEANS["call.started"] = becomes(), becomes("running")

def look_at(f, arguments):
    if f is None:
        raise LookupError("no such tool")
    try:
        bound = inspect.signature(f).bind(**arguments)
    except TypeError as error:
        raise LookupError(str(error)) from error
    for name, value in bound.arguments.items():
        kind = inspect.signature(f).parameters[name].annotation
        if isinstance(kind, type) and kind is not inspect.Parameter.empty:
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise LookupError(f"{name} should be a {kind.__name__} and is {value!r}")

def decided(p, call, what, by, why):
    record(p, "call.decided", call=call["id"], what=what, by=by, result=why)
    return True

def syscall(p, s, call):
    f = p.tools.get(call["name"])
    if call["status"] == "proposed":
        try:
            look_at(f, call["arguments"])
        except LookupError as error:
            return decided(p, call, "reject", "gate", f"Error: {error}")
        if f.effect != "external":
            return decided(p, call, "approve", "gate", "harmless")
        act = covered(p, s, call)
        if act:
            return decided(p, call, "approve", act, "an act covers it")
        if tainted(s):
            return decided(p, call, "reject", "gate", "others' words were read")
        said = None
        if p.ask is not None:
            said = p.ask(f"May {call['name']} run?", call)
        if said is None:
            return False
        return decided(p, call, "approve" if said else "reject", "you", "approved" if said else "a person said no")
    if call["status"] == "approve":
        record(p, "call.started", call=call["id"])
        what = "done"
        try:
            result = str(f(**call["arguments"]))
        except Exception as error:
            what, result = "failed", repr(error)
        record(p, "call.finished", call=call["id"], what=what, result=result, label=f.source)
        return True
    return doubt(p, call)
""",
    "memory": '''
MEANS["context.paged"] = lambda s, d: s["pages"].append((d["first"], d["last"]))

def recall_of(p):
    @tool("names", "pure")
    def recall(page: int):
        """Bring back a page, word for word."""
        s = fold(p.events)
        first, last = s["pages"][page]
        words = []
        for turn in s["turns"][first:last]:
            words.extend(messages(s, turn))
        return json.dumps(words)
    return recall

def window_of(s, first):
    return [messages(s, turn) for turn in s["turns"][first:]]

def prompt(p):
    s = fold(p.events)
    first = s["pages"][-1][1] if s["pages"] else 0
    if len(json.dumps(window_of(s, first))) > p.window:
        last = first
        while last < len(s["turns"]) - 1 and len(json.dumps(window_of(s, last))) > p.window // 2:
            last += 1
        if last > first:
            record(p, "context.paged", first=first, last=last)
            s = fold(p.events)
            first = last
    text = s["goal"] + "\\n" + (s["arrived"] or "")
    for number, (a, b) in enumerate(s["pages"]):
        names = [s["calls"][c]["name"] for turn in s["turns"][a:b] for c in turn["calls"]]
        text += f"\\nrecall({number}) brings back: {', '.join(names)}"
    made = [{"role": "user", "content": text}]
    for turn in window_of(s, first):
        made += turn
    return made
''',
    "scheduler": """
def run(p):
    schedule([p])
    return fold(p.events)["answer"]

def schedule(processes):
    worked = True
    while worked:
        worked = False
        for p in processes:
            if ready(p) and step(p):
                worked = True
""",
    "labels": """
def touched(s, d):
    if tainted(s):
        s["foreign"] += d["names"]

MEANS["names.changed"] = touched

def tainted(s):
    who = list(s["others"])
    for call in s["calls"].values():
        if call.get("label") == "untrusted":
            who.append(call["name"])
    return who

def covered(p, s, call):
    used = {c.get("by") for c in s["calls"].values()}
    for number, act in enumerate(s["acts"]):
        if f"act {number}" in used:
            continue
        tree = ast.parse(act, mode="eval").body
        if tree.func.id != call["name"] or len(tree.keywords) != len(call["arguments"]):
            continue
        good = True
        for keyword in tree.keywords:
            names = [n.id for n in ast.walk(keyword.value) if isinstance(n, ast.Name)]
            if keyword.arg not in call["arguments"] or any(n in s["foreign"] for n in names):
                good = False
                break
            if ast.unparse(keyword.value) == "_":
                continue
            scope = dict(p.names)
            try:
                execute(scope, "_ = " + ast.unparse(keyword.value))
            except Exception:
                good = False
                break
            value = call["arguments"][keyword.arg]
            if type(scope["_"]) is not type(value) or scope["_"] != value:
                good = False
        if good:
            return f"act {number}"
    return None
""",
    "pipes": """
MEANS["message.arrived"] = lambda s, d: s.update(arrived=d["text"], others=d["others"])

def ready(p):
    if p.source is None or fold(p.events)["arrived"] is not None:
        return True
    if fold(p.events)["reason"]:
        return False
    theirs = fold(p.source.events)
    if not theirs["reason"]:
        return False
    if theirs["reason"] != "answered":
        record(p, "run.ended", reason="nothing came", answer=None)
        return False
    record(p, "message.arrived", text=theirs["answer"], others=tainted(theirs))
    return True
""",
    "journal": """
MEANS["call.in_doubt"], MEANS["call.resolved"] = becomes("in doubt"), becomes()

def hash_of(line):
    return hashlib.sha256(json.dumps([line["k"], line["d"], line["prev"]], sort_keys=True).encode()).hexdigest()

class Journal(list):
    def __init__(self, path):
        self.path = str(path)
        self.last = "0" * 64
        if not os.path.exists(self.path):
            return
        whole = open(self.path, "rb").read()
        end = whole.rfind(b"\\n") + 1
        if end != len(whole):
            with open(self.path, "r+b") as file:
                file.truncate(end)
        for text in whole[:end].splitlines():
            line = json.loads(text)
            assert line["prev"] == self.last and line["hash"] == hash_of(line), "this journal was changed"
            self.last = line["hash"]
            super().append({"k": line["k"], "d": line["d"]})

    def append(self, e):
        line = {"k": e["k"], "d": e["d"], "prev": self.last}
        line["hash"] = self.last = hash_of(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\\n")
            file.flush()
            os.fsync(file.fileno())
        super().append(e)

def doubt(p, call):
    if p.tools[call["name"]].repeat == "pure":
        record(p, "call.resolved", call=call["id"], what="approve", who="the tool")
        return True
    if call["status"] == "running":
        record(p, "call.in_doubt", call=call["id"])
        return True
    said = p.ask("Was it done?", call) if p.ask else None
    if said is None:
        return False
    if said:
        record(p, "call.resolved", call=call["id"], what="done", result="a person says that it was done", who="you")
    else:
        record(p, "call.resolved", call=call["id"], what="approve", who="you")
    return True
""",
    "undo": '''
MEANS["call.undone"] = lambda s, d: [s["calls"][i].update(status="undone", result="taken back") for i in d["calls"]]

def snapshot(x, seen=None):
    seen = {} if seen is None else seen
    if id(x) in seen or not isinstance(x, (dict, list, set, tuple)):
        return seen
    seen[id(x)] = (x, list(x.items()) if isinstance(x, dict) else list(x))
    for inner in list(x.values()) if isinstance(x, dict) else x:
        snapshot(inner, seen)
    return seen

def put_back(seen):
    for x, was in seen.values():
        if isinstance(x, tuple):
            continue
        x.clear()
        if isinstance(x, list):
            x.extend(was)
        else:
            x.update(was)

def python_of(p):
    @tool("names", "pure")
    def python(code: str):
        """Run a few lines on the variables: assignments, if, for; no attributes, no imports."""
        was = {n: repr(v) for n, v in p.names.items()}
        saved = snapshot(p.names)
        try:
            execute(p.names, code)
        except Exception:
            put_back(saved)
            raise
        p.before.append(saved)
        changed = {n: v for n, v in p.names.items() if was.get(n) != repr(v)}
        record(p, "names.changed", names=list(changed))
        return changed
    return python

def done_steps(p):
    return [c for c in fold(p.events)["calls"].values() if c["name"] == "python" and c["status"] == "done"]

def undo(p, call):
    ids = [c["id"] for c in done_steps(p)]
    at = ids.index(call)
    record(p, "call.undone", calls=ids[at:])
    while len(p.before) > at:
        put_back(p.before.pop())

def rebuild(p):
    for c in done_steps(p):
        p.before.append(snapshot(p.names))
        execute(p.names, c["arguments"]["code"])
''',
}
