"""The tools of the files device as a model sees them; the device runs them."""

from __future__ import annotations


def list_files(pattern: str = "*") -> str:
    """List the files of the workspace, with those that you changed.

    Parameters
    ----------
    pattern : str
        A glob, such as ``*.py`` or ``src/*``.
    """
    raise NotImplementedError(pattern)


def read_file(path: str, first: int = 1) -> str:
    """Read a text file of the workspace, as you have changed it.

    Parameters
    ----------
    path : str
        Relative to the workspace.
    first : int
        Line to begin with.
    """
    raise NotImplementedError(path, first)


def write_file(path: str, text: str) -> str:
    """Write a whole file. Only you see it until commit_files.

    Parameters
    ----------
    path : str
        Relative to the workspace.
    text : str
        All of its content.
    """
    raise NotImplementedError(path, text)


def edit_file(path: str, old: str, new: str) -> str:
    """Replace a piece of a file that stands there exactly once. Only you see it until commit_files.

    Parameters
    ----------
    path : str
        Relative to the workspace.
    old, new : str
        The piece, word for word, and what stands in its place.
    """
    raise NotImplementedError(path, old, new)


def delete_file(path: str) -> str:
    """Delete a file. Only you see it until commit_files.

    Parameters
    ----------
    path : str
        Relative to the workspace.
    """
    raise NotImplementedError(path)


def diff_files() -> str:
    """Show what you have changed and not committed, as a unified diff."""
    raise NotImplementedError


def rollback_files(path: str = "") -> str:
    """Drop what you have changed and not committed.

    Parameters
    ----------
    path : str
        One file; empty for all.
    """
    raise NotImplementedError(path)


def commit_files() -> str:
    """Write all that you have changed to the folder; the user is shown the diff and asked."""
    raise NotImplementedError
