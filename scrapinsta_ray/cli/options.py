"""Options and arguments that several commands take."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from scrapinsta_ray.domain import usernames


def checked_username(raw: str) -> str:
    """The normal form of a username, or a usage error that says what is wrong with it."""
    try:
        return usernames.normalize(raw)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def point_in_time(text: str) -> datetime:
    """`2026-11-22`, `2026-11-22T10:00`, or so long ago: `7d`, `12h`, `30m`, `2w`. Or a usage error."""
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-11-22, 2026-11-22T10:00 or 7d") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for scripts.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the console; 0 takes any free one.")]
Hidden = Annotated[bool, typer.Option(hidden=True)]
Username = Annotated[str, typer.Argument(callback=checked_username)]
ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")]
ExpiresDays = Annotated[
    float | None,
    typer.Option(min=0.01, help="The key is good for so many days; without: until it is revoked."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Since = Annotated[str | None, typer.Option(help="A date or time in UTC, or an age such as 7d, 12h.")]
