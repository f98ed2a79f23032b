"""cluster.yaml and cluster.local.yaml hold before Ray's own validator, and say what their user relies on."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from scrapinsta_ray.cluster.nodes import NO_BROWSERS

ROOT = Path(__file__).parent.parent
EVERYWHERE = (
    "RAY_AUTH_MODE=token",
    "RAY_USAGE_STATS_ENABLED=0",
    "RAY_SERVE_ENABLE_HA_PROXY=1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED=1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S=2",
    "FORWARDED_ALLOW_IPS=none",
)
PATIENCE = (
    "RAY_agent_register_timeout_ms=120000",
    "RAY_gcs_server_port_wait_time_s=120",
    "RAY_gcs_rpc_server_reconnect_timeout_s=600",
)
"""A busy machine is no dead one, and a head that comes back finds the other nodes as they were."""
PORTS = (
    "--node-manager-port",
    "--object-manager-port",
    "--runtime-env-agent-port",
    "--dashboard-agent-grpc-port",
    "--dashboard-agent-listen-port",
    "--metrics-export-port",
)
COMMANDS = (
    "initialization_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)


AWS, LOCAL = "cluster.yaml", "cluster.local.yaml"


@pytest.fixture
def name() -> str:
    return AWS


@pytest.fixture
def as_written(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text())  # type: ignore[no-any-return]


@pytest.fixture
def as_ray_reads_it(as_written) -> dict[str, Any]:
    """With Ray's defaults filled in, as `ray up` does before it asks AWS anything."""
    return prepare_config(as_written)  # type: ignore[no-any-return]


both = pytest.mark.parametrize("name", [AWS, LOCAL])


@both
def test_ray_accepts_it(as_ray_reads_it):
    validate_config(as_ray_reads_it)


@both
def test_ray_refuses_it_with_an_unknown_key(as_ray_reads_it):
    with pytest.raises(Exception, match="surprise"):
        validate_config({**as_ray_reads_it, "surprise": 1})


def test_only_workers_carry_browsers_and_the_larger_ones_more(as_ray_reads_it):
    types = as_ray_reads_it["available_node_types"]
    assert types[as_ray_reads_it["head_node_type"]]["resources"] == {NO_BROWSERS: 1}
    browsers = {name: node["resources"]["browser"] for name, node in types.items() if name != "head"}
    assert browsers == {"browsers_4": 4, "browsers_16": 16}
    assert len({node["node_config"]["InstanceType"] for node in types.values()}) == len(types)


def test_every_node_type_starts_from_the_same_image(as_ray_reads_it):
    images = {node["node_config"]["ImageId"] for node in as_ray_reads_it["available_node_types"].values()}
    assert len(images) == 1


def test_at_least_one_browser_node_is_there_from_the_start(as_ray_reads_it):
    types = as_ray_reads_it["available_node_types"]
    assert sum(node["min_workers"] for node in types.values()) >= 1
    assert types["head"]["max_workers"] == 0


@both
@pytest.mark.parametrize("key", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_the_start_commands_say_what_must_be_the_same_everywhere(as_ray_reads_it, key):
    (start,) = [command for command in as_ray_reads_it[key] if "ray start" in command]
    for setting in EVERYWHERE + PATIENCE:
        assert f" {setting} " in start


@both
@pytest.mark.parametrize("key", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_ray_listens_where_docs_say(as_ray_reads_it, key):
    (start,) = [command for command in as_ray_reads_it[key] if "ray start" in command]
    chosen = [int(start.split(f"{option}=")[1].split()[0]) for option in PORTS]
    assert sorted(chosen) == list(range(8071, 8077))
    assert "--min-worker-port=10002 --max-worker-port=10999" in start


@both
def test_serve_is_told_to_reach_the_replicas_of_other_hosts(as_ray_reads_it):
    """Told 127.0.0.1, HAProxy of one host cannot reach the replicas of another."""
    [edit] = [command for command in as_ray_reads_it["head_setup_commands"] if "serve_config" in command]
    script = edit.split("'")[1]
    run = ["sed", script, str(ROOT / "serve_config.yaml")]
    edited = yaml.safe_load(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert edited["http_options"]["host"] == "0.0.0.0"


@both
def test_the_head_keeps_the_state_of_ray_on_its_disk(as_ray_reads_it):
    (start,) = [command for command in as_ray_reads_it["head_start_ray_commands"] if "ray start" in command]
    assert " RAY_gcs_storage=rocksdb RAY_gcs_storage_path=$HOME/" in start


@pytest.mark.parametrize("name", [LOCAL])
def test_ones_own_machines_are_one_head_and_hosts_with_browsers(as_ray_reads_it):
    addresses = as_ray_reads_it["provider"]
    (node_type,) = as_ray_reads_it["available_node_types"].values()
    assert node_type["min_workers"] == len(addresses["worker_ips"]) == as_ray_reads_it["max_workers"]
    (head,) = [c for c in as_ray_reads_it["head_start_ray_commands"] if "ray start" in c]
    (worker,) = [c for c in as_ray_reads_it["worker_start_ray_commands"] if "ray start" in c]
    assert f"--node-ip-address={addresses['head_ip']} " in head
    assert '"browser"' in worker and '"browser"' not in head


@both
@pytest.mark.parametrize("key", ["head_setup_commands", "worker_setup_commands"])
def test_every_node_gets_chromium_and_the_pinned_versions(as_ray_reads_it, key):
    setup = " ".join(as_ray_reads_it[key])
    assert {"chromium", "chromium-driver", "chromium-sandbox"} <= set(setup.split())
    assert "-c ~/scrapinsta/constraints.txt ~/scrapinsta" in setup


@both
def test_the_default_image_of_ray_leaves_no_trace(as_ray_reads_it):
    """Ray's defaults fetch a nightly wheel of Ray into a conda environment; a key left out would bring them back."""
    commands = " ".join(command for key in COMMANDS for command in as_ray_reads_it[key])
    assert "conda" not in commands and "wheels" not in commands


@both
def test_every_command_is_shell(as_ray_reads_it):
    bash = shutil.which("bash")
    assert bash
    for key in COMMANDS:
        for command in as_ray_reads_it[key]:
            subprocess.run([bash, "-n", "-c", command], check=True)


@both
def test_what_it_copies_is_in_the_project_or_the_operators_own(as_written):
    for there, here in as_written["file_mounts"].items():
        assert there.startswith("~/")
        if here.startswith("~/"):
            assert here in ("~/.ray/auth_token", "~/.scrapinsta/env")
        else:
            assert (ROOT / here).exists(), f"{here} is missing: `ray up` would stop"


@both
def test_the_database_address_is_not_in_it(as_written):
    """It comes from the operator's file: comments may name it, the configuration may not."""
    assert "DATABASE_URL" not in str(as_written)
    assert "mysql://" not in str(as_written)


def test_only_ssh_is_open_to_the_outside(as_written):
    """Without a security group of its own Ray makes one that lets in SSH, and everything between the nodes."""
    assert "security_group" not in as_written["provider"]
    for node in as_written["available_node_types"].values():
        assert not {"SecurityGroupIds", "NetworkInterfaces"} & set(node["node_config"])
