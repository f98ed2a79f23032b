"""Options and arguments that several commands take."""

from typing import Annotated

import typer

from scrapinsta_ray.domain import usernames


def checked_username(raw: str) -> str:
    """The normal form of a username, or a usage error that says what is wrong with it."""
    try:
        return usernames.normalize(raw)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


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
