"""Many processes over one notebook: start, steer, talk, come back.

Here belongs what a person does with processes (`Process`), what they share (`Session`), and the features that need more
than one of them: each is a `Part`, named in the table of `parts` and imported when it is first wanted. Imports: views,
export, process and what stands below.
"""

from llmos_nb.session import api, config, outcome, prune, toolbox
from llmos_nb.session.api import load, replay, run, start, verify
from llmos_nb.session.parts import PARTS
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.session.surface import Flag, Form, Setting, Verb

__all__ = [
    "PARTS",
    "Flag",
    "Form",
    "Process",
    "Session",
    "Setting",
    "Verb",
    "api",
    "config",
    "load",
    "outcome",
    "prune",
    "replay",
    "run",
    "start",
    "toolbox",
    "verify",
]
