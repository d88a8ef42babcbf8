"""What the panel shows, as plain data: the whole contract between the process and its picture.

The panel decides nothing and formats no number: whoever builds a `PanelView` says every word in it. The front end
adds only what is local to one window: an open menu, a form being typed in, the place of the keyboard.

Words
-----
A text with marks is a list of runs (`Words`)::

    "plain"    ["*", "strong"]    ["`", "code"]    ["@", "r3.0", 2]        a call and the row it belongs to
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Required, TypedDict

Words = str | list[str | list[str | int]]
Tone = Literal["", "go", "ask", "ok", "bad"]
Glyph = Literal["pending", "running", "waiting", "done", "failed", "rejected", "skipped", "replaced", "pause"]
StepStatus = Literal["pending", "running", "waiting", "done", "failed", "rejected", "skipped", "replaced"]

_VERBS = """
approve approve_rest approve_same edit reject skip retry undo redo move add pause stop kill resume undo_all
export fork preview cells output rules journal seek check_edit reply budget resolve revoke close
"""
VERBS = frozenset(_VERBS.split())
"""What the front end may ask for; anything else is answered by a note and goes no further."""


class Button(TypedDict):
    """A button; pressing it sends ``{"verb": verb, **data}``, in the card also the card's `call` and `digest`."""

    label: str
    verb: str
    more: NotRequired[str]  # words after the label that are seen, but not part of the accessible name
    key: NotRequired[str]
    main: NotRequired[bool]
    data: NotRequired[dict[str, Any]]


class Bar(TypedDict):
    """One bound of the budget; `part` is the share that is used, 1 or more when it is spent."""

    name: str
    used: str
    of: str
    part: float


class StepRow(TypedDict, total=False):
    """One step of the plan as a row; of a process without a plan one call."""

    n: Required[int | str]  # the step's number, or the call's id
    t: Required[str]  # title
    s: Required[StepStatus]
    x: str  # what it expects to see
    ev: Words  # evidence, or the last line of an error
    dur: str
    cost: str
    note: str
    after: str  # the steps it needs, as words: "1, 2"
    code: str  # what the edit form starts with
    calls: list[str]  # ids that point at this row
    out: bool  # whether it has an output to show
    back: bool  # of a call: whether it can be undone
    call: str  # the call that waits, and its digest
    digest: str


class Dag(TypedDict):
    """The plan's graph: centres of the nodes by step number, and edges from a step to those that need it."""

    w: float
    h: float
    n: dict[str, list[float]]
    e: list[list[int]]


class Table(TypedDict):
    """A table; the first cell of a row is its head, a cell is words or a button."""

    caption: str
    rows: list[list[Words | Button]]
    heads: NotRequired[list[str]]


class Argument(TypedDict):
    """One argument of the pending call as a field."""

    name: str
    value: Any
    schema: NotRequired[dict[str, Any]]  # its JSON schema: type, enum, description
    origin: NotRequired[Words]
    sink: NotRequired[str]


class _Code(TypedDict, total=False):
    code: str
    lang: str
    cap: Words
    side: str


class Card(_Code, total=False):
    """What waits for a person."""

    title: Required[str]
    why: Required[Words]
    buttons: Required[list[Button]]
    call: str
    digest: str
    step: int
    risks: list[tuple[str, Words]]
    model_code: str  # the model's version, when `code` is the reader's: the card then shows the difference
    args: list[Argument]
    table: Table
    cover: Words
    question: str  # the card is a question of the model's: a field for the answer takes the place of the verbs


Kind = Literal[
    "lead", "heading", "text", "code", "table", "answer", "stream", "actions", "progress", "skeleton", "details",
    "image",
]  # fmt: skip


class Block(_Code, total=False):
    """One piece of *now*; `kind` says which of the other keys count.

    ====================  ===============================================
    lead                  text, glyph
    heading               text
    text                  words, mute, glyph
    code                  code, lang, cap, side, label
    table                 caption, heads, rows, plain (no rules, for buttons)
    answer                markdown; call ids in it become links
    stream                the text of `Panel.stream`, as Markdown
    actions               buttons, note
    progress              label, part
    skeleton              widths, in percent
    details               summary, code, label
    image                 mime (PNG or JPEG), data (base64), label
    ====================  ===============================================
    """

    kind: Required[Kind]
    text: str
    glyph: Glyph
    words: Words
    mute: bool
    label: str
    caption: str
    heads: list[str]
    rows: list[list[Words | Button]]
    plain: bool
    markdown: str
    buttons: list[Button]
    note: str
    part: float
    widths: list[int]
    summary: str
    mime: str
    data: str


class Fold(TypedDict):
    """Ended rows up to one, folded to one line; failed and current ones stay out."""

    upto: int | str
    text: str


class TimelineEvent(TypedDict):
    """One event of the journal on the timeline: `mark` is ``h`` for a human decision, ``e`` for an error."""

    n: int
    k: str
    t: str
    kb: NotRequired[float]
    mark: NotRequired[Literal["h", "e"]]


class Sheet(TypedDict):
    """A page laid over *now* for a while: rules, the journal, a preview."""

    title: str
    blocks: list[Block]


class PanelView(TypedDict, total=False):
    """Everything on the panel.

    `steps` are known by `n`, `events` only grow; both, and every other key, travel by difference.
    """

    id: Required[str]  # the state's name, for tests and styles
    pid: Required[int]
    name: Required[str]
    tone: Required[Tone]
    glyph: Required[Glyph]
    state: Required[str]
    what: Required[str]
    goal: Required[str]
    who: Required[str]
    acts: Required[list[Literal["Pause", "Stop", "Resume"]]]
    budget: Required[list[Bar]]
    steps: Required[list[StepRow]]
    stage: str  # id of the lit node of the loop
    counts: dict[str, str]  # by edge id; an edge that is not named is faint
    dag: Dag | None
    dagsay: str
    dagnote: str
    planhead: str
    planside: str
    fold: Fold | None
    events: list[TimelineEvent]
    at: int  # position in `events`
    say: str  # what the live line says instead of "state. what"
    card: Card | None
    now: list[Block]
    sheet: Sheet | None
    kernel_id: str  # lets Stop interrupt where the widget manager has no way
    stream: str  # kept by the panel itself
    rev: int  # kept by the panel itself
