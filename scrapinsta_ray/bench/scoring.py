"""`bench scoring`: model v2 against plain Python and bare NumPy, Ray's workers against each other, and the memory.

Plain Python is the model's own formula before it is compiled, and beside it a shorter one (bench/formulas.py).

A million profiles have 12 media each, as the site's first page shows. They lie in Ray's object store as partitions, as
`scrapinsta rescore` makes them, and every way works on the same columns.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from pyarrow import parquet

from scrapinsta_ray import settings
from scrapinsta_ray.bench.figures import Figure, Report, against, shown
from scrapinsta_ray.bench.formulas import Dense, Post, dense, plain
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import new_folder
from scrapinsta_ray.bench.timing import in_turns
from scrapinsta_ray.domain.scoring import Columns, arrow, v2

MEDIA = 12
"""Media of each profile."""

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: `profiles` in partitions of `partition`; `sample` others in plain Python, which are too
    few for the compiler."""

    profiles: int
    partition: int
    sample: int
    rounds: int


FULL = Size(profiles=1_000_000, partition=25_000, sample=1_500, rounds=3)
QUICK = Size(profiles=200_000, partition=25_000, sample=1_500, rounds=3)
TINY = Size(profiles=400, partition=200, sample=100, rounds=1)


def run(quick: bool, say: Say) -> Report:
    """All figures; `quick` with 200,000 profiles."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say) -> Report:
    """All figures at that size."""
    with new_folder() as folder:
        figures = [*_scoring(size, say), *_reading(size, folder, say)]
    return Report("scoring", hardware(), figures)


def _scoring(size: Size, say: Say) -> Iterator[Figure]:
    say("starting Ray")
    with _ray() as ray:
        say("making profiles")
        with _peak_memory() as peak:  # not while times are taken: looking is work
            parts = _partitions(ray, size)
            _scored(ray, parts, workers=2)
        sample = arrow.columns(*_tables(size.sample, seed=len(parts)))
        people = [_person(sample, i) for i in range(size.sample)]
        say("plain Python")
        columns = arrow.columns(*ray.get(list(parts[0])))
        v2.score(columns)  # so that it is compiled
        same_s, short_s, scored_s = in_turns(
            2 * size.rounds,
            lambda: v2.score(sample),
            lambda: [plain(*person) for person in people],
            lambda: v2.score(columns),
        )
        speed = len(columns.followers) / scored_s
        yield against("v2 (profiles/s) against its formula in plain Python", speed, size.sample / same_s, 50)
        yield against("v2 (profiles/s) against a shorter plain Python", speed, size.sample / short_s)
        say("NumPy")
        numpy_s, model_s = _against_numpy(ray, parts, size.rounds)
        yield against("v2 (s a profile) against bare NumPy", model_s, numpy_s, 1.5, "lower")
        say("one worker and two")
        one_s, two_s = in_turns(
            size.rounds, lambda: _scored(ray, parts, workers=1), lambda: _scored(ray, parts, workers=2)
        )
        speeds = size.profiles / two_s, size.profiles / one_s
        yield against("two Ray workers (profiles/s) against one", *speeds, 1.6)
    yield shown("memory of all processes, peak (GiB)", peak() / GIB, bar=3, better="lower")


# ---- Ray and the partitions -------------------------------------------------------------------------------


@contextmanager
def _ray() -> Iterator[Any]:
    settings.prepare_ray()
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        resources={"turn": 2},
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=2 * GIB,
    )
    try:
        yield ray
    finally:
        ray.shutdown()


def _partitions(ray: Any, size: Size) -> list[tuple[Any, Any]]:
    """References of each partition's profiles and media; both workers have scored something."""
    counts = [min(size.partition, size.profiles - at) for at in range(0, size.profiles, size.partition)]
    made = (_tables(n, seed) for seed, n in enumerate(counts))
    parts = [(ray.put(profiles), ray.put(media)) for profiles, media in made]
    _warm_up(ray)
    return parts


def _warm_up(ray: Any) -> None:
    """Both workers run, and have read their modules."""

    def pid() -> int:
        import scrapinsta_ray.cluster.scoring  # noqa: F401

        time.sleep(0.2)  # so that the other one gets the next
        return os.getpid()

    worker = ray.remote(num_cpus=1)(pid)
    deadline = time.monotonic() + 60
    while len(set(ray.get([worker.remote() for _ in range(4)]))) < 2 and time.monotonic() < deadline:
        pass


def _scored(ray: Any, parts: Sequence[tuple[Any, Any]], *, workers: int) -> None:
    """Every partition by so many workers at once.

    Turns keep the second from working, not processors: of a worker that has none left, Ray ends the process.
    """
    from scrapinsta_ray.cluster.scoring import score_partition

    task = score_partition.options(resources={"turn": 2 / workers})
    waiting = [task.remote(*part, "v2") for part in parts]
    while waiting:
        _done, waiting = ray.wait(waiting)


def _tables(n: int, seed: int) -> tuple[pa.Table, pa.Table]:
    """Profiles of many sizes and habits, with what is hidden, pinned and unknown."""
    random = np.random.default_rng(seed)
    m = n * MEDIA
    followers = np.exp(random.normal(8, 2, n)).round() + 10
    reached = np.repeat(followers, MEDIA) * random.exponential(0.2, m)
    age = random.exponential(60, m)
    video = random.random(m) < 0.4
    likes = (reached * 0.1).round()
    profiles = {
        "followers": followers,
        "posts": random.integers(0, 400, n).astype(np.float64),
        "private": np.zeros(n, dtype=np.uint8),
    }
    media = {
        "owner": np.repeat(np.arange(n), MEDIA),
        "likes": np.where(random.random(m) < 0.02, np.nan, likes),
        "comments": (likes * 0.05).round(),
        "views": np.where(video, reached.round(), np.nan),
        "age": age,
        "read_age": age,
        "pinned": (random.random(m) < 0.05).astype(np.uint8),
        "hidden": (random.random(m) < 0.05).astype(np.uint8),
        "video": video.astype(np.uint8),
    }
    return arrow.table(profiles, arrow.PROFILES), arrow.table(media, arrow.MEDIA)


# ---- the floors -------------------------------------------------------------------------------------------


def _against_numpy(ray: Any, parts: Sequence[tuple[Any, Any]], rounds: int) -> tuple[float, float]:
    """Seconds a profile of bare NumPy and of the model: medians over partitions, on the same columns in turns."""
    floors, models = [], []
    for part in parts:
        columns = arrow.columns(*ray.get(list(part)))
        blocks = list(_dense(columns))
        times = in_turns(rounds, lambda b=blocks: [dense(one) for one in b], lambda c=columns: v2.score(c))  # type: ignore[misc]
        floors.append(times[0] / len(columns.followers))
        models.append(times[1] / len(columns.followers))
    return float(np.median(floors)), float(np.median(models))


def _dense(columns: Columns, height: int = 8_000) -> Iterator[Dense]:
    """The columns as matrices, so many rows at once that they stay in a processor's cache."""
    of_media = [field.name for field in fields(Dense) if field.name not in ("followers", "posts")]
    for first in range(0, len(columns.followers), height):
        rows = slice(first, first + height)
        cells = slice(first * MEDIA, (first + height) * MEDIA)
        matrices = {name: getattr(columns, name)[cells].reshape(-1, MEDIA) for name in of_media}
        yield Dense(columns.followers[rows], columns.posts[rows], **matrices)


def _person(columns: Columns, i: int) -> tuple[float, float, list[Post]]:
    """Profile `i` as plain Python values."""
    names = ("likes", "comments", "views", "age", "read_age", "pinned", "hidden", "video")
    cells = slice(i * MEDIA, (i + 1) * MEDIA)
    values = zip(*(getattr(columns, name)[cells].tolist() for name in names), strict=True)
    media: list[Post] = [
        {name: None if value != value else value for name, value in zip(names, post, strict=True)}
        for post in values
    ]
    return float(columns.followers[i]), float(columns.posts[i]), media


# ---- memory -----------------------------------------------------------------------------------------------


@contextmanager
def _peak_memory(every_s: float = 0.5) -> Iterator[Callable[[], int]]:
    """What this process and all below it take at most, in bytes: Ray's servers, its workers and its object store.

    Looked at twice a second; what several share counts once.
    """
    most, over = 0, threading.Event()
    root = psutil.Process()

    def look() -> None:
        nonlocal most
        while not over.wait(every_s):
            most = max(most, sum(map(_bytes, [root, *root.children(recursive=True)])))

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield lambda: most
    finally:
        over.set()
        watching.join()


def _bytes(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(full, "pss", full.rss))


# ---- reading ----------------------------------------------------------------------------------------------


def _reading(size: Size, folder: Path, say: Say) -> Iterator[Figure]:
    """`load_scores` of an export, as both frames, against Polars on the same file."""
    import polars

    from scrapinsta_ray.data import load_scores

    say("load_scores")
    file = folder / "scores.parquet"
    _export(size.profiles, file)
    bare_s, *ours = in_turns(
        max(3, size.rounds),
        lambda: polars.read_parquet(file),
        lambda: load_scores(file, frame="polars"),
        lambda: load_scores(file, frame="pandas"),
    )
    for frame, ours_s in zip(("Polars", "pandas"), ours, strict=True):
        yield against(
            f"load_scores of Parquet to {frame} (s) against bare Polars", ours_s, bare_s, 1.5, "lower"
        )


def _export(rows: int, file: Path) -> None:
    """A file as `scrapinsta export scores` writes it, of scores that a model made up."""
    from scrapinsta_ray.store.export import EXPORTS

    random = np.random.default_rng(1)
    at = pa.scalar(1_767_225_600_000_000, pa.timestamp("us", tz="UTC"))
    made: dict[str, Callable[[int], pa.Array]] = {
        "username": lambda first: pa.array([f"person_{i}" for i in range(first, first + GROUP)]),
        "model": lambda _first: pa.repeat("v2", GROUP),
        "reason": lambda _first: pa.nulls(GROUP, pa.string()),
        "scored_at": lambda _first: pa.repeat(at, GROUP),
    }
    names = [field.name for field in EXPORTS["scores"].fields]
    writer = None
    for first in range(0, rows, GROUP):
        table = pa.table(
            {name: made[name](first) if name in made else pa.array(random.random(GROUP)) for name in names}
        ).slice(0, rows - first)
        writer = writer or parquet.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer
    writer.close()


GROUP = 50_000
"""Rows of a row group, as an export has them."""
