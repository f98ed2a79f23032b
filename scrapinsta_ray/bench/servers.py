"""Servers that benchmarks and tests start for themselves and that end with them, even when those are killed."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import pymysql
import pymysql.cursors

from scrapinsta_ray.errors import StartFailed
from scrapinsta_ray.processes import free_port

T = TypeVar("T")

DIES_WITH_ITS_PARENT = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
if hasattr(libc, "prctl"):
    libc.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerFailed(StartFailed):
    """A server did not come up."""


@contextlib.contextmanager
def new_folder(prefix: str = "scrapinsta-bench-") -> Iterator[Path]:
    """A folder for what servers and browsers write, removed at the end.

    With Ray in it give it a short name: its sockets lie deep, and their paths have a limit.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def private_mariadb(
    folder: Path, port: int = 0, *, buffer_pool_mb: int = 64, log_mb: int = 32, also_on: str = ""
) -> Iterator[str]:
    """A MariaDB of one's own, as `mysql://root@127.0.0.1:PORT/scrapinsta?charset=utf8mb4`; killed at the end.

    It is as durable as an installed one (each commit is flushed), and started again in the same `folder` it has its
    data of before. `also_on` is another address to listen on. Raises ServerFailed with the end of its log.
    """
    server, log, port = _program("mariadbd"), folder / "mariadb.log", port or free_port()
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    data = folder / "data"
    if not data.exists():
        _install_mariadb(data, as_root)
    options = [
        "--no-defaults",
        *as_root,
        f"--datadir={data}",
        f"--socket={folder / 's'}",
        f"--pid-file={folder / 'pid'}",
        f"--tmpdir={folder}",  # a server that starts deletes what looks like its temporary tables of before
        f"--bind-address={','.join(filter(None, ['127.0.0.1', also_on]))}",
        f"--port={port}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        f"--innodb-buffer-pool-size={buffer_pool_mb}M",
        f"--innodb-log-file-size={log_mb}M",
        "--innodb-flush-log-at-trx-commit=1",
        "--max-connections=300",
    ]
    url = f"mysql://root@127.0.0.1:{port}/scrapinsta?charset=utf8mb4"
    with _running([server, *options], log) as process:
        _until(lambda: _accepts(url), process, log, limit_s=30)
        with _connected(url) as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS scrapinsta CHARACTER SET utf8mb4")
        yield url


def _install_mariadb(data: Path, as_root: Sequence[str]) -> None:
    options = [
        "--no-defaults",
        f"--datadir={data}",
        f"--tmpdir={data.parent}",
        "--skip-test-db",
        "--auth-root-authentication-method=normal",
    ]
    command = [_program("mariadb-install-db"), *options, *as_root]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise ServerFailed(f"mariadb-install-db failed:\n{made.stdout[-1000:]}{made.stderr[-1000:]}")


@contextlib.contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """A new, empty database on the server of `server_url`, dropped at the end; its URL."""
    name = f"scrapinsta_{secrets.token_hex(6)}"
    with _connected(server_url) as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with _connected(server_url) as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@contextlib.contextmanager
def running_simulator(
    folder: Path, *, seed: int = 7, population: int = 400, host: str = "127.0.0.1"
) -> Iterator[str]:
    """The simulator in a process of its own; the address where it answers."""
    log = folder / "simulator.log"
    people = ["--seed", str(seed), "--population", str(population)]
    arguments = ["--host", host, "--port", "0", *people, "--parent-watch"]
    with _running([sys.executable, "-m", "scrapinsta_ray.simulator", *arguments], log) as process:
        yield _until(lambda: _announced(log, "simulator: "), process, log, limit_s=30)


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    guarded = [sys.executable, "-c", DIES_WITH_ITS_PARENT, str(os.getpid()), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _until(ready: Callable[[], T], process: subprocess.Popen[bytes], log: Path, *, limit_s: float) -> T:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if answer := ready():
            return answer
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise ServerFailed(f"{log.name} says:\n{log.read_text(errors='replace')[-2000:]}")


def _announced(log: Path, prefix: str) -> str:
    lines = log.read_text(errors="replace").splitlines(keepends=True)
    found = (
        line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix) and line.endswith("\n")
    )
    return next(found, "")


def _accepts(url: str) -> bool:
    try:
        with _connected(url):
            return True
    except pymysql.err.OperationalError:
        return False


@contextlib.contextmanager
def _connected(url: str) -> Iterator[pymysql.cursors.Cursor]:
    """A cursor on the server of `url`, outside of any database, committing each statement."""
    address = urlsplit(url)
    connection = pymysql.connect(
        host=address.hostname or "127.0.0.1",
        port=address.port or 3306,
        user=unquote(address.username or "root"),
        password=unquote(address.password or ""),
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=5,
    )
    with connection, connection.cursor() as cursor:
        yield cursor


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    if found := shutil.which(name, path=path):
        return found
    raise ServerFailed(f"{name} is not installed: run `make setup`")
