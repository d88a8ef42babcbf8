"""Secrets: planted values are found nowhere, handles are resolved at the edge, large payloads can be forgotten."""

import base64
import itertools
import json
import pickle
import re
import time

import pytest
from hypothesis import example, given, strategies as st
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.app.options import carry_out
from llmos_nb.errors import UsageError
from llmos_nb.journal import read
from llmos_nb.messages import Message, Request
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.secrets import SecretStr, Stream, Vault, handle, vault
from llmos_nb.session import Session
from llmos_nb.session.prune import forget
from llmos_nb.views import audit
from llmos_nb.views.audit import Wanted, of_one

# Twelve kinds. Those with no name in the environment are known by their shape alone, or by the user's word.
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\n-----END PRIVATE KEY-----"
ENVIRONMENT = {
    "OPENROUTER_API_KEY": "sk-or-v1-0f9a8b7c6d5e4f3a2b1c",
    "DB_PASSWORD": 'Tr0ub4dor&3 "x" ü',
    "SERVICE_TOKEN": "correcthorsebatterystaple",
    "SESSION_COOKIE": "s%3AkQ9zP2.LmN4vB7",
    "DEPLOY_PRIVATE_KEY": PEM,
}
SHAPES = {
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "github": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "google": "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "dsn": "postgresql://app:hunter2-x9@db.example.org/prod",
}
HELD = {"stripe": "rk_live_4eC39HqLyjWDarjtT1zdp7dc", "pin_of_card": "4929-1187-3356-0071"}
VALUES = [*ENVIRONMENT.values(), *SHAPES.values(), *HELD.values()]
NEEDLES = [v.partition("app:")[2].partition("@")[0] or v for v in VALUES]


@pytest.fixture(autouse=True)
def empty_box():
    vault.clear()
    yield
    vault.clear()


def everything_written(folder):
    return "\n".join(p.read_text("utf-8", "replace") for p in folder.rglob("*") if p.is_file())


def leaked(text):
    """Which planted values a text holds: as they are, as JSON or repr writes them, or by their long lines."""
    forms = {
        v: {
            v,
            json.dumps(v)[1:-1],
            repr(v)[1:-1],
            *(x for x in v.split("\n") if len(x) > 20 and "KEY" not in x),
        }
        for v in NEEDLES
    }
    return [v for v, all_ in forms.items() if any(f in text for f in all_)]


class Watched(ScriptedModel):
    """Keeps the bytes of every prompt."""

    def __init__(self, turns):
        super().__init__(turns)
        self.sent = b""

    async def respond(self, request, on_text=lambda text: None):
        self.sent += b"\n".join(m.encoded for m in request.messages) + request.tools_encoded
        return await super().respond(request, on_text)


async def test_planted_secrets_of_twelve_kinds_leak_nowhere(monkeypatch, tmp_path, capsys):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    names = {"shapes": SHAPES, "held": SecretStr("stripe", HELD["stripe"]), "pin_of_card": HELD["pin_of_card"]}
    session = Session(names)
    await carry_out(session, "secret pin_of_card")
    shown = "import os, base64\nprint(dict(os.environ), shapes, held, pin_of_card)"
    listed = "\n".join(f"print(os.environ[{n!r}])" for n in ENVIRONMENT)
    raised = (
        "raise ValueError(os.environ['DB_PASSWORD'] + pin_of_card + shapes['jwt'] + os.environ['DEPLOY_PRIVATE_KEY'])"
    )
    held = "raise KeyError(held.reveal())"
    model = Watched([python(shown), python(listed), python(raised), python(held), {"text": f"Here: {VALUES}"}])
    proc = session.create(f"show {pin(names)} {SHAPES['aws']}", model=model, approve="auto")
    await proc.start()
    assert proc.reason == "answered" and len(VALUES) == 12
    assert leaked(model.sent.decode() + json.dumps(json.loads(b'"' + b'"'))) == []
    assert leaked(everything_written(proc.journal.path.parent)) == []
    assert leaked(str(proc.run.state.plain())) == []
    assert leaked(repr(proc) + proc.answer + proc.detail) == []
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    path = proc.journal.path
    for wanted in (
        Wanted(),
        Wanted(json=True),
        Wanted(decisions=True),
        Wanted(spans=str(tmp_path / "spans.jsonl")),
    ):
        assert leaked("\n".join(map(audit.text, of_one(wanted, path))) + everything_written(tmp_path)) == []
    assert "<secret DB_PASSWORD>" in (tmp_path / "spans.jsonl").read_text()
    with pytest.raises(UsageError) as refused:  # a step needs the pin, and a notebook would have to hold it
        proc.export(tmp_path / "out.ipynb")
    assert leaked(str(refused.value) + everything_written(tmp_path)) == []
    assert "<secret DB_PASSWORD>" in proc.run.state.calls["r1.0"].result
    assert leaked(capsys.readouterr().out) == []


@pytest.mark.out_of_process
async def test_an_exported_notebook_holds_no_secret(monkeypatch, tmp_path, script):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    code = "import os\nn = len(os.environ['DB_PASSWORD'])\nprint(n, os.environ['DB_PASSWORD'], os.environ['DEPLOY_PRIVATE_KEY'])"
    wrong = f"m = len({ENVIRONMENT['SERVICE_TOKEN']!r} + {SHAPES['dsn']!r})"
    proc = await llmos.run("x", model=script(python(code), python(wrong), {"text": "ok"}), namespace={}, approve="auto")
    with pytest.warns(UserWarning, match="saved, not run: .*it needs 'DB_PASSWORD', a secret"):
        proc.export(tmp_path / "out.ipynb", trace=True)
    assert leaked((tmp_path / "out.ipynb").read_text() + everything_written(tmp_path)) == []


def pin(names):
    return names["pin_of_card"]


async def test_check_finds_a_leak_without_the_vault(monkeypatch, script):
    monkeypatch.setattr(Vault, "dirty", lambda self, encoded: False)
    monkeypatch.setattr(Vault, "redact", lambda self, text: text)
    names = {"pin_of_card": HELD["pin_of_card"]}
    proc = await llmos.run(
        "x", model=script(python("print(pin_of_card)"), {"text": "ok"}), namespace=names, approve="auto"
    )
    assert leaked(everything_written(proc.journal.path.parent)) == [HELD["pin_of_card"]]


@pytest.mark.parametrize("form", [base64.b64encode(b"hunter2-hunter2"), b"hunter2-hunter2"])
def test_usual_encodings_are_known_too(form):
    found = Vault()
    found.add("X", "hunter2-hunter2")
    assert found.redact(f"a {form.decode().rstrip('=')} b").startswith("a <secret X>")


@given(st.binary(max_size=8), st.binary(max_size=8), st.sampled_from(["standard", "urlsafe"]))
def test_value_inside_longer_base64_is_found_at_any_offset(before, after, kind):
    found, value = Vault(), "hunter2-hünter2~?>"
    found.add("X", value)
    text = getattr(base64, f"{kind}_b64encode")(before + value.encode() + after).decode()
    said = found.redact(f"Authorization: Basic {text}")
    assert "<secret X>" in said and base64.b64encode(b"hunter2")[:8].decode() not in said


@pytest.mark.parametrize(
    "form",
    [
        "hunter2%2fhunter2%3d",
        "hunter2%2Fhunter2%3D",
        b"hunter2/hunter2=".hex(),
        b"hunter2/hunter2=".hex().upper(),
    ],
)
def test_addresses_and_hexadecimal_are_known_too(form):
    found = Vault()
    found.add("X", "hunter2/hunter2=")
    assert found.redact(f"GET /?key={form}&x=1") == "GET /?key=<secret X>&x=1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("| correct-ho... | 3 |", "| <secret X>... | 3 |"),
        ("'correct-horse-batt…'", "'<secret X>…'"),
        ("…se-battery and ...battery", "…<secret X> and ...<secret X>"),
        ("correct answers... correct-h and more", "correct answers... correct-h and more"),
    ],
)
def test_remains_of_a_shortened_value_are_redacted(text, said):
    found = Vault()
    found.add("X", "correct-horse-battery")
    assert found.redact(text) == said
    assert found.dirty(json.dumps(text).encode()) or said == text


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://app:p@ss-w@rd@db/prod", "postgresql://<secret found-in-text>@db/prod"),
        ("redis://:s3cr3t@cache:6379/0", "redis://<secret found-in-text>@cache:6379/0"),
        ("amqp://app:hunter2-… and more", "amqp://<secret found-in-text>… and more"),
        ("postgresql://app:***@db/prod", "postgresql://app:***@db/prod"),
        ("http://localhost:8080/users?mail=a@b.c", "http://localhost:8080/users?mail=a@b.c"),
        ("https://example.org/a:b@c", "https://example.org/a:b@c"),
        ("git@github.com:a/b.git, 10:30@noon", "git@github.com:a/b.git, 10:30@noon"),
    ],
)
def test_addresses_keep_all_but_their_password(url, said):
    assert Vault().redact(url) == said


PIECES = [
    "plain words ",
    "hunter2-hunter2",
    "correct-horse",
    "\n",
    "sk",
    "s",
    "-",
    SHAPES["github"],
    SHAPES["dsn"],
    SHAPES["jwt"],
    " ",
    "h",
    "corr",
    PEM,
    "https://x.org/a:b ",
]


@example([SHAPES["github"], "h", " "], [])  # what may begin `h u n t e r 2` ends a key of another shape
@example([SHAPES["jwt"], PEM], [len(SHAPES["jwt"]) + 11])  # what may begin `PRIVATE KEY` ends another key
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.integers(0, 400), max_size=40))
def test_streamed_text_is_redacted_like_the_whole(parts, cuts):
    """Whatever the pieces are, no part of a value is shown, and all the rest is."""
    vault.clear()
    vault.add("X", "hunter2-hunter2")
    vault.add("Y", "correct-horse")
    text, shown = "".join(parts), []
    at = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    stream = Stream(shown.append)
    for i, j in itertools.pairwise(at):
        stream(text[i:j])
    stream.end()
    assert "".join(shown) == vault.redact(text)


def test_a_stream_holds_little_back_and_never_for_long():
    vault.clear()
    shown = []
    stream = Stream(shown.append)
    for word in ("It ", "is ", "4", "2."):
        stream(word)
    assert "".join(shown) == "It is 42."
    stream("https://" + "a" * 20_000)
    assert sum(map(len, shown)) > 20_000


@pytest.mark.parametrize("word", ["x", "ab-", "sk-", "a=b&", "ghp_", "eyJ-", '{"k":1},'])
@pytest.mark.parametrize("end", ["\n", " sk"])
def test_the_work_for_a_long_line_grows_with_its_length_alone(word, end):
    """Sixteen times the text, about sixteen times the processor's time, where it was once two hundred times."""
    vault.clear()

    def spent(length):
        begun = time.process_time()
        for _ in range(3):
            stream = Stream(lambda piece: None)
            stream(word * (length // len(word)) + end)
            stream("\n")
            stream.end()
        return time.process_time() - begun

    short, long = spent(4_000), spent(64_000)
    assert long < 100 * max(short, 0.0005)


def test_secrets_deeper_in_a_namespace_are_found_by_their_names():
    pd = pytest.importorskip("pandas")
    found, config = (
        Vault(),
        {"db": {"user": "app", "password": "zq81-kkw3"}, "hosts": [{"api_key": "pw-9911-aa"}]},
    )
    config["self"] = config
    users = pd.DataFrame({"name": ["Ann"], "password": ["Tr0ub4dor&3"], "token": ["international"]})
    found.look({"config": config, "users": users, "n_tokens": 123, "_password": "left-alone-1"})
    assert found.names == ["config.db.password", "config.hosts.api_key", "users.password.0"]
    assert found.redact(f"{config['db']} {users}").count("<secret ") == 2


async def test_secrets_in_cells_addresses_errors_and_prints_are_redacted(script, capsys, monkeypatch):
    """What is shown while it runs counts, too: pieces of prints, pieces of the answer."""
    pd = pytest.importorskip("pandas")
    monkeypatch.setenv("DEPLOY_KEY", "correct-horse-9battery-staple-" * 3)
    frame = pd.DataFrame({"what": ["a"], "value": ["correct-horse-9battery-staple-" * 3], "dsn": [SHAPES["dsn"]]})
    code = "print(frame)\nimport sys\nfor c in key: sys.stdout.write(c)\nfor c in frame.dsn[0]: print(c, end='')"
    names = {"frame": frame, "key": "correct-horse-9battery-staple-" * 3}
    model = Watched(
        [
            python(code),
            {"calls": [{"name": "describe", "arguments": {"name": "frame"}}]},
            python("frame"),
            python("raise KeyError(frame.dsn[0], key)"),
            {"text": f"It is {names['key']} at {SHAPES['dsn']}"},
        ]
    )
    session = Session(names)
    proc = session.create("show it", model=model, approve="auto")
    shown = []
    proc.run.on_output = lambda call, words: shown.append(words)
    proc.run.on_text = shown.append
    await proc.start()
    everywhere = [
        model.sent.decode(),
        "".join(shown),
        everything_written(proc.journal.path.parent),
        str(proc.run.state.plain()),
        capsys.readouterr().out,
    ]
    for text in everywhere:
        assert "correct-horse" not in text and "hunter2" not in text and "staple" not in text
    assert "<secret DEPLOY_KEY>" in "".join(shown) and "<secret found-in-text>" in "".join(shown)


@pytest.mark.out_of_process
async def test_export_refuses_secrets_in_input_files_and_observed_outputs(script, tmp_path, monkeypatch):
    pd = pytest.importorskip("pandas")
    users = pd.DataFrame({"name": ["Ann"] * 40, "password": [f"Tr0ub4dor&{n}" for n in range(40)]})
    proc = await llmos.run(
        "x", model=script(python("n = len(users)"), {"text": "ok"}), namespace={"users": users}, approve="auto"
    )
    with pytest.raises(UsageError, match=r"`users`: its value holds a secret") as refused:
        proc.export(tmp_path / "out" / "a.ipynb")
    assert "Tr0ub4dor" not in str(refused.value) + everything_written(tmp_path)
    monkeypatch.setenv("DOOR_TOKEN", "swordfish-92-x")
    print_it = "m = 'sword'\nprint(m + 'fish-92-x')"
    proc = await llmos.run("x", model=script(python(print_it), {"text": "ok"}), namespace={}, approve="auto")
    with pytest.raises(UsageError, match="its output shows a secret") as refused:
        proc.export(tmp_path / "b.ipynb", observe=True)
    assert "swordfish" not in str(refused.value) + everything_written(tmp_path)


def test_value_cut_by_a_long_output_leaves_no_half():
    found = Vault()
    found.add("X", "correct-horse-battery")
    text = found.redact("abc correct-horse\n… 9,000 bytes left out …\n-battery xyz")
    assert text == "abc <secret X>\n… 9,000 bytes left out …\n<secret X> xyz"


def test_words_numbers_and_paths_under_a_secret_name_are_no_secrets():
    found = Vault()
    found.learn(
        {
            "SSH_AUTH_SOCK": "/tmp/ssh/agent.1",
            "AUTH": "required",
            "KEY_COUNT": "123456789",
            "PWD": "/home/me",
            "HOME_KEY": "localhost:8080",
            "TOKEN_FILE": "/run/token",
        }
    )
    assert found.names == [] and found.redact("required") == "required"


def test_text_without_secrets_is_the_same_object():
    text = "plain " * 1000
    assert Vault().redact(text) is text and not Vault().dirty(text.encode())


def test_code_that_resembles_a_secret_is_unchanged():
    code = 'password = getpass.getpass()\nurl = f"https://{user}:{password}@host/"\nrisk-free task-list sk-learn'
    assert Vault().redact(code) == code


@pytest.mark.parametrize(("name", "value"), [("a b", "long enough"), ("X", "abc")])
def test_bad_secret_is_refused_without_echoing_it(name, value):
    with pytest.raises(UsageError) as error:
        Vault().add(name, value)
    assert value not in str(error.value)


def test_a_secret_text_shows_its_handle_in_every_form():
    secret = SecretStr("X", "hunter2-hunter2")
    assert {str(secret), repr(secret), f"{secret}", f"{secret:>5}"} == {"<secret X>"}
    assert secret.reveal() == "hunter2-hunter2" and secret == SecretStr("X", "hunter2-hunter2")
    with pytest.raises(UsageError):
        pickle.dumps(secret)


def test_a_prompt_is_scanned_on_its_way_out():
    late = Vault()
    request = Request(
        (Message("user", "the pin is 4929-1187"),), ({"default": "4929-1187"},), b'[{"default":"4929-1187"}]'
    )
    assert late.request(request) is request
    late.add("PIN", "4929-1187")
    sent = late.request(request)
    assert b"4929" not in sent.messages[0].encoded + sent.tools_encoded and "4929" not in str(sent.tools)


async def test_a_handle_is_resolved_at_the_edge_and_asks(script):
    seen = []

    def login(password: str) -> str:
        seen.append(password)
        return f"welcome, {password}"

    vault.add("PIN", "4929-1187")
    proc = await llmos.run(
        "log in", model=script(call("login", password=handle("PIN")), {"text": "done"}), tools=[login]
    )
    declared = "`login` acts outside the namespace, and Undo cannot take that back"
    assert proc.state == "waiting" and proc.run.state.questions["r1.0"]["risks"] == [
        ["external", declared],
        ["secret", "`login` is handed the secret PIN"],  # and nothing of untrusted data, since none was read
    ]
    await proc.approve("r1.0")
    assert seen == ["4929-1187"] and proc.run.state.calls["r1.0"].result == "welcome, <secret PIN>"
    assert "4929-1187" not in everything_written(proc.journal.path.parent)


async def test_secret_set_by_python_is_registered(script, monkeypatch):
    monkeypatch.setenv("NEW_API_TOKEN", "")
    code = "import os\nos.environ['NEW_API_TOKEN'] = 'zx81-' * 3\nmy_secret = 'abc' + '-123-xyz'"
    turns = (python(code), python("print(os.environ['NEW_API_TOKEN'], my_secret)"), {"text": "ok"})
    proc = await llmos.run("x", model=script(*turns), namespace={}, approve="auto")
    assert proc.run.state.calls["r2.0"].result == "<secret NEW_API_TOKEN> <secret my_secret>"


async def test_forget_deletes_the_payload_and_the_chain_holds(script):
    names = {}
    turns = (python("print('private ' * 1000)"), python("print('small')"), {"text": "ok"})
    proc = await llmos.run("x", model=script(*turns), namespace=names, approve="auto")
    path = proc.journal.path
    assert "private" in proc.run.state.calls["r1.0"].result and "private " * 60 not in path.read_text()
    assert same_as_folded(proc)
    with pytest.raises(UsageError, match=r"r2\.0"):
        forget(proc.run, "r2.0")
    assert forget(proc.run, "r1.0") == 8000
    assert proc.run.state.calls["r1.0"].result == "[payload of 8,000 bytes is missing: deleted or lost]"
    assert "private " * 60 not in everything_written(path.parent)
    assert read(path)[-1].d["signal"] == "forget" and same_as_folded(proc)


async def test_a_payload_that_was_changed_is_named(script):
    proc = await llmos.run("x", model=script(python("print('a' * 9000)"), {"text": "ok"}), namespace={}, approve="auto")
    blob = next((proc.journal.path.parent / "blobs").iterdir())
    data = blob.read_bytes()
    blob.write_bytes(data.replace(b"a", b"b", 1))
    with pytest.raises(llmos.errors.JournalTampered):
        read(proc.journal.path)
    blob.write_bytes(data)
    assert re.search("a{100}", proc.run.state.calls["r1.0"].result) and same_as_folded(proc)


async def test_beginning_of_a_long_secret_in_a_text_variable_is_not_described(script, monkeypatch):
    """A description shows the first characters of a text; the rest of the value says that it is a secret."""
    value = "correct-horse-9battery-staple-" * 8
    monkeypatch.setenv("DEPLOY_KEY", value)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"words": [value, "short"]})
    names = {
        "words": value,
        "held": [value, value],
        "within": {"words": value},
        "frame": frame,
        "long": "plain " * 40,
    }
    model = Watched([*({"calls": [{"name": "describe", "arguments": {"name": n}}]} for n in names), {"text": "ok"}])
    proc = Session(names).create("show it", model=model, approve="auto")
    await proc.start()
    assert "correct-horse" not in model.sent.decode()
    assert "plain plain" in model.sent.decode()
