"""The whole cluster on this machine: a Ray of its own and the four applications, until it is told to stop."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import ray
import yaml
from cryptography.fernet import MultiFernet
from ray import serve
from ray.serve._private.api import serve_start
from ray.serve.schema import ServeDeploySchema

from scrapinsta_ray import processes
from scrapinsta_ray.cluster.names import NAMESPACE
from scrapinsta_ray.errors import ClusterLost, Misconfigured, StartFailed
from scrapinsta_ray.processes import Child
from scrapinsta_ray.settings import child_environment
from scrapinsta_ray.store import accounts, clients
from scrapinsta_ray.store.database import Database

START_LIMIT_S = 180.0
_LOOK_S = 1.0
"""So often it is looked whether Ray is still there."""
_CORE = ("gcs_server", "raylet")
"""Without each of these there is no Ray, which starts none of them again."""


def simulated_site(home: Path) -> str:
    """The address of a simulated Instagram that ends with this process; its log is in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", "0", "--parent-watch"]
    environment = child_environment(secrets=False)
    child = Child("scrapinsta_ray.simulator", arguments, environment, home / "simulator.log")
    return child.announced("simulator: ", 30)


def fill_if_empty(db: Database, fernet: MultiFernet, bots: int) -> str | None:
    """The simulator's first `bots` accounts and a client `local` in a store without any; the client's key, if new."""
    if not accounts.everyone(db):
        for number in range(1, bots + 1):
            accounts.add(db, fernet, f"bot_{number}", f"bot-secret-{number}")
    if clients.everyone(db):
        return None
    clients.create(db, "local", "This machine")
    return clients.create_key(db, "local").plaintext


def serve_config() -> Path:
    """serve_config.yaml: beside the package in a wheel, above it in a checkout."""
    here = Path(__file__).parent
    return next(
        path for path in (here / "serve_config.yaml", here.parent / "serve_config.yaml") if path.exists()
    )


def chosen_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises Misconfigured, naming who has it, if it is taken."""
    if port == 0:
        return processes.free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise Misconfigured(
                f"Port {port} on {host} is taken{_by_whom(port)}: give another with --port, or --port 0 for any."
            ) from None
    return port


def _by_whom(port: int) -> str:
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pid = next(c.pid for c in listening if c.laddr and c.laddr.port == port and c.pid)
        return f" by {psutil.Process(pid).name()} (process {pid})"
    except (StopIteration, psutil.Error):
        return ""


def run(host: str, port: int, browsers: int, *, say: Callable[[str], None]) -> None:
    """Brings everything up, says its address, and takes it down on SIGINT or SIGTERM; a second one ends at once.

    Raises StartFailed with Serve's own message if an application does not come up, and ClusterLost when Ray has ended
    without being told to.
    """
    processes.adopt_orphans()
    stop = _stop_on_signals()
    core: dict[str, psutil.Process] = {}
    try:
        core |= _start_ray(browsers)
        _deploy(host, port)
        if _wait_until_up(stop):
            say(f"scrapinsta: http://{host}:{port}")
            _wait_until_told(stop, core)
            say("taking the fleet down")
    finally:
        _take_down(core)


@contextmanager
def attached(address: str | None) -> Iterator[None]:
    """A connection to the running cluster at `address`, by default the one on this machine. Raises StartFailed."""
    try:
        ray.init(address=address or "auto", namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
    except ConnectionError:
        where = f"at {address}" if address else "on this machine; SCRAPINSTA_CLUSTER_ADDRESS names another"
        raise StartFailed(f"No cluster runs {where}.") from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def for_work(address: str | None) -> Iterator[None]:
    """The cluster at `address`; without one, that of this machine, or a Ray that ends with this block.

    Raises StartFailed if there is none at `address`; `local` is always a new one.
    """
    common: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address=address or "auto", **common)
    except ConnectionError:
        if address:
            raise StartFailed(f"No cluster runs at {address}.") from None
        ray.init(address="local", include_dashboard=False, **common)
    try:
        yield
    finally:
        ray.shutdown()


def browsers() -> float:
    """How many browsers the nodes of the cluster at hand declare."""
    return float(ray.cluster_resources().get("browser", 0.0))


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            processes.end_descendants(0)
            raise SystemExit(130)
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def _start_ray(browsers: int) -> dict[str, psutil.Process]:
    """A Ray of this process; its processes of `_CORE`, by name."""
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ray.init(
        address="local",
        namespace=NAMESPACE,
        resources={"browser": browsers},
        include_dashboard=False,
        log_to_driver=False,
    )
    for number, handler in ours.items():  # Ray puts its own in their place
        signal.signal(number, handler)
    children = {child.name(): child for child in psutil.Process().children()}
    return {name: children[name] for name in _CORE}


def _deploy(host: str, port: int) -> None:
    config: dict[str, Any] = yaml.safe_load(serve_config().read_text())
    config["http_options"] |= {"host": host, "port": port}
    schema = ServeDeploySchema.model_validate(config)
    client = serve_start(http_options=schema.http_options.model_dump(), proxy_location=schema.proxy_location)
    client.deploy_apps(schema)


def _wait_until_up(stop: threading.Event) -> bool:
    """True when all applications run; False when told to stop before."""
    deadline = time.monotonic() + START_LIMIT_S
    while not stop.wait(0.2):
        applications = serve.status().applications
        states = {str(app.status.value) for app in applications.values()}
        if states == {"RUNNING"} and len(applications) == 4:
            return True
        for name, app in applications.items():
            if app.status.value in ("DEPLOY_FAILED", "UNHEALTHY"):
                raise StartFailed(f"The application {name} did not come up: {app.message}")
        if time.monotonic() > deadline:
            raise StartFailed(f"The applications did not come up within {START_LIMIT_S:.0f} s: {states}")
    return False


def _wait_until_told(stop: threading.Event, core: Mapping[str, psutil.Process]) -> None:
    while not stop.wait(_LOOK_S):
        if ended := [name for name, process in core.items() if not processes.lives(process)]:
            raise ClusterLost(
                f"Ray's {' and '.join(ended)} ended without being told to, and the cluster with it."
                " What is stored is kept: start it again."
            )


def _take_down(core: Mapping[str, psutil.Process]) -> None:
    """In order, if there is a Ray that can be asked to."""
    if ray.is_initialized() and all(map(processes.lives, core.values())):
        serve.shutdown()
        ray.shutdown()
    processes.end_descendants()
