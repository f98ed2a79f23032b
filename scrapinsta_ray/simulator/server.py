"""Runs the site in this process: one line when it is reachable, a quick and clean end."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from scrapinsta_ray.simulator.wire import TRANSPORT

_PR_SET_PDEATHSIG = 1
_PARENT_POLL_SECONDS = 0.5


class PortTaken(Exception):
    """The port is already in use."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, accepted connections get TCP_NODELAY; without, each answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise PortTaken(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port, or 0."
        ) from error
    return sock


class Protocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]
    """HTTP whose requests know their connection, so that a fault can break it."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.app_state = {**self.app_state, TRANSPORT: transport}
        super().connection_made(transport)


class Server(uvicorn.Server):
    """uvicorn, with its start told on stdout and signals that end it with exit code 0."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or ():
            host, port = sock.getsockname()[:2]
            print(f"simulator: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn would raise the signal again at the end; here the end itself is the answer."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.end)
        yield

    def end(self) -> None:
        self.should_exit = True


def run(app: ASGIApp, sock: socket.socket, parent: int | None) -> None:
    """Serve until told to end; with `parent`, also until that process is gone."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
    )
    asyncio.run(_serve(Server(config), sock, parent))


async def _serve(server: Server, sock: socket.socket, parent: int | None) -> None:
    watching = asyncio.ensure_future(_watch(server, parent)) if parent else None
    await server.serve([sock])
    if watching:
        watching.cancel()


async def _watch(server: Server, parent: int) -> None:
    """End the server once this process has another parent.

    Linux says so at once by SIGUSR1 (see `tell_when_parent_dies`), which also comes when only the thread that
    started us ends: therefore the look at getppid. Elsewhere the poll alone has to do.
    """
    woken = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, woken.set)
    while os.getppid() == parent:
        woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), _PARENT_POLL_SECONDS)
    server.end()


def tell_when_parent_dies() -> int:
    """Have Linux send SIGUSR1 when the parent dies; returns the parent's id."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)
    return parent
