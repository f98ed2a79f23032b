"""A real cluster reads a site that fails every tenth time, and somebody looks over its shoulder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scrapinsta_ray.client import Client
from scrapinsta_ray.demo.truth import Truth, mismatches
from tests.e2e.conftest import Command, until

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(400)]

PROFILES, ACCOUNTS = 300, 4
PASSING = ("server_error", "empty", "truncated", "graphql_errors")


class Cluster:
    """`scrapinsta up` against a site of ours, with four accounts and no pacing."""

    def __init__(self, home: Path, site: str) -> None:
        self._settings = {
            "SCRAPINSTA_HOME": str(home),
            "SCRAPINSTA_SITE_URL": site,
            "SCRAPINSTA_ACTION_GAP_MIN_S": "0",
            "SCRAPINSTA_ACTION_GAP_MAX_S": "0",
            "SCRAPINSTA_PROFILE_READS_PER_HOUR": "100000",
            "SCRAPINSTA_FOLLOWING_PAGES_PER_HOUR": "100000",
            "SCRAPINSTA_RETRY_BASE_S": "0.2",
            "SCRAPINSTA_MAX_ATTEMPTS": "12",
        }
        bots = "".join(f"bot_{n},bot-secret-{n}\n" for n in range(1, ACCOUNTS + 1))
        self.operate("accounts", "import", "-", say=bots)
        self.key = json.loads(self.operate("clients", "create", "acme", "--json"))["key"]
        self.command = Command(
            home,
            *("up", "--embedded", "--port", "0", "--browsers", str(ACCOUNTS)),
            program=(),
            **self._settings,
        )
        self.url = until(lambda: self.command.said("scrapinsta: "), 180, "the address")

    def operate(self, *arguments: str, say: str = "", **settings: str) -> str:
        """A command of the operator's."""
        return subprocess.run(
            [sys.executable, "-m", "scrapinsta_ray", *arguments],
            env={**os.environ, **self._settings, **settings},
            input=say,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @property
    def address(self) -> str:
        """Of its Ray: others may run on this machine."""
        raylet = self.command.named("raylet/raylet")[0]
        return next(a.partition("=")[2] for a in raylet.cmdline() if a.startswith("--gcs-address="))


@pytest.fixture(scope="module")
def a_cluster(tmp_path_factory: pytest.TempPathFactory, simulator_url: str) -> Iterator[Cluster]:
    httpx.delete(f"{simulator_url}/_faults")
    cluster = Cluster(tmp_path_factory.mktemp("faulty") / "home", simulator_url)
    yield cluster
    cluster.command.end()
    httpx.delete(f"{simulator_url}/_faults")


def test_300_profiles_of_a_site_that_fails_every_tenth_time(
    a_cluster: Cluster, simulator_url: str, tmp_path: Path
) -> None:
    truth = Truth(simulator_url)
    names = truth.followings("sigue_a_todos")[:PROFILES]
    users: dict[str, Any] = {}
    for start in range(0, PROFILES, 100):
        users |= truth.users(names[start : start + 100])
    rules = [
        {"fault": one, "path": "api_profile", "probability": 0.025, "times": -1, "each_account": True}
        for one in PASSING
    ]
    rules += [{"fault": "logged_out", "path": "clips", "times": 1, "account": "bot_2"}]
    httpx.put(f"{simulator_url}/_faults", json=rules).raise_for_status()
    with Client(a_cluster.url, a_cluster.key, "client_1") as client:
        until(client.ready, 60, "the dispatcher")
        job = client.analyze(names)["job_id"]
        until(lambda: client.summary(job)["ok"] >= 20, 120, "twenty profiles")
        picture = tmp_path / "bot_1.png"
        a_cluster.operate(
            "accounts", "watch", "bot_1", "--out", str(picture), SCRAPINSTA_CLUSTER_ADDRESS=a_cluster.address
        )
        assert picture.read_bytes().startswith(b"\x89PNG")
        summary = until(lambda: done(client, job), 240, "all profiles")
        results = list(client.results(job))
    gone = [name for name, user in users.items() if user is None]
    assert (summary["error"], summary["total"]) == (len(gone), PROFILES)
    public = {name for name, user in users.items() if user and not user["is_private"]}
    assert {one["username"] for one in results} == public
    assert mismatches(results, users) == []
    told = httpx.get(f"{simulator_url}/_faults").json()["counts"]
    assert sum(told.get(one, 0) for one in PASSING) >= PROFILES / 20, told
    sessions = httpx.get(f"{simulator_url}/_sessions").json()
    assert all(sessions["accounts"][f"bot_{n}"]["logins"] for n in range(1, ACCOUNTS + 1))
    assert [one for one in sessions["overlaps"] if one["of"] == "browser"] == []


def done(client: Client, job: str) -> dict[str, int]:
    summary = client.summary(job)
    return summary if summary["status"] not in ("pending", "running") else {}


def test_kill_9_of_the_raylet_leaves_no_browser_and_is_told(a_cluster: Cluster) -> None:
    def browsers() -> list[str]:
        return a_cluster.command.titles("chrom")

    until(lambda: len(browsers()) > 4 * ACCOUNTS, 90, "browsers")
    a_cluster.command.named("raylet/raylet")[0].kill()
    until(lambda: not browsers(), 30, "the end of all browsers")
    assert a_cluster.command.wait(60) == 1
    assert "Ray's raylet ended without being told to" in a_cluster.command.stderr
    assert a_cluster.command.processes() == []
