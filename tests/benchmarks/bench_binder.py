"""What Binder does, without Docker: build from `binder/` in a fresh folder, start the server, run every lesson in it.

``python tests/benchmarks/bench_binder.py [--python PYTHON] [--keep-open] [--no-weights] [--out FILE]``
prints how long each part took and the most memory that server and kernels held together (proportional set size), and
ends with 1 where a lesson failed or a bound was passed: ready in 30 s, 1 GB with scripted models, 2 GB with the local one,
five minutes for all lessons with scripted models together.
The build's own time and downloads are not bounded: on Binder they happen once.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
from jupyter_client import BlockingKernelClient

ROOT = Path(__file__).parent.parent.parent
READY_S, LESSONS_S, SCRIPTED_MB, LOCAL_MB, CELL_S = 30, 300, 1_000, 2_000, 300
TOKEN = "lessons"
ALONE = "%env LLMOS_APPROVE=auto"  # nobody is there to approve what the first notebook asks


class Memory:
    """The most memory of a process and all below it, sampled while a block runs."""

    def __init__(self, pid):
        self.root, self.most, self._over = psutil.Process(pid), 0.0, threading.Event()

    def now(self):
        """Give megabytes; pages that two processes share count once."""
        total = 0
        for process in [self.root, *self.root.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6

    def _watch(self):
        while not self._over.wait(0.2):  # no end: what is measured has one, and then comes `close`
            self.most = max(self.most, self.now())

    def __enter__(self):
        self._over.clear()
        self.most, self._thread = self.now(), threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def interpreter(wanted):
    """Find the Python that `binder/runtime.txt` names; this one where it is not there."""
    version = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    for name in (wanted, shutil.which(f"python{version}")):
        if name and subprocess.run([name, "-V"], capture_output=True, check=False).returncode == 0:
            return name
    print(f"no Python {version} here; built with {platform.python_version()}")
    return sys.executable


def build(folder, python, weights):
    """Do what a build does: the repository's files, a new environment, requirements, `postBuild`."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    repo, env = folder / "repo", folder / "env"
    for name in filter(None, files.split("\0")):
        if (ROOT / name).exists():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, repo / name)
    subprocess.run([python, "-m", "venv", env], check=True)
    environ = {**os.environ, "PATH": f"{env / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(env)}
    for name in ("PYTHONPATH", "LLMOS_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        environ.pop(name, None)
    environ["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
    environ["IPYTHONDIR"] = str(folder / "ipython")
    pip = [env / "bin" / "pip", "install", "-q", "-r", "binder/requirements.txt"]
    subprocess.run(pip, cwd=repo, env=environ, check=True)
    if weights:
        subprocess.run([repo / "binder" / "postBuild"], cwd=repo, env=environ, check=True)
    return repo, environ


def ask(address, path, method="GET", body=None):
    """Ask the server; `None` while it does not answer."""
    request = urllib.request.Request(f"{address}{path}", method=method, data=body and json.dumps(body).encode())
    request.add_header("Authorization", f"token {TOKEN}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        raise
    except OSError:
        return None


def told(environ):
    """Give the address that the server has written down; nothing while it has not."""
    for file in Path(environ["JUPYTER_RUNTIME_DIR"]).glob("jpserver-*.json"):
        with suppress(json.JSONDecodeError):  # it is being written
            return json.loads(file.read_text())["url"].rstrip("/")
    return ""


def serve(repo, environ):
    """Start JupyterLab by `binder/start`, at a port that the system chooses; give it, its address, and the seconds it took."""
    began = time.monotonic()
    words = [
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--port=0",
        f"--IdentityProvider.token={TOKEN}",
    ]
    server = subprocess.Popen(
        [repo / "binder" / "start", *words],
        cwd=repo,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (address := told(environ)) or ask(address, "/api/status") is None:
        if server.poll() is not None or time.monotonic() - began > 300:
            server.kill()
            raise SystemExit("the server did not start")
        time.sleep(0.1)
    return server, address, time.monotonic() - began


def lesson(address, environ, notebook, keep):
    """Open a notebook as a browser does and run its cells in a kernel of the server; give what failed."""
    ask(address, f"/lab/tree/notebooks/{notebook.name}")
    cells = json.loads(ask(address, f"/api/contents/notebooks/{notebook.name}"))["content"]["cells"]
    body = {
        "path": f"notebooks/{notebook.name}",
        "type": "notebook",
        "name": notebook.name,
        "kernel": {"name": "python3"},
    }
    session = json.loads(ask(address, "/api/sessions", "POST", body))
    file = Path(environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{session['kernel']['id']}.json"
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels(hb=False)  # on a busy machine a heart that is late would be a dead kernel
    try:
        client.wait_for_ready(timeout=CELL_S)
        sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        for source in [ALONE, *sources] if notebook.name.startswith("00") else sources:
            reply = client.execute_interactive(
                source, allow_stdin=False, timeout=CELL_S, output_hook=lambda message: None
            )
            if reply["content"]["status"] != "ok":
                return f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}"
        return ""
    finally:
        client.stop_channels()
        if not keep:
            ask(address, f"/api/sessions/{session['id']}", "DELETE")


def measure(folder, given):
    """Build, start, run all; give rows of name, seconds, megabytes, bound, what failed."""
    began = time.monotonic()
    repo, environ = build(folder, interpreter(given.python), not given.no_weights)
    rows = [("build", time.monotonic() - began, None, None, "")]
    server, address, ready = serve(repo, environ)
    try:
        with Memory(server.pid) as memory:
            rows.append(("server ready", ready, memory.now(), None, "" if ready <= READY_S else f"over {READY_S} s"))
        for notebook in sorted(
            (repo / "notebooks").glob("[01]*.ipynb"), key=lambda p: (p.name.startswith("00"), p.name)
        ):
            real = notebook.name.startswith("00")
            if real and given.no_weights:
                continue
            bound, began = LOCAL_MB if real else SCRIPTED_MB, time.monotonic()
            with Memory(server.pid) as memory:
                failed = lesson(address, environ, notebook, given.keep_open)
            over = "" if memory.most <= bound else f"over {bound} MB"
            rows.append((notebook.stem, time.monotonic() - began, memory.most, bound, failed or over))
        taken = sum(seconds for _, seconds, _, bound, _ in rows if bound == SCRIPTED_MB)
        rows.append(("all lessons", taken, None, None, "" if taken <= LESSONS_S else f"over {LESSONS_S} s"))
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="", help="to build with; default: the one that runtime.txt names")
    parser.add_argument(
        "--keep-open", action="store_true", help="leave each lesson's kernel running, as one does in a browser"
    )
    parser.add_argument("--no-weights", action="store_true", help="without the local model and its lesson")
    parser.add_argument("--out", default="results/binder.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="binder-") as folder:
        rows = measure(Path(folder), given)
    print(f"{'part':<18} {'seconds':>8} {'MB at most':>11} {'bound':>6}  failed")
    for name, seconds, most, bound, failed in rows:
        print(
            f"{name:<18} {seconds:>8.1f} {'' if most is None else f'{most:.0f}':>11} {bound or '':>6}  {failed or '-'}"
        )
    out = Path(given.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        json.dumps([dict(zip(("part", "seconds", "mb", "bound", "failed"), r, strict=True)) for r in rows], indent=1)
    )
    sys.exit(any(r[4] for r in rows))


if __name__ == "__main__":
    main()
