"""A bot account's worker as it is, without Ray around it: on a store, a real Chromium and the simulated site."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from scrapinsta_ray import settings
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.store import accounts, clients, finish, jobs, schema, tasks
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.jobs import Asked

CLIENT = "acme"


class Bench:
    """A store with a client and one bot account, and tasks for its worker."""

    def __init__(self, home: Path, account: str) -> None:
        self.home, self.account = home, account
        self.settings = settings.load()
        self.db = Database(self.settings.url)
        schema.upgrade(self.db)
        clients.create(self.db, CLIENT, CLIENT)
        accounts.add(self.db, self.settings.fernet, account, account.replace("bot_", "bot-secret-"))

    def analysis(self, *usernames: str, ttl_s: float = 60) -> list[Task]:
        """Leased tasks that want these profiles."""
        jobs.enqueue_analysis(self.db, Asked(CLIENT), list(usernames), None)
        return self.leased(Kind.ANALYZE_PROFILE, len(usernames), ttl_s)

    def list_of(self, target: str, limit: int, ttl_s: float = 60) -> Task:
        """A leased task that wants a following list."""
        jobs.enqueue_fetch(self.db, Asked(CLIENT), target, limit)
        return self.leased(Kind.FETCH_FOLLOWINGS, 1, ttl_s)[0]

    def leased(self, kind: Kind, number: int = 1, ttl_s: float = 60) -> list[Task]:
        """Tasks that are queued already."""
        found = tasks.lease_work(self.db, kind, limit=number, ttl_s=ttl_s)
        assert len(found) == number
        return found

    def end(self, *works: Work) -> Sequence[finish.Ended]:
        """Writes down what a worker said."""
        return finish.finish_work(self.db, works, retry_base_s=0.01)

    @property
    def row(self) -> Account:
        return next(one for one in accounts.everyone(self.db) if one.username == self.account)

    def resume(self) -> None:
        """What a person does."""
        accounts.set_status(self.db, [self.account], "active")


@pytest.fixture
def site_settings(
    tmp_path: Path, simulator_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, str]]:
    """Puts a home of this test, the simulated site and no pauses into the environment, and what else is given."""

    def put(**more: str) -> dict[str, str]:
        given = {
            "HOME": str(tmp_path / "home"),
            "SITE_URL": simulator_url,
            "ACTION_GAP_MIN_S": "0",
            "ACTION_GAP_MAX_S": "0",
            "PROFILE_READS_PER_HOUR": "100000",
            "FOLLOWING_PAGES_PER_HOUR": "100000",
            **more,
        }
        found = {f"SCRAPINSTA_{name}": value for name, value in given.items()}
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        return found

    return put


@pytest.fixture
def a_bench(
    site_settings: Callable[..., dict[str, str]], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """bot_8's; settings by `@pytest.mark.parametrize("a_bench", [{"LEASE_TTL_S": "3"}], indirect=True)`."""
    site_settings(**getattr(request, "param", {}))
    bench = Bench(tmp_path / "home", "bot_8")
    yield bench
    bench.db.dispose()


@pytest.fixture
def a_worker(a_bench: Bench) -> Iterator[InstagramWorker]:
    """bot_8's worker, without Ray."""
    worker = InstagramWorker(a_bench.account)
    yield worker
    worker.close()
