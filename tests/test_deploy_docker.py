"""deploy/docker: the Dockerfile keeps to rules, each of which refuses a bad one; compose.yaml to its specification."""

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from cryptography.fernet import Fernet

from scrapinsta_ray.settings import RAY_ENVIRONMENT, SECRETS
from tests.waiting import until

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "deploy" / "docker"
HADOLINT = Path(sys.executable).with_name("hadolint")
UNPINNED_PACKAGES = "DL3008"
"""Debian's security updates are wanted: its packages are not held at a version."""


# ---- the Dockerfile --------------------------------------------------------------------------------------


@pytest.fixture
def dockerfile() -> str:
    return (DOCKER / "Dockerfile").read_text()


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction and its text, continued lines joined and comments left out."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (s.partition(" ") for s in joined.split("\n"))
        if word
    ]


def found_by_hadolint(dockerfile: str) -> set[str]:
    run = [str(HADOLINT), "--no-color", "--format", "json", "--ignore", UNPINNED_PACKAGES, "-"]
    said = subprocess.run(run, input=dockerfile, capture_output=True, text=True, check=False)
    return {finding["code"] for finding in json.loads(said.stdout)}


def wrong_by_our_rules(dockerfile: str) -> set[str]:
    """What hadolint does not look at."""
    said = instructions(dockerfile)
    by_word: dict[str, list[str]] = {}
    for word, rest in said:
        by_word.setdefault(word, []).append(rest)
    last_stage = said[max(i for i, (word, _) in enumerate(said) if word == "FROM") :]
    words = [word for word, _ in last_stage]
    rules = {
        "base without a full version": not all(map(_is_pinned, _bases(by_word))),
        "secret in a layer": any(
            re.search(r"(?i)(key|password|secret|token|_url)\w*=", text)
            for word in ("ARG", "ENV", "LABEL")
            for text in by_word.get(word, [])
        )
        or any(re.search(r"(?i)\.env\b|\.pem\b|secrets/", text) for text in by_word.get("COPY", [])),
        "copies all": any(text.split()[0] in (".", "./") for text in by_word.get("COPY", [])),
        "one stage": len(by_word["FROM"]) < 2,
        "runs as root": not re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", (by_word.get("USER") or ["0"])[-1]),
        "a name instead of a number for a user": not (by_word.get("USER") or ["0"])[-1][0].isdigit(),
        "no health check": "HEALTHCHECK" not in words,
        "shell form": any(
            not re.search(r"\[.*\]$", text)
            for word, text in last_stage
            if word in ("CMD", "ENTRYPOINT", "HEALTHCHECK")
        ),
        "no init": not any(word == "ENTRYPOINT" and '"tini"' in text for word, text in last_stage),
        "versions that are not pinned": any(
            "pip install" in text and "-c constraints.txt" not in text for text in by_word.get("RUN", [])
        ),
        "lists of packages left behind": any(
            "apt-get update" in text and "rm -rf /var/lib/apt/lists/*" not in text
            for text in by_word.get("RUN", [])
        ),
    }
    return {name for name, broken in rules.items() if broken}


def _bases(by_word: Mapping[str, list[str]]) -> Iterator[str]:
    defaults = dict(text.partition("=")[::2] for text in by_word.get("ARG", []))
    for text in by_word["FROM"]:
        yield re.sub(r"\$\{(\w+)\}", lambda name: defaults.get(name[1], ""), text.split()[0])


def _is_pinned(image: str) -> bool:
    return bool(re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$|@sha256:", image))


def test_hadolint_finds_nothing_wrong(dockerfile):
    assert found_by_hadolint(dockerfile) == set()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("FROM ${BASE}\n", "FROM debian\n", "DL3006"),
        ("FROM ${BASE}\n", "FROM debian:latest\n", "DL3007"),
        ("USER 1000:1000", "USER root", "DL3002"),
        ("WORKDIR /build", "WORKDIR build", "DL3000"),
        ("COPY scripts/hatch_build.py scripts/", "ADD scripts/hatch_build.py scripts/", "DL3020"),
        ("--no-install-recommends ca-certificates python3 ", "ca-certificates python3 ", "DL3015"),
        (" && rm -rf /var/lib/apt/lists/* \\\n    && useradd", " && useradd", "DL3009"),
        ("install -y --no-install-recommends ca", "install --no-install-recommends ca", "DL3014"),
        ('CMD ["scrapinsta", "--help"]', "CMD scrapinsta --help", "DL3025"),
        ('CMD ["scrapinsta", "--help"]', 'CMD ["scrapinsta"]\nCMD ["scrapinsta", "--help"]', "DL4003"),
        ("RUN sed -i", "RUN cat /etc/passwd | sed -i", "DL4006"),
        ("RUN sed -i", "RUN sudo sed -i", "DL3004"),
    ],
)
def test_hadolint_refuses_a_bad_one(dockerfile, old, new, rule):
    assert rule in found_by_hadolint(replaced(dockerfile, old, new))


def test_the_rules_of_ours_find_nothing_wrong(dockerfile):
    assert wrong_by_our_rules(dockerfile) == set()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("BASE=debian:12.12-slim", "BASE=debian:bookworm-slim", "base without a full version"),
        ("ARG BASE", "ARG SCRAPINSTA_SECRET_KEY=x\nARG BASE", "secret in a layer"),
        ("    PYTHONUNBUFFERED=1 \\\n", "    RAY_AUTH_TOKEN=x \\\n", "secret in a layer"),
        ("COPY serve_config.yaml", "COPY deploy/docker/secrets/ray_token", "secret in a layer"),
        ("COPY scrapinsta_ray scrapinsta_ray", "COPY . .", "copies all"),
        ("USER 1000:1000", "USER 0", "runs as root"),
        ("USER 1000:1000\n", "", "runs as root"),
        ("USER 1000:1000", "USER scrapinsta", "a name instead of a number for a user"),
        ("HEALTHCHECK", "ONBUILD HEALTHCHECK", "no health check"),
        ('CMD ["curl", "-fsS", "-o", "/dev/null",', "CMD curl -o /dev/null #", "shell form"),
        ('ENTRYPOINT ["tini", "--", "with-secrets"]', 'ENTRYPOINT ["with-secrets"]', "no init"),
        ('ENTRYPOINT ["tini", "--", "with-secrets"]', "ENTRYPOINT tini with-secrets", "shell form"),
        ("install -c constraints.txt dist", "install dist", "versions that are not pinned"),
        (" \\\n    && rm -rf /var/lib/apt/lists/*\n", "\n", "lists of packages left behind"),
    ],
)
def test_a_rule_of_ours_refuses_a_bad_one(dockerfile, old, new, rule):
    assert rule in wrong_by_our_rules(replaced(dockerfile, old, new))


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, "the example is out of date"
    return text.replace(old, new, 1)


def test_all_that_is_copied_is_there_and_in_the_context(dockerfile):
    """.dockerignore leaves out everything but what it names; a file that it forgets is missing in the build alone."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions(dockerfile):
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in let_in, f".dockerignore leaves out {source}"


def test_the_context_is_what_the_wheel_needs_and_no_more(dockerfile):
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for word, rest in instructions(dockerfile)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert let_in == copied
    carried = re.findall(
        r'"([\w.]+)"', (ROOT / "scripts/hatch_build.py").read_text().partition("CARRIED")[2].split("\n")[0]
    )
    assert {*carried, "README.md", "LICENSE", "scripts/hatch_build.py"} <= let_in


def test_the_environment_is_what_ray_needs_everywhere_with_the_token_on(dockerfile):
    said = " ".join(rest for word, rest in instructions(dockerfile) if word == "ENV")
    found = dict(re.findall(r"(\w+)=(\S+)", said))
    assert RAY_ENVIRONMENT.items() <= {**found, "RAY_AUTH_MODE": RAY_ENVIRONMENT["RAY_AUTH_MODE"]}.items()
    assert found["RAY_AUTH_MODE"] == "token"


def test_serve_listens_where_other_containers_reach_it(dockerfile):
    [edit] = [rest for word, rest in instructions(dockerfile) if word == "RUN" and "sed -i" in rest]
    script = edit.split("'")[1]
    run = ["sed", script, str(ROOT / "serve_config.yaml")]
    edited = yaml.safe_load(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    asked = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    assert edited == {**asked, "http_options": {**asked["http_options"], "host": "0.0.0.0"}}


# ---- settings that lie in files ---------------------------------------------------------------------------


def test_the_command_gets_the_settings_of_the_file(tmp_path):
    """As a container sees them: the file is /run/secrets/scrapinsta.env there."""
    (tmp_path / "scrapinsta.env").write_text("SCRAPINSTA_SECRET_KEY='a b'\n")
    script = (DOCKER / "with-secrets").read_text().replace("/run/secrets", str(tmp_path))
    run = [
        "sh",
        "-c",
        script,
        "with-secrets",
        "sh",
        "-c",
        'echo "$SCRAPINSTA_SECRET_KEY" "$1"',
        "sh",
        "two words",
    ]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "a b two words\n"
    (tmp_path / "scrapinsta.env").unlink()
    assert subprocess.run([*run[:4], "echo", "without"], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["with-secrets", "head-of-cluster"])
def test_it_can_be_run(name):
    assert (DOCKER / name).stat().st_mode & stat.S_IXOTH


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder in which the secrets were made."""
    (tmp_path / "secrets.sh").write_text((DOCKER / "secrets.sh").read_text())
    subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_secrets_are_made_once_and_nobody_else_comes_into_their_folder(made):
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in made.iterdir()} == {0o644}
    before = {file.name: file.read_text() for file in made.iterdir()}
    assert len(set(before.values())) == len(before) and all(map(str.strip, before.values()))
    (made / "ray_token").unlink()
    subprocess.run(["sh", made.parent / "secrets.sh"], check=True, capture_output=True)
    after = {file.name: file.read_text() for file in made.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"ray_token"}


def test_the_settings_that_are_made_are_good(made):
    found = dict(re.findall(r"^(\w+)='(.*)'$", (made / "scrapinsta.env").read_text(), re.MULTILINE))
    assert set(found) <= set(SECRETS)
    Fernet(found["SCRAPINSTA_SECRET_KEY"])
    password = (made / "database_password").read_text()
    assert found["SCRAPINSTA_DATABASE_URL"].startswith(
        f"mysql://scrapinsta:{password}@database:3306/scrapinsta?"
    )


# ---- the head --------------------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path, monkeypatch) -> Path:
    """Programs in the place of Ray's: they do what the files beside them say and write what they were told."""
    pretend = """#!/bin/sh
        case "$1" in
          health-check) exit 0 ;;
          start) echo "$@" >ray; while [ ! -e ray-ends ]; do sleep 0.1; done ;;
          run) trap 'echo down >serve; exit 0' INT; echo "$2" >serve; while [ ! -e serve-ends ]; do sleep 0.1; done ;;
        esac
    """
    for name in ("ray", "serve"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(pretend)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return tmp_path


@pytest.fixture
def a_head(programs) -> Iterator[subprocess.Popen[bytes]]:
    """The head of a cluster on which Serve is at work."""
    run = [str(DOCKER / "head-of-cluster"), "config.yaml", "--port=6379"]
    with subprocess.Popen(run, cwd=programs, start_new_session=True) as head:
        until(lambda: text_of(programs / "serve") == "config.yaml", 20, "Serve")
        yield head
        for name in ("ray-ends", "serve-ends"):
            (programs / name).touch()
        head.kill()


def text_of(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_the_head_interrupts_serve_and_waits_for_it(a_head, programs, number):
    assert text_of(programs / "ray") == "start --head --block --port=6379"
    a_head.send_signal(number)
    assert a_head.wait(20) == 0
    assert text_of(programs / "serve") == "down"


@pytest.mark.parametrize("which", ["ray", "serve"])
def test_the_head_ends_when_ray_or_serve_does(a_head, programs, which):
    (programs / f"{which}-ends").touch()
    assert a_head.wait(20) == 1


def test_a_ray_that_does_not_start_ends_the_head(programs):
    (programs / "bin" / "ray").write_text("#!/bin/sh\nexit 3\n")
    run = [str(DOCKER / "head-of-cluster"), "config.yaml"]
    assert subprocess.run(run, cwd=programs, check=False, timeout=20).returncode == 1
    assert not (programs / "serve").exists()


# ---- the compose file ------------------------------------------------------------------------------------


OURS = ("head", "browsers", "schema", "scrapinsta")


@pytest.fixture
def text() -> str:
    return (DOCKER / "compose.yaml").read_text()


@pytest.fixture
def compose(text) -> dict[str, Any]:
    return as_without_variables(text)


def as_without_variables(text: str) -> dict[str, Any]:
    """The compose file when none of its variables is set."""
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")
    return yaml.safe_load(filled)  # type: ignore[no-any-return]


def validated(compose: dict[str, Any]) -> None:
    """Raises ValueError for what is against the specification, or names what is not there."""
    found = PyCompose.from_yaml(yaml.safe_dump(compose))
    found.validate()


def test_it_is_a_compose_file(compose):
    validated(compose)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shm_size: 1gb", "shm_sizes: 1gb"),
        ("stop_grace_period: 90s", "stop_grace_period: soon"),
        ("restart: unless-stopped", "restart: perhaps"),
        ("secrets: [database_password]", "secrets: [of_nobody]"),
        ("condition: service_healthy", "condition: well"),
        ("127.0.0.1:8000:8000", "127.0.0.1:800000:8000"),
        ("${HEAD_MEMORY:-4g}", "${HEAD_MEMORY:-much}"),
    ],
)
def test_what_is_none_is_refused(text, old, new):
    with pytest.raises(ValueError):
        validated(as_without_variables(replaced(text, old, new)))


def test_every_image_is_of_one_version_and_ours_is_built_here(compose):
    for name, service in compose["services"].items():
        if name in OURS:
            build = service["build"]
            assert (DOCKER / build["context"] / build["dockerfile"]).samefile(DOCKER / "Dockerfile")
        else:
            assert _is_pinned(service["image"]), service["image"]


def test_every_port_is_of_this_machine_alone(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) >= 4
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in compose["services"]["browsers"], "then it could not be scaled"


def test_what_is_mounted_is_there(compose):
    named = set(compose["volumes"])
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if target and source not in named:
                assert (DOCKER / source).exists(), source


def test_what_is_mounted_as_a_secret_is_made(compose, made):
    files = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert files == {file.name for file in made.iterdir()}
    assert all(secret["file"].startswith("secrets/") for secret in compose["secrets"].values())
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", DOCKER / "secrets/ray_token"], cwd=ROOT, check=False
    )
    assert ignored.returncode in (0, 128)  # 128: this is no checkout


def test_no_secret_stands_in_an_environment(compose):
    for service in compose["services"].values():
        for name in service.get("environment", {}):
            assert name not in SECRETS
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name) and name != "MYSQL_RANDOM_ROOT_PASSWORD":
                assert name.endswith(("_FILE", "_PATH")), name


def test_our_containers_may_do_no_more_than_they_must(compose):
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert "privileged" not in service and "cap_add" not in service


def test_only_the_browsers_have_chromiums_own_profile(compose):
    [profile] = [
        option.removeprefix("seccomp=")
        for option in compose["services"]["browsers"]["security_opt"]
        if option.startswith("seccomp=")
    ]
    rules = json.loads((DOCKER / profile).read_text())
    refused = {
        name for rule in rules["syscalls"] for name in rule["names"] if rule["action"] == "SCMP_ACT_ERRNO"
    }
    assert {"bpf", "init_module", "keyctl", "mount", "perf_event_open", "ptrace", "setns"} <= refused
    assert not refused & {"chroot", "clone", "clone3", "unshare"}, "Chromium's sandbox is made of them"
    for name in OURS:
        if name != "browsers":
            assert not [one for one in compose["services"][name]["security_opt"] if one.startswith("seccomp")]


@pytest.mark.parametrize("name", ["head", "browsers"])
def test_ray_listens_on_the_same_ports_as_on_other_hosts(compose, name):
    command = " ".join(compose["services"][name]["command"])
    chosen = sorted(int(port) for port in re.findall(r"-port=(\d+)", command) if port != "6379")
    assert chosen == list(range(8071, 8077))
    assert "--block" in command or command.startswith("head-of-cluster /etc/scrapinsta/serve_config.yaml ")


def test_browsers_are_declared_where_no_replica_comes(compose):
    arguments = compose["services"]["browsers"]["command"]
    [resources] = [one.partition("=")[2] for one in arguments if one.startswith("--resources=")]
    assert json.loads(resources)["browser"] >= 1
    assert "--num-cpus=0" in arguments
    assert "browser" not in " ".join(compose["services"]["head"]["command"])


def test_there_is_time_to_end_well(compose):
    def seconds(service: str) -> int:
        return int(compose["services"][service]["stop_grace_period"].removesuffix("s"))

    serve = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    longest = max(
        d["graceful_shutdown_timeout_s"] for one in serve["applications"] for d in one["deployments"]
    )
    assert seconds("head") >= longest + 30
    drain_s = int(compose["services"]["browsers"]["environment"]["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    assert seconds("browsers") >= drain_s + 20


def test_the_head_waits_for_the_tables_and_they_for_the_database(compose):
    assert (
        compose["services"]["head"]["depends_on"]["schema"]["condition"] == "service_completed_successfully"
    )
    assert compose["services"]["schema"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert compose["services"]["schema"]["command"] == ["scrapinsta", "db", "upgrade"]
    assert "healthcheck" in compose["services"]["database"]


def test_prometheus_and_grafana_are_set_up_as_elsewhere_but_for_addresses():
    def here(name: str) -> Any:
        return yaml.safe_load((DOCKER / name).read_text())

    def there(name: str) -> Any:
        return yaml.safe_load((DOCKER.parent / name).read_text())

    ours, theirs = here("prometheus.yml"), there("prometheus/prometheus.yml")
    jobs = {job.pop("job_name"): job for job in ours.pop("scrape_configs")}
    assert list(jobs) == [job["job_name"] for job in theirs.pop("scrape_configs")]
    assert ours == theirs
    assert jobs["scrapinsta"]["static_configs"] == [{"targets": ["head:8000"]}]
    [ours], [theirs] = (
        here("datasource.yml")["datasources"],
        there("grafana/provisioning/datasources/prometheus.yml")["datasources"],
    )
    assert {**ours, "url": ""} == {**theirs, "url": ""}
    assert ours["url"] == "http://prometheus:9090"
