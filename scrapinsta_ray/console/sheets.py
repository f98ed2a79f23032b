"""Tables as CSV, row by row, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from scrapinsta_ray.domain.models import Kind

TASK_COLUMNS = (
    "job_id", "kind", "username", "status", "attempts", "reason_code", "reason", "worked_by", "created_at",
    "finished_at",
)  # fmt: skip
_PROFILE_COLUMNS = (
    "username", "full_name", "category", "followers", "followings", "posts", "engagement", "success", "is_verified",
    "is_business", "biography", "external_url", "analyzed_at", "reused",
)  # fmt: skip
RESULT_COLUMNS = {
    Kind.FETCH_FOLLOWINGS: (
        "target_username",
        "position",
        "username",
        "full_name",
        "is_private",
        "is_verified",
        "seen_at",
    ),
    Kind.ANALYZE_PROFILE: _PROFILE_COLUMNS,
    Kind.CAMPAIGN: _PROFILE_COLUMNS,
    Kind.SEND_MESSAGE: ("dest_username", "account", "code", "sent_at"),
}

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The table, line by line, with a byte order mark, by which spreadsheets know that it is UTF-8."""
    yield "\ufeff" + _line(columns)
    for row in rows:
        yield _line([cell(row.get(name)) for name in columns])


def cell(value: Any) -> str:
    """A value as text. What a spreadsheet would take for a formula comes behind an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, bool | int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
