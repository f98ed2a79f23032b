"""Ratios, bars, and what a report says to people and to scripts."""

import json

import pytest
from rich.console import Console

from scrapinsta_ray.bench import command, registry
from scrapinsta_ray.bench.figures import Figure, Report, against, as_table, shown
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.timing import in_turns

REACHED = against("leases (calls/s)", 80, 100, 0.7)
MISSED = against("leases (calls/s)", 60, 100, 0.7)


def test_a_figure_is_a_ratio_beside_its_floor():
    assert Figure("leases (calls/s)", 0.8, 100, 0.7, "higher", True) == REACHED


@pytest.mark.parametrize(
    ("value", "better", "ok"),
    [
        (1.3, "lower", True),
        (1.31, "lower", False),
        (1.3, "higher", True),
        (1.29, "higher", False),
    ],
)
def test_a_bar_is_reached_at_the_bar_itself(value, better, ok):
    assert shown("f", value, bar=1.3, better=better).ok is ok


def test_rounding_reaches_no_bar():
    just_below = shown("f", 0.69999, bar=0.7)
    assert just_below.value == 0.7
    assert not just_below.ok


def test_a_figure_without_a_bar_is_never_missed():
    assert shown("tasks/s", 0.001).ok


def test_the_hardware_is_named():
    assert set(hardware("MariaDB")) == {"cpu", "cores", "memory", "python", "database"}
    assert all(hardware().values())


def test_works_take_turns():
    order = []
    times = in_turns(2, lambda: order.append("a"), lambda: order.append("b"))
    assert order == ["a", "b", "a", "b"]
    assert len(times) == 2


@pytest.fixture
def two_benches(monkeypatch):
    """`good` reaches its bar, `bad` does not; neither takes any time."""

    def measured(self: registry.Bench, quick: bool, say: registry.Say) -> Report:
        say("at once")
        print("(raylet) WARNING: as Ray says it in between")
        return Report(self.summary, {"cpu": "any"}, [MISSED if self.summary == "bad" else REACHED])

    monkeypatch.setattr(registry.Bench, "run", measured)
    monkeypatch.setattr(command, "BENCHES", {name: registry.Bench(name, "", 1) for name in ("good", "bad")})


@pytest.mark.parametrize(("word", "code"), [("good", 0), ("bad", 1), ("all", 1)])
def test_a_missed_bar_is_exit_code_1(two_benches, capsys, word, code):
    assert command.run(word, quick=True, as_json=True) == code
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["bench"] for line in lines] == (["good", "bad"] if word == "all" else [word])


def test_json_has_these_keys_and_no_others(two_benches, capsys):
    command.run("good", quick=True, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["bench", "hardware", "figures"]
    assert [list(figure) for figure in said["figures"]] == [["name", "value", "floor", "bar", "better", "ok"]]


def test_an_unknown_benchmark_is_named_with_the_known_ones():
    with pytest.raises(LookupError, match="store"):
        command.names("nonsense")


def test_the_table_shows_what_was_missed():
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as seen:
        console.print(as_table(Report("store", {"cpu": "any"}, [REACHED, MISSED])))
    assert "≥ 0.7" in seen.get()
    assert "missed" in seen.get()
