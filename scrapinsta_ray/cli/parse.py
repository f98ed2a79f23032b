"""`scrapinsta parse ...`: the parsers on saved pages and answers."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from scrapinsta_ray.cli.output import complain, show
from scrapinsta_ray.errors import LayoutChanged

app = typer.Typer(
    no_args_is_help=True,
    help="Read saved pages (HTML) and answers (JSON) of the site as the workers do.\n\n"
    "With --json one object a line, one line a file. A file that cannot be read is one line on standard error, "
    "with the path of what was missing; the others go on, and the exit code is 1.",
)

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Saved files; - is standard input.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
Row = dict[str, Any]


@app.command("profile")
def profile(
    files: Files,
    as_json: AsJson = False,
    username: Annotated[str | None, typer.Option(help="Whose, where a page speaks of several.")] = None,
) -> None:
    """Profiles: {username, id, full_name, ..., media, source, missing} a file."""
    from scrapinsta_ray.instagram import saved

    _each(files, lambda text: saved.profile(text, username), _profile_summary, as_json)


@app.command("media")
def media(files: Files, as_json: AsJson = False) -> None:
    """Posts: {media: [...], next_cursor, source, missing} a file; as a table, a row a post."""
    from scrapinsta_ray.instagram import saved

    _each(files, saved.media, lambda row: row["media"], as_json)


@app.command("reels")
def reels(files: Files, as_json: AsJson = False) -> None:
    """Reels: {media: [...], next_cursor, source, missing} a file; as a table, a row a reel."""
    from scrapinsta_ray.instagram import saved

    _each(files, saved.reels, lambda row: row["media"], as_json)


@app.command("followings")
def followings(
    files: Files,
    as_json: AsJson = False,
    count: Annotated[
        int | None, typer.Option(min=0, help="How many the profile counts; tells an empty list's reason.")
    ] = None,
) -> None:
    """Following lists: {users, next_cursor, completeness} a file."""
    from scrapinsta_ray.instagram import saved

    _each(files, lambda text: saved.followings(text, count), _users, as_json)


@app.command("signal")
def signal(files: Files, as_json: AsJson = False) -> None:
    """What the site said in a file {status, url, headers, body}: {signal, reason} a file."""
    from scrapinsta_ray.instagram import saved

    _each(files, saved.signal, lambda row: [row], as_json)


def _each(
    files: list[str], read: Callable[[str], Row], rows: Callable[[Row], list[Row]], as_json: bool
) -> None:
    """Prints what each file holds, as a line or in one table; exit code 1 when one could not be read."""
    shown: list[Row] = []
    failed = False
    for name in files:
        row = _read(name, read)
        if row is None:
            failed = True
        elif as_json:
            print(json.dumps(row), flush=True)
        else:
            shown += [{"file": name, **one} for one in rows(row)]
    if not as_json and (shown or not failed):
        show(shown, as_json=False)
    if failed:
        raise typer.Exit(1)


def _read(name: str, read: Callable[[str], Row]) -> Row | None:
    from scrapinsta_ray.instagram import saved

    try:
        text = saved.decoded(_bytes(name))
    except OSError as error:
        complain(f"{name}: {error.strerror or error}")
        return None
    try:
        return read(text)
    except LayoutChanged as error:
        said = f" The site says: {reason}." if (reason := saved.told(text)) else ""
        complain(f"{name}: {error.message}{said} Missing: {error.details.get('missing')}")
        return None


def _bytes(name: str) -> bytes:
    if name != "-":
        return Path(name).read_bytes()
    stream = getattr(sys.stdin, "buffer", None)
    return stream.read() if stream else sys.stdin.read().encode("utf-8", "replace")


def _profile_summary(row: Row) -> list[Row]:
    kept = {name: value for name, value in row.items() if name not in ("media", "source", "missing")}
    fields = [f"{name} ({why})" for name, why in row["missing"].items() if "." not in name]
    return [{**kept, "media": len(row["media"]), "missing": ", ".join(fields)}]


def _users(row: Row) -> list[Row]:
    last = {"next_cursor": row["next_cursor"], "completeness": row["completeness"]}
    rows = [{**user, "next_cursor": None, "completeness": None} for user in row["users"]]
    return [*rows[:-1], {**rows[-1], **last}] if rows else [last]
