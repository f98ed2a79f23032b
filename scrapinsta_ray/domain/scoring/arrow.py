"""The columns of profiles and of their media as Arrow tables, and the scores as one: how partitions travel.

Numbers are float64 with NaN for unknown and flags are uint8, so that the models read them where they lie, uncopied.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from scrapinsta_ray.domain.scoring.columns import REASONS, Columns, ScoreColumns

PROFILES = pa.schema(
    [
        ("username", pa.string()),
        ("followers", pa.float64()),
        ("posts", pa.float64()),
        ("private", pa.uint8()),
        ("category", pa.string()),
        ("biography", pa.string()),
    ]
)
"""One row a profile; what a model does not need may be missing."""

MEDIA = pa.schema(
    [
        ("owner", pa.int64()),  # index of the profile in its table
        ("likes", pa.float64()),
        ("comments", pa.float64()),
        ("views", pa.float64()),
        ("age", pa.float64()),  # days
        ("read_age", pa.float64()),  # days
        ("pinned", pa.uint8()),
        ("hidden", pa.uint8()),
        ("video", pa.uint8()),
    ]
)
"""One row a post, as Columns says."""


def table(columns: Mapping[str, Sequence[Any] | np.ndarray], schema: pa.Schema) -> pa.Table:
    """A table with those of `schema`'s columns that are there; None in a column of numbers becomes NaN."""
    fields = [field for field in schema if field.name in columns]
    return pa.Table.from_arrays(
        [_array(columns[field.name], field.type) for field in fields], schema=pa.schema(fields)
    )


def _array(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        return pa.array(np.asarray(values, dtype=np.float64), type=kind, from_pandas=False)
    return pa.array(values, type=kind)


def columns(profiles: pa.Table, media: pa.Table) -> Columns:
    """What a model reads, of a partition: its profiles and their media."""
    flags = {name: _numpy(media, name).view(np.bool_) for name in ("pinned", "hidden", "video")}
    numbers = {name: _numpy(media, name) for name in ("likes", "comments", "views", "age", "read_age")}
    return Columns(
        followers=_numpy(profiles, "followers"),
        posts=_numpy(profiles, "posts"),
        private=_numpy(profiles, "private").view(np.bool_),
        owner=_numpy(media, "owner"),
        **numbers,
        **flags,
    )


def _numpy(of: pa.Table, name: str) -> Any:
    column = of.column(name)
    if column.num_chunks == 1:
        return column.chunk(0).to_numpy(zero_copy_only=True)
    return column.to_numpy()


def scores(scored: ScoreColumns) -> pa.Table:
    """The scores as a table: engagement, success, confidence, reason (null: there is one), a column for each part."""
    reasons = pa.DictionaryArray.from_arrays(pa.array(scored.reason), pa.array(REASONS, pa.string()))
    numbers = {"engagement": scored.engagement, "success": scored.success, "confidence": scored.confidence}
    return pa.table({**numbers, "reason": reasons.cast(pa.string()), **scored.parts})
