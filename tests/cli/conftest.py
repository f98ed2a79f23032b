"""A shell of its own for each test: `scrapinsta WORDS` in this process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scrapinsta_ray import cli, settings
from scrapinsta_ray.cli import output
from scrapinsta_ray.store.database import Database


@dataclass
class Shell:
    """Runs `scrapinsta WORDS` in this process, with a home of its own."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    code: int = 0
    out: str = ""
    err: str = ""

    def run(self, *words: str, say: str = "") -> "Shell":
        self.monkeypatch.setattr("sys.argv", ["scrapinsta", *words])
        self.monkeypatch.setattr("sys.stdin", io.StringIO(say))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        self.code = int(ended.value.code or 0)
        self.out, self.err = self.capture.readouterr()
        return self

    def settings(self) -> settings.Settings:
        """What the commands run with."""
        return settings.load()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The store that the commands use."""
        db = Database(self.settings().url)
        yield db
        db.dispose()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path))
    monkeypatch.delenv("SCRAPINSTA_DATABASE_URL", raising=False)
    monkeypatch.setattr(output.out, "width", 200)
    monkeypatch.setattr(output.err, "width", 200)
    return Shell(tmp_path, monkeypatch, capsys)
