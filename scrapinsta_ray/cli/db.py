"""`scrapinsta db ...`: the schema and what is kept."""

import json
from collections import Counter
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.progress import Progress

from scrapinsta_ray import settings
from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import err, fail, out, tell
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.store import checkup, prune, schema
from scrapinsta_ray.store.database import Database

app = typer.Typer(no_args_is_help=True, help="The database.")


@app.command("upgrade")
def db_upgrade(as_json: AsJson = False) -> None:
    """Bring the schema to this version, keeping the data."""
    db = Database(settings.load().url)
    schema.pending(db)  # says it clearly if the server is away or refuses us
    schema.upgrade(db)
    tell("The schema is up to date.", {"upgraded": True}, as_json)


@app.command("schema")
def db_schema() -> None:
    """Print the whole MySQL schema."""
    print(schema.as_sql(), end="")


@app.command("check")
def db_check(as_json: AsJson = False) -> None:
    """Say in words whether the database is fit: version, isolation, time zone, migrations, indexes."""
    db = Database(settings.load().url)
    findings = checkup.check(db)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            out.print("[green]ok[/]  " if finding.ok else "[red]no[/]  ", finding.text, highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command("prune")
def db_prune(
    days: Annotated[
        float | None,
        typer.Option(min=1, help="Keep tasks that ended within so many days; else the setting, 90."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is older than SCRAPINSTA_RETENTION_*_DAYS; the ledger of messages is kept for ever.

    The dispatcher does the same by itself, a little at a time. Messages of a template are emptied, not deleted, so
    that nobody gets the same text twice.
    """
    found, db = database()
    keep = found.retention if days is None else replace(found.retention, tasks=days)
    counts, emptied = Counter[str](), 0
    with Progress(console=err, transient=True) as progress:
        bar = progress.add_task("Pruning", total=prune.span(db))
        for step in prune.prune(db, keep, dry_run=dry_run):
            counts[step.table] += step.deleted
            emptied += step.emptied
            progress.advance(bar, step.seen)
    if as_json:
        print(json.dumps({**counts, "emptied": emptied}))
        return
    verb = "would be deleted" if dry_run else "were deleted"
    out.print(", ".join(f"{n} of {table}" for table, n in counts.items()) + f" {verb}.")
    if emptied:
        out.print(f"{emptied} messages {'would be' if dry_run else 'were'} emptied.")


@app.command("reset")
def db_reset(
    yes: Annotated[bool, typer.Option("--yes", help="Yes, all data goes.")] = False, as_json: AsJson = False
) -> None:
    """Drop every table with all its data, and make them anew."""
    db = Database(settings.load().url)
    if not yes:
        fail(f"This deletes everything in {db}: say so with --yes.")
    schema.reset(db)
    tell("The database is empty and up to date.", {"reset": True}, as_json)
