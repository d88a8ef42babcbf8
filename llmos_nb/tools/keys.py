"""Files of keys and passwords, known by their places."""

from __future__ import annotations

import os
import re

from llmos_nb.tools.commands import OURS

# Files of keys and passwords, also those of this package and of the kernel, and the libraries whose own they are.
KEPT = (
    (re.compile(r"(?:^|/)\.(?:ssh|gnupg)/(?!known_hosts|config$|.*\.pub$)."), ("paramiko", "asyncssh")),
    (re.compile(r"(?:^|/)\.aws/|\.boto$"), ("botocore", "boto3")),
    (re.compile(r"(?:^|/)\.config/(?:gcloud|gh|rclone)/"), ("google", "gcsfs")),
    (re.compile(r"(?:^|/)\.(?:kube/config|docker/config\.json)$"), ("kubernetes", "docker")),
    (
        re.compile(r"(?:^|/)[._](?:netrc|pgpass|git-credentials|npmrc|pypirc)$"),
        ("requests", "httpx", "aiohttp", "psycopg"),
    ),
    (OURS, ()),
    (re.compile(r"/jupyter/runtime/|(?:^|/)kernel-[\w-]+\.json$"), ()),
)
_ANY_KEPT = re.compile("|".join(pattern.pattern for pattern, _ in KEPT))


def kept(given: object) -> bool:
    """Return whether a path, as it is spelled, is that of a file of keys or passwords."""
    if not isinstance(given, str | bytes):
        return False
    return _ANY_KEPT.search(os.fsdecode(given).replace("\\", "/")) is not None


def holds_kept(folder: str) -> bool:
    """Return whether files of keys are known by their place in a folder."""
    return any(kept(f"{folder}/{name}") for name in ("x", "gcloud/x", "config", "config.json", "export.key"))
