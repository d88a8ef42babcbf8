"""The English and German words by which answers are read: what rises, compares, counts, names a statistic."""

from __future__ import annotations

import re


def any_of(*lines: str) -> re.Pattern[str]:
    """Return a pattern for any of these words; an underscore stands for a space."""
    return re.compile(rf"\b(?:{alternatives(*lines)})\b", re.IGNORECASE)


def alternatives(*lines: str) -> str:
    """Return words as the alternatives of a pattern."""
    return "|".join(word.replace("_", r"\s") for line in lines for word in line.split())


# how a sentence is built
GERMAN = any_of(
    r"der die das und ist sind von mit nicht eine?[mnrs]? auf im am den dem des beträgt liegt hat haben es wie sich",
    r"pro um als aus",
    r"für bei nach wurden? sie zusammen also gab kommen wiegen brachte bringt stieg starben insgesamt davon",
)
ENGLISH = any_of("the and is are of with not a on by has have had were from to for it at than that")
VERB = any_of("is are was were has have had be do does did can shows? ist sind war hat haben")
ASKS = any_of(r"which who whose where what when name welche\w* wer wo was wann nenne")
CLAUSE = re.compile(
    r"[;()|]|[,:](?!\d)|\s[—–-]\s|"
    + any_of("and but while whereas und aber während versus vs against gegen than als").pattern,
    re.IGNORECASE,
)
BROAD = re.compile(
    CLAUSE.pattern.replace("()", ""), re.IGNORECASE
)  # what stands in brackets is of what is before them
PART = re.compile(r";|\b(?:while|whereas|während)\b", re.IGNORECASE)
AT = r"\b(?:in|on|at|for|im|am|auf|bei|für|from|aus)\s+(?:the\s+|der\s+|den\s+)?"
OF = re.compile(r"\b(?:of|for|von|für)\s+[`\"*“„]*$", re.IGNORECASE)
FROM = re.compile(r"\b(?:from|between|von|zwischen)\s+[$€£]?$", re.IGNORECASE)
FROM_A_NUMBER = re.compile(
    r"\b(?:from|between|von|zwischen)\s+[$€£]?[\d.,−-]+\W*\w*\s+(?:to|and|bis|und)\s+[$€£]?$", re.IGNORECASE
)
TO = re.compile(r"\b(?:to|auf)\s+[$€£]?$", re.IGNORECASE)
PLAIN = frozenset(
    """the it this that there these those they we i you he she all both each every none no yes in on at of for from by
    with and or but overall total mean average median most only however so thus here not a an as if when while where
    which who what how many much english german sql csv json python pandas numpy ok done note nan true false p n r t f q
    sum std min max""".split()  # noqa: SIM905 - a list of words is read as words
)
NOISE = frozenset("of the in per by and for a an is to at row rows are has have with".split())  # noqa: SIM905

# what it says of numbers
UP = any_of(
    r"grew grow\w* rose ris\w+ increas\w* gain\w* won (?:is|was|were|are|went)_up up_by added climbed",
    r"stieg\w* gestiegen wuchs zugenommen gewann",
)
DOWN = any_of(
    r"fell fall\w* drop\w* declin\w* decreas\w* lost lose\w* shrank shr[iu]nk\w* (?:is|was|were|are|went)_down down_by",
    r"sank sanken gesunken fiel\w* verlor\w* abgenommen",
)
COMPARED = any_of(
    "more less fewer lower higher heavier lighter longer shorter warmer colder mehr weniger höher niedriger schwerer",
    r"leichter länger reduc\w* taller larger smaller older younger bigger faster slower wider stronger weaker cheaper",
    "größer kleiner älter jünger schneller",
)
BELOW_ZERO = any_of(r"lower less fewer loss\w* below under negative minus weniger differ\w* verlust\w*")
APART = any_of("range spans? spread difference gap between unterschied spanne apart")
DIFFER = any_of(
    r"left remain\w* rest others? gone missing without not lost dropped removed ahead behind by_[\d$€]\S* than",
    r"margin above below under over minus exceed\w* surplus deficit except only vor hinter",
    r"differ\w* lead\w* unterschied\w* übrig fehl\w* um als",
)
TOTAL = any_of(
    r"total sums? all altogether overall together combined both insgesamt summe zusammen allen? gesamt\w*",
    "in_the_two of_the",
)
MEAN = any_of(r"mean average avg durchschnitt\w* mittel\w*")
RATIO = re.compile(
    any_of(
        "times twice double doubled triple half third quarter ratio fold factor doppelt mal hälfte drittel viertel",
        "verhältnis per pro",
    ).pattern
    + r"|\d[x×]|-fold",
    re.IGNORECASE,
)
COUNTED = frozenset(
    "row group category categorie item entry entrie type kind record zeile gruppe".split()  # noqa: SIM905
)
TIMES = ("month", "monat", "day", "tag", "year", "jahr", "week", "woche")
ENDS = ({"min", "max"}, {"first", "last"}, {"start", "end"}, {"from", "to"})
"""Pairs of labels that say where a range begins and where it ends."""
UP_TO = re.compile(r"\b(up to|at most|bis zu|höchstens)\b", re.IGNORECASE)
DEGREES = re.compile(r"°|\bdegrees?\b|\bgrad\b", re.IGNORECASE)
LATER = any_of("this_year dieses_jahr zuletzt at_last in_the_end finally")
EARLIER = any_of("last_year letztes_jahr year_before vorjahr erst anfangs at_first")

# ranks
HIGH = alternatives(
    r"highest top peak\w* largest biggest greatest most max\w* heaviest longest oldest tallest",
    r"leads? leading strongest priciest latest höchste\w* größte\w* meiste\w* schwerste\w* längste\w* stärkste\w*",
)
LOW = alternatives(
    r"lowest smallest least fewest min(?:im\w+)? lightest shortest youngest weakest cheapest slowest earliest",
    r"niedrigste\w* kleinste\w* wenigste\w* leichteste\w* kürzeste\w*",
)
EITHER = alternatives(  # of these, and of any other superlative, the direction is not known
    r"best worst bottom runner-up beste\w* schlechteste\w* wärmste\w* kälteste\w* teuerste\w* billigste\w*",
    r"(?!(?:(?:we|ea|te|re|intere|fore|late|conte|reque|sugge|inve|ne|gue|che|harve|mode|hone|manife|que|e)st)\b)[a-z]{2,}est",
    r"(?!erste)[a-zäöü]{3,}(?:ß|t|s)?este[nrsm]?",
)
RANK = re.compile(
    rf"\b(?:(?P<nth>second|third|2nd|3rd|zweit|dritt)[\s-]*)?(?:(?P<high>{HIGH})|(?P<low>{LOW})|(?P<either>{EITHER}))\b",
    re.IGNORECASE,
)
NTH = {"second": 1, "2nd": 1, "zweit": 1, "third": 2, "3rd": 2, "dritt": 2, "runner-up": 1}


def nth_of(rank: re.Match[str]) -> int:
    """Return how many stand before what has a rank: 1 for the second highest, and for the runner-up."""
    return NTH.get((rank["nth"] or rank.group()).lower(), 0)


MORE = any_of(
    "more higher larger greater heavier longer older bigger stronger taller wider warmer hotter above exceeds? mehr",
    "höher größer schwerer wärmer länger",
)
LESS = any_of(
    r"less lower fewer reduc\w* smaller lighter shorter younger weaker colder cooler cheaper below weniger niedriger",
    "earlier sooner nearer closer thinner narrower poorer shallower früher näher dünner",
    "leichter kälter kürzer kleiner",
)
THAN = any_of("than als exceeds? above below")

# statistics and categories
_SYNONYMS = {
    "mean": "average avg averages durchschnitt durchschnittlich mittel mittelwert mittlere mittleren",
    "median": "50%",
    "count": "number many counts observations n anzahl size len cases",
    "std": "deviation sd spread standardabweichung ±",
    "min": "minimum lowest smallest shortest lightest least earliest kleinste niedrigste cheapest minimal",
    "max": "maximum highest largest longest heaviest most latest größte höchste biggest priciest maximal",
    "sum": "total summe insgesamt overall gesamt altogether",
    "share": "pct percent percentage anteil prozent % proportion rate",
    "corr": "correlation korrelation correlates correlate",
    "date": "day when month year tag monat jahr",
}
STATISTIC = {w: key for key, words in _SYNONYMS.items() for w in (key, *words.split())} | {"50%": "median"}
"""The statistic that a word names."""
METRICS = frozenset(
    "accuracy recall precision f1 auc r2 rmse mae mse median mean std min max sum correlation".split()  # noqa: SIM905
)
ALIASES = {
    "male": "men|man|boys?|männer", "female": "women|woman|girls?|frauen", "yes": "ja", "no": "nein",
    "usa": r"americans?|u\.s\.|united\sstates|amerikanisch\w*|amerika", "depth": r"deep(?:er|est)?|tiefe?r?",
    "height": "tall(?:er|est)?|high", "weight": r"heav(?:y|ier|iest)|weighs?|wiegt|schwer", "age": "old(?:er|est)?",
    "price": r"costs?|dear(?:er|est)?|cheap(?:er|est)?|teuer\w*", "length": "long(?:er|est)?",
    "temp": r"warm\w*|cold\w*|hot\w*|cool\w*|kalt|kälte\w*|wärme\w*",
}  # fmt: skip
"""Words by which a row or a column is told."""
