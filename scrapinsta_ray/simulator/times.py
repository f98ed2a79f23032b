"""Times as the simulator tells them."""

from datetime import UTC, datetime


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 with its zone."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
