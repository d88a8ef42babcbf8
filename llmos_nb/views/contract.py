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
StepStatus = Literal[
    "pending", "running", "waiting", "done", "failed", "rejected", "skipped", "replaced", "undone", "left"
]  # skipped by somebody; undone; left: no call served it
Glyph = StepStatus | Literal["pause", "answered", "danger", "ran"]
Piece = str | list[str]
"""A piece of a value: plain characters, or ``[character, "U+043E", "looks like o"]``."""

_VERBS = """
approve approve_rest approve_same edit reject skip retry undo redo move add pause stop kill resume undo_all
export fork preview cells output rules journal seek check_edit reply send budget resolve revoke close
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
    off: NotRequired[bool]  # keeps its place and cannot be pressed now
    data: NotRequired[dict[str, Any]]


class Clock(TypedDict):
    """Time that runs on: the page counts it, from the seconds before and an ISO 8601 time since when it counts."""

    since: str
    base: NotRequired[float]  # seconds before
    say: NotRequired[str]  # words in which {} is the time; without them it is shown as on a clock
    top: NotRequired[float]  # seconds that the bar beside it stands for


class Bar(TypedDict):
    """One bound of the budget; `part` is the share that is used, 1 or more when it is spent."""

    name: str
    used: str
    of: str
    part: float
    clock: NotRequired[Clock]  # while it is being used up


class StepRow(TypedDict, total=False):
    """One step of the plan as a row; of a process without a plan one call."""

    n: Required[int | str]  # the step's number, or the call's id
    t: Required[str]  # title
    s: Required[StepStatus]
    x: str  # what it expects to see
    verdict: Words  # of one that ran: "as expected: …", "ran, nothing to compare", "failed"
    begun: bool  # whether one that is pending has begun: it was cut off, or is to be done once more
    held: bool  # whether an expression was evaluated, and was true
    danger: bool  # whether what waits goes where others chose
    asks: bool  # whether what waits is a question to be answered: nothing of it can be approved
    ev: Words  # evidence, or the last line of an error
    dur: str
    clock: Clock  # while it runs
    cost: str
    note: str
    said: list[str]  # what people said while it was the last one that had begun
    after: str  # the steps it needs, as words: "1, 2"
    code: str  # what the edit form starts with
    calls: list[str]  # ids that point at this row
    out: bool  # whether it has an output to show
    back: bool  # of a call, and of a step that failed: whether it can be undone
    call: str  # the call that waits, and its digest
    digest: str
    acts: list[int]  # what it commits to do outside
    covered: bool  # by the plan as somebody approved it


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
    origin: NotRequired[Words]


class Quote(TypedDict):
    """Where a value stood: whether the line holds it, what is before it, its pieces, and what is behind."""

    head: str
    call: str
    lines: list[list[Any]]


class Danger(TypedDict, total=False):
    """A value that others wrote, and that decides where something goes."""

    came: Required[Words]
    name: Required[str]  # of the argument
    value: Required[list[Piece]]
    noun: Required[str]
    confirm: Required[str]  # what must be typed to approve
    ask: Required[str]
    named: str  # what the person named, where it is like it
    sent: str  # the value as it is sent, where that is another text
    odd: str  # what is odd in its characters
    more: list[list[Any]]  # further values of that kind: the argument, and its pieces
    quote: Quote


class Act(TypedDict):
    """What a plan commits to do outside: its class, why it is of that class, and who chooses each argument."""

    n: int
    words: Words
    kind: Literal["bound", "delegated", "open", "invented"]
    why: Words
    chosen: list[list[Words]]


class PlanCard(TypedDict):
    """What stands beside a plan that is judged: acts in words, and what else it may do."""

    acts: list[Act]
    promise: str  # what becomes of that which goes out and that no act names
    rest: list[Words]


class _Code(TypedDict, total=False):
    code: str
    lang: str
    cap: Words
    side: str


class Held(TypedDict, total=False):
    """A step that stands still in the middle of its code."""

    done: list[list[str]]  # what it has done so far, and why that was let through
    effect: Required[str]
    why: str  # that it was not foreseen, or that it asks
    line: int  # of `code`
    pairs: list[list[Words]]


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
    danger: Danger  # where it goes others chose: Reject comes first, and no key approves
    held: Held  # the step stands still before this
    question: str  # the card is a question of the model's: a field for the answer takes the place of the verbs
    plan: PlanCard  # the card is the plan: the steps stand in it


class Claim(TypedDict):
    """One value of an answer: where it stands in the text, and how it is known."""

    row: int  # of the table of numbers
    at: list[int]  # first letter, and the one after the last
    kind: str  # the mark, for styles
    mark: str
    how: Words
    call: NotRequired[str]


class Foot(TypedDict):
    """What can still be done after the end; with `ask` a line that begins a further turn."""

    ask: bool
    buttons: list[Button]
    note: NotRequired[str]


Kind = Literal[
    "lead", "heading", "text", "code", "table", "answer", "live", "actions", "details",
    "image", "printed", "markdown", "pairs", "grid",
]  # fmt: skip


class Block(_Code, total=False):
    """One piece of *now*; `kind` says which of the other keys count.

    ====================  ===============================================
    lead                  text, glyph, claims
    heading               text
    text                  words, mute, glyph
    code                  code, lang, cap, side, label
    table                 caption, heads, rows, plain (no rules, for buttons), numbers (a row a number of the answer)
    answer                markdown, claims; call ids in it become links
    live                  code, lang, cap, side, label: with what the model writes and a call prints, as it comes
    actions               buttons, note
    details               summary, code, label
    image                 mime (PNG or JPEG), data (base64), label
    printed               code, label, side
    markdown              markdown, label: what a step displayed, safe to show
    pairs                 label, pairs: a name and words each
    grid                  caption, note, heads, numeric, fresh, lines
    ====================  ===============================================
    """

    kind: Required[Kind]
    of: str  # what a live block shows: with another one it begins anew
    text: str
    glyph: Glyph
    words: Words
    mute: bool
    label: str
    caption: str
    heads: list[str]
    rows: list[list[Words | Button]]
    plain: bool
    numbers: bool
    markdown: str
    claims: list[Claim]
    buttons: list[Button]
    note: str
    summary: str
    mime: str
    data: str
    before: str  # of code: as it was proposed, where it was edited since
    pairs: list[list[Words]]
    numeric: list[bool]  # of a grid: of its labels, and by column
    fresh: list[bool]  # by column of a grid: added by this step
    lines: list[list[Any]]  # of a grid: whether the row is gone, its label, its cells


class Fold(TypedDict):
    """Ended rows up to one, folded to one line; failed and current ones stay out."""

    upto: int | str
    text: str


class TimelineEvent(TypedDict):
    """One event of the journal on the timeline: `mark` is ``h`` for a human decision, ``e`` for an error."""

    n: int
    k: str
    t: str
    s: float  # seconds since the first
    kb: NotRequired[float]
    mark: NotRequired[Literal["h", "e"]]


class Stretch(TypedDict):
    """Seconds in which the model worked, a tool, or a person was waited for."""

    who: Literal["model", "tool", "you"]
    begin: float
    end: float


class Sheet(TypedDict, total=False):
    """A page laid over *now* for a while: rules, the journal, a preview; or a step, in the place of *now*."""

    title: Required[str]
    blocks: Required[list[Block]]
    step: int | str
    glyph: Glyph
    foot: Block


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
    danger: bool  # whether what waits goes where others chose: only Reject and the card itself are offered elsewhere
    events: list[TimelineEvent]
    stretches: list[Stretch]  # of `events`, in order
    begun: list[tuple[str, float]]  # steps, or "plan", and the second at which each began
    at: int  # position in `events`
    past: bool  # the rows are those of an earlier event: nothing can be done to them
    clock: Clock | None  # of `what`
    strip: str  # what it is about, in the line of a folded panel
    time: str  # that it took by now
    timing: Clock | None  # the same, while it counts
    cost: str
    say: str  # what the live line says instead of "state. what"
    card: Card | None
    now: list[Block]
    sheet: Sheet | None
    foot: Foot
    cell: Words  # while it asks: that its cell holds those below
    kernel_id: str  # lets Stop interrupt where the widget manager has no way
    stream: str  # kept by the panel itself: text that the model writes,
    written: str  # code that it writes,
    printed: str  # and what the running call prints
    rev: int  # kept by the panel itself
