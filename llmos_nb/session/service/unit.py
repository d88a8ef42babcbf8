"""The unit by which systemd runs the service of a home for a user, where that user installs it."""

from __future__ import annotations

import re
from pathlib import Path

from llmos_nb.journal import Home

HOW = """\
Nothing is installed. To have systemd run it, keep the text above and switch it on:
  llmos serve --unit > ~/.config/systemd/user/{name}
  systemctl --user daemon-reload
  systemctl --user enable --now {name}
  loginctl enable-linger            # where it is to run while you are not logged in
Keys are not in it: name a file with OPENAI_API_KEY=… (mode 0600) in a line EnvironmentFile=."""


def name(home: Home) -> str:
    """Return the name of the unit of a home."""
    folder = home.root.parent if home.root.name.startswith(".") else home.root
    return f"llmos-{re.sub(r'[^a-z0-9]+', '-', folder.name.lower()).strip('-') or 'home'}.service"


def text(home: Home, python: str) -> str:
    """Return the unit that serves a home with this interpreter."""
    return f"""\
[Unit]
Description=llmos serves {_plain(str(home.root))}

[Service]
Type=exec
WorkingDirectory={_plain(str(Path.cwd()))}
ExecStart={_word(python)} -m llmos_nb.app.cli serve --home {_word(str(home.root))}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2 3
TimeoutStopSec=45

[Install]
WantedBy=default.target
"""


def _plain(text: str) -> str:
    """Write a path as a unit's value: a percent sign begins a specifier there."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """Write a word of a command line as a unit has it."""
    kept = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_plain(kept)}"'
