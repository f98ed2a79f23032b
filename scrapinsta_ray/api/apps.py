"""The four applications by their route prefixes, and all of them in one process."""

from collections.abc import Mapping

from cryptography.fernet import Fernet, MultiFernet
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.api.result import make_result_app
from scrapinsta_ray.store.database import Database


def make_apps(db: Database, gate: Gate | None = None) -> dict[str, FastAPI]:
    """Route prefix -> application, as serve_config.yaml has them; without a gate, one with a secret key of its own."""
    gate = gate or Gate(db, MultiFernet([Fernet(Fernet.generate_key())]))
    return {
        "/ext": make_enqueue_app(db, gate=gate),
        "/api/send/pull": make_pull_app(db, gate=gate),
        "/api/send/result": make_result_app(db, gate=gate),
        "/": make_console_app(db, gate=gate),
    }


class SideBySide:
    """ASGI: routes by longest prefix, which becomes the root path, just as Serve does; for tests and benchmarks."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = sorted(apps.items(), key=lambda item: -len(item[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/")
        for prefix, app in self._apps:
            root = prefix.rstrip("/")
            if path == root or path.startswith(root + "/"):
                await app({**scope, "root_path": root}, receive, send)
                return
