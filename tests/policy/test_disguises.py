"""A key is known however code spells it; the ways that go through are those that the page names."""

import base64
import codecs
import json
import re
import zlib
from pathlib import Path

import pytest
from turns import call, python

import llmos_nb as llmos
from llmos_nb.policy.secrets import Vault, vault


@pytest.fixture(autouse=True)
def empty_box():
    vault.clear()
    yield
    vault.clear()


SEEN = {
    "reversed": "key[::-1]",
    "small letters": "key.lower()",
    "capitals": "key.upper()",
    "other case": "key.swapcase()",
    "something between the letters": "' . '.join(key)",
    "a line for each letter": "'\\n'.join(key)",
    "the same, as a repr": "repr('\\n'.join(key))",
    "a list of its letters": "list(key)",
    "in groups": "'/'.join(key[i:i + 3] for i in range(0, len(key), 3))",
    "a half": "key[:len(key) // 2]",
    "a third": "key[9:20]",
    "halves in the wrong order": "key[14:] + ' and ' + key[:14]",
    "reversed, with something between": "'_'.join(key[::-1])",
    "numbers of its characters": "[ord(c) for c in key]",
    "numbers in a text": "' '.join(str(ord(c)) for c in key)",
    "numbers reversed": "[ord(c) for c in reversed(key)]",
    "numbers of a half": "[ord(c) for c in key[:14]]",
    "numbers in base 16": "[hex(ord(c)) for c in key]",
    "numbers in base 8": "[oct(ord(c)) for c in key]",
    "numbers in base 2": "' '.join(f'{ord(c):08b}' for c in key)",
    "hexadecimal": "key.encode().hex()",
    "hexadecimal with colons": "key.encode().hex(':')",
    "escapes of Python": "''.join(f'\\\\x{ord(c):02x}' for c in key)",
    "escapes of JSON": "''.join(f'\\\\u{ord(c):04x}' for c in key)",
    "entities of HTML": "''.join(f'&#{ord(c)};' for c in key)",
    "percent escapes": "''.join(f'%{ord(c):02X}' for c in key)",
    "base64": "base64.b64encode(key.encode())",
    "base64 in lines": "base64.encodebytes(b'user:' + key.encode() * 3)",
    "base64 of it reversed": "base64.b64encode(key[::-1].encode())",
    "base64 of a half": "base64.b64encode(key[14:].encode())",
    "base32": "base64.b32encode(key.encode())",
    "letters moved on by thirteen": "codecs.encode(key, 'rot13')",
}
NOT_SEEN = {
    "every other letter": "key[::2] + ' ' + key[1::2]",
    "packed": "zlib.compress(key.encode()).hex()",
    "encrypted, here with one byte": "bytes(b ^ 7 for b in key.encode()).hex()",
    "letters moved on by another number": "''.join(chr(ord(c) + 1) for c in key)",
    "base85": "base64.b85encode(key.encode())",
    "one letter in each line of other words": "'\\n'.join(f'line {n} has {c}' for n, c in enumerate(key))",
    "fewer than eight letters of it": "key[:7]",
}
KEY = "Zq7-abCD99xyTT01-kLmn42-Wp3sG"


def in_disguise(code):
    return str(eval(code, {"key": KEY, "base64": base64, "codecs": codecs, "zlib": zlib}))


@pytest.mark.parametrize("key", [KEY, "9f86d081884c7d659a2feaa0c55ad015", "sk-proj-T3BlbkFJw8Qm2Zx7Lc5Vr9Ny4"])
@pytest.mark.parametrize("way", SEEN)
def test_key_in_disguise_is_known_at_the_edge(way, key):
    known = Vault()
    known.add("api_key", key)
    shown = str(eval(SEEN[way], {"key": key, "base64": base64, "codecs": codecs}))
    said = known.redact(f"it is {shown} here")
    assert "<secret api_key>" in said and said.startswith("it is ") and said.endswith(" here")
    left = re.sub(r"<secret [\w.-]+>", "", said)
    assert len(left) < 40 + len(shown) // 10  # brackets, a few letters at a seam, and nothing of its middle
    assert known.dirty(json.dumps({"text": f"it is {shown} here"}).encode())


@pytest.mark.parametrize("way", NOT_SEEN)
def test_what_is_said_not_to_be_seen_is_not(way):
    """The page would be wrong in saying so; whoever mends one moves it to the other table."""
    known = Vault()
    known.add("api_key", KEY)
    assert "<secret" not in known.redact(in_disguise(NOT_SEEN[way]))


def test_the_page_has_the_ways_that_are_tried():
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    rows = {
        line.split("|")[1].strip(): line for line in map(str.strip, page.splitlines()) if line.startswith("| a key ")
    }
    seen, unseen = rows["a key that is taken out"], rows["a key that goes through"]
    assert [w for w in SEEN if w not in seen] == [] and [w for w in NOT_SEEN if w not in unseen] == []


@pytest.mark.parametrize("listed", [list(KEY), [ord(c) for c in KEY], [*map(str, map(ord, KEY))]])
def test_a_list_of_data_that_spells_a_key_is_no_list_any_more(listed):
    known = Vault()
    known.add("api_key", KEY)
    assert known.plain({"sent": listed, "n": [1, 2, 3], "w": ["a", "b"]})["n"] == [1, 2, 3]
    assert "<secret api_key>" in str(known.plain({"sent": listed})["sent"])
    assert known.used({"sent": listed}) == ["api_key"]


def test_numbers_and_words_that_only_look_like_a_disguise_stay():
    """The counter-example: an edge that takes out everything would pass."""
    known = Vault()
    known.add("api_key", KEY)
    known.add("pet", "rosebuds")
    known.add("phrase", "correct-horse-9battery-staple")
    for text in (
        "[90, 113, 55, ...]", "90, 113, 54, 45", "sdubesor", "R O S E B U D S", "zq7-abc", "a battery of 9 horses",
        "correct horse", "9battery", str([*range(300)]), bytes(range(256)).hex(), base64.b64encode(b"plain words " * 40).decode(),
        "The quick brown fox. " * 50, json.dumps({"a": ["b", "c", 1, 2, 3] * 20}),
    ):  # fmt: skip
        assert known.redact(text) == text


async def test_a_tool_that_is_handed_a_key_in_disguise_asks(script):
    sent = []

    def mail(text: str) -> str:
        sent.append(text)
        return "sent"

    names = {"api_key": KEY}
    turns = (python("w = api_key[::-1]"), call("mail", text=KEY[::-1]), {"text": "ok"})
    proc = await llmos.run("x", model=script(*turns), namespace=names, tools=[mail])
    assert proc.state == "waiting" and sent == []
    assert ["secret", "`mail` is handed the secret api_key"] in proc.run.state.questions["r2.0"]["risks"]


@pytest.mark.parametrize("shift", range(9))
def test_key_is_found_wherever_it_stands_in_a_text(shift):
    box = Vault()
    box.learn({"SERVICE": KEY})
    for spelled in (
        KEY,
        KEY[::-1],
        KEY[4:15],
        " ".join(str(ord(c)) for c in KEY),
        base64.b64encode(KEY.encode()).decode(),
    ):
        assert box.dirty(json.dumps({"result": "x" * shift + spelled + " y"}).encode()), spelled
        assert box.redact("x" * shift + spelled + " y") != "x" * shift + spelled + " y"
    assert not box.dirty(json.dumps({"result": "x" * shift + "2024-05-01, 1234.5 and k3y"}).encode())
