"""What commands print: results on standard output, everything said to a person on standard error."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

T = TypeVar("T")

out, err = Console(), Console(stderr=True)


def or_exit(work: Callable[[], T]) -> T:
    """What `work` gives; a ValueError or LookupError is said in its own words, with exit code 1."""
    try:
        return work()
    except (ValueError, LookupError) as wrong:
        fail(str(wrong))


def fail(message: str) -> NoReturn:
    """One sentence and exit code 1."""
    complain(message)
    raise typer.Exit(1)


def complain(message: str) -> None:
    """What went wrong, as it is: nothing in it is taken for markup."""
    err.print(f"[red]scrapinsta:[/] {escape(message)}", highlight=False, soft_wrap=True)


def warn(message: str) -> None:
    """What a person should know although the command goes on."""
    err.print(f"[yellow]scrapinsta:[/] {escape(message)}", highlight=False, soft_wrap=True)


def tell(sentence: str, fields: Mapping[str, Any], as_json: bool) -> None:
    """What was done: a sentence for a person, or the fields as one JSON object for a script."""
    if as_json:
        print(json.dumps(fields, default=str))
    else:
        err.print(sentence, markup=False, highlight=False, soft_wrap=True)


def confirm(question: str, yes: bool) -> None:
    """Goes on if the answer is yes, or was given beforehand; else ends with exit code 1 and nothing done."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Say so with --yes.")
    typer.confirm(question, abort=True, err=True)


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
