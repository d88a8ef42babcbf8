"""A wheel built without Node, installed alone and taken away: what is there after each.

``python tests/benchmarks/bench_wheel.py [--python PYTHON] [--lab]``
builds the wheel with a path on which there is no Node, installs it in a fresh environment, says which files of the
extension stand there, and ends with 1 where one is missing, or where uninstalling leaves a file behind. With ``--lab``
JupyterLab is installed, too, and asked whether the extension is enabled.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = Path("share/jupyter/labextensions/llmos_nb")


def without_node():
    """Return an environment whose path has no Node."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    kept = [f for f in folders if not any(shutil.which(tool, path=f) for tool in ("node", "npm", "yarn"))]
    return {**os.environ, "PATH": os.pathsep.join(kept), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*command, env):
    """Run a command and return what it said."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def files(folder):
    """Return the files below a folder but for what compiling leaves."""
    return {p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}


def main():
    """Build, install, look, uninstall, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--lab", action="store_true")
    args = parser.parse_args()
    env = without_node()
    with tempfile.TemporaryDirectory() as folder:
        at, venv = Path(folder), Path(folder) / "venv"
        began = time.monotonic()
        run(args.python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", at, ROOT, env=env)
        [wheel] = at.glob("*.whl")
        print(f"built without Node in {time.monotonic() - began:.1f} s: {wheel.name}, {wheel.stat().st_size:,} bytes")
        run(args.python, "-m", "venv", venv, env=env)
        python = venv / "bin" / "python"
        if args.lab:
            run(python, "-m", "pip", "install", "-q", "jupyterlab", env=env)
        before = files(venv)
        run(python, "-m", "pip", "install", "-q", *([] if args.lab else ["--no-deps"]), wheel, env=env)
        if args.lab:
            said = run(python, "-m", "jupyter", "labextension", "list", env=env)
            print(next((line.strip() for line in said.splitlines() if "llmos_nb" in line), "not listed"))
        placed = {p.relative_to(PLACE) for p in files(venv) if p.is_relative_to(PLACE)}
        source = files(ROOT / "llmos_nb" / "app" / "lab" / "extension")
        missing = source - placed
        print(f"extension: {len(placed)} files, {len(missing)} missing {sorted(map(str, missing))}")
        run(python, "-m", "pip", "uninstall", "-q", "-y", "llmos_nb", env=env)
        left = {p for p in files(venv) - before if "llmos" in str(p)}
        left |= {PLACE} if (venv / PLACE).exists() else set()
        print(f"after uninstalling: {len(left)} left {sorted(map(str, left))}")
        return 1 if missing or left else 0


if __name__ == "__main__":
    sys.exit(main())
