"""What listens on the hosts of a cluster: nothing is open to everybody that docs/hosts.md does not name."""

import re
from pathlib import Path

import httpx
import pytest

from tests.multihost.cluster import HEAD, ROOT, WORKERS, Cluster

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

_ROW = re.compile(r"\| `([0-9]+)(?:-([0-9]+))?` \| (head|every host) \|")


def documented(page: Path = ROOT / "docs" / "hosts.md") -> list[tuple[range, str]]:
    """The ports of the page's table, and which hosts have them."""
    rows = _ROW.findall(page.read_text())
    return [(range(int(first), int(last or first) + 1), where) for first, last, where in rows]


def is_private(address: str) -> bool:
    """Bound to this machine alone."""
    return address.startswith(("127.", "[::ffff:127.")) or address == "[::1]"


@pytest.mark.parametrize("host", [HEAD, *WORKERS])
def test_nothing_listens_that_is_not_documented(a_cluster: Cluster, host: int) -> None:
    expected = [ports for ports, where in documented() if where == "every host" or host == HEAD]
    open_ports = {
        (port, program)
        for address, port, program in a_cluster.hosts.listening(host)
        if not is_private(address) and not any(port in ports for ports in expected)
    }
    assert open_ports == set()


def test_the_dashboard_is_on_the_loopback_address_alone(a_cluster: Cluster) -> None:
    found = {address for address, port, _program in a_cluster.hosts.listening(HEAD) if port == 8265}
    assert found == {"127.0.0.1"}


def test_without_the_token_ray_answers_nobody(a_cluster: Cluster) -> None:
    script = (
        "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8265/api/serve/applications/')\""
    )
    with pytest.raises(AssertionError, match=r"HTTP Error 40[13]"):
        a_cluster.hosts.run(HEAD, script)


def test_the_agents_ask_for_the_token_too(a_cluster: Cluster) -> None:
    answer = httpx.get("http://10.88.0.1:8072/api/healthz", timeout=10)
    assert answer.status_code in (200, 401, 403)
