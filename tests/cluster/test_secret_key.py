"""A worker that cannot open its account's secrets parks it, says why, and never asks the site anything."""

import pytest
from cryptography.fernet import Fernet

from scrapinsta_ray.cluster.worker import InstagramWorker
from tests.cluster.conftest import Bench
from tests.site import Ask

ANOTHER = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("key", "reason"),
    [(ANOTHER, "sealed with another key"), ("no key at all", "must hold Fernet keys")],
    ids=["another", "none"],
)
def test_with_a_wrong_secret_key_the_account_waits_for_a_person(
    a_bench: Bench, ask: Ask, monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    [task] = a_bench.analysis("cafe_lucia")
    before = ask("/_requests?limit=0")["by_kind"]
    monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", key)
    worker = InstagramWorker(a_bench.account)
    try:
        assert not worker.warm_up()
        work = worker.perform(task)
    finally:
        worker.close()
    assert not work.report.ok and work.report.retryable
    assert a_bench.row.status == "needs_human"
    assert reason in (a_bench.row.status_reason or "") and key not in (a_bench.row.status_reason or "")
    assert ask("/_requests?limit=0")["by_kind"] == before, "a wrong key is no wrong password"
