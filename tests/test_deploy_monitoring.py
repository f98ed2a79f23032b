"""What lies in deploy/prometheus and deploy/grafana is right by itself; tests/e2e/test_metrics.py runs it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scrapinsta_ray.telemetry.catalogue import CATALOGUE
from tests.prometheus import PROMTOOL, needs_prometheus

DEPLOY = Path(__file__).parent.parent / "deploy"
PROMETHEUS, GRAFANA = DEPLOY / "prometheus", DEPLOY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "scrapinsta.json").read_text())
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]


def shown_names() -> set[str]:
    """Every name that /metrics may have."""
    found = set()
    for metric in CATALOGUE.values():
        behind = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
        found |= {metric.name + ending for ending in behind[metric.kind]}
    return found


def expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def metrics_in(expression: str) -> set[str]:
    bare = re.sub(r'"[^"]*"|\[[^]]*\]|\b(by|on)\s*\([^)]*\)', "", expression)
    words = set(re.findall(r"[a-z_]{3,}", bare))
    return words & {word for word in words if not re.search(rf"\b{word}\s*\(", bare)} - KEYWORDS


KEYWORDS = {"and", "status", "kind", "state"}


@needs_prometheus
@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    done = subprocess.run([PROMTOOL, *command], cwd=PROMETHEUS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_dashboard_ask_for_metrics_that_there_are() -> None:
    asked = [*expressions(), *(rule["expr"] for rule in RULES)]
    assert len(asked) > 40
    for expression in asked:
        assert metrics_in(expression), expression
        assert metrics_in(expression) <= shown_names(), expression


def test_every_metric_is_on_the_dashboard() -> None:
    text = " ".join(expressions())
    assert not [
        name for name in CATALOGUE if not re.search(rf"\b{name}(_total|_bucket)?\b", text) and name not in OFF
    ]


OFF = {"sending_accounts"}
"""What is there for others' questions."""


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    quiet = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fired == quiet == {rule["alert"] for rule in RULES}
    assert all(rule["annotations"]["action"] for rule in RULES)


def test_the_dashboard_is_provisioned_with_its_source() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    used = {
        target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
    }
    assert used == {source["uid"]}
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/scrapinsta.yml").read_text())["providers"]
    assert provider["type"] == "file"
    boxes = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(boxes)) == len(boxes)
