"""Scoring as Ray tasks: of batches that were just read, and of partitions of all that is stored."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import ray

from scrapinsta_ray.domain.models import Profile, Score
from scrapinsta_ray.domain.rubros import Rules
from scrapinsta_ray.domain.scoring import MODELS, arrow, scores_of
from scrapinsta_ray.store.rescoring import Page, Rescored


@ray.remote(num_cpus=0.25, max_retries=3)
def score_batch(profiles: Sequence[Profile], read_at: datetime) -> list[Score]:
    """One Score a profile, in order, by the current model, of profiles that were read just before `read_at`."""
    return scores_of(profiles, read_at)


@ray.remote(num_cpus=1, max_retries=3)
def score_partition(profiles: pa.Table, media: pa.Table, model: str) -> pa.Table:
    """The scores of a partition's profiles, in order (tables: domain/scoring/arrow.py)."""
    return arrow.scores(MODELS[model](arrow.columns(profiles, media)))


@ray.remote(num_cpus=1, max_retries=3)
def rescore_partition(page: Page, model: str, rules: Rules) -> list[Rescored]:
    """The same of what is stored, with the rubros by `rules`, ready to be written."""
    scored = arrow.scores(MODELS[model](arrow.columns(page.profiles, page.media)))
    texts = page.profiles.select(["username", "category", "biography"]).to_pylist()
    rows = zip(texts, page.analyzed_at, scored.to_pylist(), strict=True)
    return [_rescored(text, at, score, rules) for text, at, score in rows]


def _rescored(text: dict[str, Any], at: datetime, score: dict[str, Any], rules: Rules) -> Rescored:
    found = rules.find(text["category"], text["biography"])
    known = {name: None if value != value else value for name, value in score.items()}  # NaN is not itself
    first = {name: known.pop(name) for name in ("engagement", "success", "confidence", "reason")}
    name, evidence = (found.name, found.evidence) if found else (None, ())
    return Rescored(text["username"], at, **first, parts=known, rubro=name, rubro_evidence=evidence)


AHEAD = 2
"""Partitions for each processor that are read and not yet written: bounds the memory of it all."""


def rescored(pages: Iterable[Page], model: str, rules: Rules) -> Iterator[list[Rescored]]:
    """Each page's results, in order; the next pages are read and scored while one is written."""
    ahead = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    rules_there = ray.put(rules)
    waiting: deque[Any] = deque()
    for page in pages:
        waiting.append(rescore_partition.remote(page, model, rules_there))
        if len(waiting) > ahead:
            yield ray.get(waiting.popleft())
    while waiting:
        yield ray.get(waiting.popleft())
