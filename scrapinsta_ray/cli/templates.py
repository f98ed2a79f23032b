"""`scrapinsta templates ...`: a client's message templates, as its operator sees them."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from scrapinsta_ray.cli.options import AsJson, ClientId
from scrapinsta_ray.cli.output import fail, or_exit, show, tell
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import clients, templates
from scrapinsta_ray.store.database import Database

app = typer.Typer(no_args_is_help=True, help="Message templates of a client.")

TemplateId = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its id, tpl:...")]
Text = Annotated[
    str, typer.Argument(help="The text, with {first_name} and the like; - reads it from standard input.")
]


@app.command("create")
def templates_create(client_id: ClientId, name: str, text: Text, as_json: AsJson = False) -> None:
    """Make a template for a client."""
    db = _database(client_id)
    made = or_exit(lambda: templates.create(db, actor(), client_id, name, _read(text)))
    tell(f"Template {made.id} was made.", asdict(made), as_json)


@app.command("list")
def templates_list(client_id: ClientId, as_json: AsJson = False) -> None:
    """A client's templates, newest first, each in its newest version."""
    show(
        [asdict(template) for template in templates.page(_database(client_id), client_id, limit=1000)],
        as_json,
    )


@app.command("version")
def templates_version(
    client_id: ClientId, template_id: TemplateId, text: Text, as_json: AsJson = False
) -> None:
    """Give a template a new text. What is queued keeps its own."""
    db = _database(client_id)
    made = or_exit(lambda: templates.add_version(db, actor(), client_id, template_id, _read(text)))
    tell(f"Template {made.id} has version {made.version}.", asdict(made), as_json)


@app.command("retire")
def templates_retire(client_id: ClientId, template_id: TemplateId, as_json: AsJson = False) -> None:
    """Write nothing new with a template."""
    retired = templates.retire(_database(client_id), actor(), client_id, template_id)
    tell(f"Template {retired.id} is retired.", asdict(retired), as_json)


def _read(text: str) -> str:
    return sys.stdin.read().rstrip("\n") if text == "-" else text


def _database(client_id: str) -> Database:
    _found, db = database()
    if clients.get(db, client_id) is None:
        fail(f"There is no client {client_id!r}.")
    return db
