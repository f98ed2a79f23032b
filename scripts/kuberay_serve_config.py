"""Writes serve_config.yaml into deploy/kuberay/rayservice.yaml, listening on the pods' addresses."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "deploy/kuberay/rayservice.yaml"
_EMBEDDED = re.compile(r"(?<=\n)  serveConfigV2: \|\n(    .*\n|\n)*")


def embedded(config: str) -> str:
    """The field `serveConfigV2` of a RayService for the text of serve_config.yaml; comments stay where they explain."""
    body = config[config.index("proxy_location:") :]
    body = re.sub(r"host: 127\.0\.0\.1.*", "host: 0.0.0.0", body)
    lines = (f"    {line}" if line else "" for line in body.rstrip("\n").split("\n"))
    return "  serveConfigV2: |\n" + "\n".join(lines) + "\n"


def updated(service: str, config: str) -> str:
    """The manifest `service` with `config` in it."""
    return _EMBEDDED.sub(lambda _: embedded(config), service, count=1)


if __name__ == "__main__":
    SERVICE.write_text(updated(SERVICE.read_text(), (ROOT / "serve_config.yaml").read_text()))
