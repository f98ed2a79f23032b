"""`scrapinsta ...`: a thin shell over the rooms below."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scrapinsta_ray import __version__, processes, settings
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.errors import ScrapInstaError
from scrapinsta_ray.store import accounts, checkup, clients, prune, schema
from scrapinsta_ray.store.database import Database

app = typer.Typer(
    no_args_is_help=True, help="Public Instagram profiles: collected, scored, and written to with care."
)
db_app = typer.Typer(no_args_is_help=True, help="The database.")
clients_app = typer.Typer(no_args_is_help=True, help="Tenants and their API keys.")
accounts_app = typer.Typer(no_args_is_help=True, help="Bot accounts that read the site.")
app.add_typer(db_app, name="db")
app.add_typer(clients_app, name="clients")
app.add_typer(accounts_app, name="accounts")

out, err = Console(), Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for scripts.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the console; 0 takes any free one.")]
Hidden = Annotated[bool, typer.Option(hidden=True)]


def main() -> NoReturn:
    """The command; an error of ours is one clear sentence and exit code 1, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except ScrapInstaError as error:
        err.print(f"[red]scrapinsta:[/] {error.message}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _database() -> tuple[settings.Settings, Database]:
    """The store of the settings; an embedded one is made and upgraded on the way."""
    found = settings.load()
    db = Database(found.url)
    if found.embedded:
        schema.upgrade(db)
    return found, db


def _username(raw: str) -> str:
    try:
        return usernames.normalize(raw)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit


# ---- running ---------------------------------------------------------------------------------------------


@app.command()
def demo(
    profiles: Annotated[int, typer.Option(min=1, max=300, help="Followings to collect and read.")] = 60,
    accounts: Annotated[
        int, typer.Option(min=1, max=20, help="Bot accounts, each with its own browser.")
    ] = 3,
    port: Port = 8000,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it all running at the end, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
    target: Annotated[str, typer.Option(help="Whose followings.", callback=_username)] = "cafe_lucia",
    seed: Annotated[int, typer.Option(help="Of the simulated population.")] = 7,
) -> None:
    """A whole campaign on this machine: Ray, Serve, Chromium, SQL and HTTP against a simulated site."""
    from scrapinsta_ray import local
    from scrapinsta_ray.demo import run, view

    host = "127.0.0.1"
    options = run.Options(
        home=settings.load().home / "demo",
        profiles=profiles,
        accounts=accounts,
        host=host,
        port=local.chosen_port(host, port),
        seed=seed,
        target=target,
    )
    console = err if as_json else out
    shown = view.LiveView(console) if console.is_terminal else view.PlainView(console)
    try:
        with run.Demo(options, shown) as running:
            outcome = running.campaign()
            _show_outcome(outcome, running.url, as_json)
            if keep:
                _keep(running)
    finally:
        shown.close()
    outcome.check(options)


def _show_outcome(outcome: Any, url: str, as_json: bool) -> None:
    from scrapinsta_ray.demo import view

    if as_json:
        print(json.dumps(asdict(outcome.summary)), flush=True)
        return
    out.print(view.best_profiles(outcome.profiles))
    out.print(view.totals(asdict(outcome.summary), outcome.times))
    out.print(f"Console: {url}")


def _keep(running: Any) -> None:
    typer.echo(f"console: {running.url}\nsite: {running.site_url}\nkey: {running.key}", err=True)
    typer.echo("Everything goes on running; Ctrl-C ends it.", err=True)
    processes.wait_for_ctrl_c()


@app.command()
def up(
    embedded: Annotated[
        bool,
        typer.Option(
            "--embedded", help="A Ray of its own; unless set otherwise, a SQLite store and a simulated site."
        ),
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    browsers: Annotated[int | None, typer.Option(min=0, help="Browsers that this machine carries.")] = None,
    parent_watch: Hidden = False,
) -> None:
    """The cluster on this machine, until Ctrl-C. On a cluster of several: `serve run serve_config.yaml`."""
    if not embedded:
        raise typer.BadParameter("on a Ray cluster run `serve run serve_config.yaml`; here, add --embedded")
    if parent_watch:
        processes.end_with_parent()
    found, db = _database()
    # Before Ray is imported. Two clusters on one machine must not fight over HAProxy's own ports.
    settings.prepare_ray(
        RAY_SERVE_HAPROXY_STATS_PORT=str(processes.free_port()),
        RAY_SERVE_HAPROXY_METRICS_PORT=str(processes.free_port()),
    )
    from scrapinsta_ray import local

    carried = found.browsers_per_node if browsers is None else browsers
    port = local.chosen_port(host, port)
    if "site_url" not in found.model_fields_set:
        _simulate(found, db, carried)
    db.dispose()
    local.run(host, port, carried, say=lambda text: print(text, flush=True))


def _simulate(found: settings.Settings, db: Database, bots: int) -> None:
    """Without a site there is one to play with, and what it takes to use it."""
    from scrapinsta_ray import local

    site = local.simulated_site(found.home)
    settings.prepare_ray(SCRAPINSTA_SITE_URL=site)
    err.print(f"No SCRAPINSTA_SITE_URL: the site is simulated at {site}.", highlight=False)
    if key := local.fill_if_empty(db, found.fernet, bots):
        err.print("The key of the client `local`, shown this once:")
        typer.echo(f"key: {key}")


@app.command()
def simulator(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8090,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 7,
    population: Annotated[int, typer.Option(min=10, help="How many people there are.")] = 2000,
) -> None:
    """The local web site that behaves like Instagram, until Ctrl-C."""
    arguments = ["--host", host, "--port", str(port), "--seed", str(seed), "--population", str(population)]
    processes.become("scrapinsta_ray.simulator", arguments)


@app.command()
def env() -> None:
    """What `ray start` and `serve run` need in their environment: eval "$(scrapinsta env)"."""
    for name, value in settings.RAY_ENVIRONMENT.items():
        print(f"export {name}={value}")


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="One of `bench list`; `all` of them; `list`.")],
    as_json: AsJson = False,
    quick: Annotated[bool, typer.Option("--quick", help="Less load, under a minute.")] = False,
) -> None:
    """Measures this machine against its own floor; exit code 1 if a bar is missed."""
    from scrapinsta_ray.bench import command

    if name == "list":
        command.show_list(as_json)
        return
    try:
        raise typer.Exit(command.run(name, quick=quick, as_json=as_json))
    except LookupError as unknown:
        raise typer.BadParameter(str(unknown.args[0])) from None


# ---- the database ----------------------------------------------------------------------------------------


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to this version, keeping the data."""
    _found, db = _database()
    schema.upgrade(db)
    err.print("The schema is up to date.")


@db_app.command("schema")
def db_schema() -> None:
    """Print the whole MySQL schema."""
    print(schema.as_sql(), end="")


@db_app.command("check")
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


@db_app.command("prune")
def db_prune(
    days: Annotated[float, typer.Option(min=1, help="Keep what ended within so many days.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete finished tasks and jobs that are old; the ledger of messages is kept for ever."""
    _found, db = _database()
    counts = {"job_tasks": 0, "jobs": 0, "account_actions": 0}
    with Progress(console=err, transient=True) as progress:
        bar = progress.add_task("Pruning", total=prune.task_span(db))
        for step in prune.prune(db, days, dry_run=dry_run):
            counts[step.table] += step.deleted
            progress.advance(bar, step.seen)
    if as_json:
        print(json.dumps(counts))
        return
    verb = "would be deleted" if dry_run else "were deleted"
    out.print(", ".join(f"{n} of {table}" for table, n in counts.items()) + f" {verb}.")


@db_app.command("reset")
def db_reset(yes: Annotated[bool, typer.Option("--yes", help="Yes, all data goes.")] = False) -> None:
    """Drop every table with all its data, and make them anew."""
    db = Database(settings.load().url)
    if not yes:
        _fail(f"This deletes everything in {db}: say so with --yes.")
    schema.reset(db)
    err.print("The database is empty and up to date.")


# ---- tenants ---------------------------------------------------------------------------------------------


@clients_app.command("create")
def clients_create(
    client_id: Annotated[str, typer.Argument(help="Short name: a-z, 0-9 and dashes.")],
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    as_json: AsJson = False,
) -> None:
    """A new client with a key, which is shown this once."""
    if not client_id.replace("-", "").isalnum() or not client_id.isascii() or len(client_id) > 32:
        raise typer.BadParameter("use up to 32 of a-z, 0-9 and dashes")
    _found, db = _database()
    _or_exit(lambda: clients.create(db, client_id, name or client_id))
    key = clients.create_key(db, client_id)
    if as_json:
        print(json.dumps({"client_id": client_id, "key": key.plaintext}))
        return
    err.print("The key, shown this once:")
    print(key.plaintext)


@clients_app.command("list")
def clients_list(as_json: AsJson = False) -> None:
    """All clients and their limits per sending account."""
    _found, db = _database()
    _show([asdict(client) for client in clients.everyone(db)], as_json)


# ---- bot accounts ----------------------------------------------------------------------------------------


@accounts_app.command("add")
def accounts_add(
    username: Annotated[str, typer.Argument(callback=_username)],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin.")
    ] = False,
) -> None:
    """Add a bot account, or give it a new password. The password is asked for, never an argument."""
    found, db = _database()
    password = (
        sys.stdin.readline().rstrip("\n") if password_stdin else typer.prompt("Password", hide_input=True)
    )
    if not password:
        raise typer.BadParameter("the password is empty")
    new = accounts.add(db, found.fernet, username, password)
    err.print(f"{username} was {'added' if new else 'given the new password'}.")


@accounts_app.command("list")
def accounts_list(as_json: AsJson = False) -> None:
    """Status, rest, and what each did in the last hour."""
    _found, db = _database()
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
    _show(rows, as_json)


@accounts_app.command("remove")
def accounts_remove(username: Annotated[str, typer.Argument(callback=_username)]) -> None:
    """Forget a bot account with its password and cookies."""
    _found, db = _database()
    if not accounts.remove(db, username):
        _fail(f"There is no account {username}.")
    err.print(f"{username} was removed; its browser closes within seconds.")


@accounts_app.command("resume")
def accounts_resume(username: Annotated[str, typer.Argument(callback=_username)]) -> None:
    """Let an account work again, after a person has looked at it."""
    _found, db = _database()
    if not accounts.set_status(db, [username], "active"):
        _fail(f"There is no account {username}.")
    err.print(f"{username} is active.")


# ---- output ----------------------------------------------------------------------------------------------


def _or_exit(work: Callable[[], Any]) -> None:
    try:
        work()
    except ValueError as wrong:
        _fail(str(wrong))


def _fail(message: str) -> NoReturn:
    err.print(f"[red]scrapinsta:[/] {message}", highlight=False)
    raise typer.Exit(1)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
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
