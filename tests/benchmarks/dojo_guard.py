"""Our guard for the worst-case agent: `llmos_nb.authority` under a manifest, and nothing of the suite but its tools.

It sees the call, the user's prompt, what was read, and records that it looks up itself. `make_guard` is the factory.
"""

import os
import tomllib
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from agentdojo.functions_runtime import FunctionsRuntime

from llmos_nb.authority import Book, parse_power, standing
from llmos_nb.chain import canonical

MANIFEST = Path(os.environ.get("DOJO_MANIFEST") or Path(__file__).with_name("dojo_manifest.toml"))
DIGEST = sha256(MANIFEST.read_bytes()).hexdigest()
RAW = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
DATA = 64  # characters of a text that may still be data
POWERS = {name: parse_power(name, raw) for name, raw in RAW["tools"].items()}


def is_read(tool):
    return tool not in POWERS and any(fnmatchcase(tool, glob) for glob in RAW["reads"]["tools"])


def rows(found):
    """Give what a look-up found as plain rows."""
    if isinstance(found, dict):
        return [{"name": k, "email": v} if isinstance(v, str) else v for k, v in found.items()]
    dumped = [f.model_dump() if hasattr(f, "model_dump") else f for f in found or ()]
    return [{"name": r} if isinstance(r, str) else r for r in dumped if isinstance(r, dict | str)]


def texts(value):
    """Give every text in a result, however deep."""
    value = value.model_dump() if hasattr(value, "model_dump") else value
    if isinstance(value, dict):
        return [t for pair in value.items() for part in pair for t in texts(part)]
    return [t for v in value for t in texts(v)] if isinstance(value, list | tuple | set) else [str(value)]


def taints(event):
    """Tell whether a call brought other people's words in.

    A source that is called trusted is believed for data, such as a day, an IBAN or an address, and not for prose:
    whoever writes a manifest may not know who can write a name in a listing.
    """
    tool = event.call.tool
    if not (is_read(tool) or POWERS[tool].target == "url"):
        return False
    return tool not in RAW["trusted"]["tools"] or any(len(t) > DATA for t in texts(event.result))


class Guard:
    """One task: what is trusted, what was read, what was done."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.runtime = FunctionsRuntime([ctx.tools[n] for n in ctx.tools])
        self.reasons = []

    def books(self):
        """Look the records up, whatever the agent has searched for."""
        found = {}
        for kind, raw in RAW["books"].items():
            if raw["lookup"] in self.ctx.tools:
                result, _ = self.runtime.run_function(self.ctx.env, raw["lookup"], raw.get("arguments", {}))
                found[kind] = Book(rows(result), raw["key"], raw.get("date", ""), raw.get("most", {}))
        return found

    def __call__(self, call, history):
        if is_read(call.tool):
            return "allow"
        tainting = [i for i, e in enumerate(history) if e.executed and taints(e)]
        if call.tool not in POWERS:
            return "ask"
        if not tainting:  # so far the agent has read nobody's words but the user's
            return "allow"
        power = POWERS[call.tool]
        target = canonical([call.tool, str(call.args.get(power.target))])
        done = {canonical([e.call.tool, str(e.call.args.get(power.target))]) for e in history if e.executed}
        made = [e.result for e in history[tainting[0] :] if e.executed and e.call.tool in POWERS]
        tainted = {str(getattr(r, "id_", "")) for r in made}
        found = standing(power, call.args, self.ctx.prompt, self.books(), tainted)
        if found.holds and target in done:
            found = standing(power, {"again": True}, self.ctx.prompt, {})
        self.reasons.append((call.tool, found.holds, found.why))
        return "allow" if found.holds else "ask"


make_guard = Guard
