"""What a new installation needs first."""

import typer
from cryptography.fernet import Fernet

app = typer.Typer()


@app.command("secret-key")
def secret_key() -> None:
    """Print a new key for SCRAPINSTA_SECRET_KEY. Nothing is stored or changed.

    To change the key of a store: put the new one before the old, with a comma between, on every machine; restart; run
    `scrapinsta accounts reseal`; then take the old one away.
    """
    print(Fernet.generate_key().decode())
