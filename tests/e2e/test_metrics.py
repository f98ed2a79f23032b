"""A real Prometheus at a real campaign: every metric is there and sensible, every panel shows something."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.telemetry.catalogue import CATALOGUE
from tests.e2e.conftest import Command, Kept, until
from tests.prometheus import Prometheus, needs_prometheus, running_prometheus

pytestmark = [pytest.mark.timeout(500), needs_prometheus]

DEPLOY = Path(__file__).parents[2] / "deploy"
ACCOUNTS = 3


@pytest.fixture(scope="module")
def a_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """One that has sent messages to some of 8 profiles."""
    folder = tmp_path_factory.mktemp("measured")
    command = Command(folder, *("demo", "--profiles", "8", "--port", "0", "--keep", "--json"))
    try:
        yield Kept(command)
    finally:
        command.end()


@pytest.fixture(scope="module")
def prometheus(a_demo: Kept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It reads the demo every three seconds, by our configuration, while a second campaign runs to its end.

    That is also how long an answer may take: without one Prometheus knows nothing for the moment.
    """
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "3s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yml")]
    [ours, _ray] = config["scrape_configs"]
    ours["static_configs"] = [{"targets": [a_demo.url.removeprefix("http://")]}]
    config["scrape_configs"] = [ours]  # the other names the last Ray of this machine, whose ever that is
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), yaml.safe_dump(config)) as server:
        a_second_campaign(a_demo)
        until(lambda: server.value('sum(tasks_ok_total{kind="send_message"})') >= 5, 30, "the last messages")
        yield server


def a_second_campaign(demo: Kept) -> None:
    with demo.client() as client:
        made = client.campaign("sigue_a_todos", 6, {"message": "Hola {username}", "limit": 3})
        again = client.analyze(["cafe_lucia", "cafe_lucia", "no one"])
        until(lambda: client.job(made["job_id"])["status"] != "running" or send_some(client), 120, "its end")
        until(lambda: client.job(again["job_id"])["status"] not in ("running", "pending"), 60, "the other's")
        with pytest.raises(Refused):  # an answer that is an error is counted too
            client.job("job:unknown")


def send_some(client: Client) -> bool:
    """What an extension does, without a browser."""
    for item in client.pull()["items"]:
        known = {name: item[name] for name in ("job_id", "task_id", "lease_id")}
        client.result([{**known, "ok": True, "code": "sent"}])
    return False


QUIET = {"api_rate_limited", "layout_changed", "browser_restarts", "leases_rescued", "tasks_error"}
"""What a campaign that goes well has none of, or need not have."""


def test_every_metric_is_there_with_a_sensible_value(prometheus: Prometheus) -> None:
    for name, metric in CATALOGUE.items():
        shown = {"counter": f"{name}_total", "histogram": f"{name}_count", "gauge": name}[metric.kind]
        series = prometheus.ask(f'{shown}{{job="scrapinsta"}}')
        assert series, name
        total = sum(float(one["value"][1]) for one in series)
        assert total >= 0 if name in QUIET or metric.kind == "gauge" else total > 0, name


def test_the_numbers_are_those_of_the_campaigns(prometheus: Prometheus, a_demo: Kept) -> None:
    with a_demo.client() as client:
        counted = [client.summary(job["job_id"]) for job in client.jobs()]
    expected = {status: sum(summary[status] for summary in counted) for status in ("total", "ok", "error")}

    def shown() -> dict[str, float]:
        names = {"total": "queued", "ok": "ok", "error": "error"}
        return {status: prometheus.value(f"sum(tasks_{name}_total)") for status, name in names.items()}

    until(lambda: shown() == expected, 20, f"{expected}, not {shown()}")
    told = 'messages_last_day == on () sum(tasks_ok_total{kind="send_message"})'
    until(lambda: prometheus.ask(told), 20, "the state, which may be some seconds old")
    assert prometheus.value("sum(tasks)") == 0
    assert prometheus.value('accounts{status="active"}') == ACCOUNTS
    assert prometheus.value("accounts_without_worker") == 0
    assert prometheus.value("dispatcher_up") == prometheus.value("database_up") == 1
    assert prometheus.value('dedupe_hits_total{reason="duplicate"}') >= 1
    assert (
        0
        < prometheus.value("min(session_memory_bytes)")
        < prometheus.value("max(session_memory_bytes)") + 1
        < 3e9
    )
    assert prometheus.value('browsers{state="total"}') >= ACCOUNTS
    assert (
        prometheus.value("sum(scored_profiles_total)") >= prometheus.value("sum(scoring_batches_total)") > 0
    )


def panels() -> list[tuple[str, str]]:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "scrapinsta.json").read_text())
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def test_every_panel_of_the_dashboard_shows_something(prometheus: Prometheus) -> None:
    for title, expression in panels():
        asked = expression.replace("$__rate_interval", "5m")
        # on a busy machine an answer to Prometheus may be late, and the panel has a gap for a moment
        until(partial(prometheus.ask, asked), 20, f"{title}: {expression}")


def test_no_alert_fires_when_all_is_well(prometheus: Prometheus) -> None:
    answer: dict[str, Any] = httpx.get(f"{prometheus.url}/api/v1/rules").json()
    [group] = answer["data"]["groups"]
    assert all(rule["health"] == "ok" for rule in group["rules"]), group
    assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []
