"""What the demo shows while it runs and at its end."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

STAGES = {
    "fetch_followings": "Followings",
    "analyze_profile": "Profiles",
    "send_message": "Messages",
}


class View(Protocol):
    """Told what happens; shows it or not."""

    def step(self, text: str) -> None:
        """A phase begins."""

    def stage(self, kind: str, done: int, total: int) -> None:
        """A stage of the campaign is so far."""

    def accounts(self, doing: Mapping[str, str]) -> None:
        """What each account is doing now."""

    def close(self) -> None:
        """Nothing more comes."""


class PlainView:
    """One line a change, for logs and for `--json` (on stderr)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, tuple[int, int]] = {}

    def step(self, text: str) -> None:
        self._console.print(text)

    def stage(self, kind: str, done: int, total: int) -> None:
        last_done, last_total = self._last.get(kind, (0, 0))
        if total and (total != last_total or done == total != last_done or done >= last_done + 10):
            self._last[kind] = (done, total)
            self._console.print(f"  {STAGES[kind]}: {done} of {total}")

    def accounts(self, doing: Mapping[str, str]) -> None:
        pass

    def close(self) -> None:
        pass


class LiveView:
    """Bars for the stages and a table of the accounts, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._bars: dict[str, TaskID] = {}
        self._doing: Mapping[str, str] = {}
        self._console = console
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8)
        self._live.start()

    def step(self, text: str) -> None:
        self._console.print(f"[bold]{text}")

    def stage(self, kind: str, done: int, total: int) -> None:
        if kind not in self._bars:
            self._bars[kind] = self._progress.add_task(STAGES[kind], total=None)
        self._progress.update(self._bars[kind], completed=done, total=total or None)

    def accounts(self, doing: Mapping[str, str]) -> None:
        self._doing = doing

    def close(self) -> None:
        self._doing = {}
        self._live.stop()

    def _draw(self) -> Group:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for account, doing in self._doing.items():
            table.add_row(f"[cyan]{account}", doing or "[dim]idle")
        return Group(self._progress, table)


def best_profiles(profiles: Sequence[Mapping[str, Any]], most: int = 10) -> Table:
    """The best scores as a table."""
    table = Table(
        title=f"The best {min(most, len(profiles))} of {len(profiles)} profiles", title_justify="left"
    )
    for name, justify in (
        ("profile", "left"),
        ("followers", "right"),
        ("engagement", "right"),
        ("score", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    ranked = sorted(profiles, key=lambda p: p["success"] if p["success"] is not None else -1.0, reverse=True)
    for profile in ranked[:most]:
        table.add_row(
            profile["username"],
            f"{profile['followers']:,}" if profile["followers"] is not None else "-",
            f"{profile['engagement']:.2%}" if profile["engagement"] is not None else "-",
            f"{profile['success']:.3f}" if profile["success"] is not None else "-",
        )
    return table


def totals(summary: Mapping[str, Any], times: Mapping[str, float]) -> Table:
    """The figures of the summary, and what took how long."""
    table = Table(title="The campaign", title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in summary.items():
        table.add_row(name.replace("_", " "), str(value))
    for name, seconds in times.items():
        table.add_row(f"[dim]{name}", f"[dim]{seconds:.1f} s")
    return table
