"""Names that are never used twice."""

import secrets
import time
import uuid


def new_job_id() -> str:
    """`job:<32 hex>`, a UUIDv7 (RFC 9562): sorts by birth, so that new rows go to the end of the index."""
    return f"job:{_uuid7():032x}"


def new_template_id() -> str:
    """`tpl:<32 hex>`, likewise."""
    return f"tpl:{_uuid7():032x}"


def _uuid7() -> int:
    ms = time.time_ns() // 1_000_000
    return (
        (ms & (2**48 - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    )


def new_lease_id() -> str:
    """32 hex digits."""
    return uuid.uuid4().hex
