"""The demo from its first process to its last."""

import fcntl
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from scrapinsta_ray import processes
from scrapinsta_ray.client import Client
from scrapinsta_ray.demo.sender import StandInSender
from scrapinsta_ray.demo.truth import Truth, mismatches
from scrapinsta_ray.demo.view import View
from scrapinsta_ray.errors import Misconfigured, ScrapInstaError
from scrapinsta_ray.instagram.chromium import find_chromium
from scrapinsta_ray.processes import Child
from scrapinsta_ray.settings import Settings, child_environment
from scrapinsta_ray.store import accounts, clients, schema
from scrapinsta_ray.store.database import Database

TARGET = "cafe_lucia"
CLIENT = "demo"
SENDING_ACCOUNT, SENDING_PASSWORD = "client_1", "client-secret-1"
MESSAGE = "Hola {first_name}, nos gusta mucho lo que publicas. ¿Te apetece colaborar?"
MOST_MESSAGES = 20

_UP_LIMIT_S = 180.0
_CAMPAIGN_LIMIT_S = 120.0
_PER_PROFILE_LIMIT_S = 5.0
_END_LIMIT_S = 45.0


class DemoFailed(ScrapInstaError):
    """The demo did not end as it should."""

    code = "demo_failed"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `home` holds the store, the logs and the browsers of this demo."""

    home: Path
    profiles: int = 60
    accounts: int = 3
    host: str = "127.0.0.1"
    port: int = 8000
    seed: int = 7
    population: int = 2000
    target: str = TARGET

    @property
    def messages(self) -> int:
        """To a third of the profiles, 20 at most: a client's default for a whole day."""
        return min(MOST_MESSAGES, ceil(self.profiles / 3))


@dataclass(slots=True)
class Summary:
    """The outcome, as `--json` prints it."""

    job_id: str
    followings: int
    profiles: int
    scores: int
    messages_ok: int
    ledger: int
    duplicates: int
    mismatches: int
    accounts_used: int
    errors: int
    seconds: float


@dataclass(slots=True)
class Outcome:
    """The summary, and what a person wants to see beside it."""

    summary: Summary
    profiles: list[dict[str, Any]]
    problems: list[str]
    times: dict[str, float] = field(default_factory=dict)

    def check(self, options: Options) -> None:
        """Raises DemoFailed, saying which figure is not what it must be."""
        wrong = [f"{name} is {n}" for name, n in asdict(self.summary).items() if name in _ZERO and n]
        if self.summary.scores != self.summary.profiles:
            wrong.append(f"{self.summary.profiles} profiles but {self.summary.scores} scores")
        if self.summary.messages_ok != self.summary.ledger:
            wrong.append(f"{self.summary.messages_ok} messages but {self.summary.ledger} ledger rows")
        if wrong or self.problems:
            raise DemoFailed("; ".join([*wrong, *self.problems[:5]]) + f" (logs: {options.home})")


_ZERO = ("duplicates", "mismatches", "errors")


class Demo:
    """The running parts: the site, the cluster, one client and its sender."""

    def __init__(self, options: Options, view: View) -> None:
        self._options, self._view = options, view
        self._began = self._lap = time.monotonic()
        self._times: dict[str, float] = {}
        self._parts = ExitStack()
        self.url = f"http://{options.host}:{options.port}"

    def __enter__(self) -> "Demo":
        try:
            self._bring_up()
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._view.step("Ending every process")
        self._parts.close()

    # ---- bringing it up ----------------------------------------------------------------------------------

    def _bring_up(self) -> None:
        find_chromium()
        processes.adopt_orphans()
        self._parts.callback(processes.end_descendants)
        self._parts.enter_context(_only_one(self._options.home))
        self.key = self._fill_store()
        self._view.step("Starting the simulated site")
        self.site_url = self._start_simulator()
        self._mark("simulator")
        self._view.step("Starting Ray, Serve and the fleet (the longest part)")
        self._start_cluster()
        self._mark("cluster up")

    def _fill_store(self) -> str:
        """A fresh store with one client, its key, and the bot accounts; returns the key."""
        settings = Settings(home=self._options.home, database_url=None, secret_key=None)
        db = Database(settings.url)
        schema.upgrade(db)
        clients.create(db, CLIENT, "Demo", messages_per_hour=MOST_MESSAGES, messages_per_day=MOST_MESSAGES)
        clients.set_limits(db, CLIENT, {"pulls_per_minute": 600})  # its sender asks every half second
        for number in range(1, self._options.accounts + 1):
            accounts.add(db, settings.fernet, f"bot_{number}", f"bot-secret-{number}")
        key = clients.create_key(db, CLIENT)
        db.dispose()
        return key.plaintext

    def _start_simulator(self) -> str:
        seed, population = self._options.seed, self._options.population
        arguments = ["--port", "0", "--seed", str(seed), "--population", str(population), "--parent-watch"]
        child = self._start("scrapinsta_ray.simulator", arguments, {}, "simulator.log", end_limit_s=3)
        return child.announced("simulator: ", 30)

    def _start_cluster(self) -> None:
        arguments = ["up", "--embedded", "--parent-watch", "--host", self._options.host]
        arguments += ["--port", str(self._options.port), "--browsers", str(self._options.accounts)]
        child = self._start(
            "scrapinsta_ray", arguments, self._cluster_settings(), "cluster.log", _END_LIMIT_S
        )
        child.announced("scrapinsta: http", _UP_LIMIT_S)
        with Client(self.url) as client:
            _wait(client.ready, "the dispatcher", 60)

    def _cluster_settings(self) -> dict[str, str]:
        """The simulator is nobody's site: it needs no pauses and no hourly budgets."""
        return {
            "SCRAPINSTA_HOME": str(self._options.home),
            "SCRAPINSTA_DATABASE_URL": f"sqlite:///{self._options.home}/scrapinsta.db",
            "SCRAPINSTA_SECRET_KEY": (self._options.home / "secret.key").read_text(),
            "SCRAPINSTA_SITE_URL": self.site_url,
            "SCRAPINSTA_ACTION_GAP_MIN_S": "0",
            "SCRAPINSTA_ACTION_GAP_MAX_S": "0",
            "SCRAPINSTA_PROFILE_READS_PER_HOUR": "1000000",
            "SCRAPINSTA_FOLLOWING_PAGES_PER_HOUR": "1000000",
            "SCRAPINSTA_POLL_IDLE_S": "0.3",
        }

    def _start(
        self, module: str, arguments: list[str], changes: dict[str, str], log: str, end_limit_s: float
    ) -> Child:
        environment = child_environment(secrets=bool(changes), **changes)  # the simulator needs none
        child = Child(module, arguments, environment, self._options.home / log)
        self._parts.callback(child.end, end_limit_s)
        return child

    def _mark(self, name: str) -> None:
        self._times[name] = time.monotonic() - self._lap
        self._lap = time.monotonic()

    # ---- the campaign ------------------------------------------------------------------------------------

    def campaign(self) -> Outcome:
        """Runs one campaign to its end and compares everything with the truth. Raises DemoFailed."""
        with Client(self.url, self.key, SENDING_ACCOUNT) as client:
            self._view.step(f"A campaign: {self._options.profiles} whom {self._options.target} follows")
            made = client.campaign(
                self._options.target,
                self._options.profiles,
                {"message": MESSAGE, "limit": self._options.messages},
                idempotency_key=f"demo-{self._options.home.stat().st_mtime_ns}",
            )
            profile = self._options.home / "browsers" / SENDING_ACCOUNT
            sender = StandInSender(client, self.site_url, SENDING_ACCOUNT, SENDING_PASSWORD, profile)
            sender.start()
            try:
                self._watch(client, made, sender)
            finally:
                sender.stop()
                self._view.close()
            self._mark("campaign")
            return self._outcome(client, made)

    def _watch(self, client: Client, made: dict[str, Any], sender: StandInSender) -> None:
        limit_s = _CAMPAIGN_LIMIT_S + _PER_PROFILE_LIMIT_S * self._options.profiles
        deadline = time.monotonic() + limit_s
        while True:
            job = client.job(made["job_id"])
            self._show(client, job, sender)
            if job["status"] not in ("running", "pending"):
                break
            if sender.failure:
                raise DemoFailed(f"The sender stopped: {sender.failure}") from sender.failure
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"The campaign did not end within {limit_s:.0f} s (logs: {self._options.home})."
                )
            time.sleep(0.25)
        if job["status"] != "done":
            raise DemoFailed(
                f"The campaign ended as {job['status']}: {job['reason_code']} {job['reason'] or ''}"
            )

    def _show(self, client: Client, job: dict[str, Any], sender: StandInSender) -> None:
        for stage in job["stages"]:
            summary = client.summary(stage["job_id"])
            ended = summary["ok"] + summary["error"] + summary["cancelled"]
            self._view.stage(stage["kind"], ended, summary["total"])
        tasks = list(client.tasks(job["job_id"]))
        bots = [f"bot_{number}" for number in range(1, self._options.accounts + 1)]
        doing = {bot: _doing([task for task in tasks if task["worked_by"] == bot]) for bot in bots}
        doing[SENDING_ACCOUNT] = f"writing to {sender.now_writing_to}" if sender.now_writing_to else ""
        self._view.accounts(doing)

    # ---- the outcome -------------------------------------------------------------------------------------

    def _outcome(self, client: Client, made: dict[str, Any]) -> Outcome:
        fetch, analyze, send = (stage["job_id"] for stage in made["stages"])
        truth = Truth(self.site_url)
        listed = [row["username"] for row in client.results(fetch)]
        profiles = list(client.results(analyze))
        tasks = list(client.tasks(made["job_id"]))
        users = truth.users(listed)
        messages = truth.messages_by_recipient()
        summary = Summary(
            job_id=made["job_id"],
            followings=len(listed),
            profiles=len(profiles),
            scores=sum(profile["model"] is not None for profile in profiles),
            messages_ok=sum(t["kind"] == "send_message" and t["status"] == "ok" for t in tasks),
            ledger=len(list(client.results(send))),
            duplicates=_repeats(messages) + _repeats(Counter(listed)),
            mismatches=len(wrong := mismatches(profiles, users)),
            accounts_used=len({t["worked_by"] for t in tasks if t["kind"] != "send_message"} - {None}),
            errors=sum(t["status"] == "error" and t["reason_code"] != "not_found" for t in tasks),
            seconds=round(time.monotonic() - self._began, 1),
        )
        problems = wrong + self._problems(truth, listed, profiles, users, messages)
        return Outcome(summary, profiles, problems, self._times)

    def _problems(
        self,
        truth: Truth,
        listed: list[str],
        profiles: list[dict[str, Any]],
        users: dict[str, Any],
        messages: Counter[str],
    ) -> list[str]:
        """Whatever is missing or too much, in words."""
        true_list = truth.followings(self._options.target)[: self._options.profiles]
        public = {name for name, user in users.items() if user and not user["is_private"]}
        read = {profile["username"] for profile in profiles}
        expected = min(self._options.messages, len(public))
        checks = {
            "the followings are not the target's list": listed != true_list,
            f"profiles missing: {sorted(public - read)[:5]}": bool(public - read),
            f"{messages.total()} messages in the threads, not {expected}": messages.total() != expected,
            "a message went to somebody who was not read": not set(messages) <= read,
        }
        return [text for text, is_wrong in checks.items() if is_wrong]


def _doing(tasks: list[dict[str, Any]]) -> str:
    """What an account is at, or was at last, and how much it has done."""
    if not tasks:
        return ""
    now = [task for task in tasks if task["status"] == "sent"]
    last = now[0] if now else max(tasks, key=lambda task: task["finished_at"] or "")
    verb = "list of" if last["kind"] == "fetch_followings" else "profile of"
    return f"{len(tasks) - len(now):>3} done   {verb} {last['username']}"


def _repeats(counts: Counter[str]) -> int:
    return sum(n - 1 for n in counts.values() if n > 1)


# ---- small parts -----------------------------------------------------------------------------------------


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """An empty `home` of our own. Raises Misconfigured while another demo runs in it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(
                f"Another demo runs in {home}: end it first, or set SCRAPINSTA_HOME to another folder."
            ) from None
        shutil.rmtree(home)
        home.mkdir(mode=0o700)
        yield


def _wait(condition: Any, what: str, limit_s: float) -> Any:
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} did not come up within {limit_s:.0f} s.")
        time.sleep(0.1)
    return answer
