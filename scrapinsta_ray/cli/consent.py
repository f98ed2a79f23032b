"""`scrapinsta forget` and `scrapinsta audit`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from scrapinsta_ray.cli.options import AsJson, Since, Username, Yes, point_in_time
from scrapinsta_ray.cli.output import confirm, err, show
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import audit, forget, forgotten
from scrapinsta_ray.store.database import transaction

app = typer.Typer()


@app.command("forget")
def forget_person(username: Username, yes: Yes = False, as_json: AsJson = False) -> None:
    """Erase what is stored of a person, for good, and never collect it or write to them again.

    A salted hash of the name stays, by which they are known as forgotten. This cannot be undone. Logs, backups and
    text that a client wrote itself are not the store's.
    """
    _found, db = database()
    confirm(f"Erase everything about {username}, for all clients and for good?", yes)
    done = forget.forget(db, actor(), username)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    show([{"table": table, "rows": rows} for table, rows in done.rows.items()], as_json=False)
    err.print(
        f"{username} is forgotten, and stands as {done.name} where something must stand.", highlight=False
    )
    if done.cancelled:
        err.print(f"{done.cancelled} unfinished tasks about them were cancelled.", highlight=False)


@app.command("audit")
def show_audit(
    client: Annotated[str | None, typer.Option(metavar="CLIENT", help="Only what is this client's.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only these: `key.created`, or `key` for all that begin so.")
    ] = None,
    since: Since = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="USERNAME", help="Only about this person, who stands there as a hash."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Who changed what, and when: keys, limits, suppressions, erasures, retries and cancels. Newest first."""
    _found, db = database()
    about = forgotten.pseudonym(transaction(forgotten.salt)(db), person) if person else None
    found = audit.entries(
        db, client, action=action, since=point_in_time(since) if since else None, about=about, limit=limit
    )
    rows = [asdict(entry) for entry in found]
    if not as_json:
        rows = [
            {**row, "at": f"{row['at']:%Y-%m-%d %H:%M:%S}", "details": _words(row["details"])} for row in rows
        ]
    show(rows, as_json)


def _words(details: dict[str, object]) -> str:
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in details.items())
