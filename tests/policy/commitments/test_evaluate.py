"""Values of expressions over reads: the functions of the form, and that work is bounded."""

import pytest
from hypothesis import given, settings, strategies as st
from planned import TOOLS

from llmos_nb.errors import Unreadable
from llmos_nb.policy.commitments import Fit, Misfit, Signature, Use, fits, judged, read
from llmos_nb.policy.commitments.evaluate import Evaluator
from llmos_nb.policy.commitments.values import same

TEXT = "Total: 1,200.50 EUR\n- due 2024-05-15\n• Tel. +49 30 1234567\nName: Ada\nada@x.example, www.x.example/a."
DATA = {
    "contacts": [{"name": "Ada", "age": 36, "tags": ["a"]}, {"name": "Bob", "age": 41, "tags": []}, {"name": "Cy", "age": 41, "tags": ["a", "b"]}],
    "balance": 12.5,
    "unread_mail": TEXT,
    "list_files": [],
    "channels": {"general": {"size": 3}, "random": {"size": 5}},
    "scheduled": ["2024-05-15", "2024-05-15 10:00", "2024-04-30"],
    "tickets": None,
}  # fmt: skip


def value(text, names=()):
    act = read(f'run_report(name="n", text={text})', TOOLS)
    source = act.arguments["text"]
    if source.kind == "literal":
        return source.values[0]
    return Evaluator(lambda name, arguments: DATA[name]).value(source.node, dict(names))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("balance() * 2 - 5 / 2 + 7 // 2 + 7 % 4", 28.5),
        ("-balance()", -12.5),
        ("round(balance() * 1.1, 1)", 13.8),
        ("round(balance())", 12),
        ('contacts()[0].get("name_", "x")', "Ada"),  # as contacts()[0].name_
        ('contacts()[0].get("nam", "x")', "x"),
        ("abs(-balance())", 12.5),
        ("1 if balance() > 3 else 2", 1),
        ("balance() > 3 and balance() < 5", False),
        ("tickets() or 'none'", "none"),
        ("not tickets()", True),
        ("tickets() is None", True),
        ("balance() is not None", True),
        ("3 < balance() <= 12.5", True),
        ("len(contacts())", 3),
        ("len(channels())", 2),
        ("sum(c.age for c in contacts())", 118),
        ("max(c.age for c in contacts())", 41),
        ("min(contacts(), key=lambda c: c.age).name", "Ada"),
        ("max(3, balance(), 7)", 12.5),
        ("max(scheduled())", "2024-05-15 10:00"),
        ("min(scheduled())", "2024-04-30"),
        ("sorted(scheduled())", ["2024-04-30", "2024-05-15", "2024-05-15 10:00"]),
        ("[c.name for c in sorted(contacts(), key=lambda c: (-c.age, c.name))]", ["Bob", "Cy", "Ada"]),
        ("sorted([3, 1, 2], reverse=True) if balance() else []", [3, 2, 1]),
        ("reversed([c.name for c in contacts()])", ["Cy", "Bob", "Ada"]),
        ("[t for c in contacts() if c.age > 36 for t in c.tags]", ["a", "b"]),
        ("[i for i, c in enumerate(contacts()) if c.age > 36]", [1, 2]),
        ("[i for i, c in enumerate(contacts(), 1)]", [1, 2, 3]),
        ("[k for k, v in channels().items() if v.size > 3]", ["random"]),
        ("[k for k in channels()]", ["general", "random"]),
        ("sum(v.size for v in channels().values())", 8),
        ("channels()['random'].size", 5),
        ("channels().get('none', 7)", 7),
        ("'general' in channels()", True),
        ("'a' in contacts()[0].tags", True),
        ("'Ada' not in unread_mail()", False),
        ("any(c.age > 40 for c in contacts())", True),
        ("all(c.age > 40 for c in contacts())", False),
        ("contacts()[-1].name", "Cy"),
        ("[c.name for c in contacts()][1:]", ["Bob", "Cy"]),
        ("unread_mail()[:5]", "Total"),
        ("one({t for c in contacts() for t in c.tags if t == 'a'})", "a"),
        ("one([c.age for c in contacts() if c.age > 36])", 41),
        ("len(set(c.age for c in contacts()))", 2),
        ("list(channels())", ["general", "random"]),
        ("number(unread_mail(), near='total')", 1200.5),
        ("numbers('1.200,50 and 7 and 10.05.2024 and 2024-05-15 and x9')", [1200.5, 7]),
        ("number('Total: 1 234,50 EUR', near='total')", 1234.5),
        ("number('Total: 1\u202f234 EUR', near='total')", 1234),
        ("number('Total: 1\u2019234.50 CHF')", 1234.5),
        ("number('Total: 1 234 567')", 1234567),
        ("number('Total: \u221250,00')", -50),
        ("numbers('2024 100 and 12 3456')", [2024, 100, 12, 3456]),
        ("int('7 apples')", 7),
        ("float('7.5')", 7.5),
        ("str(balance())", "12.5"),
        ("str(contacts()[0].age)", "36"),
        ("email(unread_mail())", "ada@x.example"),
        ("emails(contacts())", []),
        ("url(unread_mail())", "www.x.example/a"),
        ("phone(unread_mail())", "+49 30 1234567"),
        ("date(unread_mail())", "2024-05-15"),
        ("dates(scheduled())", ["2024-05-15", "2024-04-30"]),
        ("ibans('DE89 3704 0044 0532 0130 00 or GB29NWBK60161331926819')", ["DE89370400440532013000", "GB29NWBK60161331926819"]),
        ("lines(unread_mail())", ["1,200.50 EUR", "due 2024-05-15", "Tel. +49 30 1234567", "Ada", "ada@x.example, www.x.example/a."]),
        ("lines('Names:\\n- Ada\\n* Bob\\n\\n')", ["Ada", "Bob"]),
        ("mentions(contacts()[0], 'ada')", True),
        ("mentions(contacts()[0], 'ad')", False),
        ("plus('2024-02-28', days=2)", "2024-03-01"),
        ("plus('2024-02-28', weeks=-1)", "2024-02-21"),
        ("plus('2024-02-28 23:30', hours=1)", "2024-02-29 00:30"),
        ("plus('2024-02-28T23:30', minutes=45)", "2024-02-29T00:15"),
        ("plus('2024-02-28', hours=10)", "2024-02-28 10:00"),
        ("f'{balance():.2f} {contacts()[0].age:>4} {contacts()[0].name}'", "12.50   36 Ada"),
        ("f'{3.0}'", "3"),
        ("'a-b'.split('-')", ["a", "b"]),
        ("' Ab '.strip().lower()", "ab"),
        ("'ab'.upper().replace('B', 'c')", "Ac"),
        ("', '.join(c.name for c in contacts())", "Ada, Bob, Cy"),
        ("'abc'.startswith('ab') and 'abc'.endswith('bc')", True),
        ("'abca'.count('a')", 2),
        ("'a\\nb'.splitlines()", ["a", "b"]),
        ("{'a': balance()}", {"a": 12.5}),
        ("('a', balance())", ["a", 12.5]),
        ("[1] + [balance()]", [1, 12.5]),
        ("'a' + contacts()[0].name", "aAda"),
        ("contacts()[0].name == 'ada'", False),
        ("'2024-05-15 10:00' == '2024-05-15T10:00:00'", True),
        ("1 == '1'", False),
    ],
)  # fmt: skip
def test_expression_has_its_value(text, wanted):
    found = value(text)
    assert found == wanted and type(found) in (type(wanted), float, *type(found).__mro__[1:2])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("one(contacts())", "3 values where one is expected"),
        ("one(list_files())", "no values where one is expected"),
        ("one([1, 1.5] + [balance()])", "3 values"),
        ("max(list_files())", "of no values"),
        ("max(contacts(), key=lambda c: c.age)", "2 values where one is expected"),
        ("email('a@x.example b@x.example')", "2 email values"),
        ("iban(unread_mail())", "no iban values"),
        ("number('3 or 4')", "2 numbers"),
        ("number('Total: 1,23,456.00, due in 14 days', near='total')", "may be read in several ways"),
        ("number('Total: 1,23,456.00, due in 14 days')", "may be read in several ways"),
        ("number('Total: 5 100', near='total')", "may be read in several ways"),
        ("number(unread_mail(), near='tax')", "does not stand once"),
        ("number('tax 1 tax 2', near='tax')", "does not stand once"),
        ("contacts().name", "no fields, and no name; take one of it"),
        ("contacts()[0].nam", "there is no field nam; did you mean name?"),
        ("contacts()[7]", "cannot be computed"),
        ("contacts()['x']", "cannot be computed"),
        ("balance()[0]", "is no list"),
        ("balance() / (balance() - 12.5)", "cannot be computed"),
        ("balance() + 'x'", "no arithmetic"),
        ("'x' * 1000", "no arithmetic"),
        ("[1] * 1000", "no arithmetic"),
        ("'%s' % 1", "no arithmetic"),
        ("True + 1", "no arithmetic"),
        ("-'x'", "is no number"),
        ("sum(['1'])", "is no number"),
        ("max(1, 'x')", "have no order"),
        ("tickets() < 3", "have no order"),
        ("1 in 'x1'", "is no text"),
        ("[a for a, b in contacts()]", "has 3 parts and not 2"),
        ("[a for a in balance()]", "is no list"),
        ("balance().lower()", "has no .lower()"),
        ("plus(balance(), days=1)", "is no date"),
        ("plus('2024-02-31', days=1)", "is no date"),
        ("plus('2024-02-28', days=99999999)", "cannot be computed"),
        ("f'{contacts()}'", "is no text or number"),
        ("f'{\"x\":.2f}'.lower()", "cannot be computed"),
        ("'x'.split('')", "cannot be computed"),
        ("'a'.replace('', 'b')", "too long"),
        ("' '.join([1])", "is no text"),
        ("balance() * 900000000000000 * 900000000000000 * 9", "no arithmetic"),
        ("mentions('x', 1)", "cannot be computed"),
    ],
)  # fmt: skip
def test_what_has_no_one_value_cannot_be_read(text, why):
    with pytest.raises(Unreadable) as caught:
        value(text)
    assert why in str(caught.value) and "\n" not in str(caught.value)


WORK = [
    "[a for a in contacts() for b in contacts() for c in contacts()]",
    "[a for a in contacts() if [b for b in contacts() if b.name == a.name]]",
    "sorted(contacts(), key=lambda c: len([x for x in contacts() if x.name > c.name]))",
    "[a.body == b.body for a in unread_mail() for b in unread_mail()]",
    "[email(m.body) + email(n.body) for m in unread_mail() for n in unread_mail()]",
    "[m.body.lower() for m in unread_mail() for n in unread_mail()]",
    "unread_mail()[0].body.replace('a', unread_mail()[0].body)",
    "unread_mail()[0].body + unread_mail()[0].body",
    "f'{unread_mail()[0].body}{unread_mail()[0].body}'",
    "unread_mail()[0].body.join([m.body for m in unread_mail()])",
    "[x for x in contacts() if x in contacts()]",
]


@pytest.mark.parametrize("text", WORK)
def test_more_work_than_allowed_ends_it(text):
    large = {
        "contacts": [{"name": f"n{i}"} for i in range(3000)],
        "unread_mail": [{"body": "a " * 40_000 + f"x{i}@x.example"} for i in range(200)],
    }
    act = read(f'message(to={text}, body="b")', TOOLS)
    found = fits(act, Use(), {"to": "x", "body": "b"}, lambda name, arguments: large[name], "")
    assert isinstance(found, Misfit)
    assert "more work" in found.why or "too long" in found.why, found.why


@pytest.mark.parametrize(
    "text",
    [
        "a" * 90_000,
        "a." * 45_000,
        "a@" * 45_000,
        "1 " * 45_000,
        "AB12 CDEF " * 9_000,
        "http://" * 12_000,
        "(1" * 45_000,
    ],
)
@pytest.mark.parametrize("function", ["emails", "urls", "ibans", "phones", "dates", "numbers", "lines"])
def test_patterns_end_on_texts_that_are_made_to_hold_them_up(text, function):
    act = read(f'message(to=len({function}(unread_mail())), body="b")', TOOLS)
    found = fits(act, Use(), {"to": -1, "body": "b"}, lambda *_: text, "")
    assert found.argument == "to"


def test_number_of_reads_is_bounded():
    act = read('message(to=[webpage(url=f"{c.name}") for c in contacts()], body="b")', TOOLS)
    people = [{"name": str(i)} for i in range(70)]
    found = fits(act, Use(), {"to": "x", "body": "b"}, lambda name, _: people if name == "contacts" else "p", "")
    assert found.why == "more than 64 reads"


def test_data_that_is_too_large_or_deep_is_not_read():
    deep = []
    for _ in range(60):
        deep = [deep]
    act = read('message(to=contacts(), body="b")', TOOLS)
    for data in (deep, [0] * 200_000):
        found = fits(act, Use(), {"to": "x", "body": "b"}, lambda *_, d=data: d, "")
        assert found.why == "the data is too large or too deep"


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "id", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)
EXPRESSIONS = [
    "one(contacts())", "contacts()[0].name", "max(contacts())", "sorted(contacts())", "sum(contacts())", "email(contacts())",
    "number(contacts())", "lines(contacts())", "plus(contacts(), days=1)", "mentions(contacts(), 'a')", "set(contacts())",
    "[x.name for x in contacts()]", "[a for a, b in contacts()]", "contacts() + contacts()", "contacts() * 2", "-contacts()",
    "contacts() < contacts()", "1 in contacts()", "'a' in contacts()", "f'{contacts()}'", "contacts().lower()", "round(contacts(), 2)",
    "contacts().get('name')", "contacts()[:2]", "contacts()['x']", "', '.join(contacts())", "enumerate(contacts())", "contacts() % 7",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(plain_data, st.sampled_from(EXPRESSIONS), plain_data)
def test_any_data_gives_a_fit_or_a_misfit(data, text, given):
    for source in (text, f"among({text})", f"quote({text})", f'a("number", max={text})'):
        act = read(f'message(to={source}, body="b")', TOOLS)
        found = fits(act, Use(), {"to": given, "body": "b"}, lambda *_: data, "")
        assert isinstance(found, Misfit) or (found.use.count == 1)


@given(plain_data)
def test_value_is_the_same_as_itself_and_its_copy(data):
    from llmos_nb.policy.commitments.values import plain

    once = plain(data)
    assert same(once, plain(once)) and plain(once) == once


def test_name_is_a_value_where_it_is_bound_and_a_function_where_it_is_called():
    assert value("[contacts for contacts in [1, 2]]") == [1, 2]
    assert value("[one([one]) for one in [1, 2]]") == [1, 2]
    act = read('invite(user="A", email=one(emails(user)))', TOOLS)
    assert fits(act, Use(), {"user": "A", "email": "a@x.example"}, lambda *_: None, "").argument == "email"
    tool = {"note": Signature("note", ("date", "text", "end"), True, False)}
    act = read('note(date="2024-05-15", text=text(9), end=plus(date(date), days=1))', tool)
    call = {"date": "2024-05-15", "text": "hi", "end": "2024-05-16"}
    assert isinstance(fits(act, Use(), call, lambda *_: None, ""), Fit)
    assert judged(act, tool, "on May 15 2024").arguments == ("text",)


@pytest.mark.parametrize("field", [".id", ".id_", '["id"]', '.get("id_")'])
def test_field_that_a_record_spells_twice_is_not_read(field):
    node = read(f'run_report(name="n", text=tickets(){field})', TOOLS).arguments["text"].node
    found = [Evaluator(lambda *_, r=r: r) for r in ({"id_": "1", "_id": "2"}, {"id_": "1", "id": "2"})]
    assert found[0].value(node, {}) == "1"
    with pytest.raises(Unreadable, match="two fields id"):
        found[1].value(node, {})
