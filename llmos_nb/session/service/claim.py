"""Who serves a home: one interpreter, which holds a lock of the operating system and stands in a file beside it.

The lock ends with whoever holds it, however that ends. The file says who it is: the number of its process, when that
was started and in which boot of which machine, so that another one of the same number is not taken for it.
"""

from __future__ import annotations

from filelock import FileLock, Timeout

from llmos_nb.errors import JournalUnwritable
from llmos_nb.journal import PLACE, Home, enter, server_of, service_entry


class Claim:
    """The claim of one interpreter to serve a home.

    Parameters
    ----------
    home : Home
        Which.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lock = FileLock(str(home.service / "lock"), thread_local=False)

    def take(self, port: int) -> str:
        """Take the home, with the port that wakes whoever serves it; return who has it instead, or an empty text.

        Raises
        ------
        JournalUnwritable
            The home cannot be written.
        """
        try:
            self.home.prepare()
            self.home.service.mkdir(mode=0o700, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            other = server_of(self.home)
            return other.words if other else "another program, which a service that has ended may have started"
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self.home.service}: {error.strerror or error}") from error
        other = server_of(self.home)
        if other is not None and not other.here:  # on a machine whose locks this one does not see
            self._lock.release()
            return f"{other.words} (where that machine serves it no more, delete {service_entry(self.home)})"
        enter(service_entry(self.home), PLACE, port)
        return ""

    def release(self) -> None:
        """Give the home up."""
        if self._lock.is_locked:
            service_entry(self.home).unlink(missing_ok=True)
            self._lock.release(force=True)
