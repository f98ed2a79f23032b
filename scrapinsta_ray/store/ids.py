"""Names that are never used twice."""

import re
import secrets
import time
from datetime import datetime

_LEASE = re.compile(r"[0-9a-f]{12}7[0-9a-f]{19}")


def new_job_id() -> str:
    """`job:<32 hex>`, a UUIDv7 (RFC 9562): sorts by birth, so that new rows go to the end of the index."""
    return f"job:{_uuid7():032x}"


def job_id_at(at: datetime) -> str:
    """No job that was made at `at` or later has a smaller id, by the clock of its maker."""
    return f"job:{int(at.timestamp() * 1_000) << 80:032x}"


def new_template_id() -> str:
    """`tpl:<32 hex>`, likewise."""
    return f"tpl:{_uuid7():032x}"


def _uuid7() -> int:
    ms = time.time_ns() // 1_000_000
    return (
        (ms & (2**48 - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    )


def new_lease_id() -> str:
    """32 hex digits, a UUIDv7."""
    return f"{_uuid7():032x}"


def lease_age_ms(lease_id: str | None) -> float | None:
    """Milliseconds since the lease was given out, by this process' clock; None for what is no lease of ours."""
    if not lease_id or not _LEASE.fullmatch(lease_id):
        return None
    age_ms = time.time_ns() / 1e6 - int(lease_id[:12], 16)
    return age_ms if -60_000 < age_ms < 86_400_000 else None
