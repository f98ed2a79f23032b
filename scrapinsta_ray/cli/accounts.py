"""`scrapinsta accounts ...`: bot accounts and their sealed secrets."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import Progress

from scrapinsta_ray import settings
from scrapinsta_ray.cli import logins, roster
from scrapinsta_ray.cli.options import AsJson, Username
from scrapinsta_ray.cli.output import complain, err, fail, show, tell, warn
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.domain.hours import parse_hours
from scrapinsta_ray.store import accounts, sealing, turns

app = typer.Typer(no_args_is_help=True, help="Bot accounts that read the site.")

_SHOWN = 20


@app.command("add")
def accounts_add(
    username: Username,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
    totp_stdin: Annotated[
        bool,
        typer.Option("--totp-stdin", help="Read the second factor's secret from stdin, after the password."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a bot account, or give it a new password. The password is asked for, never an argument.

    It is stored sealed, as is the secret of its authenticator app (base32), with which it answers when the site asks
    for a code. The account is active from then on: its browser starts within seconds. Cookies of an earlier password
    are forgotten.
    """
    found, db = database()
    password = (
        sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    )
    if not password:
        raise typer.BadParameter("the password is empty")
    secret = _second_factor(sys.stdin.readline()) if totp_stdin else None
    new = accounts.add(db, found.fernet, username, password, totp_secret=secret, actor=actor())
    tell(
        f"{username} was {'added' if new else 'given the new password'}.",
        {"username": username, "added": new},
        as_json,
    )


def _second_factor(line: str) -> str:
    try:
        return logins.second_factor(line)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


@app.command("import")
def accounts_import(
    file: Annotated[
        Path, typer.Argument(help="CSV of username,password[,totp_secret]; - is standard input.")
    ],
    as_json: AsJson = False,
) -> None:
    """Add many bot accounts from a CSV of username,password: all of them, or none if a line is wrong.

    Every line is checked first, and each that is wrong is named. Accounts that are there already get the new
    password. A first line `username,password` is passed over. A third field is the secret of a second factor, in
    base32, as the authenticator app has it.
    """
    data = _content(file)
    read = logins.read(data)
    if read.problems:
        _refuse(read.problems, as_json)
    found, db = database()
    with Progress(console=err, transient=True, disable=as_json) as progress:
        bar = progress.add_task("Sealing", total=len(read.logins))
        added = accounts.add_all(
            db, found.fernet, read.logins, actor=actor(), progress=lambda n: progress.update(bar, completed=n)
        )
    changed = len(read.logins) - added
    tell(
        f"{added} accounts were added, {changed} given a new password.",
        {"added": added, "changed": changed, "second_factors": read.second_factors},
        as_json,
    )
    if str(file) != "-":
        warn(f"{file} still holds the passwords in clear: delete it.")


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except OSError as wrong:
        fail(f"{file} cannot be read: {wrong.strerror}.")
    if mode & 0o077:
        warn(f"{file} may be read by other users of this machine: chmod 600 {file}")
    return data


def _refuse(problems: Sequence[logins.Problem], as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"problems": [asdict(problem) for problem in problems]}))
    for problem in problems[:_SHOWN]:
        complain(f"line {problem.line}: {problem.problem}.")
    if len(problems) > _SHOWN:
        complain(f"and {len(problems) - _SHOWN} lines more.")
    fail("Nothing was imported: mend these lines and import the file again.")


@app.command("list")
def accounts_list(as_json: AsJson = False) -> None:
    """How each account is, what its hour still allows, when it may act next, and what it does now."""
    found, db = database()
    rows = [roster.row(account, found.pace) for account in accounts.everyone(db)]
    show(rows if as_json else [roster.line(row) for row in rows], as_json)


@app.command("hours")
def accounts_hours(
    username: Username,
    hours: Annotated[str, typer.Argument(help="9-21, 8:30-13:15, 22-6 (over midnight), or always.")],
    time_zone: Annotated[str, typer.Argument(help="Europe/Madrid, or an offset like +02:00.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """When in its day the account works. Outside it gets no task, and goes on with its lists in the next hours."""
    try:
        parsed = parse_hours(hours, time_zone)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    _found, db = database()
    if not turns.set_hours(db, username, parsed, actor=actor()):
        _unknown(username)
    said = str(parsed) if parsed else "always"
    tell(f"{username} works {said}.", {"username": username, "hours": said}, as_json)


@app.command("pause")
def accounts_pause(
    username: Username,
    reason: Annotated[str, typer.Option(help="Shown in the list.")] = "paused by hand",
    as_json: AsJson = False,
) -> None:
    """Give an account no new task until `resume`. What it has in hand it finishes."""
    _set_status(username, "paused", reason[:300], as_json)


@app.command("resume")
def accounts_resume(username: Username, as_json: AsJson = False) -> None:
    """Let an account work again, after a person has looked at it."""
    _set_status(username, "active", None, as_json)


def _set_status(username: str, status: str, reason: str | None, as_json: bool) -> None:
    _found, db = database()
    if not accounts.set_status(db, [username], status, reason, actor=actor()):
        _unknown(username)
    tell(f"{username} is {status}.", {"username": username, "status": status}, as_json)


@app.command("watch")
def accounts_watch(
    username: Username,
    out: Annotated[
        Path | None, typer.Option(help="PNG to write; - is standard output. [default: USERNAME.png]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a picture of what the account's browser shows now, while it works."""
    found = settings.load()
    settings.prepare_ray()
    from scrapinsta_ray import app as assembled
    from scrapinsta_ray import local

    with local.attached(found.cluster_address):
        shot = assembled.screenshot(username)
    if str(out) == "-":
        sys.stdout.buffer.write(shot)
        return
    file = out or Path(f"{username}.png")
    try:
        file.write_bytes(shot)
    except OSError as wrong:
        fail(f"{file} cannot be written: {wrong.strerror}.")
    tell(f"{file} shows {username}.", {"username": username, "file": str(file), "bytes": len(shot)}, as_json)


@app.command("remove")
def accounts_remove(username: Username, as_json: AsJson = False) -> None:
    """Forget a bot account with its password and cookies; its browser closes within seconds."""
    _found, db = database()
    if not accounts.remove(db, username, actor=actor()):
        _unknown(username)
    tell(
        f"{username} was removed; its browser closes within seconds.",
        {"username": username, "removed": True},
        as_json,
    )


@app.command("reseal")
def accounts_reseal(as_json: AsJson = False) -> None:
    """Seal every stored secret with the first key of SCRAPINSTA_SECRET_KEY.

    These are passwords, cookies, second factors, and the keys that tokens are signed with. To change the key: put
    the new one before the old (`scrapinsta secret-key` makes one), on every machine; restart; reseal; then take the
    old one away. All or nothing: a secret that no key opens is named.
    """
    found, db = database()
    done = asdict(sealing.reseal(db, found.fernet, actor=actor()))
    tell(
        "Sealed with the first key: "
        + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in done.items())
        + ".",
        done,
        as_json,
    )


def _unknown(username: str) -> NoReturn:
    fail(f"There is no account {username}; `scrapinsta accounts list` shows all.")
