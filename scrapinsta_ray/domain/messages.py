"""Message templates: `Hola {first_name}, ...` with a few named fields."""

import string
from collections.abc import Mapping

FIELDS = ("username", "full_name", "first_name", "category")
_KNOWN = ", ".join(f"{{{name}}}" for name in FIELDS)
MAX_LENGTH = 1000
"""Characters of a message; the site's own limit."""


def check(template: str) -> None:
    """Raises ValueError, saying what to change, if `template` cannot be rendered for everybody."""
    if not template.strip():
        raise ValueError("The message is empty.")
    if len(template) > MAX_LENGTH:
        raise ValueError(f"The message has {len(template)} characters; at most {MAX_LENGTH} are allowed.")
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError("The message has a single { or }; write {{ or }} for a brace.") from None
    for _text, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS or spec or conversion:
            raise ValueError(f"Unknown field {{{name}}}; known are {_KNOWN}.")


def render(template: str, person: Mapping[str, str | None]) -> str:
    """`template` with the fields of `person` filled in; a missing name falls back to the username.

    `person` holds at least `username`; at most MAX_LENGTH characters come back.
    """
    username = person["username"] or ""
    full_name = (person.get("full_name") or "").strip() or username
    values = {
        "username": username,
        "full_name": full_name,
        "first_name": full_name.split()[0] if full_name else username,
        "category": person.get("category") or "",
    }
    return template.format_map(values)[:MAX_LENGTH]
