"""What an id tells: a post's shortcode and when it was made."""

import base64
import binascii
from datetime import UTC, datetime, timedelta

_ID_EPOCH_MS = 1314220021721  # Instagram's ids begin here: ms = (pk >> 23) + this
_FIRST_PK = 10**14  # smaller ones are not of this form
_FIRST_POST = datetime(2010, 7, 1, tzinfo=UTC)  # the site's first photo is of that month
_CODE = 11  # characters of a shortcode; longer ones carry a key for private posts behind it


def taken_at(pk: str | None, code: str | None) -> datetime | None:
    """When a post was made, as its id says (within 16 minutes for nearly all); the shortcode is the id in base64."""
    numbers = (int(pk) if pk else None, pk_of(code or ""))
    number = next((one for one in numbers if one is not None and one >= _FIRST_PK), None)
    return None if number is None else moment(((number >> 23) + _ID_EPOCH_MS) / 1000)


def pk_of(code: str) -> int | None:
    """The id that a shortcode spells; None when it spells none."""
    try:
        raw = base64.b64decode(code[:_CODE].rjust(12, "A"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw, "big") or None


def code_of(pk: int) -> str:
    """The shortcode of an id."""
    raw = pk.to_bytes(9, "big")
    return base64.urlsafe_b64encode(raw).decode().lstrip("A")


def moment(seconds: float) -> datetime | None:
    """Within the years that the site can know of, else it is not a date."""
    if not 0 < seconds < 2**32:
        return None
    found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return found if found >= _FIRST_POST else None
