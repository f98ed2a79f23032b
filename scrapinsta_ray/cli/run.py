"""What runs: the demo, the cluster on this machine, the simulated site."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from scrapinsta_ray import processes, settings
from scrapinsta_ray.cli.options import AsJson, Hidden, Host, Port, checked_username
from scrapinsta_ray.cli.output import err, out
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.store.database import Database

app = typer.Typer()


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
    target: Annotated[str, typer.Option(help="Whose followings.", callback=checked_username)] = "cafe_lucia",
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
    found, db = database()
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
