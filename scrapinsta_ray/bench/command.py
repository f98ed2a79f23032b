"""`scrapinsta bench`: runs benchmarks with progress on stderr and says the outcome on stdout."""

import json
import sys
from contextlib import redirect_stdout

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scrapinsta_ray.bench.figures import Report, as_table
from scrapinsta_ray.bench.registry import BENCHES, Bench

out, err = Console(), Console(stderr=True)


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
    for name in names(word):
        reports.append(_measure(name, BENCHES[name], quick))
        _show(reports[-1], as_json)
    return 0 if all(report.ok for report in reports) else 1


def _measure(name: str, bench: Bench, quick: bool) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(f"bench {name}", total=bench.steps, completed=-1)

        def say(text: str) -> None:
            progress.update(task, advance=1, description=f"{name}: {text}")

        with redirect_stdout(sys.stderr):  # where Ray's warnings would be taken for the outcome
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
