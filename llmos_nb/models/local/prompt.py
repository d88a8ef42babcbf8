"""What a small local model is told, and how a process's messages become its chat.

The system text and the six worked examples are fixed byte for byte, so they stay in the server's prompt cache.
The examples are all on one made-up table. The harness that this follows was measured; the figures stand in the
benchmark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llmos_nb.messages import Message
from llmos_nb.models.local.lint import Seen, made

SYSTEM = """\
You answer questions about data with Python. The variables listed by the user are already loaded; pd and plt \
are imported. Write short pandas code; the value of its last line is the result. Then give the final answer, \
using only numbers and names from the results.
Rules:
- Use the variable and column names exactly as listed. Never load files, never make up data.
- Counting rows: len(df[condition]). Several conditions: (a) & (b), each in brackets.
- Average per group: df.groupby('g')['x'].mean().sort_values(ascending=False); the first line is the highest.
- Share of missing values per group: df['x'].isna().groupby(df['g']).mean().
- Two results: write (first, second) on the last line.
- New column: df['new'] = ..., then show the result on the last line.
- Plot: use .plot(...) or plt, set labels, no plt.show().
- After an error, correct the code; do not repeat it.
- The answer is one sentence. It names the values of the results, rounded to 2 decimals.
Reply with a ```python block, or with a line 'Answer: ...'."""

_ORDERS = """\
Variables:
orders: DataFrame, 120 rows
- customer: text, 80 different, such as 'Ada', 'Bo'
- city: text 'Oslo' / 'Rome' / 'Lima'
- amount: number 5 to 980, 4 missing
- paid: text 'yes' / 'no'
- day: date 2023-01-02 to 2023-12-30
Question: """

_EXAMPLES = (
    ("Which city has the largest total amount?",
     "orders.groupby('city')['amount'].sum().sort_values(ascending=False)",
     "city\nRome    9120.5\nOslo    8044.0\nLima    7310.2", "Rome has the largest total amount, 9120.5."),
    ("How many unpaid orders came from Oslo?",
     "len(orders[(orders['paid'] == 'no') & (orders['city'] == 'Oslo')])", "17",
     "17 unpaid orders came from Oslo."),
    ("Which city has the highest share of missing amounts, and how many orders does that city have?",
     "share = orders['amount'].isna().groupby(orders['city']).mean().sort_values(ascending=False)\n"
     "(share, (orders['city'] == share.index[0]).sum())",
     "city\nLima    0.0526\nRome    0.0233\nOslo    0.0\n38",
     "Lima has the highest share of missing amounts, 0.05, and it has 38 orders."),
    ("What is the largest amount, and who ordered it?",
     "orders.loc[orders['amount'].idxmax(), ['amount', 'customer']]", "amount      980.0\ncustomer      Ada",
     "The largest amount is 980.0, ordered by Ada."),
    ("Add a column tax that is 20 % of the amount. What are the two largest values?",
     "orders['tax'] = orders['amount'] * 0.2\norders['tax'].nlargest(2)", "57    196.0\n12    188.4",
     "The two largest values of tax are 196.0 and 188.4."),
    ("Draw a bar chart of the total amount by city.",
     "orders.groupby('city')['amount'].sum().plot(kind='bar', ylabel='total amount')",
     "figure: 3 bars, x label 'city', y label 'total amount'",
     "The bar chart shows the total amount of the 3 cities."),
)  # fmt: skip

_LINE = 'line ::= [^`\\n]{0,200} "\\n"\npy ::= "```python\\n" line{1,12} "```"\n'
_ANSWER = 'fa ::= "Answer: " [^\\n]{1,400}\n'
GRAMMARS = {
    "code": f"root ::= py\n{_LINE}",
    "either": f"root ::= py | fa\n{_LINE}{_ANSWER}",
    "answer": f"root ::= fa\n{_ANSWER}",
}
COMMENT = "The model's comment: "
SHORTER = "The code was cut off. Write shorter code for the same question."
_BLOCK = re.compile(r"```(?:python)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_CARD_NAME = re.compile(r"^([A-Za-z_]\w*):", re.MULTILINE)
_CARD_MORE = re.compile(r"^and \d+ more: (.*)", re.MULTILINE)
_CARD_COLUMN = re.compile(r"^\s*- (.+?): ", re.MULTILINE)

Turn = dict[str, str]


def fence(code: str) -> str:
    """Write code as the block that the model writes."""
    return f"```python\n{code.rstrip()}\n```"


def answer(value: str, code: str, comment: str) -> str:
    """Return an answer as it is shown: the value, the code that gave it, and what the model says of them.

    A small model computes better than it tells: what counts is the value and the code, and its sentence comes last.
    """
    bar = "`" * (1 + max(map(len, re.findall("`+", value)), default=2))
    shown = f"**{value}**" if re.fullmatch(r"[^\n*`]+", value) else f"{bar}text\n{value}\n{bar}"
    return "\n\n".join([shown, fence(code), *([f"{COMMENT}{comment}"] if comment else [])])


def prefix() -> tuple[Message, ...]:
    """Return the system message and the worked examples, in chat form."""
    found = [Message("system", SYSTEM)]
    for question, code, result, answer in _EXAMPLES:
        found += [Message("user", _ORDERS + question), Message("assistant", fence(code))]
        found += [Message("user", f"Result:\n{result}"), Message("assistant", f"Answer: {answer}")]
    return tuple(found)


@dataclass
class Dialogue:
    """A process's messages as the model's chat.

    Parameters
    ----------
    turns : list of dict
        The chat, without the turns that failed.
    question, card : str
        As they stand in the user's first message.
    done : list of str
        Code that ran without an error.
    results : list of str
        What it gave.
    failed : list of tuple of str
        Code and error, of what failed since the last result.
    forgiven : int
        How many of them failed before somebody's last note, which makes a new attempt of it.
    """

    turns: list[Turn] = field(default_factory=list)
    question: str = ""
    card: str = ""
    done: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    forgiven: int = 0

    @property
    def failures(self) -> int:
        """How often this attempt failed."""
        return len(self.failed) - self.forgiven

    @property
    def seen(self) -> Seen:
        """What the next code may take its names and values from."""
        names = set(_CARD_NAME.findall(self.card))
        names |= {n for more in _CARD_MORE.findall(self.card) for n in re.findall(r"(\w+) \(", more)}
        if names:  # with no card nothing is known of the user's variables
            names |= {n for code in self.done for n in made(code)}
        words = "\n".join([self.question, *(t["content"] for t in self.turns if "note" in t)])
        columns = frozenset(_CARD_COLUMN.findall(self.card))
        return Seen(words, "\n".join(self.results), frozenset(names), columns, self.card)

    def chat(self) -> list[Turn]:
        """Return the turns as the server takes them."""
        return [{"role": t["role"], "content": t["content"]} for t in self.turns]


def render(messages: tuple[Message, ...], fixed: int) -> Dialogue:
    """Turn a request's messages into the model's chat.

    Parameters
    ----------
    messages : tuple of Message
        The fixed prefix, the user's message with card and question, then calls, results and notes.
    fixed : int
        How many of them are the prefix.
    """
    talk = Dialogue([{"role": m.role, "content": m.text} for m in messages[:fixed]])
    calls = {c.id: c for m in messages for c in m.calls}
    for number, message in enumerate(messages[fixed:]):
        if message.role == "tool":
            call = calls.get(message.call)
            given = call.arguments if call is not None and isinstance(call.arguments, dict) else {}
            _result(talk, str(given.get("code", "")), message.text)
        elif message.role == "user":
            _user(talk, message.text, first=number == 0)
        elif not message.calls and message.text:  # an answer that was not accepted; code waits for its result
            text = message.text.rpartition(COMMENT)[2].removeprefix("Answer: ")
            talk.turns.append({"role": "assistant", "content": f"Answer: {text}"})
    return talk


def _user(talk: Dialogue, text: str, first: bool) -> None:
    talk.turns.append({"role": "user", "content": text, **({} if first else {"note": "yes"})})
    talk.forgiven = len(talk.failed)
    if first:
        card, _, question = text.rpartition("\nQuestion: ")
        talk.card = card.removeprefix("Variables:\n")
        talk.question = question.removeprefix("Question: ")


def _result(talk: Dialogue, code: str, text: str) -> None:
    """Take a result in; what failed leaves the chat, because quoting it makes a small model repeat it."""
    if text.startswith("Error"):
        talk.failed.append((code, text))
        return
    talk.turns.append({"role": "assistant", "content": fence(code)})
    talk.turns.append({"role": "user", "content": f"Result:\n{text}"})
    if text.startswith("Not run"):  # a person said no: words to heed, but nothing was observed
        return
    talk.failed.clear()
    talk.forgiven = 0
    talk.done.append(code)
    talk.results.append(text)


def read(reply: str) -> tuple[str, str]:
    """Return the code and the answer of a reply; one of them is empty."""
    if (block := _BLOCK.search(reply)) is not None:
        return block.group(1).strip("\n"), ""
    return "", reply.strip().removeprefix("Answer:").strip()
