"""What an act of a plan is: the call of one tool, with a source for each argument. The form, as models are told it.

An act is written before anything that others wrote is read. It is read by `ast` and never run as code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["literal", "value", "text", "quote", "among", "some", "any_of", "a"]
SEVERAL = ("among", "some")  # kinds of which the model picks from a list, once it has read
TYPES = ("date", "datetime", "time", "number", "email", "url", "iban", "phone")
LENGTH = 600  # characters of an act
TIMES = 20  # calls of an act over several items that says no number
MOST_TIMES = 100


@dataclass(frozen=True)
class Signature:
    """What the manifest and the signature of a tool say of it.

    Parameters
    ----------
    name : str
        The tool's exact name.
    parameters : tuple of str
        Its arguments, in their order.
    outward : bool
        It acts outside: its calls need an act.
    untrusted : bool
        Others may have written what it gives.
    sinks : frozenset of str, optional
        Arguments that say who, where or how much; None where nobody declared them: every argument is one.
    facts : frozenset of str, optional
        Fields of its value that the service itself asserts, by name at whatever depth; None: all.
    required : frozenset of str
        Arguments that a call must give.
    defaults : mapping
        What an argument is that a call does not give.
    types : mapping
        The JSON types that an argument may have; of one that is not named, any.
    fitted : callable
        Gives of an argument's name and value what a call of the tool makes of it, and what is wrong with it.
    """

    name: str
    parameters: tuple[str, ...]
    outward: bool
    untrusted: bool
    sinks: frozenset[str] | None = None
    facts: frozenset[str] | None = frozenset()
    required: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fitted: Callable[[str, Any], tuple[Any, str]] = field(default=lambda _, value: (value, ""), compare=False)

    def is_sink(self, argument: str) -> bool:
        """Return whether an argument says who, where or how much."""
        return self.sinks is None or argument in self.sinks


Signatures = Mapping[str, Signature]


@dataclass(frozen=True)
class Source:
    """Where the value of an argument comes from.

    Parameters
    ----------
    kind : str
        ``literal``, ``value`` (an expression over reads), or the function of the form that it is.
    node : ast.expr, optional
        The expression of ``value``, ``quote``, ``among`` and ``some``; of ``text`` what the words are about.
    values : tuple
        The literal, or those of ``any_of``.
    optional : bool
        The argument may be left out.
    most : int
        Characters of a ``text``.
    links : bool
        A ``text`` may hold links and addresses.
    like : str
        The template of a ``text``.
    type : str
        Of ``a``.
    low, high : ast.expr, optional
        The bounds of ``a``.
    match : str
        The pattern of ``a``, with ``*`` for any characters.
    """

    kind: Kind
    node: ast.expr | None = None
    values: tuple[Any, ...] = ()
    optional: bool = False
    most: int = 0
    links: bool = False
    like: str = ""
    type: str = ""
    low: ast.expr | None = None
    high: ast.expr | None = None
    match: str = ""

    @property
    def free(self) -> bool:
        """Whether it is the model's free words: no template, no choice within a type."""
        return self.kind == "text" and not self.like


@dataclass(frozen=True)
class Act:
    """An act: one call of a tool, or one for each item of what is read.

    Parameters
    ----------
    text : str
        The act as it was written; two acts of one text are the same.
    tool : Signature
        The tool that is called.
    arguments : mapping
        A source for each argument, in the order in which they are written.
    each : tuple of ast.comprehension
        The loops over reads; empty for one call.
    when : ast.expr, optional
        The condition.
    times : int
        How often it may be used.
    """

    text: str
    tool: Signature = field(compare=False)
    arguments: Mapping[str, Source] = field(compare=False)
    each: tuple[ast.comprehension, ...] = field(default=(), compare=False)
    when: ast.expr | None = field(default=None, compare=False)
    times: int = field(default=1, compare=False)
