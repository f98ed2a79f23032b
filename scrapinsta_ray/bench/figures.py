"""What a benchmark says: figures, each beside its floor, and whether they reach their bars."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.table import Table

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. The name says the unit: `... (tasks/s)`.

    `value` is the ratio to the floor where there is one, else the number itself; `floor` the floor's own number;
    `bar` what `value` must reach, None for a figure that is only shown.
    """

    name: str
    value: float
    floor: float | None
    bar: float | None
    better: Better
    ok: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one benchmark and the machine they were measured on."""

    bench: str
    hardware: Mapping[str, str]
    figures: Sequence[Figure]

    @property
    def ok(self) -> bool:
        """True if every bar was reached."""
        return all(figure.ok for figure in self.figures)

    def as_dict(self) -> dict[str, Any]:
        """`{bench, hardware, figures: [{name, value, floor, bar, better, ok}]}`."""
        return {
            "bench": self.bench,
            "hardware": dict(self.hardware),
            "figures": [asdict(figure) for figure in self.figures],
        }


def against(
    name: str, measured: float, floor: float, bar: float | None = None, better: Better = "higher"
) -> Figure:
    """`measured` divided by `floor`, both in the unit that `name` gives."""
    return shown(name, measured / floor, floor, bar, better)


def shown(
    name: str,
    value: float,
    floor: float | None = None,
    bar: float | None = None,
    better: Better = "higher",
) -> Figure:
    """A figure whose `value` is ready; rounded to four significant digits after it was held against `bar`."""
    reached = bar is None or (value >= bar if better == "higher" else value <= bar)
    return Figure(name, _rounded(value), None if floor is None else _rounded(floor), bar, better, reached)


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def as_table(report: Report) -> Table:
    """The report for people."""
    machine = ", ".join(f"{name} {value}" for name, value in report.hardware.items())
    table = Table(title=f"bench {report.bench}", caption=machine)
    table.add_column("figure", overflow="fold")
    for name in ("value", "floor", "bar"):
        table.add_column(name, justify="right")
    table.add_column("")
    for figure in report.figures:
        table.add_row(
            figure.name, _number(figure.value), _number(figure.floor), _bar(figure), _verdict(figure)
        )
    return table


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def _bar(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    return f"{'≥' if figure.better == 'higher' else '≤'} {figure.bar:g}"


def _verdict(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    return "[green]ok[/]" if figure.ok else "[red]missed[/]"
