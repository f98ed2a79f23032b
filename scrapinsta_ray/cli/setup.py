"""What a new installation needs first."""

import typer
from cryptography.fernet import Fernet

from scrapinsta_ray.cli import keys
from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import tell
from scrapinsta_ray.cli.stored import actor, database
from scrapinsta_ray.store import clients

app = typer.Typer()


@app.command()
def bootstrap(as_json: AsJson = False) -> None:
    """Make the first admin key, which is shown this once. If there is a live one, nothing is changed and that is said.

    It belongs to the client `operator` and has every scope. Clients get keys of their own: `scrapinsta clients create`.
    """
    _found, db = database()
    key = clients.bootstrap(db, actor=actor())
    if key is None:
        tell(
            "There is an admin key already. If it is lost: `scrapinsta clients rotate-key operator`.",
            {"created": False},
            as_json,
        )
    else:
        keys.show_new(key, as_json, created=True)


@app.command("secret-key")
def secret_key() -> None:
    """Print a new key for SCRAPINSTA_SECRET_KEY. Nothing is stored or changed.

    To change the key of a store: put the new one before the old, with a comma between, on every machine; restart; run
    `scrapinsta accounts reseal`; then take the old one away.
    """
    print(Fernet.generate_key().decode())
