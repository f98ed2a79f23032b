"""`python -m scrapinsta_ray.bench.openloop URL REQUESTS PER_S SECONDS`: a constant rate, in the manner of wrk2.

Prints `{requests, p50_ms, p99_ms}`. REQUESTS is a file of lines: key, account, body.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles

import httpx

WARM = 10
"""Requests before the clock counts, so that connections are there."""


async def measure(url: str, requests: Sequence[Sequence[str]], per_s: float, seconds: float) -> list[float]:
    """Milliseconds from when each request was due to its answer, in their order."""
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=200)) as http:

        async def ask(number: int, due: float) -> float:
            key, account, body = requests[number]
            headers = {"X-Api-Key": key, "X-Account": account, "Content-Type": "application/json"}
            (await http.post(url, content=body, headers=headers)).raise_for_status()
            return (loop.time() - due) * 1000

        await asyncio.gather(*(ask(number, loop.time()) for number in range(WARM)))
        began, tasks = loop.time() + 0.1, []
        for number in range(round(per_s * seconds)):
            due = began + number / per_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            tasks.append(asyncio.create_task(ask(WARM + number, due)))
        return list(await asyncio.gather(*tasks))


def main(url: str, path: str, per_s: str, seconds: str) -> None:
    """Measures and prints. Repeats the requests if there are too few."""
    lines = [line.rstrip("\n").split(" ", 2) for line in Path(path).read_text().splitlines()]
    wanted = WARM + round(float(per_s) * float(seconds))
    times = asyncio.run(measure(url, list(islice(cycle(lines), wanted)), float(per_s), float(seconds)))
    cuts = quantiles(times, n=100, method="inclusive")
    print(json.dumps({"requests": len(times), "p50_ms": cuts[49], "p99_ms": cuts[98]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
