"""The process: says where it is, and ends when it should."""

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from urllib.request import urlopen

import pytest

from tests.simulator.conftest import address, start, stop


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second_even_with_open_connections(number):
    server = start("--population", "50")
    url = address(server)
    with socket.create_connection(("127.0.0.1", port_of(url))) as kept:
        kept.sendall(b"GET /_truth HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(100).startswith(b"HTTP/1.1 200")
        began = time.perf_counter()
        server.send_signal(number)
        out, err = server.communicate(timeout=5)
    assert (server.returncode, out, err) == (0, "", "")
    assert time.perf_counter() - began < 1


def test_a_taken_port_is_one_sentence_and_exit_code_2():
    first = start("--population", "50")
    url = address(first)
    second = start("--population", "50", "--port", str(port_of(url)))
    out, err = second.communicate(timeout=10)
    stop(first)
    assert second.returncode == 2 and out == ""
    assert str(port_of(url)) in err and len(err.splitlines()) == 1


def test_it_answers_once_it_has_said_where():
    server = start("--population", "50", "--seed", "11")
    with urlopen(f"{address(server)}/_truth") as answer:
        assert b'"seed":11' in answer.read()
    assert stop(server) == 0


def test_answers_do_not_wait_for_the_client_to_acknowledge():
    server = start("--population", "50")
    connection = HTTPConnection("127.0.0.1", port_of(address(server)))
    began = time.perf_counter()
    for _ in range(25):  # with Nagle's algorithm each would take 40 ms
        connection.request("GET", "/_truth")
        connection.getresponse().read()
    took = time.perf_counter() - began
    connection.close()
    stop(server)
    assert took < 0.7


def test_with_parent_watch_it_ends_when_its_parent_is_killed():
    script = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-m', 'scrapinsta_ray.simulator', '--population', '50', '--parent-watch'])\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        url = address(parent)
        os.kill(parent.pid, signal.SIGKILL)
    assert gone(port_of(url), within=5)


def test_with_parent_watch_the_end_of_a_mere_thread_is_not_the_end():
    from threading import Thread

    started = []
    thread = Thread(target=lambda: started.append(start("--population", "50", "--parent-watch")))
    thread.start()
    thread.join()
    (server,) = started
    with urlopen(f"{address(server)}/_truth") as answer:
        assert answer.status == 200
    assert server.poll() is None
    assert stop(server) == 0


def gone(port: int, within: float) -> bool:
    """Whether nobody listens there any more."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.02)
    return False
