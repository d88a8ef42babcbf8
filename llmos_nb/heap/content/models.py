"""The words for fitted models and generators of random numbers; as in `plain`, this code needs nothing of ours."""

from __future__ import annotations

from typing import Any

from llmos_nb.heap.content.plain import _forms, _hashed, _words


# Fitted models: by their parameters and by what fitting gave; how long it took does not count.
def _model(value: Any, within: tuple[int, ...]) -> str:
    """Return a fitted model, or a generator, in words; nothing for anything else."""
    root, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if hasattr(value, "get_params") and hasattr(value, "__dict__"):
        fitted = {k: v for k, v in vars(value).items() if k.endswith("_") and not k.startswith("_") and "time" not in k}
        results = {"cv_results_": _timeless(fitted["cv_results_"])} if "cv_results_" in fitted else {}
        words = _words([value.get_params(deep=False), {**fitted, **results}], within)
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


def _timeless(results: Any) -> Any:
    """Return the results of a search without the times it took."""
    return {k: v for k, v in results.items() if "time" not in k}


_forms.append(_model)
