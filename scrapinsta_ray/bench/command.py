"""`scrapinsta bench`: runs benchmarks with progress on stderr and says the outcome on stdout."""

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scrapinsta_ray.bench.figures import Report, as_table
from scrapinsta_ray.bench.registry import BENCHES, Bench

out, err = Console(), Console(stderr=True)

_AGAIN_S = 0.05


def names(word: str) -> list[str]:
    """The benchmarks that `word` stands for: one, or `all`. Raises LookupError for an unknown one."""
    if word == "all":
        return list(BENCHES)
    if word not in BENCHES:
        raise LookupError(f"There is no benchmark {word!r}; there are {', '.join(BENCHES)}.")
    return [word]


def run(word: str, *, quick: bool, as_json: bool) -> int:
    """Runs and prints; exit code 1 if a bar was missed. Raises LookupError for an unknown benchmark."""
    reports = []
    with _ended_by_signals():
        for name in names(word):
            reports.append(_measure(name, BENCHES[name], quick))
            _show(reports[-1], as_json)
    return 0 if all(report.ok for report in reports) else 1


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM are KeyboardInterrupt here, whatever they meet: servers end and their folders go.

    Python drops an exception within a `__del__` or a weak reference's callback, of which each import has one, and makes
    a RuntimeError of one within the making of a class. The one is raised again a moment later, the other made good.
    """
    asked = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def dropped(what: "sys.UnraisableHookArgs") -> None:
        if asked and issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            hook(what)

    hook, sys.unraisablehook = sys.unraisablehook, dropped
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    except Exception as error:
        if asked:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for one, handler in before.items():
            signal.signal(one, handler)


def _measure(name: str, bench: Bench, quick: bool) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(f"bench {name}", total=bench.steps, completed=-1)

        def say(text: str) -> None:
            progress.update(task, advance=1, description=f"{name}: {text}")

        return bench.run(quick, say)


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_dict()), flush=True)
    else:
        out.print(as_table(report))


def show_list(as_json: bool) -> None:
    """Names and what they measure."""
    if as_json:
        print(json.dumps({name: bench.summary for name, bench in BENCHES.items()}))
        return
    table = Table("name", "what it measures")
    for name, bench in BENCHES.items():
        table.add_row(name, bench.summary)
    out.print(table)
