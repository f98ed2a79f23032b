"""`scrapinsta clients ...`: tenants and their keys."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import err, or_exit, show
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.store import clients

app = typer.Typer(no_args_is_help=True, help="Tenants and their API keys.")


@app.command("create")
def clients_create(
    client_id: Annotated[str, typer.Argument(help="Short name: a-z, 0-9 and dashes.")],
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    as_json: AsJson = False,
) -> None:
    """A new client with a key, which is shown this once."""
    if not client_id.replace("-", "").isalnum() or not client_id.isascii() or len(client_id) > 32:
        raise typer.BadParameter("use up to 32 of a-z, 0-9 and dashes")
    _found, db = database()
    or_exit(lambda: clients.create(db, client_id, name or client_id))
    key = clients.create_key(db, client_id)
    if as_json:
        print(json.dumps({"client_id": client_id, "key": key.plaintext}))
        return
    err.print("The key, shown this once:")
    print(key.plaintext)


@app.command("list")
def clients_list(as_json: AsJson = False) -> None:
    """All clients and their limits per sending account."""
    _found, db = database()
    show([asdict(client) for client in clients.everyone(db)], as_json)
