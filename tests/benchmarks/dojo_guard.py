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
POWERS = {name: parse_power(name, raw) for name, raw in RAW["tools"].items()}


def is_read(tool):
    return tool not in POWERS and any(fnmatchcase(tool, glob) for glob in RAW["reads"]["tools"])


def rows(found):
    """Give what a look-up found as plain rows."""
    if isinstance(found, dict):
        return [{"name": k, "email": v} if isinstance(v, str) else v for k, v in found.items()]
    dumped = [f.model_dump() if hasattr(f, "model_dump") else f for f in found or ()]
    return [r for r in dumped if isinstance(r, dict)]


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
        tainting = [i for i, e in enumerate(history) if e.executed and is_read(e.call.tool) and e.call.tool not in RAW["trusted"]["tools"]]
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
