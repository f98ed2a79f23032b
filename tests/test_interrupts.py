"""An interrupt ends a command whatever it meets: Python drops some of them, and makes another error of others."""

import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from scrapinsta_ray.processes import ended_by_signals


class InItsEnd:
    """Interrupted while it is thrown away, where an exception goes nowhere."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class InTheMakingOfAClass:
    """Interrupted while it learns its name, where Python 3.11 wraps what is raised."""

    def __set_name__(self, owner: type, name: str) -> None:
        signal.raise_signal(signal.SIGINT)


def thrown_away() -> None:
    InItsEnd()


def a_class_is_made() -> None:
    type("Made", (), {"field": InTheMakingOfAClass()})


def plain_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def terminated() -> None:
    signal.raise_signal(signal.SIGTERM)


def goes_on_after(work: Callable[[], None]) -> None:
    with ended_by_signals():
        work()
        time.sleep(10)
        pytest.fail("it went on")


@pytest.mark.parametrize("work", [thrown_away, a_class_is_made, plain_ctrl_c, terminated])
def test_an_interrupt_ends_the_work_wherever_it_falls(work: Callable[[], None]) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with pytest.raises(KeyboardInterrupt):
        goes_on_after(work)
    assert before == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]


def fails_after_ctrl_c() -> None:
    with ended_by_signals():
        with suppress(KeyboardInterrupt):  # as whoever runs until then
            plain_ctrl_c()
        raise RuntimeError("mine")


def test_an_error_of_one_s_own_stays_what_it_is_after_an_interrupt_too() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        fails_after_ctrl_c()
