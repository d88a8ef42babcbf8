"""What is shown, as plain data: every number is here once, and both writers read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmos_nb.views.contract import Tone

WIDTH = 120


class Told(str):
    """A cell that is more than its words.

    Parameters
    ----------
    text : str
        The words; all that is compared.
    tone : {"", "go", "ask", "ok", "bad"}
        What they mean for a reader.
    share : float, optional
        A share from 0 to 1, drawn as a bar behind the words.
    code : bool
        Whether they are code.
    """

    __slots__ = ("code", "share", "tone")

    def __new__(cls, text: object, tone: Tone = "", share: float | None = None, code: bool = False) -> Told:
        """Make it of its words."""
        made = super().__new__(cls, text)
        made.tone, made.share, made.code = tone, share, code
        return made

    tone: Tone
    share: float | None
    code: bool


@dataclass(frozen=True)
class Grid:
    """A table.

    Parameters
    ----------
    caption : str
        What it is of; text leaves it out where it stands alone.
    heads : sequence of str
        Over the columns.
    rows : sequence of sequence of object
        Cells; each is said as text, a `Told` says more.
    numbers : frozenset of str
        Heads of the columns that hold numbers.
    folded : bool
        Whether a page folds it away.
    none : str
        What is said where there are no rows.
    width : int
        Columns of the terminal.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: frozenset[str] = frozenset()
    folded: bool = False
    none: str = ""
    width: int = WIDTH


@dataclass(frozen=True)
class Note:
    """A sentence or more; `verbatim` keeps its lines as they are, `quiet` is said in passing."""

    text: str
    verbatim: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Part:
    """A stretch of a lane: what it is (the name of a look), from where to where, and what is said of it."""

    look: str
    start: float
    end: float
    says: str = ""


@dataclass(frozen=True)
class Lane:
    """One line of a chart, with its name before it and an amount behind it."""

    name: str
    parts: Sequence[Part]
    says: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Mark:
    """A sign over a place of the axis: ``h`` for what a person decided, ``e`` for an error, or words."""

    at: float
    kind: str
    says: str = ""


@dataclass(frozen=True)
class Lanes:
    """Stretches side by side on one axis: what was done when, or what fills a window.

    Parameters
    ----------
    caption, alt : str
        Its title, and a sentence that says what it shows.
    lanes : sequence of Lane
        From above to below.
    end : float
        Where the axis ends; it begins with 0.
    ticks : sequence of (float, str)
        Places on the axis with their labels.
    marks : sequence of Mark
        Signs over the axis.
    brackets : sequence of (float, float, str)
        From where to where, over the first lane, with words.
    below : sequence of (float, str)
        Words under the first lane, each from a place on.
    key : mapping of str to str
        Words by look.
    tall : bool
        Whether lanes are high enough to hold words.
    """

    caption: str
    alt: str
    lanes: Sequence[Lane]
    end: float
    ticks: Sequence[tuple[float, str]] = ()
    marks: Sequence[Mark] = ()
    brackets: Sequence[tuple[float, float, str]] = ()
    below: Sequence[tuple[float, str]] = ()
    key: Mapping[str, str] = field(default_factory=dict)
    tall: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a chart: its label, amounts by look from below, and what stands over it."""

    label: str
    amounts: Mapping[str, float]
    says: str


@dataclass(frozen=True)
class Columns:
    """Amounts turn by turn, stacked."""

    caption: str
    alt: str
    columns: Sequence[Column]
    key: Mapping[str, str]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Curve:
    """An amount that grows with time, as steps: points of (when, how much), and its bound where it has one."""

    caption: str
    alt: str
    points: Sequence[tuple[float, float]]
    end: float
    top: float
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    limit: float = 0.0
    limit_says: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture that is drawn already: SVG, and what stands for it as text."""

    caption: str
    alt: str
    svg: str
    text: str


Chart = Lanes | Columns | Curve
Piece = Grid | Note | Chart | Drawing


@dataclass(frozen=True)
class Report:
    """What a command shows.

    Parameters
    ----------
    title : str
        The first line; empty where a table says it.
    parts : sequence
        Tables, charts and sentences, in order.
    plain : str
        Its text, where that is not made of the parts.
    """

    title: str
    parts: Sequence[Piece]
    plain: str = ""
