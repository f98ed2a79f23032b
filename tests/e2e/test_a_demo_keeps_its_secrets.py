"""After a whole campaign no secret is in a file, a command line, a browser's environment, or Ray's own records.

The secret key itself is in the environment of the cluster's processes: that is how they get it.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.settings import Settings
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.database import Database
from tests.e2e import leaks
from tests.e2e.conftest import Kept
from tests.e2e.leaks import Search

pytestmark = pytest.mark.timeout(400)

FOREIGN = re.compile(r"chrom|scrapinsta_ray\.simulator|^/bin/sh ")
"""Programs that need none of our secrets, and in which pages of others run."""


@pytest.fixture(scope="module")
def planted(a_kept_demo: Kept) -> Mapping[str, str]:
    """Every secret of the demo by name, and such as were tried in vain; each has been used."""
    key, wrong_key = a_kept_demo.key, f"{a_kept_demo.key[:-10]}0123456789"
    with a_kept_demo.client() as client:
        token, by_login = client.jwt()["access_token"], client.login(key)["access_token"]
        used(a_kept_demo.url, token=token)
        used(a_kept_demo.url, token=by_login)
        with pytest.raises(Refused):
            client.login(wrong_key)
    wrong_token = f"{token[:-10]}0123456789"
    for wrong in ({"key": wrong_key}, {"token": wrong_token}):
        with pytest.raises(Refused) as refused:
            used(a_kept_demo.url, **wrong)
        assert refused.value.status == 401
    return {
        "api key": key.rpartition("_")[2],
        "wrong api key": wrong_key.rpartition("_")[2],
        "token": token.rpartition(".")[2],
        "token by log-in": by_login.rpartition(".")[2],
        "wrong token": wrong_token.rpartition(".")[2],
        "secret key": (home(a_kept_demo) / "secret.key").read_text().strip(),
        "sending account's password": "client-secret-1",
        **of_bots(a_kept_demo),
    }


def home(kept: Kept) -> Path:
    return kept.command.home / "demo"


def used(url: str, *, key: str = "", token: str = "") -> None:
    with Client(url, key, token=token) as client:
        list(client.jobs())


def of_bots(kept: Kept) -> dict[str, str]:
    """Passwords and session cookies as they are stored, opened."""
    settings = Settings(home=home(kept), database_url=None, secret_key=None)
    db = Database(settings.url)
    known = [accounts.credentials(db, settings.fernet, account.username) for account in accounts.everyone(db)]
    db.dispose()
    sessions = {
        f"session of {one.username}": cookie["value"]
        for one in known
        if one
        for cookie in one.cookies
        if cookie["name"] == "sessionid"
    }
    assert len(sessions) >= 2
    return {f"password of {one.username}": one.password for one in known if one} | sessions


def test_no_file_has_a_secret(a_kept_demo: Kept, planted: Mapping[str, str]) -> None:
    """Logs, the store, browsers' folders, Ray's session. The key file has its key, and --keep said the client's."""
    search = Search(planted)
    where = [a_kept_demo.command.home, leaks.ray_folder(a_kept_demo.command)]
    said = a_kept_demo.command.home / "stderr"
    assert search.files(where, but=[home(a_kept_demo) / "secret.key", said]) == []
    assert search.texts({"what it said": said.read_text().replace(f"key: {a_kept_demo.key}", "")}) == []


def test_no_browser_keeps_a_cookie_on_the_disk(a_kept_demo: Kept) -> None:
    """There Chromium hides them behind a key that everybody knows."""
    stores = [path for path in home(a_kept_demo).glob("browsers/*/Default/**/Cookies") if path.is_file()]
    for path in stores:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as cookies:
            assert cookies.execute("SELECT count(*) FROM cookies").fetchone() == (0,), path


def test_no_command_line_and_no_browser_knows_a_secret(a_kept_demo: Kept, planted: Mapping[str, str]) -> None:
    search = Search(planted)
    assert search.texts(leaks.command_lines(a_kept_demo.command)) == []
    foreign = 0
    for line, environment in leaks.environments(a_kept_demo.command):
        found = search.bytes(json.dumps(environment).encode())
        foreign += bool(FOREIGN.search(line))
        assert found <= (set() if FOREIGN.search(line) else {"secret key"}), line
    assert foreign >= 7, "three browsers with their drivers and guards, and the site"


def test_ray_s_records_of_actors_and_tasks_have_no_secret(
    a_kept_demo: Kept, planted: Mapping[str, str]
) -> None:
    states = leaks.ray_states(a_kept_demo.command)
    assert "InstagramWorker" in states["actor"] and "InstagramWorker.perform" in states["task"]
    assert Search(planted).texts(states) == []
