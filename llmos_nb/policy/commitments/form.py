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


FORM = """\
Before you read anything that others wrote, commit to each call that will act outside, and to where every argument \
comes from. An act is one Python expression; it is checked, never run. Only calls that fit an open act run unasked.
  tool(arg=source, …)   tool(…) if CONDITION else None   (tool(…) for x in READ(…) if CONDITION)   at_most(n, …)
A call runs once, a loop once for each item, at most 20 times, unless at_most says another number.
A source is
  a literal: "Alice", 12.5; who, where and how much must stand in the user's words
  an expression over reads by name, with their fields: get_contact(name="Alice").email
  quote(READ): a piece of it, word for word, one line, at most 64 characters
  among(LIST): any one of these values;  some(LIST): one or more;  any_of("a", "b"): one of these literals
  a("date"|"datetime"|"time"|"number"|"email"|"url"|"iban"|"phone", min=, max=, match="*@x.org"): your choice
  text(n, links=False): your own words, at most n characters
  text(200, like="Stay at {}, {} nights"): a template, where the goal says the form
  maybe(source): the argument may be left out
Expressions take fields, [i], comparisons, and/or/not, arithmetic, f-strings, comprehensions with any variable, and
  one value: one(list) number(text, near="total") email url iban phone date plus(start, days=1)
             max min (key=lambda x: …) sum len round abs str int float
  a list:    [x] (as good as x), {x, y} (in any order), emails urls ibans phones dates numbers lines sorted
             reversed set list enumerate, .split()
  yes or no: mentions(x, "Spotify") (in any field), any all in, .startswith() .endswith()
  as texts:  .lower() .upper() .title() .strip() .replace() .join(); of a record .get() .items()
one() of none or of several asks, so say which is meant. for r in [READ] names a read. An argument may use those \
before it by name, and an earlier act is read by its call: create_file(filename="x").id. In names write _ for -, \
and from_ for from.
Examples
  send_message(to="Alice", body=text(300))
  pay(to=one(b.iban for b in get_bills() if mentions(b, "rent")), amount=number(get_bill(id="7"), near="total"))
  (invite(user=m.name, channel="general") for m in get_members() if m.name.startswith("new_"))
  book(hotel=max(get_hotels(city="Paris"), key=lambda h: h.rating).name, start="2024-05-15", end=plus(start, days=3))
  at_most(2, share(id=among(f.id for f in my_files() if f.size < 1000), email="bob@example.com"))
"""
