"""What happened, on disk: hash-chained events, the payloads beside them, and the home folder they stand in.

`events` is the format: one class a kind of event. `chain` links and reads lines, `journal` appends them.

Here belongs whatever reads or writes a journal file, its payloads, its retention or the small database beside it.
Nothing here knows what an event means for a process (that is `process.state`), nor what a secret is (a filter is
handed in). Imports: messages and errors.
"""

from llmos_nb.journal.blobs import INLINE, Blobs, references
from llmos_nb.journal.chain import GENESIS, Event, canonical, first, history, now, read, scan, until
from llmos_nb.journal.database import opened, there, writing
from llmos_nb.journal.home import Home, home_of, pid_of, who
from llmos_nb.journal.journal import Journal
from llmos_nb.journal.retention import KEEP_ALL, Retention, parse_retention

__all__ = [
    "GENESIS",
    "INLINE",
    "KEEP_ALL",
    "Blobs",
    "Event",
    "Home",
    "Journal",
    "Retention",
    "canonical",
    "first",
    "history",
    "home_of",
    "now",
    "opened",
    "parse_retention",
    "pid_of",
    "read",
    "references",
    "scan",
    "there",
    "until",
    "who",
    "writing",
]
