"""`scrapinsta accounts ...`: bot accounts and their sealed secrets."""

import sys
from typing import Annotated

import typer

from scrapinsta_ray.cli.options import AsJson, Username
from scrapinsta_ray.cli.output import err, fail, show
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.store import accounts

app = typer.Typer(no_args_is_help=True, help="Bot accounts that read the site.")


@app.command("add")
def accounts_add(
    username: Username,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
) -> None:
    """Add a bot account, or give it a new password. The password is asked for, never an argument."""
    found, db = database()
    password = (
        sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    )
    if not password:
        raise typer.BadParameter("the password is empty")
    new = accounts.add(db, found.fernet, username, password)
    err.print(f"{username} was {'added' if new else 'given the new password'}.")


@app.command("list")
def accounts_list(as_json: AsJson = False) -> None:
    """Status, rest, and what each did in the last hour."""
    _found, db = database()
    rows = [
        {
            "username": a.username,
            "status": a.status,
            "reason": a.status_reason,
            "free_in_s": round(a.cooling_s),
            "last_signal": a.last_signal,
            "failures": a.failures,
            "logins": a.logins,
            "used_last_hour": {str(kind): n for kind, n in a.used.items()},
        }
        for a in accounts.everyone(db)
    ]
    show(rows, as_json)


@app.command("remove")
def accounts_remove(username: Username) -> None:
    """Forget a bot account with its password and cookies."""
    _found, db = database()
    if not accounts.remove(db, username):
        fail(f"There is no account {username}.")
    err.print(f"{username} was removed; its browser closes within seconds.")


@app.command("resume")
def accounts_resume(username: Username) -> None:
    """Let an account work again, after a person has looked at it."""
    _found, db = database()
    if not accounts.set_status(db, [username], "active"):
        fail(f"There is no account {username}.")
    err.print(f"{username} is active.")
