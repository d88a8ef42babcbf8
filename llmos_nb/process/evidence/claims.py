"""What an answer claims: its numbers, dates, quantities in words and names, each with the sentence it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from llmos_nb.process.evidence.lexicon import ASKS, ENGLISH, GERMAN, PLAIN, VERB
from llmos_nb.process.evidence.numbers import MONTHS, Date, Quantity, dates, quantities

_CALL_ID = re.compile(r"\b[ra]\d+\.\d+\b")
_MARKER = re.compile(r"(?m)^[ \t]*(?:\d+[.)]|[-*+]|#+)[ \t]+")
_ORDINAL = re.compile(
    r"\b(?:step|row|rows|cell|figure|table|section|version|python|schritt|zeile)\s+\d+(?:\s*(?:-|–|to|and|bis|und)\s*\d+)?\b",
    re.I,
)
_PERIOD = re.compile(
    r"\b(?:first|second|last|erste[nrs]?|zweite[nrs]?|letzte[nrs]?)\s+(?:half|third|quarter|hälfte|drittel|viertel)\b",
    re.I,
)  # of a year: it counts nothing
_HOUR = re.compile(r"\d{1,2}:00(?![\d:])")
_END = re.compile(r"(?<=[^\d\W][.!?])[\"”»)*`]*\s+(?=\d)|(?<=[.!?])[\"”»)*`]*\s+(?=[\"“„(*`]*[A-ZÄÖÜ])|\n+")
_MONTHLY = re.compile(
    r"(?<![\d.,])\d{1,2}\.\s+(?=(?:Jan|Feb|M[äa]r|Apr|Mai|May|Jun|Jul|Aug|Sep|O[kc]t|Nov|De[zc]|Platz|Rang|Tag|Quartal)[a-zä]*)|"
    r"\b(?:No|Nr|ca|vs|approx|St|Dr|Mr|Mrs|Fig|z\. ?B|d\. ?h|e\.g|i\.e|resp|bzw|ph)\.(?=\s)"
)
_QUOTES = (
    re.compile(r"(?<!`)(`+)(?P<in>[^\n]+?)(?<!`)\1(?!`)"),
    re.compile(r"\*\*(?P<in>[^*\n]{1,80})\*\*"),
    re.compile(r"[“„](?P<in>[^”“\n]{1,80})[”“]"),
    re.compile(r"»(?P<in>[^«\n]{1,80})«|«(?P<in2>[^»\n]{1,80})»"),
    re.compile(r'(?<![\w"])"(?P<in>[^"\n]{1,80})"(?![\w"])'),
    re.compile(r"(?<![\w'])'(?P<in>[^'\n]{2,60})'(?![\w'])"),
)
_ERROR = re.compile(r"\s*±\s*[\d.,]+\s*%")
_UNIT = re.compile(r"[A-Za-z]{0,2}[A-Z][a-z]")  # GWh, Hz: behind a number no name
_PLACES = frozenset("first second third fourth fifth last next finally".split())  # noqa: SIM905 - a list of words
_NAME = re.compile(r"[A-ZÄÖÜ][\w’'-]*(?:\s+(?:of\s|de\s|von\s)?[A-ZÄÖÜ][\w’'-]*)*")

SERIES = re.compile(r"([^\W\d_]{2,}[-_])\d+")
"""What is called by a word and a number: ``sample-12``; another number after that word is another of them."""

Kind = Literal["number", "date", "name", "computed"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a row of a table, of an answer.

    Attributes
    ----------
    start, end : int
        Where it stands in the answer.
    text : str
        The same stretch of the answer.
    before : str
        The sentence before it in the same paragraph, to which "it" may point; of a row, the head of its table.
    """

    start: int
    end: int
    text: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What can be compared.

    Attributes
    ----------
    kind : {"number", "date", "name", "computed"}
        What it is; what an expression of the answer gave is one claim, whatever it holds.
    text : str
        As it stands in the answer.
    start, end : int
        Where it stands there.
    sentence : Sentence
        In which.
    value : Quantity, Date or None
        What it means, where it is no name.
    quoted : bool
        Whether it stands in quotation marks, backticks or bold.
    """

    kind: Kind
    text: str
    start: int
    end: int
    sentence: Sentence
    value: Quantity | Date | None = None
    quoted: bool = False


def sentences(answer: str) -> list[Sentence]:
    """Return the sentences and table rows of an answer, with what stands before each."""
    found: list[Sentence] = []
    start, before, head = 0, "", ""
    masked = _MONTHLY.sub(lambda m: m.group().replace(".", " "), answer)
    for cut in [*(m.span() for m in _END.finditer(masked)), (len(answer), len(answer))]:
        text = answer[start : cut[0]]
        bar = text.strip().startswith("|")
        head = (head or text) if bar else ""
        if text.strip() and not (bar and set(text.strip()) <= set("|-: ")):
            found.append(Sentence(start, cut[0], text, head if bar else before))
        before = "" if "\n\n" in answer[cut[0] : cut[1]] else text
        start = cut[1]
    return found


def claims(
    answer: str, goal: str, labels: Iterable[str], known: str, computed: Iterable[tuple[int, int]] = ()
) -> list[Claim]:
    """Return what an answer claims, in order.

    Parameters
    ----------
    answer : str
        What the model said.
    goal : str
        What it was asked.
    labels : iterable of str
        Names that stand in results: where one of them stands in the answer, it is a claim.
    known : str
        Other text that it may take words from, such as code and names of columns.
    computed : iterable of (int, int)
        Stretches that expressions gave.

    Returns
    -------
    list of Claim
        None overlaps another; names that are only words of the goal are none.
    """
    text = _blank(answer, _CALL_ID, _MARKER, _ORDINAL, _PERIOD)
    found = _Found(answer)
    for start, end in computed:
        found.add("computed", start, end)
        hour = _HOUR.match(answer, start)
        after = max(end, hour.end()) if hour is not None else end
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:after]) + text[after:]
    for start, end in _quoted(text):
        inner = text[start:end]
        numeric = next(iter(quantities(inner, words=False)), None) or next(iter(dates(inner)), None)
        around = text[max(start - 2, 0) : start].lstrip()[-1:]
        code = around == "`" and isinstance(numeric, Quantity) and re.match(r"[^\W\d]", inner) is not None
        if numeric is None or code or (len(numeric.text) < len(inner.strip()) - 8 and around != "*"):
            found.add("name", start, end, quoted=True)
    for start, end in _of_series(text, labels, (goal + known).casefold()):
        found.add("name", start, end)
    for d in dates(text):
        found.add("date", d.start, d.end, d)
    for q in _quantities(text):
        found.add("number", q.start, q.end, q)
    for start, end in _names(text, goal, labels, known, answer):
        found.add("name", start, end)
    return sorted(found.claims, key=lambda c: c.start)


class _Found:
    """The claims of an answer, of which none overlaps another: what is found first stays."""

    def __init__(self, answer: str) -> None:
        self._answer, self._sentences = answer, sentences(answer)
        self.claims: list[Claim] = []

    def add(
        self, kind: Kind, start: int, end: int, value: Quantity | Date | None = None, quoted: bool = False
    ) -> None:
        """Take a claim in, where nothing else stands."""
        sentence = next((x for x in self._sentences if x.start <= start < x.end), None)
        if sentence is not None and not any(c.start < end and start < c.end for c in self.claims):
            self.claims.append(Claim(kind, self._answer[start:end], start, end, sentence, value, quoted))


def _quantities(text: str) -> Iterator[Quantity]:
    """Return the numbers of a text, read as its language has them; a value before its error has the error's sign."""
    german = is_german(text)
    for q in quantities(text):
        percent = q.percent or bool(_ERROR.match(text[q.end :]))
        q = replace(q, percent=percent, readings=q.readings if german else q.readings[:1])  # noqa: PLW2901
        if q.exact or q.text[:1].isdigit() or not _only_article(text, q):
            yield q


def _blank(text: str, *patterns: re.Pattern[str]) -> str:
    """Blank what claims nothing, so that places stay the same."""
    for pattern in patterns:
        text = pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    return text


def _only_article(text: str, q: Quantity) -> bool:
    return q.text.lower() == "double" and text[q.end : q.end + 7].lower() == " column"


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    """Return where quoted names stand; what opens first closes first."""
    taken: list[tuple[int, int]] = []
    for pattern in _QUOTES:
        for m in pattern.finditer(text):
            if any(m.start() < b and a < m.end() for a, b in taken):
                continue
            taken.append(m.span())
            group = "in" if m.groupdict().get("in") is not None else "in2"
            inner = m[group]
            if not inner.strip():  # what an expression gave
                continue
            yield (
                m.start(group) + len(inner) - len(inner.lstrip()),
                m.end(group) - len(inner) + len(inner.rstrip()),
            )


def is_german(text: str) -> bool:
    """Return whether a text has more German than English small words."""
    return len(GERMAN.findall(text)) > len(ENGLISH.findall(text))


def _of_series(text: str, labels: Iterable[str], known: str) -> Iterator[tuple[int, int]]:
    """Return where something is called as labels are, by the same word and another number."""
    for word in {m[1] for x in labels if (m := SERIES.fullmatch(x))}:
        for m in re.finditer(rf"(?<![\w-]){re.escape(word)}\d+(?![\w-])", text, re.IGNORECASE):
            if m.group().casefold() not in known:
                yield m.span()


def _names(text: str, goal: str, labels: Iterable[str], known: str, whole: str) -> Iterator[tuple[int, int]]:
    """Return where names stand: those of results, capitalised ones that nobody else said, and a bare answer."""
    asked, code = goal.casefold(), known.casefold()
    for label in sorted({x for x in labels if x.casefold() not in PLAIN or len(x) == 1}, key=len, reverse=True):
        left = r"(?<=[\w,(|] )" if label == "A" else r"(?<![\w-])"  # not the article that begins a sentence
        pattern = left + re.escape(label).replace("_", r"[\s_]") + r"(?:s|'s|’s)?(?![\w-])"
        if len(label) > 1 or (label.isupper() and label != "I"):
            for m in re.finditer(pattern, text, re.I if len(label) > 1 else 0):
                yield m.start(), m.start() + len(label)
    bare = text.strip().strip('.!*`"“”')
    short = bare and bare.lower() not in PLAIN and len(bare.split()) <= 5 and not re.search(r"\d", bare)
    if short and ASKS.search(goal) and not VERB.search(bare):
        at = text.index(bare)
        if bare.casefold() not in asked:
            yield at, at + len(bare)
    if is_german(text):
        for m in re.finditer(r"\b(?:ist|war|heißt|sind)\s+(" + _NAME.pattern + ")", text):
            if m[1].casefold() not in asked and m[1].casefold() not in code:
                yield m.span(1)
        return
    tickers = sum(x.isupper() for x in labels) > 1
    for m in _NAME.finditer(text):
        asks = tickers or bool(ASKS.search(goal))
        before = text[: m.start()].rstrip(' \t*`"“()|')
        first = not before or before[-1] in ".!?:\n"
        words = m.group().split()
        start = m.start()
        if first and (
            words[0].lower() in PLAIN | _PLACES
            or not (
                asks
                and re.match(
                    r"\s+(is|are|has|had|was|leads?|wins?|rose|fell|grew|gained|lost)\b", text[m.end() :]
                )
            )
        ):
            words = words[1:]
            start = text.index(words[0], m.start() + 1) if words else start
        name = re.sub(r"['’]s$", "", " ".join(words))
        unit = re.search(r"\d\s?$", whole[: m.start()]) and _UNIT.fullmatch(name)
        if (
            name
            and not unit
            and name.lower() not in PLAIN
            and name.casefold() not in asked
            and name.casefold() not in code
            and name.lower() not in MONTHS
            and (tickers or not name.isupper())
        ):
            yield start, m.end() - len(" ".join(words)) + len(name)
