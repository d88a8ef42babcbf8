"""Addresses, links, accounts, numbers and dates in a text, and those that a reader could click, pay or dial. Pure.

Each pattern begins where a run of its characters begins, so that none takes longer than the text is long.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

PATTERNS = {
    "email": re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@\w[\w-]{0,62}(?:\.\w[\w-]{0,62}){1,8}"),
    "url": re.compile(r"(?<![\w@.-])(?:https?://|www\.)[^\s<>\"'`(){}\[\]|\\]{3,2000}", re.IGNORECASE),
    "iban": re.compile(
        r"(?<!\w)[A-Z]{2}\d{2}[A-Z0-9]{8,30}(?!\w)|(?<!\w)[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?(?!\w)"
    ),
    "date": re.compile(r"(?<!\d)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)"),
    "time": re.compile(r"(?<![\d:])(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])"),
    "phone": re.compile(r"(?<![\w.,+-])\+?\(?\d[\d ()./-]{5,22}\d(?![\w-])"),
    "number": re.compile(
        r"(?<![\w.,])[-\u2212]?(?:\d{1,3}(?:[ '\u2019\u00a0\u2009\u202f]\d{3}){1,9}(?:[.,]\d{1,9})?(?![.,]?\w)"
        r"|\d[\d.,]{0,40}\d|\d)(?!\w)"
    ),
}
_GROUPED = re.compile(r"(\d{1,3}(?:(\D)\d{3})(?:\2\d{3})*)(?:[.,](\d+))?")
_NUMBERS = (
    (re.compile(r"\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+"), ",", ""),
    (re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d{1,2}"), ".", ","),
)
_ACCOUNT = re.compile(PATTERNS["iban"].pattern.replace("(?: [", r"(?:[\s.-]["), re.IGNORECASE)
_WALLET = re.compile(r"(?<!\w)(?:0x[0-9a-f]{40}|bc1[a-z0-9]{11,71}|[13][a-z1-9]{25,34})(?!\w)")  # of a casefolded text
_AFTER = ".,;:!?*_~"  # what stands behind an address, and is none of it
_DAY = re.compile(r"(?<!\d)\d{1,2}[./]\d{1,2}[./]\d{4}(?!\d)")
_YEARS = re.compile(r"(?:19|20)\d\d\D+(?:19|20)\d\d")
_SCHEME = re.compile(
    r"(?<![\w+.-])[a-z][a-z0-9+.-]{1,20}:(?://|\\\\)\S+|(?<!\w)(?:mailto|tel|sms|javascript|data|skype|callto|sips?"
    r"|facetime|xmpp|magnet|bitcoin|ethereum|litecoin|monero|lightning|upi|vbscript):\S+|(?<!\S)\\\\[\w.-]+\\\S+"
)
_HOST = re.compile(
    r"(?<![\w@.-])(?:[\w-]{1,63}\.){1,8}([^\W\d_]{2,24}|xn--[\w-]{2,60})(?![\w-])(?::\d{1,5})?([/?#]\S*)?"
)
_GLUED = re.compile(r"(?<=[.@])([\w-]++)\.([^\W\d_]++)(?![\d_]|[@.+/&=%:-]+\w)")
_DOT = re.compile(r"\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?| dot (?=\w)")
# Characters that are drawn as nothing, beside those of the class of formats.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)(?::\d+)?")
# Endings of hosts that anybody may have: those of countries (but what is more often of a file, or a word), and names.
_NAMES = """
abogado academy accountant accountants actor ads adult aero africa agency airforce alsace amsterdam analytics
apartments app arab archi army arpa art asia associates athleta attorney auction audio author auto autos baby band
bank bar barcelona bargains baseball basketball bayern bcn beauty beer berlin best bet bible bid bike bingo bio biz
black blackfriday blog blue boats bom bond boo book booking boston bot boutique broadway broker brother brussels build
builders business buy buzz bzh cab cafe call cam camera camp capetown capital car cards care career careers cars casa
case cash casino cat catering catholic center ceo channel charity chat cheap christmas church circle city claims
cleaning click clinic clothing cloud club coach codes coffee college cologne com community company compare computer
condos construction consulting contact contractors cooking cool coop corsica country coupon coupons courses cpa credit
creditcard creditunion cricket cruises cymru cyou dad dance data date dating day deal dealer deals degree delivery
delta democrat dental dentist desi design dev diamonds diet digital direct directory discount discover dish diy docs
doctor dog domains dot download dubai durban earth eat eco edu education email energy engineer engineering enterprises
equipment esq estate eus events exchange expert exposed express fail faith family fan fans farm farmers fashion fast
feedback film final finance financial fire fish fishing fit fitness flights florist flowers fly foo food football ford
forex forsale forum foundation free frl fun fund furniture futbol fyi gal gallery game games garden gay gdn gent gift
gifts gives giving glass global gmbh gold golf got gov graphics gratis green gripe grocery group guide guitars guru
hair hamburg haus health healthcare help here hiphop hiv hockey holdings holiday homes horse hospital host hosting hot
hotels house how ice icu immo immobilien inc industries info ink institute insurance insure int international
investments irish ist istanbul jetzt jewelry jobs joburg jot joy juegos kaufen kids kim kitchen kiwi koeln komatsu krd
kyoto land lat latino law lawyer lease legal lgbt life lifestyle lighting limited limo link live living llc llp loan
loans lol london lotto love ltd ltda luxe luxury madrid makeup management map market marketing markets mba med media
meet melbourne meme memorial men menu miami mil mobi mobile moda moe moi mom money monster mortgage moscow moto
motorcycles mov movie museum music nagoya name navy net network new news ngo ninja nowruz nrw nyc observer office
okinawa one ong onl online ooo open org organic osaka ott ovh page paris partners parts party pay pet pharmacy phd
phone photo photography photos physio pics pictures pid pin ping pink pizza place play plumbing plus poker porn post
press prime pro productions prof promo properties property protection pub qpon quebec quest racing radio realestate
realtor realty recipes red rehab reise reisen reit ren rent rentals repair report republican rest restaurant review
reviews rich rio rip rocks rodeo rsvp rugby run ryukyu saarland sale salon sarl sas save sbs scholarships school
schule science scot search security seek services sex sexy shiksha shoes shop shopping show singles site ski skin
sling smart soccer social software solar solutions soy spa space sport srl stockholm storage store stream studio study
style sucks supplies supply support surf surgery sydney systems tab taipei tatar tattoo tax taxi team tech technology
tel temasek tennis theater theatre tickets tienda tips tires tirol today tokyo tools top tours town toys trade trading
training travel trust trv tube university uno vacations vegas ventures versicherung vet viajes video villas vin vip
vision viva vlaanderen vodka vote voting voto voyage wales wang watch watches web webcam website wed wedding wien wiki
win wine work works world wow wtc wtf xin xxx xyz yachts yoga yokohama zip zone zuerich example test onion local
онлайн сайт орг ком рус москва дети рф укр бел мкд срб қаз 中国 公司 网络 在线 中文网 网址 भारत संगठन 한국 닷컴
ไทย קום ελ ευ бг ею cfd box ing nexus
"""
_ENDINGS = frozenset(_NAMES.split())
_FILES = frozenset(("py", "js", "ts", "rb", "kt", "cs", "gz", "xz", "on", "or", "if", "of", "we", "he"))


def apart(text: str) -> str:
    """Return a text with a space where a sentence begins right behind the full stop of another.

    Behind an address or the name of a file, a full stop between small letters and a capitalized word is one: "see
    www.x.org.They say". More of an address behind that word ("x.org.They.example") makes it none.
    """
    return _GLUED.sub(lambda m: f"{m[1]}. {m[2]}" if m[1] == m[1].lower() and m[2].istitle() else m[0], text)


def tokens(kind: str, text: str) -> list[str]:
    """Return the tokens of a kind in a text, each once, in their order."""
    if kind in ("number", "phone"):
        text = _without_dates(text)
    found = (m[0] for m in PATTERNS[kind].finditer(text))
    if kind == "iban":
        found = (t.replace(" ", "") for t in found)
    elif kind == "url":
        found = (t.rstrip(_AFTER) for t in found)
    elif kind == "phone":
        found = (t for t in found if is_phone(t))
    return list(dict.fromkeys(found))


def numbers(text: str) -> list[float]:
    """Return the numbers in a text, in their order; what may be read in two ways is none."""
    return [n for t in tokens("number", text) if (n := number_of(t)) is not None]


def number_of(token: str) -> float | None:
    """Read a number as people write it: ``1,200.50``, ``1.200,50``, ``1 200,50``, ``1'200.50``, ``1200.5``."""
    sign, digits = (-1, token[1:]) if token.startswith(("-", "\u2212")) else (1, token)
    if (grouped := _GROUPED.fullmatch(digits)) and grouped[2] not in ".,":
        twice = grouped[2] == " " and not grouped[3] and digits.count(" ") == 1  # 5 100 may be two numbers
        return None if twice else sign * float(f"{re.sub(r'[^0-9]', '', grouped[1])}.{grouped[3] or 0}")
    for pattern, thousands, point in _NUMBERS:
        if pattern.fullmatch(digits):
            text = digits.replace(thousands, "")
            return sign * float(text.replace(point, ".") if point else text)
    return None


def is_phone(text: str) -> bool:
    """Return whether digits are of a telephone: grouped, or many, and neither a date nor two years."""
    digits = sum(c.isdigit() for c in text)
    grouped = text.startswith("+") or re.search(r"\d\D+\d", text) is not None
    least = 7 if grouped else 9
    return digits >= least and not _YEARS.fullmatch(text) and not re.fullmatch(r"\d+\.\d+", text)


def _without_dates(text: str) -> str:
    for pattern in (PATTERNS["date"], PATTERNS["time"], _DAY):
        text = pattern.sub(" ; ", text)
    return text


def hidden(text: str) -> str:
    """Return the first character that a reader does not see, by its name; empty where there is none."""
    for c in text:
        unseen = unicodedata.category(c) in ("Cf", "Cc", "Co", "Cn", "Cs") and c not in "\n\t\r\u200c\u200d"
        if unseen or (_BLANK.match(c) and c not in "\ufe0e\ufe0f"):  # how an emoji is drawn
            return unicodedata.name(c, f"U+{ord(c):04X}").lower()
    return ""


def seen_form(text: str) -> str:
    """Return a text as links are read from it: without invisible characters, with one form of a dot and a letter."""
    text = unicodedata.normalize("NFKC", _BLANK.sub("", text))
    text = "".join(c for c in text if unicodedata.category(c) != "Cf").replace("\u3002", ".").casefold()
    return _DOT.sub(".", text)


def _ends_a_host(word: str) -> bool:
    """Return whether a host may end in a word: a country's, one in another script, or a name for anybody."""
    country = len(word) == 2 and word.isascii() and word.islower() and word not in _FILES
    return country or word in _ENDINGS or word.startswith("xn--")


@lru_cache(maxsize=64)
def live(text: str) -> tuple[str, ...]:
    """Return what a reader of a text could click, write to, pay or dial, each in one form."""
    seen = seen_form(text)
    found: list[str] = []
    for pattern in (_SCHEME, PATTERNS["url"], PATTERNS["email"], _IP, _WALLET):
        found += [m[0].rstrip(_AFTER).removeprefix("https://").replace(" ", "") for m in pattern.finditer(seen)]
        seen = pattern.sub(" ", seen)  # the host of an address is no second one
    found += [re.sub(r"[\s.-]", "", m[0]) for m in _ACCOUNT.finditer(seen)]
    seen = _ACCOUNT.sub(" ", seen)
    found += [re.sub(r"[^\d+]", "", t) for t in tokens("phone", seen)]
    found += [m[0].rstrip(_AFTER + "/") for m in _HOST.finditer(seen) if m[2] or _ends_a_host(m[1])]
    return tuple(dict.fromkeys(found))


def unsaid(text: str, words: str) -> str:
    """Return the first link, address, account or telephone number of a text that is not in words; empty for none."""
    known = live(words) + live(apart(words))
    return next((token for token in live(text) if token not in known), "")
