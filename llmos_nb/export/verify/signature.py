"""Signatures of exported notebooks by ssh keys, made and checked by ``ssh-keygen -Y``.

What is signed is the statement of a notebook: the checksums of all its parts and the head of its journal. It stands
in the notebook with the signature, so that where the notebook is not what was signed, each place can be named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify.report import Difference
from llmos_nb.export.verify.seal import KEY, departures, statement
from llmos_nb.messages import canonical

NAMESPACE = "llmos_nb"
_KEYS = ("id_ed25519", "id_ecdsa", "id_ed25519_sk", "id_ecdsa_sk", "id_rsa")
_LITERAL = re.compile(r"(key::|ssh-|ecdsa-|sk-)")
_GOOD = re.compile(r'Good "[^"]*" signature.* with (\S+) key (\S+)')
BOUND_S = 60.0
UNSIGNED, VALID, UNVOUCHED, BROKEN = "unsigned", "valid", "unvouched", "broken"


@dataclass
class Signature:
    """What is known of a notebook's signature."""

    state: str = UNSIGNED  # unvouched is a valid one by a key of nobody among the allowed signers
    # who vouches for the key, as the file of allowed signers names them
    principals: list[str] = field(default_factory=list)
    key: str = ""
    fingerprint: str = ""  # the key's SHA-256
    allowed_signers: str = ""  # the file they were looked up in; empty where there is none
    found: list[Difference] = field(default_factory=list)  # where the notebook is not what was signed
    why: str = ""  # why it is broken
    compared: int = 0  # how many checksums of the notebook were compared with those that were signed

    @property
    def whose(self) -> str:
        """By whom a signature is that fits, in words."""
        key, signers = f"{self.key} {self.fingerprint}", self.allowed_signers
        if self.state == VALID:
            return f"by {', '.join(self.principals)} ({key}), as {signers} says"
        where = f"who is not in {signers}" if signers else "no file of allowed signers is there"
        return f"valid, by a key nobody vouches for: {key}; {where}" if self.state == UNVOUCHED else self.state

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, the differences left out."""
        return {k: v for k, v in vars(self).items() if k not in ("found", "why", "compared")}


def sign(path: Path, key: str = "") -> None:
    """Sign an exported notebook, in its place.

    Parameters
    ----------
    path : Path
        The notebook; its checksums are there already.
    key : str
        File of a private key, or of a public one whose private half an agent holds. By default git's
        ``user.signingkey``, else the first of ``~/.ssh/id_ed25519`` and the like.

    Raises
    ------
    UsageError
        There is no such key.
    LlmosError
        ssh-keygen is missing, or cannot use the key.
    """
    book = read(path)
    about = book["metadata"][KEY]
    said = statement(book)
    armored = _sign(canonical(said).encode(), key)
    about["signature"] = {"format": "ssh", "namespace": NAMESPACE, "statement": said, "armored": armored}
    write(book, path)


def signing_key(given: str = "") -> str:
    """Return the key to sign with: a file, or a public key as text.

    Raises
    ------
    UsageError
        There is none.
    """
    if given:
        if not _LITERAL.match(given) and not Path(given).expanduser().is_file():
            raise UsageError(f"--sign {given}: there is no such key")
        return given
    configured = _git("user.signingkey")
    if _LITERAL.match(configured) or (configured and Path(configured).expanduser().is_file()):
        return configured
    found = next((p for name in _KEYS if (p := Path.home() / ".ssh" / name).is_file()), None)
    if found is None:
        raise UsageError("--sign: there is no ssh key (git's user.signingkey, ~/.ssh/id_ed25519); name one: --sign KEY")
    return str(found)


def _sign(data: bytes, key: str) -> str:
    chosen = signing_key(key)
    with tempfile.TemporaryDirectory(prefix="llmos-sign-") as folder:
        file = Path(chosen).expanduser()
        if _LITERAL.match(chosen):
            file = Path(folder, "key.pub")
            file.write_text(f"{chosen.removeprefix('key::')}\n", encoding="utf-8")
        done = _ssh_keygen(["sign", "-f", str(file), "-n", NAMESPACE], data)
    if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise LlmosError(f"{chosen:.200} cannot sign: {_why(done.stderr)}")
    return done.stdout.decode("ascii")


def _why(stderr: bytes) -> str:
    """Say what ssh-keygen complains of, and what to do about it."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    said = " ".join(lines)
    if "passphrase" in said:
        return "it has a passphrase, and no agent holds it: say ssh-add with the key first"
    if "No private key" in said or "agent" in said:
        return "no agent holds its private half: say ssh-add with the key first"
    return lines[-1] if lines else "ssh-keygen does not say why"


def check(book: Mapping[str, Any], allowed: str = "") -> Signature:
    """Check a notebook's signature, and whether the notebook is what was signed.

    Parameters
    ----------
    book : mapping
        The notebook.
    allowed : str
        A file of allowed signers, as ``ssh-keygen`` reads it. By default that of git's global
        ``gpg.ssh.allowedSignersFile``, not a repository's own, which came with what is checked.

    Raises
    ------
    UsageError
        There is no such file.
    LlmosError
        The notebook is signed, and ssh-keygen is missing.
    """
    signers = allowed_signers(allowed)
    given = book["metadata"][KEY].get("signature")
    if not isinstance(given, Mapping):  # former versions kept a MAC there
        return Signature(allowed_signers=signers)
    if given.get("format") != "ssh" or given.get("namespace") != NAMESPACE:
        return Signature(BROKEN, allowed_signers=signers, why="it is of a form that is not known here")
    said, armored = given.get("statement"), str(given.get("armored", ""))
    made = _checked(canonical(said).encode(), armored, signers)
    if made.state == BROKEN or not isinstance(said, Mapping):
        return replace(made, state=BROKEN, why=made.why or "it is not over the statement of a notebook")
    made.compared = 3 * len(said["cells"]) + len(said["parts"]) + len(said["journals"]) + 1
    if found := departures(book, said):
        made.state, made.found = BROKEN, found
        places, them = ("one place is", "it") if len(found) == 1 else (f"{len(found)} places are", "them")
        made.why = f"{places} not as {', '.join(made.principals) or f'the key {made.fingerprint}'} signed {them}"
    return made


def key_in_words(key: str) -> str:
    """Return a file's name whole; of a public key its kind and how it begins."""
    return f"{key:.40}…" if _LITERAL.match(key) else key


def signed_by(path: Path) -> str:
    """Return in words whose signature stands in an exported notebook."""
    made = check(read(path))
    return made.why or made.whose


def allowed_signers(given: str = "") -> str:
    """Return the file of allowed signers, as given or as git is configured; empty for none."""
    found = given or _git("gpg.ssh.allowedSignersFile", "--global")
    path = Path(found).expanduser()
    if given and not path.is_file():
        raise UsageError(f"--allowed-signers {given}: there is no such file")
    return str(path) if found and path.is_file() else ""


def _checked(data: bytes, armored: str, signers: str) -> Signature:
    with _stored(armored) as file:
        good = _ssh_keygen(["check-novalidate", "-n", NAMESPACE, "-s", file], data)
        found = _GOOD.search(good.stdout.decode(errors="replace"))
        if good.returncode or found is None:
            why = "the signature is not one of this statement: one of them was changed"
            return Signature(BROKEN, allowed_signers=signers, why=why)
        made = Signature(UNVOUCHED, key=found[1], fingerprint=found[2], allowed_signers=signers)
        if signers:
            made.principals = list(_principals(data, file, signers))
            made.state = VALID if made.principals else UNVOUCHED
    return made


def _principals(data: bytes, file: str, signers: str) -> Iterator[str]:
    """Return those who vouch for the key, each of them tried: a key can be limited in time and in purpose."""
    named = _ssh_keygen(["find-principals", "-s", file, "-f", signers], b"")
    for line in named.stdout.decode(errors="replace").splitlines():
        for one in line.strip().split(","):
            words = ["verify", "-f", signers, "-I", one, "-n", NAMESPACE, "-s", file]
            if one and not one.startswith("-") and _ssh_keygen(words, data).returncode == 0:
                yield one


@contextmanager
def _stored(armored: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="llmos-sign-") as folder:
        file = Path(folder, "notebook.sig")
        file.write_text(armored, encoding="utf-8")
        yield str(file)


def _ssh_keygen(words: Sequence[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run ``ssh-keygen -Y``; it asks nobody for a passphrase, since there may be nobody to ask."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise LlmosError("ssh-keygen is missing, which signs and checks: install OpenSSH's client")
    command = [program, "-Y", *words]
    try:
        return subprocess.run(  # noqa: S603 - fixed words, and the key or file that the user named
            command, input=data, capture_output=True, timeout=BOUND_S, check=False, start_new_session=True,
            env={**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise LlmosError(f"ssh-keygen -Y {words[0]}: {error}") from error


def _git(name: str, *scope: str) -> str:
    """Return a setting of git's; empty where there is none, or no git."""
    program = shutil.which("git")
    if program is None:
        return ""
    command = [program, "config", *scope, "--get", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BOUND_S)  # noqa: S603 - fixed words
    return done.stdout.strip()
