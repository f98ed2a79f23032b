"""serve_config.yaml: every key is one that Ray knows (it drops others in silence), and says what its user relies on."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from ray.serve.config import AutoscalingConfig, HTTPOptions
from ray.serve.schema import (
    DeploymentSchema,
    LoggingConfig,
    RayActorOptionsSchema,
    ServeApplicationSchema,
    ServeDeploySchema,
)

from scrapinsta_ray import app
from scrapinsta_ray.local import serve_config

INNER: Mapping[str, type[BaseModel]] = {
    "http_options": HTTPOptions,
    "logging_config": LoggingConfig,
    "applications": ServeApplicationSchema,
    "deployments": DeploymentSchema,
    "autoscaling_config": AutoscalingConfig,
    "ray_actor_options": RayActorOptionsSchema,
    "args": app.Release,
}
FREE = ("resources",)
"""Keys whose value may have any keys."""
ROUTES = {"enqueue": "/ext", "pull": "/api/send/pull", "result": "/api/send/result", "console": "/"}


@pytest.fixture
def config() -> dict[str, Any]:
    return yaml.safe_load(serve_config().read_text())  # type: ignore[no-any-return]


@pytest.fixture
def deployments(config) -> list[dict[str, Any]]:
    return [deployment for one in config["applications"] for deployment in one["deployments"]]


def unknown_keys(found: Mapping[str, Any], model: type[BaseModel], where: str = "") -> Iterator[str]:
    """Keys that the model, or a model further in, does not have."""
    for key, value in found.items():
        if key not in model.model_fields:
            yield f"{where}{key}"
        elif key not in FREE:
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    yield from unknown_keys(inner, INNER[key], f"{where}{key}.")


def test_ray_knows_every_key(config):
    assert list(unknown_keys(config, ServeDeploySchema)) == []


def test_a_key_that_ray_does_not_know_is_noticed_wherever_it_stands(config):
    config["applications"][0]["deployments"][0]["autoscaling_config"]["surprise"] = 1
    config["http_options"]["another"] = 1
    ServeDeploySchema.model_validate(config)  # Ray itself says nothing
    assert list(unknown_keys(config, ServeDeploySchema)) == [
        "http_options.another",
        "applications.deployments.autoscaling_config.surprise",
    ]


def test_four_applications_each_with_its_prefix_and_a_release(config):
    assert {one["name"]: one["route_prefix"] for one in config["applications"]} == ROUTES
    for one in config["applications"]:
        builder = getattr(app, one["import_path"].partition(":")[2])
        names = {deployment["name"] for deployment in one["deployments"]}
        assert names >= {one["name"]} and callable(builder)
        assert app.Release(**one["args"]).release


def test_all_that_serve_requests_scale_shed_load_and_end_gracefully(deployments):
    for one in deployments:
        assert one["graceful_shutdown_timeout_s"] > 0
        assert one["health_check_period_s"] and one["health_check_timeout_s"]
        if one["name"] != "supervisor":
            scale = AutoscalingConfig(**one["autoscaling_config"])
            assert scale.max_replicas > scale.min_replicas >= 1
            assert one["max_ongoing_requests"] >= scale.target_ongoing_requests
            assert one["max_queued_requests"] > 0, "else a queue grows without bound"


def test_one_supervisor_on_the_head_which_nobody_drains(deployments):
    [supervisor] = [one for one in deployments if one["name"] == "supervisor"]
    assert supervisor["num_replicas"] == 1
    assert supervisor["ray_actor_options"]["resources"] == {"node:__internal_head__": 0.001}


def test_logs_are_json_and_the_address_is_this_machine_alone(config):
    assert config["logging_config"]["encoding"] == "JSON"
    assert config["http_options"]["host"] == "127.0.0.1"
    assert config["proxy_location"] == "EveryNode"
