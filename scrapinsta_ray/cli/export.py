"""`scrapinsta export`."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scrapinsta_ray.cli import sinks
from scrapinsta_ray.cli.options import AsJson, Since, point_in_time
from scrapinsta_ray.cli.output import err, fail, or_exit
from scrapinsta_ray.cli.stored import database
from scrapinsta_ray.store import export
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.export import Row, Wanted

app = typer.Typer()

Kind = Literal["profiles", "media", "scores", "followings"]
Format = Literal["parquet", "csv", "jsonl"]


@app.command("export")
def export_rows(
    kind: Annotated[Kind, typer.Argument(help="What to export.")],
    form: Annotated[Format, typer.Option("--format", help="How.")],
    job: Annotated[
        str | None, typer.Option(metavar="JOB", help="Only the people of this job, or of this campaign.")
    ] = None,
    since: Since = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Or - for standard output.")
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Write what was collected to a file or to standard output, in constant memory.

    The columns and their units: docs/export.md. A file bears its name once it is whole; only you can read it. With
    --json a summary comes at the end: on standard output, or on standard error if the rows are there.
    """
    if output == "-" and form == "parquet" and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal: give a file with -o", param_hint="-o")
    if output != "-" and not Path(output).absolute().parent.is_dir():
        fail(f"There is no folder {Path(output).absolute().parent}.")
    _found, db = database()
    wanted = Wanted(kind, job, point_in_time(since) if since else None)
    total = or_exit(lambda: export.count(db, wanted))
    try:
        rows = _write(db, wanted, form, output, total)
    except BrokenPipeError:  # whoever read it, `head` perhaps, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    summary = {"kind": wanted.kind, "format": form, "rows": rows, "output": output}
    if as_json:
        print(json.dumps(summary), file=sys.stderr if output == "-" else sys.stdout)
    elif output != "-":
        err.print(f"{rows} {wanted.kind} in {output}.", markup=False, highlight=False, soft_wrap=True)


def _write(db: Database, wanted: Wanted, form: Format, output: str, total: int) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task(f"Exporting {wanted.kind}", total=total)

        def counted() -> Iterator[Sequence[Row]]:
            for page in export.pages(db, wanted):
                yield page
                progress.advance(bar, len(page))

        place = (
            sinks.standard_output(seekable=form == "parquet")
            if output == "-"
            else sinks.whole(Path(output).absolute())
        )
        with place as out:
            sinks.FORMATS[form](out, wanted.kept.fields, counted())
        return int(progress.tasks[0].completed)
