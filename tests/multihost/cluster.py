"""A cluster of three hosts, brought up as docs/hosts.md says, and what can be done to it."""

import compileall
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pymysql
import yaml
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select

from scrapinsta_ray.domain.models import SERVER_KINDS, Kind, Task, TaskStatus
from scrapinsta_ray.store import accounts, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.leases import Lease
from scrapinsta_ray.store.tables import job_tasks, leases
from tests.servers import free_port, private_mariadb, running_simulator

ROOT = Path(__file__).parent.parent.parent
SCRIPT = Path(__file__).with_name("hosts.sh")
OPERATOR = "10.88.0.254"
HEAD, FIRST, SECOND = 1, 2, 3
WORKERS = (FIRST, SECOND)
BOTS = tuple(f"bot_{number}" for number in range(1, 7))
PASSWORD = "of-the-fleet"

NODES = """
import ray
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
for node in ray.nodes():
    if node["Alive"]:
        print("node", node["NodeManagerAddress"], node["NodeID"])
"""

T = TypeVar("T")


@dataclass(frozen=True)
class Listener:
    """A TCP socket that listens: by which process, whose command line is `command`."""

    address: str
    port: int
    pid: int
    command: str


def until(condition: Callable[[], T], limit_s: float, what: str, every_s: float = 0.5) -> T:
    """The first true answer of `condition`, which is asked again until the limit."""
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s:.0f} s"
        time.sleep(every_s)
    return answer


def missing() -> str | None:
    """Why there can be no hosts here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "several hosts on one machine need Linux and root"
    programs = ("ip", "unshare", "ssh", "ssh-keygen", "rsync", "ss")
    if absent := [name for name in programs if not shutil.which(name)]:
        return f"missing: {', '.join(absent)} (scripts/setup.sh hosts)"
    if not Path("/usr/sbin/sshd").exists():
        return "missing: sshd (scripts/setup.sh hosts)"
    network = "ip link add name br0 type bridge && ip link add name ve0 type veth peer name ve1"
    tried = subprocess.run(["unshare", "-nmpf", "sh", "-c", network], capture_output=True, text=True)
    if tried.returncode:
        return f"no namespaces here: {tried.stderr.strip()}"
    return None


class Hosts:
    """Machines 10.88.0.1 and up, by number."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self._number = folder, number
        self._order("down")  # whatever a run that was killed has left
        try:
            self._order("up", str(number), sys.prefix, sys.base_prefix)
            for host in self.all():
                venv = self.home(host) / "scrapinsta" / ".venv"
                venv.parent.mkdir()
                venv.symlink_to(sys.prefix)
        except BaseException:
            self.end()
            raise

    def all(self) -> range:
        return range(1, self._number + 1)

    def home(self, host: int) -> Path:
        return self.folder / f"h{host}" / "home"

    def tmp(self, host: int) -> Path:
        return self.folder / f"h{host}" / "tmp"

    def cut(self, host: int) -> None:
        """Pulls its cable."""
        self._order("cut", str(host))

    def heal(self, host: int) -> None:
        self._order("heal", str(host))

    def kill(self, host: int) -> None:
        """kill -9 of everything on it, sshd too."""
        self._order("kill", str(host))

    def boot(self, host: int) -> None:
        self._order("boot", str(host))

    def end(self) -> None:
        self._order("down")

    def _order(self, verb: str, *arguments: str) -> None:
        command = ["bash", str(SCRIPT), verb, str(self.folder), *arguments]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def ssh(self, host: int) -> list[str]:
        """The command that reaches it."""
        options = (
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=5",
        )
        flags = [part for option in options for part in ("-o", option)]
        return ["ssh", "-i", str(self.folder / "key"), *flags, f"root@10.88.0.{host}"]

    def run(self, host: int, command: str, limit_s: float = 60, say: str = "") -> str:
        """What a login there answers to `command`, in the environment that its .bashrc makes."""
        line = f". ~/.bashrc; {command}"
        done = subprocess.run(
            [*self.ssh(host), line], input=say, capture_output=True, text=True, timeout=limit_s
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def processes(self, host: int) -> dict[int, str]:
        """Command lines by pid, as this machine sees them: the cable need not be in."""
        found = subprocess.run(["ip", "netns", "pids", f"host{host}"], capture_output=True, text=True).stdout
        return {int(pid): line for pid in found.split() if (line := _command_line(int(pid)))}

    def raylet(self, host: int) -> int | None:
        """The process of Ray there, from one `ray start` to the next."""
        every = self.processes(host).items()
        return next((pid for pid, line in every if line.partition(" ")[0].endswith("raylet/raylet")), None)

    def browsers(self, host: int) -> Counter[str]:
        """Processes of Chromium by the account whose folder they work in."""
        lines = [line for line in self.processes(host).values() if "--user-data-dir=" in line]
        return Counter(line.split("--user-data-dir=")[1].split()[0].rpartition("/")[2] for line in lines)

    def listening(self, host: int) -> list[Listener]:
        """Every TCP socket that listens there."""
        command = ["ip", "netns", "exec", f"host{host}", "ss", "-Hltnp"]
        rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return [_listener(row) for row in rows]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _listener(row: str) -> Listener:
    """Of a line of ss, which has its process as `users:(("name",pid=7,fd=3))`."""
    fields = row.split(maxsplit=5)
    address, _, port = fields[3].rpartition(":")
    pid = int(fields[5].partition("pid=")[2].partition(",")[0]) if len(fields) > 5 else 0
    return Listener(address, int(port), pid, _command_line(pid))


def _task(row: Any) -> Task:
    own = {name: row[name] for name in row.keys() & {field.name for field in fields(Task)}}
    return Task(**own | {"kind": Kind(row["kind"])})


class Cluster:
    """The whole system: the operator's side (MariaDB, the site, keys) and three hosts."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self._tunnel = stack.enter_context(ExitStack())
        self.operator = folder / "operator"
        self.hosts = Hosts(folder / "hosts", 3)
        stack.callback(self.hosts.end)
        self.site = self._start_site()
        self.database_url = self._start_database()
        self._secret_key = Fernet.generate_key().decode()
        self._write_settings()
        self.config = self._write_config()
        self.db = Database(self.database_url)
        stack.callback(self.db.dispose)
        schema.upgrade(self.db)
        for number, bot in enumerate(BOTS, 1):
            accounts.add(self.db, MultiFernet([Fernet(self._secret_key)]), bot, f"bot-secret-{number}")

    # ---- the operator's side -----------------------------------------------------------------------------

    def _start_site(self) -> str:
        (self.folder / "site").mkdir()
        return self._stack.enter_context(
            running_simulator(self.folder / "site", population=2000, host=OPERATOR)
        )

    def _start_database(self) -> str:
        folder = self.folder / "mariadb"
        folder.mkdir()
        url = self._stack.enter_context(private_mariadb(folder, also_on=OPERATOR))
        parts = urlsplit(url)
        with closing(pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username)) as root:
            root.cursor().execute(f"CREATE USER 'fleet'@'%' IDENTIFIED BY '{PASSWORD}'")
            root.cursor().execute("GRANT ALL ON scrapinsta.* TO 'fleet'@'%'")
        return parts._replace(netloc=f"fleet:{PASSWORD}@{OPERATOR}:{parts.port}").geturl()

    def _write_settings(self) -> None:
        settings = {
            "SCRAPINSTA_DATABASE_URL": self.database_url,
            "SCRAPINSTA_SECRET_KEY": self._secret_key,
            "SCRAPINSTA_SITE_URL": self.site,
            "SCRAPINSTA_ACTION_GAP_MIN_S": "2",
            "SCRAPINSTA_ACTION_GAP_MAX_S": "4",
            "SCRAPINSTA_PROFILE_READS_PER_HOUR": "100000",
            "SCRAPINSTA_FOLLOWING_PAGES_PER_HOUR": "100000",
            "SCRAPINSTA_RETRY_BASE_S": "2",
            "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",  # a busy machine is no dead one
            "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        }
        file = self.operator / ".scrapinsta" / "env"
        file.parent.mkdir(parents=True)
        lines = [f"{name}='{value}'" for name, value in settings.items()]
        lines.append(
            "PYTHONPATH=$HOME/scrapinsta"
        )  # the copy that `ray up` brings, in place of an installed one
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)
        self._run([self._program("ray"), "get-auth-token", "--generate"])

    def _write_config(self) -> Path:
        """cluster.local.yaml with what its user edits; the hosts have this machine's programs already.

        Ray goes before what else this machine does, session by session as Linux shares it out: of the times that it
        gives its own processes some cannot be changed.
        """
        text = (ROOT / "cluster.local.yaml").read_text()
        text = text.replace("10.0.0.", "10.88.0.").replace('{"browser":4}', '{"browser":6}')
        config = yaml.safe_load(text.replace("start() {", "start() { echo -7 >/proc/self/autogroup;"))
        config["auth"] = {"ssh_user": "root", "ssh_private_key": str(self.hosts.folder / "key")}
        config["setup_commands"] = [command for command in config["setup_commands"] if "bashrc" in command]
        config["rsync_exclude"] = []
        file = self._copied(config["file_mounts"].values()) / "cluster.local.yaml"
        file.write_text(yaml.safe_dump(config))
        return file

    def _copied(self, names: Iterable[str]) -> Path:
        """The project as it is now: whoever changes it meanwhile changes nothing here.

        Compiled for good, since the head starts the other hosts anew when its copy changes.
        """
        project = self.folder / "project"
        for name in names:
            if not name.startswith("~"):
                (project / name).parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
                copy(ROOT / name, project / name)
        compileall.compile_dir(
            project, quiet=1, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )
        return project

    def _run(self, command: Sequence[str], limit_s: float = 60, cwd: Path = ROOT) -> str:
        """What a program says on the operator's machine."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SCRAPINSTA_", "RAY_"))}
        environment = {**clean, "RAY_AUTH_MODE": "token", "HOME": str(self.operator)}
        done = subprocess.run(
            command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=limit_s
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def _program(self, name: str) -> str:
        return str(Path(sys.executable).with_name(name))

    # ---- Ray and Serve -----------------------------------------------------------------------------------

    def up(self) -> None:
        """`ray up`, as the file's first lines say; once more if that failed, as docs/hosts.md says."""
        command = [self._program("ray"), "up", "-y", "--no-config-cache", str(self.config)]
        try:
            self._run(command, 400, self.config.parent)
        except AssertionError as failure:
            print(f"ray up once more: {failure}"[-500:])
            self._run(command, 400, self.config.parent)

    def serve(self) -> None:
        """`serve run` on the head, which goes on in the background."""
        command = [*self.hosts.ssh(HEAD), ". ~/.bashrc; cd; exec serve run ~/scrapinsta/serve_config.yaml"]
        output = self._stack.enter_context((self.folder / "serve.log").open("wb"))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self.reconnect()

    def reconnect(self) -> None:
        """The way to the console, through SSH to the head: once more after that was away."""
        self._tunnel.close()
        port = free_port()
        *ssh, head = self.hosts.ssh(HEAD)
        options = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{port}:127.0.0.1:8000"]
        process = subprocess.Popen([*ssh, *options, head], stdin=subprocess.DEVNULL)
        self._tunnel.callback(process.wait)
        self._tunnel.callback(process.kill)
        self.url = f"http://127.0.0.1:{port}"

    def nodes(self) -> dict[str, str]:
        """Ids of Ray's living nodes by address."""
        lines = self.hosts.run(HEAD, "python -", say=NODES).splitlines()
        return dict(line.removeprefix("node ").split() for line in lines if line.startswith("node "))

    # ---- what is so --------------------------------------------------------------------------------------

    def places(self) -> dict[str, int]:
        """On which host each account's lease is held now."""
        every = accounts.everyone(self.db)
        return {
            one.username: int(one.worker.partition(":")[0].removeprefix("host"))
            for one in every
            if one.worker
        }

    def leases(self, host: int) -> list[Lease]:
        """Those of the accounts on this host."""
        with self.db.begin(write=False) as tx:
            mine = leases.c.name.like("account:%"), leases.c.holder.like(f"host{host}:%")
            rows = tx.execute(select(leases.c.name, leases.c.holder, leases.c.epoch).where(*mine)).all()
        return [Lease(row.name, row.holder, row.epoch) for row in rows]

    def in_hands(self, host: int) -> dict[str, Task]:
        """Tasks by the account, on this host, that has begun them."""
        with self.db.begin(write=False) as tx:
            wanted = job_tasks.c.status == TaskStatus.SENT, job_tasks.c.kind.in_(SERVER_KINDS)
            rows = tx.execute(select(job_tasks).where(*wanted)).mappings().all()
        places = self.places()
        return {row["lease_holder"]: _task(row) for row in rows if places.get(row["lease_holder"]) == host}

    def orphans(self, host: int) -> list[str]:
        """What there is of Chromium on a host without an account that holds its lease there."""
        here = {account for account, place in self.places().items() if place == host}
        drivers = sum("chromedriver" in line.split()[0] for line in self.hosts.processes(host).values())
        found = [account for account in self.hosts.browsers(host) if account not in here]
        return found + [f"{drivers} chromedrivers"] * (drivers > len(here))

    def asked(self, path: str) -> Any:
        """What the site says."""
        return httpx.get(f"{self.site}{path}", timeout=30).json()

    def ready(self) -> bool:
        """Do all four applications and the dispatcher answer on the head?"""
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def all_at_work(self) -> bool:
        """Does a worker of each account hold its lease, on one of the two hosts that carry browsers?"""
        places = self.places()
        return len(places) == len(BOTS) and set(places.values()) <= set(WORKERS)

    def wait_for_everybody(self, limit_s: float = 240) -> None:
        until(self.ready, limit_s, "Serve")
        until(self.all_at_work, limit_s, "a worker of each account")
