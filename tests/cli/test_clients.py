"""`scrapinsta clients ...`."""

import json

from scrapinsta_ray import settings
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database
from tests.cli.conftest import Shell


def test_a_new_client_s_key_works_and_is_nowhere_in_the_store(shell: Shell) -> None:
    made = json.loads(shell.run("clients", "create", "acme", "--json").out)
    db = Database(settings.load().url)
    known = clients.authenticate(db, made["key"])
    db.dispose()
    assert known
    assert known.caller.client_id == "acme"
    secret = made["key"].rpartition("_")[2].encode()
    assert all(secret not in path.read_bytes() for path in shell.home.glob("scrapinsta.db*"))
    assert "already" in shell.run("clients", "create", "acme").err
    assert shell.code == 1
    assert [row["id"] for row in json.loads(shell.run("clients", "list", "--json").out)] == ["acme"]
