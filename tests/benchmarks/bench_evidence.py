"""How claims of answers are marked, against the marks that reviewers gave: the sets the marks were made with, and those held out.

Besides, each number that was found in a row is swapped for another of its table, one at a time, and must not stay green.

python tests/benchmarks/bench_evidence.py [--out FILE]
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from swapped import swaps

from llmos_nb.process.evidence import GREEN, Seen, mark, proven

HERE = Path(__file__).parent
MADE_WITH = sorted((HERE.parent / "process" / "evidence").glob("claims_*.json"))
HELD_OUT = sorted(HERE.glob("claims_held_out*.json"))


def is_near(found: str, text: str, wanted: str | list[str]) -> bool:
    """Whether a claim that was found is the one meant: "2 MB" is found as "2"; a term of the goal or of the code is not."""
    if "given" in wanted and not any(c.isdigit() for c in text.split(maxsplit=1)[0]):
        return False
    return found.strip("% ") in text or text in found


def judged(case: dict[str, Any]) -> tuple[Counter[str], bool]:
    """Count what became of a case's claims, and say whether its headline is green though one of them is not proven."""
    found = mark(case["answer"], case["goal"], [Seen(c["id"], c["code"], c["result"]) for c in case["calls"]])
    left, count, doubtful = list(found), Counter[str](), not case["claims"]
    for claim in case["claims"]:
        text, wanted = claim["text"].strip('`*"±~ '), claim["mark"]
        wanted = {wanted} if isinstance(wanted, str) else {*wanted}
        wanted = {"absent" if w == "not found" else w for w in wanted}  # as the headline has it
        same = [m for m in left if m.claim.text.strip("±~ ") == text]
        near = same or [m for m in left if is_near(m.claim.text, text, claim["mark"])]
        if near:
            left.remove(near[0])
        got = near[0].mark if near else ""
        doubtful |= not wanted & {*GREEN} and not (
            not got and "given" in wanted
        )  # a term of the goal is no claim
        if got in wanted or (not got and "given" in wanted):
            count["right"] += 1
        else:
            count["false green" if got in GREEN and not wanted & {*GREEN} else "other"] += 1
    return count, proven(found) and doubtful


def measure(file: Path) -> dict[str, Any]:
    """Judge one set."""
    cases, total, false = json.loads(file.read_text(encoding="utf-8")), Counter[str](), 0
    swapped = [green for case in cases for *_, green in swaps(case)]
    for case in cases:
        count, wrong = judged(case)
        total += count
        false += wrong
    return {
        "set": file.stem,
        "answers": len(cases),
        "claims": sum(total.values()),
        **total,
        "false headlines": false,
        "swapped": len(swapped),
        "green though swapped": sum(swapped),
    }


def main() -> None:
    """Print a line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = [measure(file) for file in (*MADE_WITH, *HELD_OUT)]
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
