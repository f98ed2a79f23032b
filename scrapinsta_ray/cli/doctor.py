"""`scrapinsta doctor`: is all there that it takes? Each line is ok, or says what to do."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import typer
from cryptography.fernet import Fernet, MultiFernet

from scrapinsta_ray import settings
from scrapinsta_ray.cli.options import AsJson
from scrapinsta_ray.cli.output import out
from scrapinsta_ray.errors import ScrapInstaError
from scrapinsta_ray.settings import Settings
from scrapinsta_ray.store import checkup, clients, health, schema, sealing
from scrapinsta_ray.store.database import Database, clock, reading

app = typer.Typer()

CLOCK_S = 2.0
"""How far a machine's clock may be from the database's."""

FREE_GB = 2.0
"""Disk that browsers, logs and Ray's objects need at least."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; `text` says what it is, and if it is not `ok`, what to do."""

    what: str
    ok: bool
    text: str


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at configuration, database, keys, clock, browser, Ray and disk; each line is ok or says what to do.

    Ends with 1 if anything is not ok. Changes nothing.
    """
    lines = []
    for line in _examined():
        lines.append(line)
        if not as_json:
            mark = "[green]ok[/]  " if line.ok else "[red]no[/]  "
            out.print(mark, f"{line.what}: {line.text}", highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(line) for line in lines]))
    if not all(line.ok for line in lines):
        raise typer.Exit(1)


def _examined() -> Iterator[Line]:
    try:
        found = settings.load()
    except ScrapInstaError as wrong:
        yield Line("configuration", False, wrong.message)
        return
    changed = len(found.model_fields_set)
    yield Line("configuration", True, f"{changed} settings differ from their defaults; home is {found.home}.")
    yield from _of_the_store(found)
    yield from _guarded("browser", lambda: _browser(found))
    yield from _guarded("ray", lambda: _ray(found))
    yield from _disk(found.home)


def _guarded(what: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """What `look` finds, up to an error of ours, which is a finding too."""
    try:
        yield from look()
    except ScrapInstaError as wrong:
        yield Line(what, False, wrong.message)


# ---- the store -------------------------------------------------------------------------------------------


def _of_the_store(found: Settings) -> Iterator[Line]:
    if found.embedded and not Path(found.url.removeprefix("sqlite:///")).exists():
        yield Line("database", True, "none yet: the first command that needs the embedded one makes it.")
        return
    db = Database(found.url)
    try:
        yield from _guarded("database", lambda: _database(db))
        yield from _guarded("keys", lambda: _keys(db, found))
    finally:
        db.dispose()


def _database(db: Database) -> Iterator[Line]:
    for finding in checkup.check(db):
        yield Line("database", finding.ok, finding.text)
    yield _clock(db)
    if not schema.pending(db):
        alive = health.dispatcher_lives(db)
        text = (
            "one is at work."
            if alive
            else "none: the cluster is not up; `serve run` or `scrapinsta up` starts it."
        )
        yield Line("dispatcher", alive, text)


def _clock(db: Database) -> Line:
    before = time.time()
    there = reading(clock)(db).timestamp()
    after = time.time()
    off_s = max(there - after, before - there, 0.0)
    text = f"this machine and the database are {off_s:.2f} s apart."
    return Line("clock", off_s <= CLOCK_S, text if off_s <= CLOCK_S else f"{text} Run NTP on both.")


def _keys(db: Database, found: Settings) -> Iterator[Line]:
    if schema.pending(db):
        return
    if found.secret_key or (found.home / "secret.key").exists():
        reading(sealing.refuse_another_key)(db, found.fernet)
        yield Line("secret key", True, "it opens what is stored.")
    elif not sealing.opens(db, MultiFernet([Fernet(Fernet.generate_key())])):  # of no use if any is there
        text = "there is none, but secrets are stored: set SCRAPINSTA_SECRET_KEY to the one that sealed them."
        yield Line("secret key", False, text)
    elif found.embedded:
        yield Line("secret key", True, "none yet: the first command that needs one makes it.")
    else:
        text = "there is none: set SCRAPINSTA_SECRET_KEY, the same on every machine."
        yield Line("secret key", False, text)
    if clients.has_admin(db):
        yield Line("admin key", True, "there is one.")
    else:
        yield Line("admin key", False, "there is none: run `scrapinsta bootstrap`.")


# ---- the machine -----------------------------------------------------------------------------------------


def _browser(found: Settings) -> Iterator[Line]:
    from scrapinsta_ray.instagram.chromium import find_chromedriver, find_chromium

    chromium = find_chromium(found.chromium)
    driver = find_chromedriver(chromium, found.chromedriver)
    versions = {path: _version(path) for path in (chromium, driver)}
    for path, said in versions.items():
        yield Line("browser", said is not None, f"{path}: {said or 'it does not start; install it again.'}")
    majors = {said.partition(".")[0] for said in versions.values() if said}
    if len(majors) > 1:
        text = f"Chromium and its driver are of versions {' and '.join(sorted(majors))}: install a pair."
        yield Line("browser", False, text)


def _version(program: str) -> str | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return number[0] if number else None


def _ray(found: Settings) -> Iterator[Line]:
    here = version("ray")
    fits = here.startswith("2.60.")
    yield Line(
        "ray", fits, f"version {here}." if fits else f"version {here}: install ray[serve]>=2.60,<2.61."
    )
    if found.cluster_address is None:
        return
    settings.prepare_ray()
    from scrapinsta_ray import local

    with local.attached(found.cluster_address):
        browsers = local.browsers()
    text = f"{found.cluster_address} carries {browsers:.0f} browsers."
    advice = " Start its nodes with --resources='{\"browser\": N}'."
    yield Line("cluster", browsers > 0, text if browsers else text + advice)


def _disk(home: Path) -> Iterator[Line]:
    at = next(folder for folder in (home, *home.parents) if folder.exists())
    free_gb = shutil.disk_usage(at).free / 1e9
    text = f"{free_gb:.1f} GB free at {at}."
    yield Line(
        "disk", free_gb >= FREE_GB, text if free_gb >= FREE_GB else f"{text} Make room: {FREE_GB:.0f} GB."
    )
