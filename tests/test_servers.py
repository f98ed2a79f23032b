"""The servers that tests start end with their parent, whatever happens to it."""

import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from scrapinsta_ray.errors import StartFailed
from tests.servers import free_port, fresh_database

STARTS_A_SERVER = """
import sys, time
from pathlib import Path
from tests.servers import private_mariadb
with private_mariadb(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(300)
"""


def test_each_database_is_new_and_dropped(mariadb_url):
    with fresh_database(mariadb_url) as first, fresh_database(mariadb_url) as second:
        assert first != second
        assert first.startswith("mysql://") and first.endswith("?charset=utf8mb4")


def test_a_free_port_is_nobodys_and_not_of_those_that_systems_give_away(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as taken:
        first = free_port()
        taken.bind(("127.0.0.1", first))
        taken.listen()
        monkeypatch.setattr(random, "sample", lambda ports, _number: [first, ports[0], ports[-1]])
        assert 20_000 <= free_port() < 30_000
        assert free_port() != first
        monkeypatch.setattr(random, "sample", lambda _ports, number: [first] * number)
        with pytest.raises(StartFailed, match="no port"):
            free_port()


@pytest.mark.skipif(sys.platform != "linux", reason="a child dies with its parent on Linux only")
def test_a_killed_parent_leaves_no_server(tmp_path: Path):
    root = Path(__file__).parent.parent
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_A_SERVER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("mysql://root@127.0.0.1:")
        (server,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs([server], timeout=10)
    assert gone and not alive


def test_the_simulator_answers(simulator_url):
    assert httpx.get(f"{simulator_url}/accounts/login/", follow_redirects=True).status_code == 200
