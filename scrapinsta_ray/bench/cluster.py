"""A whole cluster for a benchmark: `scrapinsta up` in a process of its own, apart from others on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psutil

from scrapinsta_ray import settings
from scrapinsta_ray.processes import Child

START_LIMIT_S = 240.0
END_LIMIT_S = 90.0

_APART = {
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": "31100",  # others have the usual ports
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": "31900",
    "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": "41100",
    "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": "41900",
    "RAY_SERVE_HAPROXY_METRICS_PORT": "31901",
    "RAY_SERVE_HAPROXY_STATS_PORT": "31902",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # a busy machine takes longer than Serve's patience
    "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": "120",
}


@contextmanager
def environment(home: Path, database: str, **given: str) -> Iterator[None]:
    """This process and its children work on `database`, without a site and without pacing; Ray keeps to `home`."""
    pacing = {"ACTION_GAP_MIN_S": "0", "ACTION_GAP_MAX_S": "0", "PROFILE_READS_PER_HOUR": "1000000"}
    ours = {
        "HOME": str(home),
        "DATABASE_URL": database,
        "SITE_URL": "http://127.0.0.1:9",
        "LOG_LEVEL": "ERROR",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCRAPINSTA_", "RAY_"))}
    (home / "r").mkdir(exist_ok=True)
    with patch.dict(os.environ, kept, clear=True):
        os.environ.update(
            {f"SCRAPINSTA_{name}": value for name, value in {**ours, **pacing, **given}.items()}
        )
        settings.prepare_ray(RAY_TMPDIR=str(home / "r"), **_APART)
        yield


@contextmanager
def running_cluster(home: Path, browsers: int = 0) -> Iterator[str]:
    """Ray, Serve and the fleet with the settings of `environment`; the address where it answers."""
    arguments = ["up", "--embedded", "--parent-watch", "--port", "0", "--browsers", str(browsers)]
    child = Child("scrapinsta_ray", arguments, settings.child_environment(), home / "up.log")
    try:
        yield child.announced("scrapinsta: ", START_LIMIT_S)
    finally:
        child.end(END_LIMIT_S)


@contextmanager
def running_bare(home: Path) -> Iterator[str]:
    """The same applications in one bare uvicorn; the address where it answers."""
    child = Child("scrapinsta_ray.bench.bare", [], settings.child_environment(), home / "bare.log")
    try:
        yield child.announced("bare: ", START_LIMIT_S)
    finally:
        child.end(END_LIMIT_S)


def ray_address() -> str:
    """Where the Ray of the cluster that we run is reached: `auto` would find others on this machine too."""
    arguments = [word for process in psutil.Process().children(recursive=True) for word in _words(process)]
    return next(word.partition("=")[2] for word in arguments if word.startswith("--gcs-address="))


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
