"""`bench auth`: what authentication and limits add to a pull, against the same application with neither.

The application is called in this process as a server calls it, so that no socket and no HTTP parser makes the pull
longer, and the share smaller. The stub knows the caller beforehand and spends nothing. Both lease the same ten
messages, in turns, from one MariaDB with default durability.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from cryptography.fernet import Fernet, MultiFernet
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Message

from scrapinsta_ray.api import auth
from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate, Session
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.bench.figures import Figure, Report, against
from scrapinsta_ray.bench.floor import Floor, connect
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import new_folder, private_mariadb
from scrapinsta_ray.bench.timing import Stopwatch
from scrapinsta_ray.domain.pacing import MESSAGES_PER_DAY_CEILING
from scrapinsta_ray.store import clients, jobs, meters, schema
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Outreach

CLIENT, ACCOUNT = "acme", "own"
PULL = "/api/send/pull"
CALL = 10
"""Messages in one pull."""
QUEUED = 1_000
BAR = 1.15
"""A pull with authentication and limits against one without, by a caller that the replica remembers."""

_UNDO = """
UPDATE job_tasks SET status = 'queued', attempts = 0, lease_id = NULL, lease_holder = NULL, lease_expires_at = NULL
WHERE kind = 'send_message' AND status = 'sent' AND client_id = %s
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    pulls: int  # of each kind
    warm_up: int = 30


FULL = Size(pulls=800)
QUICK = Size(pulls=200)
TINY = Size(pulls=5, warm_up=1)


def run(quick: bool, say: Say) -> Report:
    """What a key and a token add to a pull, remembered by the replica and not."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say) -> Report:
    """The report at any `size`."""
    say("a MariaDB of its own")
    with new_folder() as folder, private_mariadb(folder, buffer_pool_mb=256, log_mb=64) as server:
        with closing(Floor(server)) as floor:
            version = floor.version()
        with _queue(server) as db:
            say("pulls")
            figures = _pulls(db, server, size)
    return Report("auth", hardware(version), figures)


@contextmanager
def _queue(url: str) -> Iterator[Database]:
    """A database in which a client has more messages than it will ever pull, and limits it will not reach."""
    db = Database(url)
    try:
        schema.upgrade(db)
        most = MESSAGES_PER_DAY_CEILING
        clients.create(db, CLIENT, CLIENT, messages_per_hour=most, messages_per_day=most)
        clients.set_limits(db, CLIENT, {"pulls_per_minute": clients.MOST})
        names = [f"person.{i}" for i in range(QUEUED)]
        jobs.enqueue_messages(db, Asked(CLIENT, ACCOUNT), Outreach("Hola", names))
        yield db
    finally:
        db.dispose()


def _pulls(db: Database, url: str, size: Size) -> list[Figure]:
    fernet = MultiFernet([Fernet(Fernet.generate_key())])
    key = clients.create_key(db, CLIENT).plaintext
    with asyncio.Runner() as runner, closing(connect(url)) as connection:
        token = runner.run(_token(make_apps(db, Gate(db, fernet)), key))
        by_key, by_token = {"x-api-key": key}, {"authorization": f"Bearer {token}"}
        app, forgetful = (make_pull_app(db, gate=Gate(db, fernet)) for _ in range(2))
        stub = make_pull_app(db, gate=_Open(db))
        kinds: dict[str, Callable[[], Any]] = {
            "neither": lambda: _without_limits(_pull(stub, {})),
            "a key": lambda: _pull(app, by_key),
            "a token": lambda: _pull(app, by_token),
            "a key, looked up": lambda: _looked_up(_pull(forgetful, by_key)),
            "a token, looked up": lambda: _looked_up(_pull(forgetful, by_token)),
        }
        watches = {name: Stopwatch() for name in kinds}
        for round_ in range(size.warm_up + size.pulls):
            for name, pull in kinds.items():
                with watches[name].running() if round_ >= size.warm_up else nullcontext():
                    answer = runner.run(pull())
                assert len(answer["items"]) == CALL
                with connection.cursor() as cursor:
                    cursor.execute(_UNDO, (CLIENT,))
                connection.commit()
    floor = watches.pop("neither").median_s * 1000
    return [
        against(
            f"pull of 10 by {name}, with limits (ms)",
            watch.median_s * 1000,
            floor,
            None if "looked up" in name else BAR,
            "lower",
        )
        for name, watch in watches.items()
    ]


async def _looked_up(pull: Awaitable[Any]) -> Any:
    """As if the replica had last heard of the caller more than two seconds ago."""
    with patch.object(auth, "MEMORY_S", 0.0):
        return await pull


class _Open(Gate):
    """Lets everybody in as one and the same caller."""

    async def session(self, request: Request) -> Session:
        return _EVERYBODY


_EVERYBODY = Session(Caller(CLIENT, frozenset(clients.SCOPES), "active"))


async def _without_limits(pull: Awaitable[Any]) -> Any:
    with patch.object(meters, "spend", lambda *_args: None):
        return await pull


async def _pull(app: FastAPI, headers: dict[str, str]) -> Any:
    return await _post(SideBySide({PULL: app}), PULL, {"limit": CALL}, headers)


async def _token(apps: dict[str, FastAPI], key: str) -> str:
    answer = await _post(SideBySide(apps), "/api/auth/login", {"api_key": key}, {})
    return str(answer["access_token"])


async def _post(app: ASGIApp, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    """The JSON answer to one request, as a server would hand it over."""
    every = {"content-type": "application/json", "x-account": ACCOUNT, **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in every.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent
    return json.loads(b"".join(message.get("body", b"") for message in sent[1:]))
