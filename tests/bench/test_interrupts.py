"""An interrupt ends a benchmark whatever it meets: Python drops some of them, and makes another error of others."""

import signal
import time
from collections.abc import Callable

import pytest

from scrapinsta_ray.bench import command, registry
from scrapinsta_ray.bench.figures import Report


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


@pytest.mark.parametrize("work", [thrown_away, a_class_is_made, plain_ctrl_c, terminated])
def test_an_interrupt_ends_the_bench_wherever_it_falls(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]
) -> None:
    def measured(self: registry.Bench, quick: bool, say: registry.Say) -> Report:
        work()
        time.sleep(10)
        pytest.fail("it went on")

    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    monkeypatch.setattr(registry.Bench, "run", measured)
    with pytest.raises(KeyboardInterrupt):
        command.run("store", quick=True, as_json=True)
    assert before == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
