"""Scores of profiles, vectorised and versioned: columns in, scores out.

Each model is a module of its own, whose docstring has the formulas. A stored score names its model's version, so the
scores of two models stand side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np

from scrapinsta_ray.domain.models import Profile, Score
from scrapinsta_ray.domain.scoring import v1, v2
from scrapinsta_ray.domain.scoring.columns import REASONS, Columns, Floats, ScoreColumns, columns_of

__all__ = ["MODEL", "MODELS", "REASONS", "Columns", "ScoreColumns", "columns_of", "scores_of"]

MODELS: Mapping[str, Callable[[Columns], ScoreColumns]] = {"v1": v1.score, "v2": v2.score}

MODEL = "v2"
"""The model by which new analyses are scored and profiles are ranked."""


def scores_of(
    profiles: Sequence[Profile], read_at: datetime | None = None, model: str = MODEL
) -> list[Score]:
    """One Score a profile, in order, of profiles read at `read_at`; None: their media's age is not known."""
    scored = MODELS[model](columns_of(profiles, read_at))
    return [_row(profile.username, model, scored, i) for i, profile in enumerate(profiles)]


def _row(username: str, model: str, scored: ScoreColumns, i: int) -> Score:
    parts = {name: _known(values, i) for name, values in scored.parts.items()}
    engagement, success = _known(scored.engagement, i), _known(scored.success, i)
    return Score(
        username, model, engagement, success, parts, _known(scored.confidence, i), REASONS[scored.reason[i]]
    )


def _known(values: Floats, i: int) -> float | None:
    return None if np.isnan(values[i]) else float(values[i])
