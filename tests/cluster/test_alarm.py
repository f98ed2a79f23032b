"""An alarm goes off when it should, once, and not when it was called off."""

import threading
import time

import pytest

from scrapinsta_ray.cluster.alarm import Alarm


class Bell:
    """Counts its rings."""

    def __init__(self) -> None:
        self.rings: list[float] = []
        self.rang = threading.Event()
        self.alarm = Alarm(self.ring, "bell")

    def ring(self) -> None:
        self.rings.append(time.monotonic())
        self.rang.set()


@pytest.fixture
def bell() -> Bell:
    return Bell()


def test_it_goes_off_once_and_can_be_set_again(bell: Bell) -> None:
    for _ in range(2):
        bell.rang.clear()
        began = time.monotonic()
        bell.alarm.set(0.1)
        assert bell.rang.wait(10)
        assert bell.rings[-1] - began >= 0.1
    time.sleep(0.3)
    assert len(bell.rings) == 2


def test_what_is_put_off_comes_later_and_what_is_drawn_forward_sooner(bell: Bell) -> None:
    began = time.monotonic()
    bell.alarm.set(0.1)
    bell.alarm.set(0.5)
    assert bell.rang.wait(10)
    assert bell.rings[0] - began >= 0.5
    bell.rang.clear()
    bell.alarm.set(3_600)
    bell.alarm.set(0.05)
    assert bell.rang.wait(10)


def test_what_is_called_off_does_not_come(bell: Bell) -> None:
    bell.alarm.set(0.1)
    bell.alarm.clear()
    assert not bell.rang.wait(0.4)
    bell.alarm.set(0.05)
    assert bell.rang.wait(10), "and it still works"


def test_it_may_set_itself_again() -> None:
    rings: list[float] = []
    done = threading.Event()

    def ring() -> None:
        rings.append(time.monotonic())
        done.set() if len(rings) == 3 else alarm.set(0.05)

    alarm = Alarm(ring, "bell")
    alarm.set(0.05)
    assert done.wait(10)


def test_work_that_fails_is_not_its_end(caplog: pytest.LogCaptureFixture) -> None:
    rings: list[float] = []
    done = threading.Event()

    def ring() -> None:
        rings.append(time.monotonic())
        if len(rings) == 1:
            alarm.set(0.05)
            raise RuntimeError("the first time")
        done.set()

    alarm = Alarm(ring, "bell")
    alarm.set(0.05)
    assert done.wait(10)
    assert "bell" in caplog.text
