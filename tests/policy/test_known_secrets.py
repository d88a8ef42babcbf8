"""What is secret is known by its value: where it stands in variables, the environment, texts and the goal."""

import collections
import dataclasses
import json
import re
import time
import types

import numpy
import pandas
import pytest
from turns import call, python

import llmos_nb as llmos
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.secrets import Vault, vault
from llmos_nb.session import Session


@pytest.fixture(autouse=True)
def empty_box():
    vault.clear()
    yield
    vault.clear()


class Watched(ScriptedModel):
    """Keeps the bytes of every prompt."""

    def __init__(self, turns):
        super().__init__(turns)
        self.sent = b""

    async def respond(self, request, on_text=lambda text: None):
        self.sent += b"\n".join(m.encoded for m in request.messages) + request.tools_encoded
        return await super().respond(request, on_text)


def everything_written(folder):
    return "\n".join(p.read_text("utf-8", "replace") for p in folder.rglob("*") if p.is_file())


KEPT = "Tr0uq8Zk3mPw7Xa2LcV9"


class Slotted:
    __slots__ = ("empty", "token")

    def __init__(self, token):
        self.token = token


@dataclasses.dataclass
class Held:
    user: str
    secret_key: str


Login = collections.namedtuple("Login", "user password")
SPELLED = {
    "file of variables": (f"API_KEY={KEPT}\nDEBUG=1", "value"),
    "netrc": (f"machine example.org login ann password {KEPT}", "value"),
    "settings of a cloud": (f"[default]\naws_secret_access_key = {KEPT}", "value"),
    "yaml": (f"db:\n  password: {KEPT}\n", "value"),
    "json": (f'{{"password": "{KEPT}"}}', "value"),
    "address": (f"https://example.org/?token={KEPT}&page=2", "value"),
    "line of a log": (f"INFO login password={KEPT} ok", "value"),
    "header": (f"Authorization: Bearer {KEPT}", "value"),
    "repr": (f"Conf(user='ann', password='{KEPT}')", "print(value)"),
    "error": (f"bad token: {KEPT}", "raise ValueError(value)"),
    "list": ([KEPT], "passwords"),
    "bytes": (KEPT.encode(), "password"),
    "short name": (KEPT, "pw"),
    "column": (KEPT, "frame"),
    "row of a series": (pandas.Series({"user": "ann", "password": KEPT}), "print(value)"),
    "name of a series": (pandas.Series([KEPT], name="api_token"), "value.iloc[0]"),
    "series": (pandas.Series([KEPT]), "tokens"),
    "array": (numpy.array([KEPT]), "tokens.tolist()"),
    "attribute": (types.SimpleNamespace(password=KEPT), "value.password"),
    "attribute of an attribute": (types.SimpleNamespace(db=types.SimpleNamespace(password=KEPT)), "value.db"),
    "attribute of a slot": (Slotted(KEPT), "value.token"),
    "dataclass": (Held("ann", KEPT), "value"),
    "named tuple": (Login("ann", KEPT), "print(value[1])"),
    "default argument": (lambda: lambda url, password=KEPT: url, "value.__defaults__"),
    "under a name that says so": ({"ann": {"eu": KEPT}}, "credentials['ann']['eu']"),
    "an address within a list": ([[f"https://example.org/?token={KEPT}"]], "print(value)"),
}


@pytest.mark.parametrize("way", SPELLED)
async def test_value_under_a_name_that_says_so_reaches_no_prompt_and_no_journal(way, tmp_path):
    value, code = SPELLED[way]
    value = value() if callable(value) else value
    space = {"value": value} if "value" in code else {re.match(r"\w+", code)[0]: value}
    space |= {"frame": pandas.DataFrame({"token": [KEPT], "n": [1]})} if code == "frame" else {}
    seen = []

    class Spy(ScriptedModel):
        async def respond(self, request, on_text):
            seen.extend(m.encoded.decode() for m in request.messages)
            return await super().respond(request, on_text)

    proc = await llmos.run("look", model=Spy([python(code), {"text": "ok"}]), namespace=space, approve="auto")
    await proc.journal.flush()
    assert KEPT not in "".join(seen) and KEPT not in proc.journal.path.read_text()
    assert "<secret " in proc.run.state.calls["r1.0"].result


@pytest.mark.parametrize(
    "text",
    [
        "token = tokens2Count[0]",
        "password: unchanged-since-2024-01",
        "max_tokens=4096000000000",
        "secret santa: everybody brings a present",
        "api_key = os.environ['KEY']",
        "pwd: /home/ann/Work2024/Data7/x",
        "token: self.backend.get_password_data(1)",
        f"reference {KEPT}",
    ],
)
def test_words_beside_such_a_name_are_no_secret(text):
    found = Vault()
    found.read(text)
    assert found.values() == []


def test_what_code_spells_itself_is_not_taken_for_a_secret():
    found = Vault()
    found.read(f"token = {KEPT}", f"token = '{KEPT}'")
    assert found.values() == []


ENVIRON = {
    "a key": KEPT,
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015",
    "in an address": f"https://hooks.example.org/services/T0/{KEPT}",
    "in a query": f"https://example.org/?sig={KEPT}&page=2",
    "in settings": f"host=db;user=ann;with={KEPT};port=5432",
    "in JSON": json.dumps({"user": "ann", "with": KEPT}),
    "url-safe base64": "q3vJ9-Zk2mTw7Xa_LcV94bRy8",
}


@pytest.mark.parametrize("way", ENVIRON)
def test_a_key_under_a_plain_name_of_the_environment_is_known(way):
    found = Vault()
    found.learn({"MAILER": ENVIRON[way]})
    said = found.redact(f"It is {ENVIRON[way]}.")
    assert "<secret MAILER>" in said and KEPT not in said and len(said) < len(ENVIRON[way]) + 20
    assert "ann" in said or "ann" not in ENVIRON[way]


@pytest.mark.parametrize("value", [
    "/usr/local/bin:/usr/bin:/home/ann/.cargo/bin", "/nix/store/9f86d081884c7d659a2feaa0c55ad015-python3-3.12",
    "en_US.UTF-8", "xterm-256color", "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:*.tar=01;31", "tcp://10.96.0.1:443",
    "my-project-deployment-2024-v3-eu-west-1", "myapp-7d9c6b5f4-x2k8p", "3f2a8b1c9d0e", "x86_64-conda-linux-gnu",
    "unix:path=/run/user/1000/bus", "2026-01-01T10:20:30.123456+00:00", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
    "tests/policy/test_secrets.py::test_a_key_under_a_plain_name (call)", "https://pypi.example.org/simple/v2/index.html",
    "-Wl,-O2 -Wl,--sort-common -march=nocona -mtune=haswell -ftree-vectorize -fPIC -O2",
])  # fmt: skip
def test_words_paths_versions_and_settings_of_the_environment_are_no_keys(value):
    found = Vault()
    found.learn({"SOMETHING": value})
    assert found.names == []


async def test_a_secret_in_the_goal_is_a_handle_from_the_first_word_on(script, tmp_path):
    given = []

    def login(user: str, password: str) -> str:
        given.append((user, password))
        return "welcome"

    model = Watched([call("login", user="ann", password="<secret password>"), {"text": "ok"}])
    goal = f"Log in as ann, the password is {KEPT}, and say hello."
    session = Session({}, tmp_path / "home")
    proc = session.create(goal, model=model, tools=[login], approve="auto", plan="none")
    await proc.start()
    if proc.state == "waiting":
        await proc.approve("r1.0")
    assert given == [("ann", KEPT)]  # it can be used, though nobody has seen it
    assert KEPT not in model.sent.decode() and b"the password is <secret password>, and say hello" in model.sent
    assert KEPT not in everything_written(tmp_path) and KEPT.lower() not in str([*tmp_path.rglob("*")]).lower()


def test_words_of_a_goal_are_no_secrets():
    found = Vault()
    for goal in (
        "Rotate the token of order 4711.",
        "Is the password policy of 2024-01-01 fine?",
        "Sum token counts by day_2024_03",
    ):
        found.read(goal)
    assert found.names == []


async def test_texts_of_a_variable_that_is_labelled_secret_are_known(script, tmp_path, monkeypatch):
    (tmp_path / "llmos.toml").write_text("[labels]\nletter = 'secret'\n")
    monkeypatch.chdir(tmp_path)
    model = Watched([python("print('dear ' + 'Walrus, it is the cook')"), {"text": "ok"}])
    proc = Session({"letter": ["Walrus, it is the cook", "yes"]}).create("x", model=model, approve="auto")
    await proc.start()
    assert "the cook" not in model.sent.decode() + everything_written(proc.journal.path.parent)
    assert "yes" not in str(vault.values())  # too short to be told from other text


async def test_texts_of_a_private_variable_reach_no_prompt_from_elsewhere_either(tmp_path):
    """What is made of it bears its label; a file with the same words does not."""
    (tmp_path / "copy.txt").write_text("dear Walrus, it is the cook")
    session = Session({"letter": pandas.DataFrame({"who": ["Walrus, it is the cook"], "n": [1]})})
    session.hide("letter")
    model = Watched(
        [
            python(f"from pathlib import Path\nprint(Path({str(tmp_path / 'copy.txt')!r}).read_text())"),
            {"text": "ok"},
        ]
    )
    proc = session.create("x", model=model, approve="auto")
    await proc.start()
    assert "the cook" not in model.sent.decode() and "dear <secret letter.who.0>" in model.sent.decode()
    assert "the cook" in proc.run.state.calls["r1.0"].result, "the person sees it"


def test_a_key_that_a_model_was_given_is_known():
    OpenAIModel("m", "http://127.0.0.1:1/v1", api_key=KEPT)
    assert KEPT not in vault.redact(f"It is {KEPT}.")


def test_looking_runs_no_code_of_an_object():
    ran = []

    class Loud:
        def __getattr__(self, name):
            ran.append(name)
            raise AttributeError(name)

        def __iter__(self):
            ran.append("iter")
            return iter(())

        def __eq__(self, other):
            ran.append("eq")
            return True

        def __len__(self):
            ran.append("len")
            return 1

        @property
        def password(self):
            ran.append("password")
            return KEPT

        __hash__ = None

    class Odd(Loud, dict):
        def items(self):
            ran.append("items")
            return super().items()

    found = Vault()
    found.look({"loud": Loud(), "odd": Odd(password=KEPT), "listed": [Loud(), Odd()]})
    assert ran == [] and found.values() == [KEPT]


def test_looking_ends_in_a_namespace_without_end():
    inner = {f"m{n}": [0.5] * 1_000 for n in range(1_000)}
    wide = {f"k{n}": [dict(inner), [dict(inner)]] for n in range(50)}
    wide["self"] = wide
    begun = time.process_time()
    Vault().look({"wide": wide, "password": KEPT, "texts": ["x" * 20_000] * 1_000})
    assert time.process_time() - begun < 5  # it takes a fifth of a second; without bounds, minutes
