"""An idle main thread rests, and misses nothing: no call, no signal, no end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scrapinsta_ray.cluster.doorbell import CAN_HEAR
from scrapinsta_ray.cluster.quiet import NAP_S
from tests.waiting import until

pytestmark = pytest.mark.timeout(60)

# Its main thread does what Ray's does: it looks around a hundred times a second. The orders come by another thread.
PROCESS = """
import signal, socket, sys, threading, time
from scrapinsta_ray.cluster.quiet import Quiet
quiet, looks, seen = Quiet(), 0, threading.Event()
door = socket.create_server(("127.0.0.1", 0))

def serve():
    while True:
        threading.Thread(target=read, args=(door.accept()[0],), daemon=True).start()

def read(caller):
    answers = caller.makefile("w")
    while caller.recv(100):
        began = time.monotonic()
        seen.clear()
        assert seen.wait(10)
        print(time.monotonic() - began, file=answers, flush=True)

def obey():
    for order in sys.stdin:
        match order.split():
            case ["begin"]: quiet.begin()
            case ["end"]: quiet.end()
            case ["flutter"]:
                for _ in range(500):
                    quiet.begin(); quiet.end()
                quiet.begin()
            case ["looks", seconds]:
                before = looks
                time.sleep(float(seconds))
                print(looks - before, flush=True)
                continue
            case ["door"]:
                print(door.getsockname()[1], flush=True)
                continue
        print("done", flush=True)

def ended(*_):
    print("terminated", flush=True)
    sys.exit(3)

signal.signal(signal.SIGTERM, ended)
for work in (obey, serve):
    threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(0.01)
    looks += 1
    seen.set()
"""


class Idle:
    """A process with such a main thread."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self.said() == "ready"

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def ask(self, order: str) -> str:
        assert self.process.stdin
        print(order, file=self.process.stdin, flush=True)
        return self.said()

    def looks(self, seconds: float) -> int:
        return int(self.ask(f"looks {seconds}"))


@pytest.fixture
def idle() -> Iterator[Idle]:
    one = Idle()
    yield one
    one.process.kill()
    one.process.communicate()


def rests(idle: Idle) -> bool:
    """Once it has listened to the last ring."""
    return until(lambda: idle.looks(1.0) <= 2 / NAP_S + 2, 10, "a rest")


def test_the_main_thread_looks_around_once_a_nap_and_again_as_before(idle: Idle) -> None:
    idle.ask("begin")
    assert rests(idle)
    idle.ask("end")
    idle.looks(2 * NAP_S)
    assert idle.looks(2.0) > 20, "even on a busy machine"


class Caller:
    """Another process's connection to the idle one."""

    def __init__(self, idle: Idle) -> None:
        self._line = socket.create_connection(("127.0.0.1", int(idle.ask("door"))))
        self._said = self._line.makefile()

    def call(self) -> float:
        """Seconds until the main thread, which alone can take the call up, has looked around."""
        self._line.sendall(b"!")
        return float(self._said.readline())

    def hang_up(self) -> None:
        self._said.close()
        self._line.close()


def test_a_call_wakes_the_main_thread(idle: Idle) -> None:
    """Over a connection that was there before the rest, over one made amid it, and where one was before."""
    early = Caller(idle)
    early.call()
    idle.ask("begin")
    idle.looks(0.3)
    waits = [early.call() for _ in range(10)]
    late = Caller(idle)
    waits += [late.call() for _ in range(10)]
    early.hang_up()
    later = Caller(idle)  # most likely under the other's old number
    waits += [later.call() for _ in range(10)]
    late.hang_up()
    later.hang_up()
    assert sorted(waits)[15] < NAP_S / (4 if CAN_HEAR else 1), waits
    assert max(waits) < 5 * NAP_S, "none is lost"
    assert rests(idle), "and afterwards it rests again"


@pytest.mark.skipif(not CAN_HEAR, reason="this system tells nobody else of a connection")
def test_whoever_calls_for_the_first_time_is_heard(idle: Idle) -> None:
    """Though the connection is taken, by the thread that serves it, before anybody else can look."""
    idle.ask("begin")
    waits = []
    for _ in range(6):
        assert rests(idle)
        stranger = Caller(idle)
        waits.append(stranger.call())
        stranger.hang_up()
    assert sorted(waits)[3] < NAP_S / 8, waits
    assert max(waits) < NAP_S / 2, waits


def test_however_often_it_begins_and_ends_it_still_rests_and_still_ends(idle: Idle) -> None:
    for _ in range(5):
        idle.ask("flutter")
    assert rests(idle)
    idle.ask("end")
    idle.looks(2 * NAP_S)
    assert idle.looks(2.0) > 20


def test_a_signal_is_heard_amid_a_nap(idle: Idle) -> None:
    idle.ask("begin")
    idle.looks(0.3)
    idle.process.send_signal(signal.SIGTERM)
    assert idle.said() == "terminated"
    assert idle.process.wait(10) == 3


def test_a_child_inherits_no_alarm(idle: Idle) -> None:
    """What a resting worker starts, such as a browser, must not be ended by an alarm that it does not know."""
    code = (
        "import signal, subprocess, sys, time; from scrapinsta_ray.cluster.quiet import Quiet; q = Quiet(); q.begin();"
        "print(subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.5)']).returncode)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "0"
