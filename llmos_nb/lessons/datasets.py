"""Two small real data sets, shipped with their source and licence (see data/README.md)."""

from __future__ import annotations

from pathlib import Path

from llmos_nb.errors import UsageError, nearest

_FOLDER = Path(__file__).parent / "data"


def path(name: str) -> Path:
    """Return the file of a data set.

    Parameters
    ----------
    name : str
        ``penguins`` or ``seattle_weather``.

    Returns
    -------
    Path
        Of a CSV file with a header line.

    Raises
    ------
    UsageError
        There is no data set of this name.
    """
    known = {p.stem: p for p in sorted(_FOLDER.glob("*.csv"))}
    if name not in known:
        raise UsageError(f"no data set {name!r} (there are: {', '.join(known)}){nearest(name, known)}")
    return known[name]
