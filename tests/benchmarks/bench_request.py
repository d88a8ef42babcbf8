"""CPU a step of a request: our client beside the floor of the bytes path and the openai package's own call.

    python tests/benchmarks/bench_request.py [--steps 10,50,200] [--repeat 3] [--out FILE]

Each way makes the same N steps, with a history that grows by a call and a result a step, against an endpoint in
another process. `floor` posts bytes that were joined from encoded messages and parses one plain JSON answer;
`floor-stream` does the same with a streamed answer and no checks at all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import openai

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from endpoint import Endpoint

from llmos_nb.messages import Message, Request, ToolCall, compact
from llmos_nb.models.openai.client import OpenAIModel

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
    },
}
TOOLS = compact([TOOL])
TURN = {"calls": [{"name": "add", "arguments": {"a": 1, "b": 2}}]}
HEADERS = {"content-type": "application/json", "authorization": "Bearer x"}


def grown(messages: list[Message], step: int) -> None:
    messages.append(Message("assistant", calls=(ToolCall("add", {"a": step, "b": 1}, f"r{step}.0"),)))
    messages.append(Message("tool", str(step + 1), call=f"r{step}.0"))


def head() -> list[Message]:
    return [
        Message("system", "You are careful. " * 20),
        Message("user", "Add the numbers one after the other."),
    ]


def joined(messages: list[Message], stream: bool) -> bytes:
    body = b",".join([m.encoded for m in messages])
    more = b',"stream":true,"stream_options":{"include_usage":true}' if stream else b""
    return b'{"model":"m","messages":[' + body + b'],"tools":' + TOOLS + more + b"}"


async def floor(url: str, steps: int, stream: bool = False) -> None:
    async with aiohttp.ClientSession(headers=HEADERS) as client:
        messages = head()
        for step in range(steps):
            async with client.post(url + "/chat/completions", data=joined(messages, stream)) as reply:
                data = await reply.read()
            for line in data.split(b"\n\n") if stream else (b"data: " + data,):
                if line and line != b"data: [DONE]":
                    json.loads(line[6:])
            grown(messages, step)


async def ours(url: str, steps: int) -> None:
    model = OpenAIModel("m", url, "x")
    messages = head()
    for step in range(steps):
        request = Request(tuple(messages), (TOOL,), TOOLS)
        answer = await model.respond(request, lambda text: None)
        assert answer.calls == (ToolCall("add", {"a": 1, "b": 2}),)
        grown(messages, step)
    await model.aclose()


async def create(url: str, steps: int, stream: bool = False) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        messages = head()
        wires = [m.wire() for m in messages]
        for step in range(steps):
            answer = await client.chat.completions.create(model="m", messages=wires, tools=[TOOL], stream=stream)
            if stream:
                async for _ in answer:
                    pass
            grown(messages, step)
            wires = [m.wire() for m in messages]


WAYS = {
    "floor": floor,
    "floor-stream": lambda url, steps: floor(url, steps, stream=True),
    "ours": ours,
    "create": create,
    "create-stream": lambda url, steps: create(url, steps, stream=True),
}


def serve(pipe: Connection) -> None:
    async def main() -> None:
        async with Endpoint([TURN], endless=True) as endpoint:
            pipe.send(endpoint.url)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


async def measure(url: str, way: str, steps: int) -> float:
    started = time.process_time()
    await WAYS[way](url, steps)
    return (time.process_time() - started) / steps * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", default="10,50,200")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/request.json"))
    args = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url, table = here.recv(), {}
    for way in WAYS:
        asyncio.run(measure(url, way, 3))  # imports and caches are not part of a step
    for steps in map(int, args.steps.split(",")):
        runs = {way: [] for way in WAYS}
        for _ in range(args.repeat):  # in turn, so that other load meets all ways alike
            for way in WAYS:
                runs[way].append(asyncio.run(measure(url, way, steps)))
        table[steps] = {way: round(statistics.median(times), 3) for way, times in runs.items()}
    here.send("stop")
    server.join()
    show(table)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"unit": "ms CPU a step, client only", "seed": None, "table": table}, indent=1))


def show(table: dict[int, dict[str, float]]) -> None:
    print("ms CPU a step (client only; nothing random, so no seed)")
    print(f"{'steps':>6} " + " ".join(f"{w:>14}" for w in WAYS) + f" {'ours/floor-stream':>18} {'create/ours':>12}")
    for steps, row in table.items():
        ratio, gain = row["ours"] / row["floor-stream"], row["create"] / row["ours"]
        print(f"{steps:>6} " + " ".join(f"{row[w]:>14.3f}" for w in WAYS) + f" {ratio:>18.2f} {gain:>12.1f}")


if __name__ == "__main__":
    main()
