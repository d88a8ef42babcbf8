"""A skill as a tool of a model: one call runs all its cells in the live namespace, as one step that can be undone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.session.parts import Order, Part
from llmos_nb.session.skills.skills import OWN, Skills
from llmos_nb.tools import CallContext, Tool
from llmos_nb.tools.devices import SKILL


class SkillTools(Part):
    """Skills among the tools of a process; they run where its Python does."""

    def offers(self, order: Order, tools: Mapping[str, Tool]) -> list[Tool]:
        """Return the skills that were named."""
        names = [g for g in order.given if isinstance(g, str) and g.startswith(SKILL)]
        if names and "python" not in tools:
            raise UsageError(f"{names[0]}: a skill works on variables, and this process has no namespace")
        store = Skills(self.session.home.root / "skills")
        there = self.session.namespace or {}
        return [tool_of(store, name, tools["python"], there) for name in dict.fromkeys(names)]


def tool_of(store: Skills, name: str, python: Tool, there: Container[str]) -> Tool:
    """Make a tool of a skill.

    Parameters
    ----------
    store : Skills
        Where it is installed.
    name : str
        ``skill:NAME``.
    python : Tool
        What runs its code, with its inspection, its undo and its labels.
    there : container of str
        The live namespace.

    Raises
    ------
    UsageError
        There is none of this name, or it was changed since it was added.
    """
    skill = store.get(name.removeprefix(SKILL))
    inner, inspect = python.runner, python.inspect
    assert inner is not None  # noqa: S101 - the python device has one
    own = store.origin(skill.name) == OWN

    def code(arguments: Mapping[str, Any]) -> str:
        return "\n\n".join(skill.code(arguments, there))

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        store.get(skill.name)  # a file may have changed since the process began
        return await inner({"code": code(arguments)}, context)

    def refuse() -> Tool:
        raise UsageError(f"{name} works in the live namespace; leave out --isolate, or the skill")

    said = " ".join(str(skill.manifest.get("description", "")).split())[:300]
    said = said if own else f"Its author says (data): {said!r}"
    return replace(
        python,
        name=skill.name.replace("-", "_"),
        description=f"Run the skill {skill.name} in the user's session. {said}",
        schema=skill.schema,
        source="trusted" if own else "untrusted",
        runner=runner,
        code=code,
        inspect=None if inspect is None else lambda arguments: inspect({"code": code(arguments)}),
        digest=skill.manifest.get("sha256") or python.digest,
        apart=refuse,
    )
