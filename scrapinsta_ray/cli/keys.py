"""`scrapinsta keys ...`: the API keys of a client. Of a secret only its hash is stored, and it is shown once."""

import json
from typing import Annotated, Any, NoReturn

import typer

from scrapinsta_ray.cli.options import AsJson, ClientId, ExpiresDays
from scrapinsta_ray.cli.output import err, fail, or_exit, show, tell
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database

app = typer.Typer(no_args_is_help=True, help="The API keys of a client.")

DAY_S = 86_400


def checked_scopes(words: list[str] | None) -> list[str] | None:
    """The scopes as given, or a usage error that names the wrong one."""
    known = (*clients.SCOPES, clients.ADMIN)
    for word in words or ():
        if word not in known:
            raise typer.BadParameter(f"{word!r} is not one of {', '.join(known)}")
    return words


Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        callback=checked_scopes,
        help=f"What the key may do; may be repeated. Without: {', '.join(clients.SCOPES)}.",
    ),
]


@app.command("create")
def keys_create(
    client_id: ClientId, scope: Scopes = None, expires_days: ExpiresDays = None, as_json: AsJson = False
) -> None:
    """Make one more key for a client, which is shown this once. Its other keys stay as they are."""
    _found, db = database()
    make_key(db, client_id, scope, expires_days, as_json)


@app.command("list")
def keys_list(client_id: ClientId, as_json: AsJson = False) -> None:
    """The keys of a client: scopes, expiry, when each was last used. Never the secrets, which are not stored."""
    _found, db = database()
    if clients.get(db, client_id) is None:
        unknown_client(client_id)
    show([_row(key) for key in clients.keys(db, client_id)], as_json)


@app.command("revoke")
def keys_revoke(
    client_id: ClientId,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The middle part of si_<id>_<secret>.")],
    as_json: AsJson = False,
) -> None:
    """Refuse a key, and all tokens made with it, from now on: within 5 seconds on every replica. For good."""
    _found, db = database()
    if not clients.revoke_key(db, client_id, key_id, actor=actor()):
        fail(f"{client_id} has no such key; `scrapinsta keys list {client_id}` shows all.")
    tell(
        f"The key {key_id} is revoked.", {"client_id": client_id, "key_id": key_id, "revoked": True}, as_json
    )


def make_key(
    db: Database, client_id: str, scopes: list[str] | None, expires_days: float | None, as_json: bool
) -> None:
    """A new key of a client, shown."""
    wanted = frozenset(scopes or clients.SCOPES)
    expires_in_s = expires_days * DAY_S if expires_days else None
    key = or_exit(lambda: clients.create_key(db, client_id, wanted, expires_in_s=expires_in_s, actor=actor()))
    show_new(key, as_json)


def show_new(key: clients.NewKey, as_json: bool, **more: Any) -> None:
    """The one time that a key is shown: on standard output, alone."""
    if as_json:
        fields = {"client_id": key.client_id, "key_id": key.key_id, "key": key.plaintext}
        print(json.dumps(fields | more))
        return
    err.print(f"The key of {key.client_id}, shown this once:", markup=False, highlight=False)
    print(key.plaintext)


def unknown_client(client_id: str) -> NoReturn:
    """Says so, and where to look."""
    fail(f"There is no client {client_id!r}; `scrapinsta clients list` shows all.")


def _row(key: clients.Key) -> dict[str, Any]:
    state = "live" if key.live else "revoked" if key.revoked_at else "expired"
    return {
        "key_id": key.key_id,
        "state": state,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at and key.expires_at.isoformat(timespec="seconds"),
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(timespec="seconds"),
    }
