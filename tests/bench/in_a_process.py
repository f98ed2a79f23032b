"""A benchmark at a tiny size in a process of its own: it makes the environment its own, and has a Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_MEASURE = """
import dataclasses, json, sys
from importlib import import_module
bench = import_module("scrapinsta_ray.bench." + sys.argv[1])
steps = []
report = bench.measure(bench.TINY, steps.append)
print(json.dumps({"figures": [dataclasses.asdict(one) for one in report.figures], "steps": len(steps)}))
"""


def tiny_report(name: str, home: Path) -> dict[str, Any]:
    """Its figures and how many steps it told; its folders are in `home`, whose path must be short."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, name],
        env={**os.environ, "TMPDIR": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
