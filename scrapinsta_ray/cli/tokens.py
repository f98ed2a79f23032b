"""`scrapinsta tokens ...`: the keys that tokens are signed with."""

import typer

from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import show, tell
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import tokens

app = typer.Typer(no_args_is_help=True, help="The keys that tokens (JWT) are signed with.")


@app.command("rotate")
def tokens_rotate(as_json: AsJson = False) -> None:
    """Sign with a new key from now on. Tokens that are out stay good until their own end."""
    found, db = database()
    kid = tokens.rotate(db, found.fernet, actor=actor())
    tell(f"The key {kid} signs from now on.", {"kid": kid}, as_json)


@app.command("list")
def tokens_list(as_json: AsJson = False) -> None:
    """Which keys verify tokens, and which one signs. A key that SCRAPINSTA_SECRET_KEY does not open is an error."""
    found, db = database()
    ring = tokens.keyring(db, found.fernet)
    show([{"kid": key.kid, "use": "verifies" if key.retired else "signs"} for key in ring], as_json)
