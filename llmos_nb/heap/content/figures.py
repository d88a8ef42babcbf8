"""The words for figures of matplotlib and images of Pillow; as in `plain`, this code needs nothing of ours."""

from __future__ import annotations

from sys import modules as _modules
from typing import Any

from llmos_nb.heap.content.plain import _forms, _hashed, _words
from llmos_nb.heap.content.tables import _array


# Figures: by the texts and the data of what is drawn; limits, colours and sizes do not count.
def _figure(value: Any, within: tuple[int, ...]) -> str:
    """Return a figure, the axes of one, or an image in words; nothing for anything else."""
    root = type(value).__module__.partition(".")[0]
    if root == "PIL" and hasattr(value, "tobytes") and hasattr(value, "mode"):
        return f"Image ({value.width} x {value.height} {value.mode}): {_hashed(value.tobytes())}"
    if root != "matplotlib":
        return ""
    if hasattr(value, "axes") and hasattr(value, "savefig"):
        parts, how = [_drawn(ax) for ax in value.axes], f"{len(value.axes)} axes"
    elif hasattr(value, "get_xlabel") and hasattr(value, "patches"):
        parts, how = [_drawn(value)], f"{len(value.get_children())} artists"
    else:
        return ""
    return f"{type(value).__name__} ({how}): {_hashed(*parts)}"


def _drawn(ax: Any) -> bytes:
    """Return the texts and the data of what is drawn on some axes, as bytes."""
    texts = [ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), *(t.get_text() for t in ax.texts)]
    data = [_array(line.get_xydata()) for line in ax.lines]
    for patch in ax.patches:  # bars by their corners, other shapes by their outlines
        data.append(_array(patch.get_bbox().get_points() if hasattr(patch, "get_bbox") else patch.get_path().vertices))
    plain = _modules["numpy"].ma.getdata
    data += [_array(plain(c.get_offsets())) for c in ax.collections]
    data += [_array(path.vertices) for c in ax.collections for path in c.get_paths()]
    data += [_array(image.get_array()) for image in ax.images]
    meshes = (c.get_array() for c in ax.collections if type(c).__name__ != "PathCollection")  # whose are colours alone
    data += [_array(plain(values)) for values in meshes if values is not None]
    return _hashed(_words(texts).encode("utf-8", "surrogatepass"), *data).encode()


_forms.append(_figure)
