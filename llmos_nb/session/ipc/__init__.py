"""Between processes: mailboxes, pipes, and who waits for whom."""

from llmos_nb.session.ipc import pipes

__all__ = ["pipes"]
