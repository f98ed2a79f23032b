"""Scoring as Ray tasks over batches."""

from collections.abc import Sequence
from datetime import datetime

import ray

from scrapinsta_ray.domain.models import Profile, Score
from scrapinsta_ray.domain.scoring import scores_of


@ray.remote(num_cpus=0.25, max_retries=3)
def score_batch(profiles: Sequence[Profile], read_at: datetime) -> list[Score]:
    """One Score a profile, in order, by the current model, of profiles that were read just before `read_at`."""
    return scores_of(profiles, read_at)
