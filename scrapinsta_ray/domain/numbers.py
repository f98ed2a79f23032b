"""Counts as the site writes them for people: "12.3K", "12,3 mil", "1.234", "2 millones"."""

import re
import unicodedata
from decimal import Decimal

# Multipliers by what follows the number, English and Spanish. A Spanish "mil M" is a thousand millions.
_SCALES = {
    "": 1,
    "k": 1_000,
    "mil": 1_000,
    "thousand": 1_000,
    "m": 1_000_000,
    "mill": 1_000_000,
    "million": 1_000_000,
    "millions": 1_000_000,
    "millon": 1_000_000,
    "millones": 1_000_000,
    "b": 1_000_000_000,
    "bn": 1_000_000_000,
    "billion": 1_000_000_000,
    "billions": 1_000_000_000,
    "mil m": 1_000_000_000,
    "mil mill": 1_000_000_000,
    "mil millones": 1_000_000_000,
}

# What may stand after a count. Anything else could be a unit of another language ("12 Tsd.", "1.2万"), which would
# change the number's worth: such a text is not read at all.
_LABEL = (
    "followers? following followed seguidor(?:es)? seguidos? posts? publicaci(?:on|ones) likes? gusta views? plays? "
    "vistas? visualizaci(?:on|ones) reproducci(?:on|ones) comments? comentarios? replies reels? others otros otras "
    "people personas"
).replace(" ", "|")

_UNIT = "|".join(sorted((re.escape(unit) for unit in _SCALES if unit), key=len, reverse=True))
_COUNT = re.compile(
    # not inside another number, a date or after a minus sign; a label may touch it ("View Count Icon10.2K")
    r"(?<![\d.,:/+\-−%])(?<![\-−] )"
    r"(?P<number>\d+(?:[.,' ]\d+)*)(?: ?(?P<unit>" + _UNIT + r")(?![a-z0-9]))?"
)
_AFTER = re.compile(rf"[ .,;:!)·•]*|(?: de| me)? ?(?:{_LABEL})\b.*")
_GROUPED = re.compile(r"\d{1,3}(?:(?P<sep>[.,' ])\d{3})(?:(?P=sep)\d{3})*")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")  # 1,23,456: lakhs
_PLAIN = re.compile(r"\d+")
_DECIMAL = re.compile(r"\d+[.,]\d{1,2}")
_MIXED = re.compile(r"(?P<whole>\d{1,3}(?:(?P<sep>[., ])\d{3})+)(?P<point>[.,])\d{1,2}")


def parse_count(text: str | None) -> int | None:
    """The one count in a text, or None when there is none, more than one, or no certain way to read it.

    Takes "1,234", "1.234", "1 234" (with any space), "12.3K", "1.2M", "12,3 mil", "1,2 M", "1 millón",
    "2 millones", and a label around it ("View Count Icon10.2K", "1,234 followers"). A count is never negative and
    never guessed: "1.23" without a unit is None.
    """
    found = list(_COUNT.finditer(_plain(text or "")))
    if len(found) != 1 or not _whole(found[0]):
        return None
    unit = found[0]["unit"] or ""
    number = _number(found[0]["number"], scaled=bool(unit))
    return None if number is None else _scaled(number, _SCALES[unit])


def _plain(text: str) -> str:
    """Lower case, one kind of space, no accents and no invisible marks; the digits of every script are ASCII."""
    folded = unicodedata.normalize("NFD", text.replace("’", "'")).lower()
    kept = (char for char in folded if unicodedata.category(char) not in ("Mn", "Cf"))
    return re.sub(r"\s+", " ", "".join(_digit(char) for char in kept)).strip()


def _digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def _whole(found: re.Match[str]) -> bool:
    """Is the match the text's only number, with nothing after it that could change its worth?"""
    before = found.string[: found.start()]
    return not re.search(r"\d", before) and _AFTER.fullmatch(found.string, found.end()) is not None


def _number(digits: str, *, scaled: bool) -> Decimal | None:
    if _PLAIN.fullmatch(digits):
        return Decimal(digits)
    if scaled:
        return _scaled_number(digits)
    if _GROUPED.fullmatch(digits) or _INDIAN.fullmatch(digits):
        return Decimal(re.sub(r"\D", "", digits))
    return None


def _scaled_number(digits: str) -> Decimal | None:
    """Before a unit the last separator is the decimal point; "1.234K" may be 1,234 or 1,234,000, so is neither."""
    if _DECIMAL.fullmatch(digits):
        return Decimal(digits.replace(",", "."))
    mixed = _MIXED.fullmatch(digits)
    if mixed and mixed["sep"] != mixed["point"]:
        whole = mixed["whole"].replace(mixed["sep"], "")
        return Decimal(whole + "." + digits[mixed.end("point") :])
    return None


def _scaled(number: Decimal, scale: int) -> int | None:
    worth = number * scale
    return int(worth) if worth == worth.to_integral_value() else None
