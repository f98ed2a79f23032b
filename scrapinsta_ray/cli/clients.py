"""`scrapinsta clients ...`: tenants, their limits, their keys' rotation."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from scrapinsta_ray.cli.keys import DAY_S, Scopes, make_key, show_new, unknown_client
from scrapinsta_ray.cli.options import AsJson, ClientId, ExpiresDays, Yes
from scrapinsta_ray.cli.output import confirm, or_exit, show, tell, warn
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.domain import pacing
from scrapinsta_ray.store import clients

app = typer.Typer(no_args_is_help=True, help="Tenants: who may use the API, and how much.")

_CEILING = pacing.MESSAGES_PER_DAY_CEILING


@app.command("create")
def clients_create(
    client_id: Annotated[str, typer.Argument(help="Short name: a-z, 0-9 and dashes.")],
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    scope: Scopes = None,
    expires_days: ExpiresDays = None,
    as_json: AsJson = False,
) -> None:
    """Make a client with a key, which is shown this once: only its hash is stored."""
    _found, db = database()
    or_exit(lambda: clients.create(db, client_id, name or client_id, actor=actor()))
    make_key(db, client_id, scope, expires_days, as_json)


@app.command("list")
def clients_list(as_json: AsJson = False) -> None:
    """All clients with their limits; messages are per sending account."""
    _found, db = database()
    show([asdict(client) for client in clients.everyone(db)], as_json)


@app.command("suspend")
def clients_suspend(client_id: ClientId, as_json: AsJson = False) -> None:
    """Refuse a client's every request, within 5 seconds on every replica, until `resume`. Its data stay."""
    _change(clients.suspend, client_id, "suspended", as_json)


@app.command("resume")
def clients_resume(client_id: ClientId, as_json: AsJson = False) -> None:
    """Take a suspended client's requests again."""
    _change(clients.resume, client_id, "active", as_json)


@app.command("rotate-key")
def clients_rotate_key(
    client_id: ClientId,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The id of the key to replace; without: all live ones.")
    ] = None,
    overlap_hours: Annotated[float, typer.Option(min=0, help="How long the old key stays good.")] = 24,
    expires_days: ExpiresDays = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key with the same scopes, shown this once; the old one ends after the overlap.

    Give the new key to the client before then. With --overlap-hours 0 the old one ends at once.
    """
    _found, db = database()
    new = or_exit(
        lambda: clients.rotate_key(
            db,
            client_id,
            key,
            overlap_s=overlap_hours * 3600,
            expires_in_s=expires_days * DAY_S if expires_days else None,
            actor=actor(),
        )
    )
    show_new(new, as_json, old_keys_end_in_s=round(overlap_hours * 3600))


@app.command("limits")
def clients_limits(
    client_id: ClientId,
    messages_per_hour: Annotated[int | None, typer.Option(min=1, help="Of each sending account.")] = None,
    messages_per_day: Annotated[
        int | None, typer.Option(min=1, help=f"Of each sending account; never more than {_CEILING}.")
    ] = None,
    pulls_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    results_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    enqueues_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    unfinished_tasks: Annotated[
        int | None, typer.Option(min=1, help="Tasks that may wait or be in work at once.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a client's limits, or set those that are given; the others stay. They hold from the next request on.

    Messages a day have a hard ceiling of 50 per sending account, which no setting passes.
    """
    asked = {
        "messages_per_hour": messages_per_hour,
        "messages_per_day": messages_per_day,
        "pulls_per_minute": pulls_per_minute,
        "results_per_minute": results_per_minute,
        "enqueues_per_minute": enqueues_per_minute,
        "unfinished_tasks": unfinished_tasks,
    }
    wanted = {name: number for name, number in asked.items() if number is not None}
    _found, db = database()
    client = clients.get(db, client_id)
    if client is None:
        unknown_client(client_id)
    if wanted:
        client = or_exit(lambda: clients.set_limits(db, client_id, wanted, actor=actor()))
    limits: dict[str, int] = {name: getattr(client, name) for name in clients.LIMITS}
    for name in wanted:
        if limits[name] < wanted[name]:
            warn(f"{name} was cut to {limits[name]}: {_CEILING} messages a day is the server's hard ceiling.")
    if as_json:
        tell("", {"client_id": client_id, **limits}, as_json)
    else:
        show([{"limit": name.replace("_", " "), "value": number} for name, number in limits.items()], False)


@app.command("delete")
def clients_delete(client_id: ClientId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a client's keys and cancel its unfinished jobs, for good; its id is not used again.

    The record of who was written to and the do-not-contact list stay: nobody is to be written to again by mistake.
    """
    _found, db = database()
    if clients.get(db, client_id) is None:
        unknown_client(client_id)
    confirm(f"This ends {client_id}: its keys stop working and its unfinished jobs are cancelled.", yes)
    clients.delete(db, client_id, actor=actor())
    tell(f"{client_id} was deleted.", {"client_id": client_id, "deleted": True}, as_json)


def _change(change: Callable[..., bool], client_id: str, status: str, as_json: bool) -> None:
    _found, db = database()
    if not change(db, client_id, actor=actor()):
        unknown_client(client_id)
    tell(f"{client_id} is {status}.", {"client_id": client_id, "status": status}, as_json)
