"""How claims of answers are marked, against the marks that reviewers gave: the sets the marks were made with, and one held out.

python tests/benchmarks/bench_evidence.py [--out FILE]
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from llmos_nb.process.evidence import GREEN, Seen, mark, proven

HERE = Path(__file__).parent
MADE_WITH = sorted((HERE.parent / "process" / "evidence").glob("claims_*.json"))
HELD_OUT = HERE / "claims_held_out.json"


def judged(case: dict[str, Any]) -> tuple[Counter[str], bool]:
    """Count what became of a case's claims, and say whether its headline is green."""
    found = mark(case["answer"], case["goal"], [Seen(c["id"], c["code"], c["result"]) for c in case["calls"]])
    green, left, count = proven(found), list(found), Counter[str]()
    for claim in case["claims"]:
        text, wanted = claim["text"].strip('`*"±~ '), claim["mark"]
        wanted = {wanted} if isinstance(wanted, str) else {*wanted}
        same = [m for m in left if m.claim.text.strip("±~ ") == text]
        near = same or [m for m in left if m.claim.text.strip("% ") in text or text in m.claim.text]
        if near:
            left.remove(near[0])
        got = near[0].mark if near else ""
        if got in wanted or (not got and "given" in wanted):
            count["right"] += 1
        else:
            count["false green" if got in GREEN and not wanted & {*GREEN} else "other"] += 1
    return count, green


def measure(file: Path) -> dict[str, Any]:
    """Judge one set."""
    cases, total, false = json.loads(file.read_text(encoding="utf-8")), Counter[str](), 0
    for case in cases:
        count, green = judged(case)
        total += count
        wanted = [
            {*([c["mark"]] if isinstance(c["mark"], str) else c["mark"])} & {*GREEN} for c in case["claims"]
        ]
        false += green and not (wanted and all(wanted))
    return {
        "set": file.stem,
        "answers": len(cases),
        "claims": sum(total.values()),
        **total,
        "false headlines": false,
    }


def main() -> None:
    """Print a line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = [measure(file) for file in (*MADE_WITH, HELD_OUT)]
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
