"""`scrapinsta ...`: a thin shell over the rooms below; one file a group of commands."""

import sys
from typing import Annotated, NoReturn

import typer

from scrapinsta_ray import __version__
from scrapinsta_ray.cli import (
    accounts,
    bench,
    clients,
    consent,
    db,
    doctor,
    export,
    keys,
    parse,
    rescore,
    run,
    setup,
    suppress,
    templates,
    tokens,
    top,
)
from scrapinsta_ray.cli.output import complain, out
from scrapinsta_ray.errors import ScrapInstaError
from scrapinsta_ray.processes import ended_by_signals

app = typer.Typer(
    no_args_is_help=True,
    help="Public Instagram profiles: collected, scored, and written to with care.",
    pretty_exceptions_show_locals=False,  # a password may be one
)
app.add_typer(run.app)  # those without a name stand beside the groups
app.add_typer(bench.app)
app.add_typer(setup.app)
app.add_typer(consent.app)
app.add_typer(rescore.app)
app.add_typer(export.app)
app.add_typer(top.app)
app.add_typer(doctor.app)
app.add_typer(db.app, name="db")
app.add_typer(clients.app, name="clients")
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(accounts.app, name="accounts")
app.add_typer(templates.app, name="templates")
app.add_typer(suppress.app, name="suppress")
app.add_typer(parse.app, name="parse")


def main() -> NoReturn:
    """The command; an error of ours is one clear sentence and exit code 1, Ctrl-C is 130."""
    try:
        with ended_by_signals():
            app(standalone_mode=True)
    except ScrapInstaError as error:
        complain(error.message)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit
