"""What was collected as frames of pandas or Polars, for notebooks. Reads only.

    from scrapinsta_ray.data import load_profiles, load_scores
    best = load_scores(None).merge(load_profiles(None), on="username").head(20)

`source` is the same everywhere: a database's address (`mysql://...` or `sqlite:///...`), the path of a SQLite file, a
file that `scrapinsta export` wrote (`.parquet`, `.csv` or `.jsonl`), or None for the database that the settings name.
`frame` is "pandas" or "polars". Columns and types are the same from every source; unknown is `<NA>`, `NaN`, `NaT` or
null, never 0. Times are UTC. A database's rows come in the order that each function names, a file's as they stand.

Needs the extra `notebooks`: pip install 'scrapinsta-ray[notebooks]'. Raises Misconfigured if that, the store or the
file is missing, or if the file is no such export.
"""

import importlib
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from scrapinsta_ray import settings
from scrapinsta_ray.domain.scoring import Columns
from scrapinsta_ray.domain.scoring.columns import DAY_S, VIDEOS
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import frames

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_COUNTS = ("followers", "followings", "posts", "likes", "comments", "views", "position")
_SHARES = ("engagement", "success", "confidence")
_FLAGS = ("pinned", "hidden", "is_private", "is_verified", "is_business")
_CERTAIN = ("pinned", "hidden")
"""Flags that are always known: plain `bool` in pandas."""

_GUARDED = r"^'( *[=+\-@\t\r\n])"
"""What an export puts behind an apostrophe, so that no spreadsheet takes it for a formula."""

_ISO = "%Y-%m-%dT%H:%M:%S%.f%#z"

Source = str | PathLike[str] | None


@overload
def load_scores(
    source: Source, *, model: str | None = None, frame: Literal["pandas"] = "pandas"
) -> "pd.DataFrame": ...
@overload
def load_scores(source: Source, *, model: str | None = None, frame: Literal["polars"]) -> "pl.DataFrame": ...
def load_scores(
    source: Source, *, model: str | None = None, frame: Literal["pandas", "polars"] = "pandas"
) -> Any:
    """One row a profile and model, best first; only `model` if it is given.

    username
    model           version of the scoring model, such as `v2` (formulas: docs/scores.md)
    engagement      (likes + comments) / followers, per post; 0.03 is three in a hundred. NaN: too little known
    success         0..1, one half is usual for an account of that size. NaN: too little known
    confidence      0..1, how sure the score is; NaN without a score, and of `v1`
    reason          why there is no score, such as `private` or `counts_unknown`
    scored_at       UTC
    part_*          what the score was made of, one column each, by the names of the model's module: of `v2`
                    part_engagement_score, part_reach_score, part_activity, part_consistency (0..1), part_view_rate,
                    part_posts_per_week, part_media_used (posts that counted) and others
    """
    if (file := _export(source)) is not None:
        read = _read_export(file, frames.SCORES, "part_")
        return _given(read if model is None else read.filter(_polars().col("model") == model), frame)
    return _given(_from_batches(frames.SCORES, frames.scores(_address(source), model)), frame)


@overload
def load_media(source: Source, *, frame: Literal["pandas"] = "pandas") -> "pd.DataFrame": ...
@overload
def load_media(source: Source, *, frame: Literal["polars"]) -> "pl.DataFrame": ...
def load_media(source: Source, *, frame: Literal["pandas", "polars"] = "pandas") -> Any:
    """One row a post, by username, newest first.

    username, code      the owner, and the post's name in its address
    kind                image, video, carousel or reel
    taken_at, seen_at   when it was posted, when it was read; UTC
    likes, comments, views      counts; <NA> when hidden or not told
    pinned, hidden      kept on top by its owner; likes hidden by its owner
    """
    return _given(_loaded(source, frames.MEDIA, frames.posts), frame)


@overload
def load_followings(source: Source, *, frame: Literal["pandas"] = "pandas") -> "pd.DataFrame": ...
@overload
def load_followings(source: Source, *, frame: Literal["polars"]) -> "pl.DataFrame": ...
def load_followings(source: Source, *, frame: Literal["pandas", "polars"] = "pandas") -> Any:
    """One row for each account that a target follows, in the order of the target's list.

    target_username, position   whose list, and the place in it from 0
    username, full_name         who is followed
    is_private, is_verified     as the list said; <NA> when it did not
    seen_at                     UTC
    """
    return _given(_loaded(source, frames.FOLLOWINGS, frames.followed), frame)


@overload
def load_profiles(source: Source, *, frame: Literal["pandas"] = "pandas") -> "pd.DataFrame": ...
@overload
def load_profiles(source: Source, *, frame: Literal["polars"]) -> "pl.DataFrame": ...
def load_profiles(source: Source, *, frame: Literal["pandas", "polars"] = "pandas") -> Any:
    """One row a profile, by username.

    username, full_name, category, biography, external_url      as the profile shows them
    rubro                               its field by keywords, such as `fitness` (scrapinsta_ray/domain/rubros.py)
    followers, followings, posts        counts; <NA> when not told
    is_verified, is_business            <NA> when not told
    analyzed_at                         when it was last read, UTC
    """
    return _given(_loaded(source, frames.PROFILES, frames.people), frame)


def newest_demo() -> Path:
    """The store that the last demo left. Raises Misconfigured if there is none."""
    path = settings.load().home / "demo" / "scrapinsta.db"
    if not path.exists():
        raise Misconfigured(f"There is no demo yet ({path} is missing). In the project's folder: make demo")
    return path


def columns_of_frames(profiles: "pl.DataFrame", media: "pl.DataFrame") -> Columns:
    """What a scoring model reads, of frames of Polars by load_profiles and load_media; media of others are left out.

    Row i of the model's answer is row i of `profiles`. Ages are in days, to the profile's last reading.
    """
    polars = _polars()
    owners = profiles.select("username", "analyzed_at").with_row_index("owner")
    posts = media.join(owners, on="username", how="inner", maintain_order="left")

    def days(since: str) -> Any:
        return posts.select((polars.col(since) - polars.col("taken_at")).dt.total_seconds() / DAY_S)

    return Columns(
        followers=_floats(profiles["followers"]),
        posts=_floats(profiles["posts"]),
        private=np.zeros(len(profiles), dtype=np.bool_),  # private ones are never stored
        owner=posts["owner"].cast(polars.Int64).to_numpy(),
        likes=_floats(posts["likes"]),
        comments=_floats(posts["comments"]),
        views=_floats(posts["views"]),
        age=_floats(days("analyzed_at").to_series()),
        read_age=_floats(days("seen_at").to_series()),
        pinned=posts["pinned"].to_numpy(),
        hidden=posts["hidden"].to_numpy(),
        video=posts["kind"].is_in([kind.value for kind in VIDEOS]).to_numpy(),
    )


def _floats(column: "pl.Series") -> Any:
    """NaN for what is not known."""
    return column.cast(_polars().Float64).fill_null(np.nan).to_numpy()


# ---- from a database ---------------------------------------------------------------------------------------


def _loaded(source: Source, columns: Sequence[str], rows: Any) -> "pl.DataFrame":
    file = _export(source)
    return _from_batches(columns, rows(_address(source))) if file is None else _read_export(file, columns)


def _address(source: Source) -> str:
    if source is None:
        return settings.load().url
    text = fspath(source)
    return text if "://" in text else f"sqlite:///{text}"


def _from_batches(columns: Sequence[str], batches: frames.Batches) -> "pl.DataFrame":
    """`batches` as one frame; a column `parts` of mappings becomes one column each."""
    polars = _polars()
    plain = [name for name in columns if name != "parts"]
    made = [polars.DataFrame(schema={name: _type(name) for name in plain})]
    for rows in batches:
        values = dict(zip(columns, zip(*rows, strict=True), strict=True))
        parts = _by_name(values.pop("parts", ()))
        schema = {name: _type(name) for name in (*values, *parts)}
        made.append(polars.DataFrame({**values, **parts}, schema=schema))
    whole: pl.DataFrame = polars.concat(made, how="diagonal", rechunk=True)
    return whole


def _by_name(parts: Sequence[Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for one in parts for name in one)
    return {f"part_{name}": [one.get(name) for one in parts] for name in names}


def _type(name: str) -> Any:
    polars = _polars()
    if name.endswith("_at"):
        return polars.Datetime("us", "UTC")
    if name in _COUNTS:
        return polars.Int64
    if name in _SHARES or name.startswith("part_"):
        return polars.Float64
    return polars.Boolean if name in _FLAGS else polars.String


# ---- from a file -------------------------------------------------------------------------------------------


def _export(source: Source) -> Path | None:
    """The file that is named, if it is an export and no database."""
    if source is None or "://" in (text := fspath(source)):
        return None
    path = Path(text)
    return path if path.suffix.lower() in (".parquet", ".csv", ".jsonl") else None


def _read_export(path: Path, columns: Sequence[str], more: str | None = None) -> "pl.DataFrame":
    """An export's `columns`, and those that begin with `more`, in their types."""
    polars = _polars()
    if not path.is_file():
        raise Misconfigured(f"There is no file {path}: `scrapinsta export --help` says how to make one.")
    match path.suffix.lower():
        case ".parquet":
            read = polars.read_parquet(path)
        case ".csv":
            guarded = polars.col(polars.String).str.replace(_GUARDED, "$1")
            read = polars.read_csv(path, infer_schema=False).with_columns(guarded)
        case _:
            read = polars.read_ndjson(path, infer_schema_length=None)
    if columns[0] not in read.columns:
        raise Misconfigured(f"{path} is no such export: it has no column {columns[0]}.")
    if "parts" in read.columns and more:
        read = _unnested(read, more)
    wanted = [name for name in columns if name != "parts"]
    wanted += [name for name in read.columns if more and name.startswith(more)]
    typed: pl.DataFrame = read.select(_as(name, read.schema.get(name)) for name in wanted)
    return typed


def _unnested(read: "pl.DataFrame", prefix: str) -> "pl.DataFrame":
    """`parts` as columns of their own, of a struct or of JSON."""
    polars = _polars()
    parts = read["parts"]
    if parts.dtype == polars.String:
        parts = parts.str.json_decode(infer_schema_length=None)
    fields = parts.struct.unnest()
    return read.drop("parts").hstack(fields.rename({name: prefix + name for name in fields.columns}))


def _as(name: str, there: Any) -> Any:
    """The column `name`, which is of the type `there` in the file (None: not in it), in its own type."""
    polars = _polars()
    wanted = _type(name)
    if there is None:
        return polars.lit(None, dtype=wanted).alias(name)
    column = polars.col(name)
    if there == wanted:
        return column
    if there == polars.String and name.endswith("_at"):
        return column.str.replace(" ", "T").str.to_datetime(_ISO, time_unit="us", time_zone="UTC")
    if there == polars.String and wanted == polars.Boolean:
        return column.str.to_lowercase().replace_strict(
            {"true": True, "1": True, "false": False, "0": False}, return_dtype=wanted, default=None
        )
    if isinstance(there, polars.Datetime) and there.time_zone is None:
        return column.dt.replace_time_zone("UTC").cast(wanted)
    return column.cast(wanted)


# ---- pandas or Polars --------------------------------------------------------------------------------------


def _given(read: "pl.DataFrame", frame: str) -> Any:
    if frame == "polars":
        return read
    if frame != "pandas":
        raise ValueError('`frame` is "pandas" or "polars".')
    pandas, arrow = _needed("pandas"), _needed("pyarrow")
    text = pandas.StringDtype(na_value=np.nan)
    types = {
        arrow.int64(): pandas.Int64Dtype(),
        arrow.bool_(): pandas.BooleanDtype(),
        arrow.string(): text,
        arrow.large_string(): text,
    }
    made = read.to_arrow().to_pandas(types_mapper=types.get)
    return made.astype({name: "bool" for name in _CERTAIN if name in made.columns})


def _polars() -> Any:
    return _needed("polars")


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Misconfigured(f"{name} is missing: pip install 'scrapinsta-ray[notebooks]'.") from None
