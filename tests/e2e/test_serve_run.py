"""The server way: MariaDB, the operator's commands, and `serve run serve_config.yaml` alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pymysql
import pytest
import yaml
from cryptography.fernet import Fernet

from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.local import serve_config
from tests.e2e import leaks
from tests.e2e.conftest import Command, until
from tests.servers import free_port, private_mariadb

pytestmark = pytest.mark.timeout(400)


DATABASE_PASSWORD = "tell-nobody/this: 100%@home"
SECRET_KEY = Fernet.generate_key().decode()


def for_a_user(url: str) -> str:
    """The same database for a user whose password is one to look for."""
    parts = urlsplit(url)
    with closing(
        pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username)
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE USER 'operator'@'%%' IDENTIFIED BY %s", [DATABASE_PASSWORD])
        cursor.execute("GRANT ALL ON *.* TO 'operator'@'%'")
    login = f"operator:{quote(DATABASE_PASSWORD, safe='')}"
    return parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}").geturl()


class Server:
    """A system brought up as README says, and its database, which can be taken away.

    `adjust` may change its serve_config.yaml; `more` are settings.
    """

    def __init__(
        self,
        home: Path,
        database: ExitStack,
        database_url: str,
        site: str,
        adjust: Callable[[dict[str, Any]], None] = lambda config: None,
        **more: str,
    ) -> None:
        self.database, self._folder, self._url = database, home / "mariadb", database_url
        self._adjust = adjust
        self._settings = {
            "SCRAPINSTA_DATABASE_URL": database_url,
            "SCRAPINSTA_SECRET_KEY": SECRET_KEY,
            "SCRAPINSTA_SITE_URL": site,
            "SCRAPINSTA_ACTION_GAP_MAX_S": "0",
            "SCRAPINSTA_ACTION_GAP_MIN_S": "0",
            "SCRAPINSTA_HOME": str(home),
            **more,
        }
        self._operate("db", "upgrade")
        self.key = json.loads(self._operate("clients", "create", "acme", "--json"))["key"]
        self._operate("accounts", "add", "bot_1", "--password-stdin", say="bot-secret-1\n")
        self.url = self._serve(home)

    def _operate(self, *arguments: str, say: str = "") -> str:
        command = [sys.executable, "-m", "scrapinsta_ray", *arguments]
        environment = {**os.environ, **self._settings}
        return subprocess.run(
            command, env=environment, input=say, capture_output=True, text=True, check=True
        ).stdout

    def _serve(self, home: Path) -> str:
        """`serve run` of the shipped file, on a port of our own."""
        config = yaml.safe_load(serve_config().read_text())
        self._adjust(config)
        config["http_options"]["port"] = port = free_port()
        (home / "serve_config.yaml").write_text(yaml.safe_dump(config))
        ray = dict(line.removeprefix("export ").split("=") for line in self._operate("env").splitlines())
        self.command = Command(
            home,
            program=(str(Path(sys.executable).with_name("serve")), "run", str(home / "serve_config.yaml")),
            **{**self._settings, **ray},
        )
        return f"http://127.0.0.1:{port}"

    def client(self) -> Client:
        return Client(self.url, self.key, "client_1")

    def shown(self) -> list[str]:
        """Where a secret is to be seen: any file of its home, which the database's own are in, or of Ray's session."""
        search = leaks.Search(
            {
                "database password": DATABASE_PASSWORD,
                "the same in an address": quote(DATABASE_PASSWORD, safe=""),
                "secret key": SECRET_KEY,
                "api key": self.key.rpartition("_")[2],
                "bot's password": "bot-secret-1",
            }
        )
        files = search.files([self.command.home, leaks.ray_folder(self.command)])
        return files + search.texts(leaks.command_lines(self.command) | leaks.ray_states(self.command))

    def start_database(self) -> None:
        self.database.enter_context(private_mariadb(self._folder, urlsplit(self._url).port or 0))


@pytest.fixture
def a_server(tmp_path: Path, simulator_url: str) -> Iterator[Server]:
    folder = tmp_path / "mariadb"
    folder.mkdir()
    with ExitStack() as database:
        url = for_a_user(database.enter_context(private_mariadb(folder)))
        server = Server(tmp_path, database, url, simulator_url)
        try:
            yield server
        finally:
            server.command.end()


def stage_ended(client: Client, made: dict[str, Any], stage: int) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        job = client.job(made["stages"][stage]["job_id"])
        return job if job["status"] not in ("pending", "running") else {}

    return until(ended, 90, f"stage {stage}")


def test_serve_run_alone_brings_up_everything(a_server: Server) -> None:
    with a_server.client() as client:
        until(client.ready, 120, "all applications and the dispatcher")
        made = client.campaign("cafe_lucia", 6, {"message": "Hola {first_name}", "limit": 2})
        assert stage_ended(client, made, 1)["status"] == "done"
        results = [sent(item) for item in until(lambda: client.pull(10)["items"], 30, "messages")]
        assert [one["status"] for one in client.result(results)["results"]] == ["ok", "ok"]
        assert client.job(made["job_id"])["status"] == "done"

        a_server.database.close()
        assert httpx.get(f"{a_server.url}/health").status_code == 503
        with pytest.raises(Refused) as refused:
            client.campaign("cafe_lucia", 6, {"message": "Hola"})
        assert (refused.value.status, refused.value.code) == (503, "DATABASE_AWAY")

        a_server.start_database()
        until(client.ready, 90, "the fleet, with the database back")
        again = client.campaign("lista_corta", 5, {"message": "Hola"})
        assert stage_ended(client, again, 1)["status"] == "done"

    assert a_server.shown() == [], "with the database away, too, and back"
    a_server.command.interrupt()
    until(lambda: not a_server.command.processes(), 15, "the end of Ray's own processes")


def sent(item: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": item["job_id"], "task_id": item["task_id"], "lease_id": item["lease_id"], "ok": True}
