"""deploy/kuberay: what kustomize makes is of the kinds that it says, and says what its user relies on."""

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from scrapinsta_ray.cluster.nodes import BROWSER, NO_BROWSERS
from scrapinsta_ray.settings import SECRETS, Settings
from scripts import kuberay_serve_config

ROOT = Path(__file__).parent.parent
KUBERAY = ROOT / "deploy" / "kuberay"
KUBERNETES = "1.34"

Manifest = dict[str, Any]

# The fields of KubeRay's own kinds (ray.io/v1, from 1.6 on); the pods in them are Kubernetes'.
FIELDS: Mapping[str, frozenset[str]] = {
    "RayService": frozenset(
        "serveConfigV2 rayClusterConfig upgradeStrategy rayClusterDeletionDelaySeconds serveService"
        " excludeHeadPodFromServeSvc".split()
    ),
    "rayClusterConfig": frozenset(
        "authOptions autoscalerOptions enableInTreeAutoscaling gcsFaultToleranceOptions headGroupSpec"
        " headServiceAnnotations managedBy rayVersion suspend workerGroupSpecs".split()
    ),
    "upgradeStrategy": frozenset(["type"]),
    "authOptions": frozenset(["mode", "secretName", "enableK8sTokenAuth"]),
    "gcsFaultToleranceOptions": frozenset(
        ["redisAddress", "redisPassword", "redisUsername", "externalStorageNamespace"]
    ),
    "autoscalerOptions": frozenset(
        "args command env envFrom idleTimeoutSeconds image imagePullPolicy resources securityContext upscalingMode"
        " version volumeMounts".split()
    ),
    "headGroupSpec": frozenset(
        "enableIngress headService labels rayStartParams resources serviceType template".split()
    ),
    "workerGroupSpecs": frozenset(
        "groupName idleTimeoutSeconds labels maxReplicas minReplicas numOfHosts priority rayStartParams replicas"
        " resources scaleStrategy suspend template".split()
    ),
}
NEEDED = {
    "headGroupSpec": {"template"},
    "workerGroupSpecs": {"groupName", "minReplicas", "maxReplicas", "template"},
}


@cache
def documents(name: str) -> list[Manifest]:
    return [one for one in yaml.safe_load_all((KUBERAY / name).read_text()) if one]


def everything() -> list[Manifest]:
    kustomized = documents("kustomization.yaml")[0]["resources"]
    return [one for name in [*kustomized, "secrets.yaml", "seccomp.yaml"] for one in documents(name)]


def named(kind: str, name: str) -> Manifest:
    [found] = [one for one in everything() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@pytest.fixture
def service() -> Manifest:
    return named("RayService", "scrapinsta")


@pytest.fixture
def cluster(service) -> Manifest:
    return service["spec"]["rayClusterConfig"]  # type: ignore[no-any-return]


@pytest.fixture
def groups(cluster) -> dict[str, Manifest]:
    """Head and groups of workers by name."""
    return {
        "head": cluster["headGroupSpec"],
        **{one["groupName"]: one for one in cluster["workerGroupSpecs"]},
    }


# ---- shapes ----------------------------------------------------------------------------------------------


def as_pod(name: str, template: Manifest) -> Manifest:
    metadata = {**template.get("metadata", {}), "name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def pods(manifest: Manifest) -> Iterator[Manifest]:
    """What the manifest makes pods of, as pods."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "RayService":
        cluster = spec["rayClusterConfig"]
        yield as_pod("head", cluster["headGroupSpec"]["template"])
        for group in cluster["workerGroupSpecs"]:
            yield as_pod(group["groupName"], group["template"])
    elif "template" in spec:
        yield as_pod(manifest["metadata"]["name"], spec["template"])


def validated(manifest: Manifest) -> None:
    """Raises ValidationError for what Kubernetes would refuse, KeyError for a field that KubeRay does not have."""
    if manifest["kind"] == "RayService":
        known(manifest["spec"], "RayService")
    else:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    for pod in pods(manifest):
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def known(found: Any, kind: str) -> None:
    if kind in FIELDS:
        for one in found if isinstance(found, list) else [found]:
            if wrong := (set(one) - FIELDS[kind]) | (NEEDED.get(kind, set()) - set(one)):
                raise KeyError(f"{kind}: {sorted(wrong)}")
            for key, inner in one.items():
                known(inner, key)


@pytest.mark.parametrize("manifest", everything(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_it_is_of_its_kind(manifest):
    validated(manifest)


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("RayService", "scrapinsta", ["rayClusterConfig", "surprise"], 1),
        ("RayService", "scrapinsta", ["rayClusterConfig", "workerGroupSpecs", 0, "minReplica"], 1),
        ("RayService", "scrapinsta", ["rayClusterConfig", "gcsFaultToleranceOptions", "redis"], "x"),
        (
            "RayService",
            "scrapinsta",
            ["rayClusterConfig", "headGroupSpec", "template", "spec", "surprise"],
            1,
        ),
        (
            "RayService",
            "scrapinsta",
            [
                "rayClusterConfig",
                "workerGroupSpecs",
                1,
                "template",
                "spec",
                "containers",
                0,
                "securityContext",
                "user",
            ],
            1,
        ),
        ("NetworkPolicy", "scrapinsta-api", ["podSelectors"], {}),
        ("PodDisruptionBudget", "scrapinsta-api", ["minimum"], 1),
        ("StatefulSet", "redis", ["replicas"], "one"),
        ("Job", "scrapinsta-schema", ["template", "spec", "containers", 0, "imagePull"], "x"),
    ],
)
def test_what_is_not_is_refused(kind, name, path, value):
    manifest = copy.deepcopy(named(kind, name))
    inner = manifest["spec"]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises((kubernetes_validate.ValidationError, KeyError)):
        validated(manifest)


def test_a_group_without_what_it_must_have_is_refused(service):
    wrong = copy.deepcopy(service)
    del wrong["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["minReplicas"]
    with pytest.raises(KeyError):
        validated(wrong)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl, which has kustomize in it")
def test_kustomize_makes_all_of_it_with_one_image():
    run = ["kubectl", "kustomize", str(KUBERAY)]
    made = list(yaml.safe_load_all(subprocess.run(run, check=True, capture_output=True, text=True).stdout))
    [image] = documents("kustomization.yaml")[0]["images"]
    ours = f"{image['newName']}:{image['newTag']}"
    images = [c["image"] for one in made for pod in pods(one) for c in pod["spec"]["containers"]]
    assert sorted(set(images)) == sorted({ours, "redis:7.4.2"})
    assert {one["metadata"]["namespace"] for one in made} == {"scrapinsta"}
    for one in made:
        validated(one)


# ---- Serve and Ray ---------------------------------------------------------------------------------------


def test_serve_is_set_up_as_elsewhere_but_for_its_address(service):
    asked = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    asked["http_options"]["host"] = "0.0.0.0"
    assert yaml.safe_load(service["spec"]["serveConfigV2"]) == asked, "run scripts/kuberay_serve_config.py"


def test_the_script_changes_nothing_else():
    text = (KUBERAY / "rayservice.yaml").read_text()
    config = (ROOT / "serve_config.yaml").read_text()
    assert kuberay_serve_config.updated(text, config) == text, "run scripts/kuberay_serve_config.py"
    other = config.replace('release: "1"', 'release: "2"')
    changed = kuberay_serve_config.updated(text, other)
    assert changed == text.replace('release: "1"', 'release: "2"') != text


def test_the_ray_is_the_one_that_the_image_gets(cluster):
    assert cluster["rayVersion"] == version("ray")


def test_the_state_of_the_head_outlives_it(cluster):
    options = cluster["gcsFaultToleranceOptions"]
    redis = named("Service", "redis")
    assert options["redisAddress"] == f"redis:{redis['spec']['ports'][0]['port']}"
    claim = named("StatefulSet", "redis")["spec"]["volumeClaimTemplates"][0]
    mount = named("StatefulSet", "redis")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]
    assert claim["metadata"]["name"] == mount["name"] and mount["mountPath"] == "/data"


def test_ray_answers_nobody_without_the_token(cluster):
    assert cluster["authOptions"] == {"mode": "token", "secretName": "scrapinsta-ray"}


def test_browsers_are_declared_where_no_replica_comes_and_nothing_works_on_the_head(groups):
    params = {name: group["rayStartParams"] for name, group in groups.items()}
    assert params["head"]["num-cpus"] == params["browsers"]["num-cpus"] == "0"
    assert "num-cpus" not in params["api"]
    declared = {name: found.get("resources") for name, found in params.items()}
    assert not declared["api"]
    head, browsers = (
        json.loads(
            subprocess.run(  # as KubeRay has it in the pod's shell
                ["sh", "-c", f"printf %s {declared[name]}"], check=True, capture_output=True, text=True
            ).stdout
        )
        for name in ("head", "browsers")
    )
    assert head == {NO_BROWSERS: 1}
    assert browsers[BROWSER] >= 1
    assert all(isinstance(value, str) for found in params.values() for value in found.values())


def test_a_browser_has_a_gigabyte(groups):
    browsers = json.loads(groups["browsers"]["rayStartParams"]["resources"].strip('"').replace("\\", ""))[
        "browser"
    ]
    limit = groups["browsers"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    assert int(limit.removesuffix("Gi")) >= browsers


@pytest.mark.parametrize("name", ["api", "browsers"])
def test_a_pod_has_time_to_be_drained(groups, name):
    spec = groups[name]["template"]["spec"]
    environment = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    drain_s = int(environment["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    assert 30 <= drain_s <= spec["terminationGracePeriodSeconds"] - 15


def test_every_node_is_looked_at(groups):
    for name, group in groups.items():
        container = group["template"]["spec"]["containers"][0]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in (8000, 8265, 52365), (name, probe)
        assert container["livenessProbe"]["httpGet"]["path"] == "/api/local_raylet_healthz"
        assert group["rayStartParams"]["dashboard-agent-listen-port"] == "52365"
    assert groups["api"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] == 8000


# ---- secrets and rights ----------------------------------------------------------------------------------


def test_no_secret_has_a_value():
    for one in everything():
        if one["kind"] == "Secret":
            assert set(one["stringData"].values()) == {""} and "data" not in one
        elif one["kind"] == "ConfigMap":
            assert not set(one["data"]) & set(SECRETS)
        for pod in pods(one):
            for variable in pod["spec"]["containers"][0].get("env", []):
                assert variable["name"] not in SECRETS
                assert not re.search("PASSWORD|TOKEN|KEY", variable["name"]) or "valueFrom" in variable


def test_whatever_is_asked_of_a_secret_or_of_settings_is_there():
    text = "".join((KUBERAY / f"{name}.yaml").read_text() for name in ("rayservice", "redis", "schema"))
    there = {one["metadata"]["name"]: set(one.get("stringData", [])) for one in documents("secrets.yaml")}
    for name, key in re.findall(r"secretKeyRef: \{name: ([\w-]+), key: (\w+)\}", text):
        assert key in there[name]
    assert set(re.findall(r"secretRef: \{name: ([\w-]+)\}", text)) == {"scrapinsta"}
    assert there["scrapinsta-ray"] == {"auth_token"}, "the name that KubeRay asks for"
    [settings] = documents("settings.yaml")
    assert set(re.findall(r"configMapRef: \{name: ([\w-]+)\}", text)) == {settings["metadata"]["name"]}
    variables = {f"SCRAPINSTA_{name.upper()}" for name in Settings.model_fields}
    assert {*settings["data"], *there["scrapinsta"]} <= variables


def every_pod() -> list[Manifest]:
    return [pod for one in everything() for pod in pods(one)]


@pytest.mark.parametrize("pod", every_pod(), ids=lambda pod: pod["metadata"]["name"])
def test_a_pod_may_do_no_more_than_it_must(pod):
    [container] = pod["spec"]["containers"]
    rights = {**pod["spec"].get("securityContext", {}), **container["securityContext"]}
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["readOnlyRootFilesystem"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
    assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
    if pod["metadata"]["name"] == "scrapinsta-seccomp":  # it alone writes on the machine's disk
        return
    assert rights["runAsNonRoot"] is True and rights["runAsUser"] >= 999
    assert (
        not [volume for volume in pod["spec"]["volumes"] if "hostPath" in volume]
        if "volumes" in pod["spec"]
        else True
    )
    if pod["metadata"]["name"] == "browsers":
        assert rights["seccompProfile"]["type"] == "Localhost"
    else:
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_profile_of_chromium_comes_to_where_the_kubelet_looks_for_it(groups):
    [container] = groups["browsers"]["template"]["spec"]["containers"]
    asked = container["securityContext"]["seccompProfile"]["localhostProfile"]
    [bringer] = documents("seccomp.yaml")
    spec = bringer["spec"]["template"]["spec"]
    host = {volume["name"]: volume for volume in spec["volumes"]}["kubelet"]["hostPath"]["path"]
    assert host == "/var/lib/kubelet/seccomp"
    assert f"/kubelet/{asked}" in spec["containers"][0]["args"][-1]
    assert (ROOT / "deploy/docker" / Path(asked).name).exists()


# ---- who reaches what ------------------------------------------------------------------------------------


def reached(labels: Mapping[str, str]) -> list[Manifest]:
    """The rules of what comes in to a pod with these labels; without one, everything does."""
    policies = [one["spec"] for one in everything() if one["kind"] == "NetworkPolicy"]
    chosen = [
        policy
        for policy in policies
        if "Ingress" in policy["policyTypes"]
        and policy["podSelector"]["matchLabels"].items() <= labels.items()
    ]
    assert chosen, f"nothing is closed before {labels}"
    return [rule for policy in chosen for rule in policy.get("ingress", [])]


def test_only_the_api_is_open(groups):
    for name, group in groups.items():
        rules = reached(group["template"]["metadata"]["labels"])
        open_to_all = [rule for rule in rules if "from" not in rule]
        ports = [port["port"] for rule in open_to_all for port in rule["ports"]]
        assert ports == ([8000] if name == "api" else []), name


def test_another_namespace_reaches_the_head_by_the_operators_ports_alone(groups):
    rules = reached(groups["head"]["template"]["metadata"]["labels"])
    foreign = [rule for rule in rules if any("namespaceSelector" in peer for peer in rule["from"])]
    assert [port["port"] for rule in foreign for port in rule["ports"]] == [8265, 8000]


def test_redis_is_the_clusters_alone():
    labels = named("StatefulSet", "redis")["spec"]["template"]["metadata"]["labels"]
    [rule] = reached(labels)
    assert [port["port"] for port in rule["ports"]] == [6379]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "scrapinsta"}}}]


def test_what_selects_pods_finds_them(groups):
    labels = [group["template"]["metadata"]["labels"] for group in groups.values()]
    labels.append(named("StatefulSet", "redis")["spec"]["template"]["metadata"]["labels"])
    for one in everything():
        if one["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = one["spec"].get("podSelector") or one["spec"]["selector"]
            assert any(selector["matchLabels"].items() <= found.items() for found in labels), one["metadata"]
        elif one["kind"] == "Service":
            chosen = [found for found in labels if one["spec"]["selector"].items() <= found.items()]
            assert len(chosen) == 1, one["metadata"]


def test_the_service_leads_to_pods_that_answer(groups):
    selector = named("Service", "scrapinsta")["spec"]["selector"]
    assert selector.items() <= groups["api"]["template"]["metadata"]["labels"].items()
    ports = {
        port["name"]: port["containerPort"]
        for port in groups["api"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert ports[named("Service", "scrapinsta")["spec"]["ports"][0]["targetPort"]] == 8000
