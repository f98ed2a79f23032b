"""What listens on the hosts of a cluster: nothing is open to everybody that docs/hosts.md does not name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.multihost.cluster import HEAD, ROOT, WORKERS, Cluster, Listener, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

_ROW = re.compile(r"\| `([0-9]+)(?:-([0-9]+))?` \| (head|every host) \| `([^`]+)` \|")
_REPLICA = "ray::ServeReplica"


@dataclass(frozen=True)
class Row:
    """A line of the page's table: which process may listen where."""

    ports: range
    where: str
    process: str

    def allows(self, host: int, one: Listener) -> bool:
        here = self.where == "every host" or host == HEAD
        return here and one.port in self.ports and self.process in one.command


def documented(page: Path = ROOT / "docs" / "hosts.md") -> list[Row]:
    return [
        Row(range(int(first), int(last or first) + 1), where, process)
        for first, last, where, process in _ROW.findall(page.read_text())
    ]


def surprises(host: int, listeners: Iterable[Listener], table: Iterable[Row]) -> Iterator[str]:
    """What is open to others and stands in no row. Of the system's free ports a replica has one at most."""
    others = [one for one in listeners if not is_private(one.address)]
    yield from (str(one) for one in others if not any(row.allows(host, one) for row in table))
    of_the_system = Counter(one.pid for one in others if one.port > 32767 and _REPLICA in one.command)
    yield from (f"{n} free ports of process {pid}" for pid, n in of_the_system.items() if n > 1)


def is_private(address: str) -> bool:
    """Bound to this machine alone."""
    return address.startswith(("127.", "[::ffff:127.")) or address == "[::1]"


def test_a_table_that_is_too_generous_would_be_seen() -> None:
    table = documented()
    assert len(table) > 15
    replica = Listener("*", 40000, 7, f"{_REPLICA}:pull:pull")
    assert list(surprises(HEAD, [replica], table)) == []
    for unexpected in (
        Listener("*", 40000, 7, "/usr/bin/chromedriver --port=40000"),
        Listener("0.0.0.0", 8000, 7, "python3 -m http.server"),
        Listener("0.0.0.0", 8265, 7, "python3 dashboard.py"),
        Listener("10.88.0.1", 11500, 7, "ray::IDLE"),
    ):
        assert len(list(surprises(HEAD, [unexpected], table))) == 1
    assert list(surprises(WORKERS[0], [Listener("*", 6379, 7, "gcs_server")], table))
    assert list(surprises(HEAD, [replica, Listener("*", 40001, 7, replica.command)], table))


@pytest.mark.parametrize("host", [HEAD, *WORKERS])
def test_nothing_listens_that_is_not_documented(a_cluster: Cluster, host: int) -> None:
    assert list(surprises(host, a_cluster.hosts.listening(host), documented())) == []


def test_everything_documented_is_there(a_cluster: Cluster) -> None:
    def not_seen() -> list[Row]:
        seen = [(host, one) for host in a_cluster.hosts.all() for one in a_cluster.hosts.listening(host)]
        staying = [row for row in documented() if row.process != "serve run"]  # drivers come and go
        return [row for row in staying if not any(row.allows(host, one) for host, one in seen)]

    until(lambda: not not_seen(), 30, "every row of the page")


def test_the_dashboard_is_on_the_loopback_address_alone(a_cluster: Cluster) -> None:
    found = {one.address for one in a_cluster.hosts.listening(HEAD) if one.port == 8265}
    assert found == {"127.0.0.1"}


def test_without_the_token_ray_answers_nobody(a_cluster: Cluster) -> None:
    script = (
        "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8265/api/serve/applications/')\""
    )
    with pytest.raises(AssertionError, match=r"HTTP Error 40[13]"):
        a_cluster.hosts.run(HEAD, script)


@pytest.mark.parametrize("host", [HEAD, *WORKERS])
def test_nor_does_an_agent_run_what_a_stranger_asks_for(a_cluster: Cluster, host: int) -> None:
    url = f"http://10.88.0.{host}:8072/api/job_agent/jobs/"
    assert httpx.post(url, json={"entrypoint": "true"}, timeout=10).status_code in (401, 403)
