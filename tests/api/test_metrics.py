"""Who may read /metrics, and what it says when there is little to say."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.api.metrics import text_of
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry.catalogue import CATALOGUE


@pytest.fixture
def guarded(db: Database) -> Iterator[TestClient]:
    """A console whose metrics need a token."""
    with TestClient(make_console_app(db, metrics_token="let-me-in")) as client:
        yield client


def test_without_a_token_it_is_open(http: TestClient) -> None:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert families <= set(CATALOGUE) and {"tasks_ok", "dispatcher_up", "accounts"} <= families


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer let-me-i", "Bearer let-me-in2", "bearer let-me-in", "Bearer ñ"]
)
def test_with_one_nobody_else_reads_it(guarded: TestClient, given: str) -> None:
    answer = guarded.get("/metrics", headers={"Authorization": given.encode()} if given else {})
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "METRICS_TOKEN"


def test_who_bears_it_does(guarded: TestClient) -> None:
    assert guarded.get("/metrics", headers={"Authorization": "Bearer let-me-in"}).status_code == 200


def test_with_the_database_away_only_that_is_said() -> None:
    away = Database("mysql://nobody@127.0.0.1:1/none")
    with TestClient(make_console_app(away)) as client:
        said = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    assert said == ["database_up 0.0"]


def test_buckets_add_up() -> None:
    values = {
        ("result_lag_ms", 'kind="send_message",le="5"'): 2.0,
        ("result_lag_ms", 'kind="send_message",le="10"'): 1.0,
        ("result_lag_ms", 'kind="send_message",le="+Inf"'): 1.0,
        ("result_lag_ms", 'kind="send_message",le="sum"'): 700_020.0,
    }
    [family] = [
        f for f in text_string_to_metric_families(text_of(values).decode()) if f.name == "result_lag_ms"
    ]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["2.5"], buckets["5"], buckets["10"], buckets["600000"], buckets["+Inf"]) == (
        0,
        2,
        3,
        3,
        4,
    )
    assert {s.name: s.value for s in family.samples if not s.name.endswith("_bucket")} == {
        "result_lag_ms_count": 4,
        "result_lag_ms_sum": 700_020,
    }
