"""Function-calling checks (BFCL v4, no model) over our signature → schema → validate path.

    python tests/benchmarks/bench_bfcl.py --checks bfcl_tools.py --python VENV/bin/python

`--checks` (or BFCL_CHECKS) is the script of checks; `--python` (or BFCL_PYTHON) an interpreter that has
`bfcl-eval`, `jsonschema`, `pydantic` and this package. Deterministic: there is no seed.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COUNTS = re.compile(
    r"^([a-z_]+|TOTAL|schema failures|official ast_checker oracle|signature->schema vs official docs) (\{.*?\})"
)
MUTANT = re.compile(r"^ {4}(\S.*?) +(\d+) / (\d+)$")
COERCED = re.compile(r"^ {4}(\w+) +<- (.*?) +(-> .*|rejected)$")


def run(checks, python):
    """Run the checks and give their lines."""
    paths = [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}
    command = [python, checks, "--adapter", "bfcl_adapter:make_tool"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the checks failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.splitlines()


def read(lines):
    """Read counts, mutants, coercions and what differs from jsonschema out of the lines."""
    found = {"counts": {}, "mutants": {}, "coercions": {}, "differential": {}, "schema_failures": 0}
    for line in lines:
        if line.startswith("schema failures"):
            found["schema_failures"] = sum(map(int, re.findall(r": (\d+)", line)))
        elif line.startswith("differential"):
            found["differential"] = ast.literal_eval(line.partition("doc: ")[2])
        elif match := COUNTS.match(line):
            found["counts"][match[1]] = ast.literal_eval(match[2])
        elif match := MUTANT.match(line):
            found["mutants"][match[1]] = [int(match[2]), int(match[3])]
        elif match := COERCED.match(line):
            found["coercions"][f"{match[1]} <- {match[2]}"] = match[3]
    return found


def goals(found):
    """Give what must be 0, as numbers."""
    differential, signatures = found["differential"], found["counts"]["signature->schema vs official docs"]
    return {
        "schema failures": found["schema_failures"] + signatures.get("schema_fail", 0),
        "signatures unlike the official docs": sum(v for k, v in signatures.items() if k.endswith("_diff")),
        "answers rejected that jsonschema accepts": differential.get("answer tool=reject jsonschema=ok", 0),
        "mutants accepted": sum(accepted for accepted, _ in found["mutants"].values()),
        "errors in executed multi-turn calls": sum(c.get("exec_error", 0) for c in found["counts"].values()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", default=os.environ.get("BFCL_CHECKS"), required="BFCL_CHECKS" not in os.environ)
    parser.add_argument("--python", default=os.environ.get("BFCL_PYTHON", sys.executable))
    parser.add_argument("--out", type=Path, default=Path("results/bfcl.json"))
    options = parser.parse_args()
    found = read(run(options.checks, options.python))
    for name, counts in found["counts"].items():
        print(f"{name:38s}", "  ".join(f"{k} {v}" for k, v in counts.items()))
    for case, result in found["coercions"].items():
        print(f"{case:38s}", result)
    missed = goals(found)
    tried = sum(n for _, n in found["mutants"].values())
    print(f"\n{tried} mutants of {len(found['mutants'])} kinds tried; each of these must be 0:")
    for goal, count in missed.items():
        print(f"{goal:44s} {count}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({**found, "goals": missed}, indent=1))
    return 1 if any(missed.values()) or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
