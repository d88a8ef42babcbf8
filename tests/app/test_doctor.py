"""`llmos doctor` answers why something does not work: a sound machine, and each fault put into one."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from llmos_nb.app import checks, doctor

pytestmark = pytest.mark.out_of_process

EXTENSION = Path(checks.__file__).parent / "lab" / "extension"


@pytest.fixture(autouse=True)
def plain(tmp_path, monkeypatch):
    """An empty folder, no keys, no proxies, an endpoint that listens, and the extension where JupyterLab looks."""
    for name in (
        "OPENAI_BASE_URL",
        "LLMOS_MODEL",
        "LLMOS_HOME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("LLMOS_MODELS", str(tmp_path / "weights"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "config"))
    shutil.copytree(EXTENSION, tmp_path / "share" / "labextensions" / "llmos_nb")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}/v1")
        yield tmp_path


def in_the_way(said):
    return said.partition("In the way:\n")[2]


def test_nothing_stands_in_the_way_of_a_sound_machine():
    said = doctor.report(None)
    assert "\nNothing stands in the way" in said and in_the_way(said) == ""
    assert "ok  extension of JupyterLab and Notebook: " in said and "ok  its copy is that of this source" in said


def test_no_model_at_all_is_in_the_way_with_the_ways_to_one(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL")
    said = in_the_way(doctor.report(None))
    for way in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "anthropic/", "llmos model pull", "script:first"):
        assert way in said
    assert "llmos lab" not in said  # whoever reads this may be in it


def test_a_wrong_model_of_the_settings_is_said():
    assert "did you mean openai" in in_the_way(doctor.report(None, {"model": "opnai/x"}))


def test_a_server_that_does_not_listen_is_in_the_way(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    assert f"a server at http://127.0.0.1:{port}/v1: nothing listens there: start it" in in_the_way(doctor.report(None))


@pytest.mark.parametrize("key", ["'sk-abcdef'", "sk-abc def", "sk-abcdef\n", "sk-аbcdef"])
def test_a_key_that_was_pasted_wrongly_is_in_the_way_and_never_shown(key, monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", key)
    monkeypatch.setenv("GROQ_API_KEY", "gsk_right")
    said = doctor.report(None)
    assert "MISTRAL_API_KEY: it holds blanks, quotes" in in_the_way(said)
    assert "keys that are set (no value is shown): GROQ_API_KEY\n" in said
    assert "abc" not in said and "gsk_right" not in said


@pytest.mark.parametrize(("proxy", "wrong"), [("http://u:secret@proxy:3128", False), ("socks5://proxy:1", True)])
def test_the_proxy_on_the_way_is_named_without_its_password(proxy, wrong, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.example.org/v1")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    said = doctor.report(None)
    assert "proxy on the way to models.example.org: " in said and "secret" not in said
    assert ("only an HTTP proxy is understood" in in_the_way(said)) == wrong


def test_agents_by_acp_that_are_installed_are_named_and_the_others_say_how_they_get_there(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}" if name == "gemini" else None)
    said = doctor.report(None)
    assert "\nok  gemini: /bin/gemini\n" in said and in_the_way(said) == ""
    assert "\n--  codex: not installed; npm install -g @agentclientprotocol/codex-acp\n" in said


def test_certificates_that_are_not_there_are_in_the_way(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert "none.pem: it is not there" in in_the_way(doctor.report(None))


def test_a_folder_that_cannot_hold_journals_is_in_the_way(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMOS_HOME", str(tmp_path / "file" / "home"))
    assert "it cannot be written; set LLMOS_HOME" in in_the_way(doctor.report(None))


def test_a_disk_that_is_nearly_full_is_in_the_way(monkeypatch):
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5, 5))
    assert "room for journals: 0.0 GB: make room" in in_the_way(doctor.report(None))


@pytest.mark.parametrize("off", [{"llmos_nb": True}, ["llmos_nb"]])
def test_an_extension_that_is_disabled_is_said(off, plain):
    config = plain / "config" / "labconfig"
    config.mkdir(parents=True)
    (config / "page_config.json").write_text(json.dumps({"disabledExtensions": off}))
    assert "--  extension of JupyterLab and Notebook: " in (said := doctor.report(None))
    assert "jupyter labextension enable llmos_nb" in said


def test_an_extension_that_is_older_or_not_there_is_said(plain, monkeypatch):
    copy = plain / "share" / "labextensions" / "llmos_nb"
    (copy / "package.json").write_text("{}")
    assert "--  its copy is that of this source: it is not" in doctor.report(None)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(plain / "nowhere")])
    assert "not where JupyterLab looks" in doctor.report(None)


def test_weights_that_are_not_there_are_an_extra_with_their_size_and_place(plain):
    said = doctor.report(None)
    assert "--  local model: no weights: llmos model pull fetches 0.5 to 1.1 GB into " in said
    assert str(plain / "weights") in said and "weights" not in in_the_way(said)


@pytest.mark.parametrize("words", ["prompt", "--version"])  # more than a buffer, and less
def test_a_reader_that_leaves_early_gets_no_traceback(words):
    reading, writing = os.pipe()
    os.close(reading)  # whoever reads has gone before a word was written
    command = [sys.executable, "-m", "llmos_nb.app.cli", words]
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environ, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
