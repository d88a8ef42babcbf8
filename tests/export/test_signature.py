"""Signatures: who signed, what is named where it is not what was signed, and what cannot be known without one."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest
from corpus.forgery import FORGERIES, allowed, forged, new_key, sealed_again
from corpus.tampering import KINDS, tampered, victim
from process_runs import ProcessRun
from waits import until

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.export import export
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify import sign, verify
from llmos_nb.messages import canonical

CANNOT_KNOW = "whether somebody changed the notebook and made its checksums anew cannot be known"


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    """A home with no keys, no agent and no settings of git's, for this test alone."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "home" / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two keys, and a file that vouches for the first."""
    folder = tmp_path_factory.mktemp("keys")
    anna, eve = new_key(folder, "anna"), new_key(folder, "eve")
    return anna, eve, allowed(folder / "signers", "anna@example.org", anna)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A notebook that has everything."""
    return victim(tmp_path_factory.mktemp("victim"))


@pytest.fixture
def notebook(exported, tmp_path):
    """A copy of it with its files."""
    shutil.copytree(exported.parent, tmp_path / "out")
    return tmp_path / "out" / exported.name


def small(folder, code="x = 1\nx"):
    r = ProcessRun("Do a thing", folder)
    r.begin()
    r.step(code)
    r.end("done")
    return r


def named(report):
    return [f"{re.sub(r' .the [0-9]+..[)]', '', d.where)} {d.what}" for d in report.differences]


def check_of(report, level="signed"):
    return next(c for c in report.checks if c.level == level)


# the states


def test_signed_notebook_says_who_signed_and_by_which_file(notebook, keys):
    anna, _, signers = keys
    sign(notebook, str(anna))
    report = verify(notebook, "signed", allowed_signers=signers)
    assert (report.exit_code, report.reached) == (0, "signed")
    assert report.signature["state"] == "valid" and report.signature["principals"] == ["anna@example.org"]
    assert report.signature["fingerprint"].startswith("SHA256:")
    assert check_of(report).counts["checksums"] > 3 * len(read(notebook)["cells"])
    assert "by anna@example.org" in report.text() and str(signers) in report.text()
    assert "cannot be known" not in report.text()
    assert json.loads(json.dumps(report.plain()))["signature"]["principals"] == ["anna@example.org"]


def test_unsigned_notebook_says_what_a_checksum_does_not_show(notebook, keys):
    report = verify(notebook, "unchanged")
    assert report.exit_code == 0 and "untampered" not in report.text()
    assert "unchanged (checksums)  yes" in report.text()
    report = verify(notebook, "runs", trust=False)
    assert check_of(report).held is None and report.signature["state"] == "unsigned"
    assert "a checksum shows accidents; who wrote it is shown by a signature alone" in report.text()


@pytest.mark.parametrize("asked", ["level", "signers"])
def test_unsigned_notebook_has_nothing_to_compare_where_a_signature_is_asked_for(notebook, keys, asked):
    how = {"level": "signed"} if asked == "level" else {"allowed_signers": keys[2]}
    report = verify(notebook, **how)
    assert (report.exit_code, report.reached, report.ok) == (4, "unchanged", False)
    assert "nothing to compare" in check_of(report).detail and check_of(report).held is None


def test_key_that_nobody_vouches_for_is_no_signature_of_somebody(notebook, keys):
    _, eve, signers = keys
    sign(notebook, str(eve))
    report = verify(notebook, "runs", trust=False)
    assert report.signature["state"] == "unvouched" and check_of(report).held is None
    assert "by a key nobody vouches for: ED25519 SHA256:" in report.text()
    report = verify(notebook, allowed_signers=signers)
    assert (report.exit_code, report.reached) == (2, "unchanged") and "anna" not in report.text().partition(
        str(signers)
    )[0]
    assert "signed by nobody of the allowed signers" in report.text()


@pytest.mark.parametrize("options", ['namespaces="git"', 'valid-before="20200101"'])
def test_key_is_vouched_for_only_in_the_purpose_and_time_that_its_line_says(notebook, keys, tmp_path, options):
    anna, _, signers = keys
    sign(notebook, str(anna))
    assert verify(notebook, "signed", allowed_signers=signers).ok
    narrow = allowed(tmp_path / "narrow", "anna@example.org", anna, options)
    report = verify(notebook, "signed", allowed_signers=narrow)
    assert (report.exit_code, report.signature["state"]) == (2, "unvouched")


def test_allowed_signers_are_those_of_gits_global_settings_not_of_a_repository(notebook, keys, tmp_path):
    anna, _, signers = keys
    sign(notebook, str(anna))
    git = ["git", "config"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "gpg.ssh.allowedSignersFile", str(signers)], cwd=tmp_path, check=True)
    assert verify(notebook, "runs", trust=False).signature["state"] == "unvouched"
    subprocess.run([*git, "--global", "gpg.ssh.allowedSignersFile", str(signers)], cwd=tmp_path, check=True)
    assert verify(notebook, "runs", trust=False).signature["principals"] == ["anna@example.org"]


def test_signed_notebook_is_still_one_that_other_tools_read(notebook, keys):
    import nbformat

    sign(notebook, str(keys[0]))
    nbformat.validate(nbformat.read(notebook, as_version=4))
    assert sealed_again(notebook) == notebook and verify(notebook, "signed", allowed_signers=keys[2]).ok


# tampering


@pytest.mark.parametrize("name", FORGERIES)
def test_tampering_with_new_checksums_is_named_where_it_was_signed(name, notebook, keys):
    anna, _, signers = keys
    sign(notebook, str(anna))
    report = verify(forged(notebook, name), allowed_signers=signers, trust=True)
    assert check_of(report, "unchanged").held, report.text()
    assert (report.exit_code, report.reached) == (2, "unchanged")
    where = FORGERIES[name].where.strip()
    assert any(told.startswith(where) for told in named(report)), named(report)
    assert "places are not as" in report.text() or "one place is not as" in report.text()


@pytest.mark.parametrize("name", FORGERIES)
def test_tampering_with_new_checksums_cannot_be_known_where_it_was_not_signed(name, notebook):
    report = verify(forged(notebook, name), "signed")
    assert check_of(report, "unchanged").held, report.text()
    assert report.exit_code == 4 and report.signature["state"] == "unsigned"
    assert CANNOT_KNOW in report.text()


@pytest.mark.parametrize("name", KINDS)
def test_plain_tampering_is_named_where_it_was_signed_too(name, notebook, keys):
    sign(notebook, str(keys[0]))
    report = verify(tampered(notebook, name), allowed_signers=keys[2], trust=True)
    assert (report.exit_code, report.reached) == (2, "opens")
    assert KINDS[name].where in f"{report.difference.where} "


def test_there_are_thirty_kinds_of_tampering_and_more_and_the_original_passes(notebook, keys):
    assert len(FORGERIES) >= 30 and len(FORGERIES.keys() | KINDS.keys()) >= 40
    sign(notebook, str(keys[0]))
    assert verify(notebook, "signed", allowed_signers=keys[2]).ok


def signature_of(path):
    return read(path)["metadata"]["llmos_nb"]["signature"]


def with_signature(path, given):
    book = read(path)
    book["metadata"]["llmos_nb"]["signature"] = given
    return write(book, path)


def test_signature_of_another_notebook_is_named(notebook, keys, tmp_path):
    other = export(small(tmp_path).source(), tmp_path / "other.ipynb", sign=str(keys[0]))
    with_signature(notebook, signature_of(other))
    report = verify(notebook, allowed_signers=keys[2])
    assert (report.exit_code, report.signature["state"]) == (2, "broken")
    assert "metadata.llmos_nb it names another head of the journal" in named(report)


def test_statement_that_was_made_to_fit_breaks_the_signature(notebook, keys):
    from llmos_nb.export.verify.seal import statement

    sign(notebook, str(keys[0]))
    forged(notebook, "approval_in_note")
    with_signature(notebook, {**signature_of(notebook), "statement": statement(read(notebook))})
    report = verify(notebook, allowed_signers=keys[2])
    assert (report.exit_code, report.signature["state"]) == (2, "broken")
    assert "metadata.llmos_nb.signature" in report.difference.where


def test_tampering_that_is_signed_by_another_key_is_named(notebook, keys):
    anna, eve, signers = keys
    sign(notebook, str(anna))
    sign(forged(notebook, "approval_in_note"), str(eve))
    report = verify(notebook, allowed_signers=signers)
    assert (report.exit_code, report.signature["state"]) == (2, "unvouched")


def test_signature_that_was_taken_out_is_missed_where_one_is_asked_for(notebook, keys):
    sign(notebook, str(keys[0]))
    book = read(notebook)
    del book["metadata"]["llmos_nb"]["signature"]
    write(book, notebook)
    assert verify(notebook, allowed_signers=keys[2]).exit_code == 4


def test_signature_made_for_another_purpose_does_not_count(notebook, keys, tmp_path):
    anna, _, signers = keys
    sign(notebook, str(anna))
    given = signature_of(notebook)
    command = ["ssh-keygen", "-Y", "sign", "-f", str(anna), "-n", "git"]
    done = subprocess.run(command, input=canonical(given["statement"]).encode(), capture_output=True, check=True)
    with_signature(notebook, {**given, "armored": done.stdout.decode()})
    assert verify(notebook, "signed", allowed_signers=signers).signature["state"] == "broken"


@pytest.mark.parametrize(
    "change",
    [{"armored": ""}, {"armored": "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"},
     {"statement": None}, {"statement": []}, {"namespace": "git"}, {"format": "pgp"}, {"statement": {}}],
    ids=lambda change: "-".join(change),
)  # fmt: skip
def test_signature_that_cannot_be_read_is_broken(notebook, keys, change):
    sign(notebook, str(keys[0]))
    with_signature(notebook, {**signature_of(notebook), **change})
    report = verify(notebook, allowed_signers=keys[2])
    assert (report.exit_code, report.signature["state"], report.reached) == (2, "broken", "unchanged")
    assert report.differences


# making them


def test_script_cannot_be_signed(keys, tmp_path):
    with pytest.raises(UsageError, match="only a notebook can be signed"):
        export(small(tmp_path).source(), tmp_path / "x.py", sign=str(keys[0]))
    assert not (tmp_path / "x.py").exists()


def test_statement_that_leaves_something_out_would_not_show_it(notebook, keys, monkeypatch):
    from llmos_nb.export.verify import signature

    sign(notebook, str(keys[0]))
    forged(notebook, "approval_in_note")
    assert verify(notebook, "signed", allowed_signers=keys[2]).exit_code == 2
    monkeypatch.setattr(signature, "departures", lambda book, signed: [])
    assert verify(notebook, "signed", allowed_signers=keys[2]).ok  # so the tests above look at what they seem to


def test_export_signs_with_the_key_that_git_is_told_or_the_first_there_is(keys, tmp_path):
    anna, _, signers = keys
    with pytest.raises(UsageError, match="there is no ssh key"):
        export(small(tmp_path).source(), tmp_path / "a.ipynb", sign=True)
    assert not (tmp_path / "a.ipynb").exists()
    (tmp_path / "home" / ".ssh").mkdir()
    for suffix in ("", ".pub"):
        shutil.copy(f"{anna}{suffix}", tmp_path / "home" / ".ssh" / f"id_ed25519{suffix}")
    path = export(small(tmp_path).source(), tmp_path / "a.ipynb", sign=True)
    assert verify(path, "signed", allowed_signers=signers).ok
    (tmp_path / "home" / ".ssh" / "id_ed25519").unlink()
    subprocess.run(["git", "config", "--global", "user.signingkey", str(anna)], check=True)
    path = export(small(tmp_path).source(), tmp_path / "b.ipynb", sign=True)
    assert verify(path, "signed", allowed_signers=signers).ok


def test_agent_signs_with_a_public_key(notebook, keys, tmp_path, monkeypatch):
    anna, _, signers = keys
    public = tmp_path / "only.pub"
    shutil.copy(f"{anna}.pub", public)
    with pytest.raises(LlmosError, match="no agent holds its private half"):
        sign(notebook, str(public))
    where = f"/tmp/llmos-agent-{os.getpid()}"  # a socket's path has to be short
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL)
    try:
        until(lambda: _answers(where), "an answer of the agent")
        monkeypatch.setenv("SSH_AUTH_SOCK", where)
        subprocess.run(["ssh-add", "-q", str(anna)], check=True)
        sign(notebook, str(public))
        literal = public.read_text().strip()
        assert verify(notebook, "signed", allowed_signers=signers).ok
        sign(notebook, f"key::{literal}")
        assert verify(notebook, "signed", allowed_signers=signers).ok
    finally:
        agent.terminate()
        agent.wait()


def _answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


def test_key_with_a_passphrase_asks_nobody_and_says_what_to_do(notebook, tmp_path):
    key = new_key(tmp_path, "locked", "secret")
    with pytest.raises(LlmosError, match="it has a passphrase, and no agent holds it: say ssh-add"):
        sign(notebook, str(key))
    assert "signature" not in read(notebook)["metadata"]["llmos_nb"]


def test_what_is_no_key_or_not_there_is_one_line(notebook, tmp_path):
    with pytest.raises(UsageError, match="there is no such key"):
        sign(notebook, str(tmp_path / "none"))
    (tmp_path / "text").write_text("hello")
    with pytest.raises(LlmosError, match="cannot sign") as caught:
        sign(notebook, str(tmp_path / "text"))
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="--allowed-signers .*there is no such file"):
        verify(notebook, allowed_signers=tmp_path / "none")


def test_without_ssh_keygen_it_is_said_and_nothing_claimed(notebook, keys, monkeypatch, tmp_path):
    sign(notebook, str(keys[0]))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LlmosError, match="ssh-keygen is missing"):
        sign(notebook, str(keys[0]))
    report = verify(notebook, "signed", allowed_signers=keys[2])
    assert (report.exit_code, report.signature["state"]) == (3, "unchecked")
    assert "ssh-keygen is missing" in report.text()
