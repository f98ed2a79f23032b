"""`scrapinsta suppress ...`: whom nobody, or one client, may write to."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import err, fail, show, tell, warn
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import clients, suppressions
from scrapinsta_ray.store.batches import CHUNK, chunks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.suppressions import Added

app = typer.Typer(no_args_is_help=True, help="People whom nobody, or one client, may write to.")

Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Usernames, as they are or as addresses.")
]
Client = Annotated[
    str, typer.Option("--client", metavar="CLIENT", help="For this one; without: for everybody.")
]
Reason = Annotated[str, typer.Option(help="One word; `opted_out` if the person asked for it.")]

_SHOWN = 20


@app.command("add")
def suppress_add(
    names: Names, client: Client = "", reason: Reason = "asked", as_json: AsJson = False
) -> None:
    """Never write to these people again."""
    db = _database(client)
    _say(suppressions.add(db, actor(), client, names, _checked(reason)), as_json)


@app.command("import")
def suppress_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE.csv")],
    client: Client = "",
    reason: Reason = "asked",
    as_json: AsJson = False,
) -> None:
    """Never write to the people of a CSV file: its column `username`, or its first one if none is called so."""
    db = _database(client)
    total = Added(0, 0, [])
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        names = list(_names(lines))
    with Progress(console=err, transient=True) as progress:
        bar = progress.add_task("Importing", total=len(names))
        for some in chunks(names, CHUNK):
            done = suppressions.add(db, actor(), client, some, _checked(reason))
            total = Added(
                total.added + done.added, total.already + done.already, [*total.invalid, *done.invalid]
            )
            progress.advance(bar, len(some))
    _say(total, as_json)


@app.command("list")
def suppress_list(
    client: Client = "",
    prefix: Annotated[str, typer.Option(help="First letters of the name.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Who is on the list, by name. People who were forgotten are only counted."""
    db = _database(client)
    found = suppressions.page(db, client, prefix=prefix.lower().removeprefix("@"), limit=limit + 1)
    show([dict(row) for row in found[:limit]], as_json)
    if len(found) > limit:
        warn(f"There are more than {limit}: see --limit and --prefix.")
    _every, forgotten = suppressions.count(db, client)
    if forgotten:
        err.print(f"And {forgotten} who were forgotten.", highlight=False)


@app.command("remove")
def suppress_remove(names: Names, client: Client = "", as_json: AsJson = False) -> None:
    """Take people off the list, even those who opted out: only if they ask for it."""
    db = _database(client)
    done = suppressions.remove(db, actor(), client, names, operator=True)
    unknown = f"; not on the list: {_some(done.unknown)}" if done.unknown else ""
    fields = {"removed": done.removed, "unknown": list(done.unknown)}
    tell(f"{done.removed} people were taken off{unknown}.", fields, as_json)


def _database(client: str) -> Database:
    _found, db = database()
    if client and clients.get(db, client) is None:
        fail(f"There is no client {client!r}.")
    return db


def _checked(reason: str) -> str:
    if not reason.isascii() or not reason.isidentifier() or len(reason) > 40 or reason == "forgotten":
        raise typer.BadParameter("a reason is one word of a-z, 0-9 and _; for `forgotten` see `forget`")
    return reason


def _names(lines: Any) -> Iterator[str]:
    """The names of a CSV file, with or without a line of titles."""
    column = None
    for row in csv.reader(lines):
        if column is None:
            titles = [title.strip().lower() for title in row]
            column = titles.index("username") if "username" in titles else 0
            if "username" in titles:
                continue
        if len(row) > column and row[column].strip():
            yield row[column]


def _say(done: Added, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done)))
        return
    invalid = f"; no usernames: {_some(done.invalid)}" if done.invalid else ""
    err.print(f"{done.added} were added, {done.already} were there already{invalid}.", markup=False)


def _some(names: Any) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name[:60]) for name in names[:_SHOWN]) + more
