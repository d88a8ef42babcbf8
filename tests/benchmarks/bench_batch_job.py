"""A batch as a job: a cluster whose workers and scheduler are killed, a key that is mended, and a budget of all of it.

A server of this machine answers as an endpoint of models does, and counts; of every tenth item it says 401 until its key
is mended. The batch runs by ``llmos run-batch --dask``. Two of four workers are killed on the way, then the scheduler: the
command has to end by itself. With a new cluster it is run again, and with ``--retry failed`` once the key is mended.
Before that, a budget of the whole batch stops it: what goes beyond may be one request a worker.

    python tests/benchmarks/bench_batch_job.py [--items 1000] [--workers 4] [--out FILE]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from waits import until

from llmos_nb.journal import home_of, read
from llmos_nb.process.state.fold.fold import fold

LLMOS = [sys.executable, "-m", "llmos_nb.app.cli"]
TOKENS, LONGEST_S = 100, 240


class Server:
    """An endpoint of models that counts; `mended` is whether every key is good."""

    def __init__(self):
        self.mended, self.answered, self.refused, self.came = False, Counter(), Counter(), []
        self.lock = threading.Lock()

    def answer(self, item):
        """Return status and body of a request for an item."""
        with self.lock:
            self.came.append(time.monotonic())
            if item % 10 == 3 and not self.mended:
                self.refused[item] += 1
                return 401, {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}}
            self.answered[item] += 1
        time.sleep(0.01)
        message = {"role": "assistant", "content": f"item {item} is done"}
        usage = {"prompt_tokens": TOKENS - 10, "completion_tokens": 10, "total_tokens": TOKENS}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


@contextmanager
def served(server):
    """Serve on loopback; give the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, said = server.answer(int(re.search(r"item (\d+)", body)[1]))
            self.send_response(status)
            data = json.dumps(said).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        http.server_close()


class Cluster:
    """A Dask scheduler and workers, each a program of its own, with one thread."""

    def __init__(self, folder, workers):
        self.file = folder / f"scheduler-{time.monotonic_ns()}.json"
        env = {**os.environ, "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "spawn"}
        log = (folder / "cluster.log").open("ab")

        def program(*words):
            given = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.file), "--no-dashboard"]
            return subprocess.Popen(given, env=env, cwd=folder, stdout=log, stderr=log)

        self.scheduler = program("scheduler", "--port", "0", "--host", "127.0.0.1")
        self.workers = [program("worker", "--nthreads", "1", "--no-nanny") for _ in range(workers)]
        log.close()
        self.parts = [self.scheduler, *self.workers]

    @property
    def address(self):
        """Where its scheduler is, once it is."""

        def told():
            assert self.scheduler.poll() is None, "the scheduler did not begin"
            return self.file.exists() and self.file.read_text()

        return json.loads(until(told, "no scheduler"))["address"]

    def close(self):
        """Kill all of it."""
        for part in self.parts:
            part.kill()
            part.wait()


def specs(folder, items, model):
    """Write the specs."""
    lines = [json.dumps({"id": f"i{n}", "goal": f"Say that item {n} is done.", "model": model}) for n in range(items)]
    (folder / "specs.jsonl").write_text("\n".join(lines))


def batch(folder, *words):
    """Begin the command."""
    given = [*LLMOS, "run-batch", "specs.jsonl", "-o", "out.jsonl", *words]
    return subprocess.Popen(given, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def results(folder):
    """Return the results so far by id, the last of each."""
    file = folder / "out.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    found = {}
    for line in lines:
        try:
            found.update({(r := json.loads(line))["id"]: r})
        except ValueError:  # torn
            continue
    return found


def ended(program):
    """Wait for the command; give its exit code, its words and how long it took."""
    began = time.monotonic()
    said = program.communicate(timeout=LONGEST_S)[1]
    return program.returncode, said, round(time.monotonic() - began, 1)


def wait_for(program, folder, enough):
    """Wait until so many runs have ended, or the command has."""

    def done():
        return program.poll() is not None or sum(r["state"] == "ended" for r in results(folder).values()) >= enough

    until(done, f"{enough} runs that have ended", LONGEST_S)


def spent(home):
    """Return the tokens that all runs of a home have used, as their journals say."""
    return sum(fold(read(j)).spent.get("tokens", 0) for j in home.runs.glob("*/journal.jsonl"))


def run(items=1000, workers=4, folder=None):
    """Run all of it, and give what was counted."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(folder or made)
        os.environ |= {"LLMOS_HOME": str(folder / "home"), "OPENAI_API_KEY": "sk-test"}
        server = Server()
        with served(server) as address:
            os.environ["OPENAI_BASE_URL"] = address
            specs(folder, items, "openai/m")
            return {"items": items, "workers": workers, **tried(folder, server, items, workers)}


def tried(folder, server, items, workers):
    """Go through the job: budget, kills, the key."""
    found, began = {}, time.monotonic()
    cluster = Cluster(folder, workers)
    try:
        cap = items * TOKENS // 4
        code, said, _ = ended(batch(folder, "--dask", cluster.address, "-b", f"{cap} tokens"))
        found["budget"] = {"code": code, "cap": cap, "spent": spent(home_of()), "said": said.splitlines()[-3:]}
        program = batch(folder, "--dask", cluster.address)
        wait_for(program, folder, items // 2)
        for worker in cluster.workers[: workers // 2]:
            worker.kill()
        wait_for(program, folder, items * 3 // 4)
        cluster.scheduler.kill()
        code, said, seconds = ended(program)
        found["scheduler killed"] = {"code": code, "ended after s": seconds, "results": len(results(folder))}
        found["scheduler killed"]["said"] = said.splitlines()[-4:]
    finally:
        cluster.close()
    cluster = Cluster(folder, workers)
    try:
        code, said, _ = ended(batch(folder, "--dask", cluster.address))
        found["again"] = {"code": code, "reasons": reasons(folder), "said": said.splitlines()[-4:]}
        server.mended = True
        code, said, _ = ended(batch(folder, "--dask", cluster.address, "--retry", "failed"))
        found["mended"] = {"code": code, "reasons": reasons(folder), "said": said.splitlines()[-4:]}
    finally:
        cluster.close()
    found["answers"] = {"items": len(server.answered), "requests": sum(server.answered.values())}
    found["right ids"] = sorted(results(folder)) == sorted(f"i{n}" for n in range(items))
    found["wrong answers"] = [
        i for i, r in results(folder).items() if not (r["answer"] or "").startswith(f"item {i[1:]} is")
    ]
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def reasons(folder):
    """Count how the runs ended."""
    return dict(Counter(r["reason"] or r["state"] for r in results(folder).values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = run(given.items, given.workers)
    print(json.dumps(found, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    return int(found["mended"]["code"] != 0)


if __name__ == "__main__":
    sys.exit(main())
