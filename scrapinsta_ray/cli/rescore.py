"""`scrapinsta rescore`."""

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scrapinsta_ray import settings
from scrapinsta_ray.cli.options import AsJson, point_in_time
from scrapinsta_ray.cli.output import err, tell
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.domain import rubros
from scrapinsta_ray.domain.rubros import Rules
from scrapinsta_ray.domain.scoring import MODEL, MODELS
from scrapinsta_ray.store.database import Database

if TYPE_CHECKING:
    from scrapinsta_ray.store.rescoring import Due

app = typer.Typer()


def _known(model: str) -> str:
    if model not in MODELS:
        raise typer.BadParameter(f"there is no model {model!r}; there are {', '.join(MODELS)}")
    return model


@app.command("rescore")
def rescore(
    model: Annotated[str, typer.Option(callback=_known, help="Version of the scoring model.")] = MODEL,
    since: Annotated[
        str | None,
        typer.Option(help="Only profiles read at that time or later: in UTC, or an age such as 7d, 12h."),
    ] = None,
    scored_before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Also those that have a score by this model from before that time."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All anew, for instance with other keywords of rubros.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score what is stored by a model, on the cluster or on this machine, and look for the rubros anew.

    Profiles whose score by this model is as new as they are, are left as they are: whatever ended a run, the same
    command goes on where it stopped. Scores by other models stay.
    """
    from scrapinsta_ray.store import rescoring

    found, db = database()
    rules = rubros.load(found.rubros_file)
    begun = time.monotonic()
    before = rescoring.now(db) if every else point_in_time(scored_before) if scored_before else None
    due = rescoring.Due(model, point_in_time(since) if since else None, before)
    total = rescoring.count(db, due)
    try:
        written = _rescore(db, due, rules, total, found) if total else 0
    except KeyboardInterrupt:
        err.print(f"Stopped; go on with: {_go_on(model, since, before)}", highlight=False, soft_wrap=True)
        raise
    seconds = round(time.monotonic() - begun, 1)
    tell(
        f"{written} profiles scored by {model} in {seconds} s.",
        {"model": model, "due": total, "scored": written, "seconds": seconds},
        as_json,
    )


def _go_on(model: str, since: str | None, before: datetime | None) -> str:
    options = {"--model": model, "--since": since, "--scored-before": before and before.isoformat()}
    return " ".join(
        ["scrapinsta rescore", *(f"{name} {value}" for name, value in options.items() if value is not None)]
    )


def _rescore(db: Database, due: "Due", rules: Rules, total: int, found: settings.Settings) -> int:
    settings.prepare_ray()
    from scrapinsta_ray import local
    from scrapinsta_ray.cluster import scoring
    from scrapinsta_ray.store import rescoring

    written = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=err, transient=True) as progress,
        local.for_work(found.cluster_address),
    ):
        bar = progress.add_task(f"Scoring by {due.model}", total=total)
        for rescored in scoring.rescored(rescoring.pages(db, due), due.model, rules):
            written += rescoring.write(db, due.model, rescored)
            progress.advance(bar, len(rescored))
    return written
