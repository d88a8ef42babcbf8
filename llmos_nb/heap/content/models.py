"""The words for fitted models and generators of random numbers; as in `plain`, this code needs nothing of ours."""

from __future__ import annotations

from typing import Any

from llmos_nb.heap.content.plain import _forms, _hashed, _timed, _words


# Fitted models: by their parameters and by what fitting gave; how long it took does not count.
def _model(value: Any, within: tuple[int, ...]) -> str:
    """Return a fitted model, or a generator, in words; nothing for anything else."""
    root, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if hasattr(value, "get_params") and hasattr(value, "__dict__"):
        timed = _timed(vars(value))
        fitted = {k: v for k, v in vars(value).items() if k.endswith("_") and not k.startswith("_") and k not in timed}
        words = _words([value.get_params(deep=False), fitted], within)
        how = f"{len(fitted)} fitted" if fitted else "its params"
    elif root == "sklearn" and kind == "Tree":
        words, how = _words(value.__getstate__(), within), "a tree"
    elif root == "random" and hasattr(value, "getstate"):
        words, how = repr(value.getstate()), "its state"
    elif root == "numpy" and hasattr(value, "bit_generator"):
        words, how = _words(value.bit_generator.state, within), "its state"
    elif root == "statsmodels" and hasattr(value, "params"):
        words, how = _words(value.params, within), "its params"
    elif root == "torch" and hasattr(value, "state_dict"):
        words, how = _words(dict(value.state_dict()), within), "its state_dict"
    else:
        return ""
    return f"{kind} ({how}): {_hashed(words.encode('utf-8', 'surrogatepass'))}"


_forms.append(_model)
