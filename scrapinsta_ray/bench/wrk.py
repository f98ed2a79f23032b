"""wrk, the load generator, with a list of requests; and a driver of our own for a given rate, which wrk has not."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scrapinsta_ray.bench.servers import ServerFailed

_SCRIPT = """
local requests, n = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local key, account, body = line:match("^(%S+) (%S+) (.*)$")
    local headers = {["X-Api-Key"] = key, ["X-Account"] = account, ["Content-Type"] = "application/json"}
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  n = n % #requests + 1
  return requests[n]
end

function done(summary, latency, _)
  local e = summary.errors
  print(string.format('{"requests": %d, "us": %d, "failed": %d, "p50_us": %d, "p99_us": %d}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class Request(NamedTuple):
    """One POST by `key` as `account`; `body` is JSON without a line end."""

    key: str
    account: str
    body: str


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of requests came to; latencies in milliseconds."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


class Wrk:
    """wrk on one thread, going through lists of requests that it reads from files in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Raises ServerFailed if wrk is not installed."""
        found = shutil.which("wrk")
        if found is None:
            raise ServerFailed("wrk is not installed: as root `apt-get install wrk`, or `brew install wrk`")
        self._program, self._folder = found, folder
        self._script = folder / "requests.lua"
        self._script.write_text(_SCRIPT)

    def listed(self, name: str, requests: Sequence[Request]) -> Path:
        """The file of these requests."""
        path = self._folder / f"{name}.txt"
        path.write_text("".join(f"{one.key} {one.account} {one.body}\n" for one in requests))
        return path

    def run(self, url: str, requests: Path, connections: int, seconds: float) -> Load:
        """Closed loop: each connection asks again as soon as it was answered. Raises ServerFailed for any error."""
        whole = max(1, round(seconds))
        load = ["-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "20s"]
        command = [self._program, *load, "-s", str(self._script), url, "--", str(requests)]
        found = json.loads(_output(command))
        if found["failed"]:
            raise ServerFailed(f"{found['failed']} of {found['requests']} requests to {url} failed")
        per_s = found["requests"] / found["us"] * 1e6
        return Load(found["requests"], per_s, found["p50_us"] / 1000, found["p99_us"] / 1000)


def at_rate(url: str, requests: Path, per_s: float, seconds: float) -> Load:
    """Open loop, in a process of its own: one request every 1/`per_s` s, whether the others were answered or not.

    A latency counts from when the request was due, so that who waits for a late one is late too.
    """
    command = [sys.executable, "-m", "scrapinsta_ray.bench.openloop", url, str(requests)]
    found = json.loads(_output([*command, str(per_s), str(seconds)]))
    return Load(found["requests"], found["requests"] / seconds, found["p50_ms"], found["p99_ms"])


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ServerFailed(f"{Path(command[0]).name} says:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout.splitlines()[-1]
