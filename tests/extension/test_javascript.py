"""The extension's JavaScript: types, and the state machine by Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"


def run(*command: str, limit_s: float) -> None:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=limit_s)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    assert found, "Node is missing: run `make setup`"
    return found


@pytest.mark.timeout(300)
def test_the_state_machine(node: str) -> None:
    run(node, "--test", limit_s=280)


def test_the_types(node: str) -> None:
    compiler = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
    assert compiler.exists(), "the compiler is missing: run `make setup`"
    run(node, str(compiler), "--project", "tsconfig.json", limit_s=110)
