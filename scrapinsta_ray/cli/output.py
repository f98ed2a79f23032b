"""What commands print: results on standard output, everything said to a person on standard error."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

out, err = Console(), Console(stderr=True)


def or_exit(work: Callable[[], Any]) -> None:
    """Does it; a ValueError is said in its own words, with exit code 1."""
    try:
        work()
    except ValueError as wrong:
        fail(str(wrong))


def fail(message: str) -> NoReturn:
    """One sentence and exit code 1."""
    err.print(f"[red]scrapinsta:[/] {message}", highlight=False)
    raise typer.Exit(1)


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows with the same fields, as a table or as one JSON list."""
    if as_json:
        print(json.dumps(rows, default=str))
        return
    if not rows:
        err.print("There are none yet.")
        return
    table = Table()
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)
