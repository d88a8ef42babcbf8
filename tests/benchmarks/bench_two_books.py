"""Two notebooks and a terminal steer processes of one home at random, and what must not come of it is counted.

Each sequence is a process that pays three times at a server that counts, and five to ten of approve, reject, kill, pause,
resume, undo and the death of a notebook, said on any side, now and then on two at once; `tests/support/two_books.py` says
what is counted. Most notebooks are sessions in interpreters of their own, some are real kernels.

Run: ``python tests/benchmarks/bench_two_books.py [--sequences 180] [--real 20] [--seed 0] [--out FILE]``
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from two_books import sequences


def counted(seeds: range, real: bool) -> dict[str, object]:
    """Run sequences in a folder of their own, and add up what they counted."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = sequences(Path(folder).resolve(), seeds, real)
        os.chdir("/")
    said = sum((one.done for one in found), Counter[str]())
    wrong = sum((one.wrong for one in found), Counter[str]())
    return {
        "sequences": len(found),
        "seconds": round(time.monotonic() - began),
        "said": dict(sorted(said.items())),
        "payments": sum(one.payments for one in found),
        "wrong": {what: n for what, n in sorted(wrong.items()) if n},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=180)
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    middle = given.seed + given.sequences
    found = {"sessions": counted(range(given.seed, middle), False)}
    found["kernels"] = counted(range(middle, middle + given.real), True)
    print(json.dumps(found, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
