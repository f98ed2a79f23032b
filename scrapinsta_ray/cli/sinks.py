"""Rows into files: CSV, JSON lines or Parquet, a page at a time, whole or not at all."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from scrapinsta_ray.console import sheets
from scrapinsta_ray.store.export import Field, Row

GROUP = 50_000
"""Rows in one row group of a Parquet file."""

Pages = Iterable[Sequence[Row]]
Writer = Callable[[BinaryIO, Sequence[Field], Pages], None]


@contextlib.contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that bears its name once all is in it; if the block fails, nothing is left and what was there stays.

    Only its owner can read it.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def standard_output(*, seekable: bool) -> Iterator[BinaryIO]:
    """Standard output; if it must be `seekable`, by way of a temporary file."""
    if not seekable:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with tempfile.TemporaryFile() as out:
        yield out
        out.seek(0)
        shutil.copyfileobj(out, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def csv(out: BinaryIO, fields: Sequence[Field], pages: Pages) -> None:
    """With a header and a byte order mark; cells safe to open in a spreadsheet, as those of the console."""
    names = [field.name for field in fields]
    rows = (dict(zip(names, map(_cell, row), strict=True)) for page in pages for row in page)
    out.writelines(line.encode() for line in sheets.lines(names, rows))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, list) else value


def jsonl(out: BinaryIO, fields: Sequence[Field], pages: Pages) -> None:
    """An object a line; what is missing is null, times are ISO 8601 in UTC."""
    names = [field.name for field in fields]
    for page in pages:
        for row in page:
            line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_iso)
            out.write(line.encode() + b"\n")


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def parquet(out: BinaryIO, fields: Sequence[Field], pages: Pages) -> None:
    """Types of Arrow, each column nullable; times are microseconds in UTC."""
    import pyarrow as pa
    from pyarrow import parquet as files

    types = {
        "text": pa.string(),
        "count": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "words": pa.list_(pa.string()),
    }
    schema = pa.schema(
        [pa.field(field.name, types[field.type], metadata={"meaning": field.meaning}) for field in fields]
    )
    with files.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(_batch(rows, schema) for rows in pages if rows):
            writer.write_table(pa.Table.from_batches(group, schema=schema))


def _batch(rows: Sequence[Row], schema: Any) -> Any:
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, type=one.type) for values, one in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _groups(batches: Iterable[Any]) -> Iterator[list[Any]]:
    """Batches of GROUP rows or some more; the last may have less."""
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(one.num_rows for one in group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


FORMATS: dict[str, Writer] = {"parquet": parquet, "csv": csv, "jsonl": jsonl}
