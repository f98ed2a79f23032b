"""One normalisation for every username, wherever it comes from."""

import re
import unicodedata

MAX_LENGTH = 30

# Letters, digits, underscores and single dots inside. https://help.instagram.com: "30 characters, letters,
# numbers, periods and underscores"; the sign-up form refuses a dot at either end and two dots in a row.
_VALID = re.compile(r"(?!.*\.\.)[a-z0-9_](?:[a-z0-9._]{0,28}[a-z0-9_])?", re.ASCII)

_URL = re.compile(
    r"(?:https?:)?(?://)?(?:[a-z0-9-]+\.)?(?:instagram\.com|instagr\.am)(?:/+(?P<path>[^?#]*))?(?:[?#].*)?",
    re.IGNORECASE | re.DOTALL,
)

# First path segments of instagram.com that are pages of the site and never profiles.
_ROUTES = frozenset(
    "about accounts api ar challenge direct directory emails explore graphql legal oauth p popular reel reels "
    "session stories tv web".split()
)


def normalize(raw: str) -> str:
    """The one spelling of a username: `" @Some.Name "` or a profile's address -> `"some.name"`.

    Takes a bare name, an @name, or a profile's address with or without scheme, query and further path. Folds
    compatibility forms (NFKC) and case. Raises ValueError with a sentence for the user when what is left is not
    1 to 30 of a-z, 0-9, dot and underscore, begins or ends with a dot, or has two dots in a row.
    """
    if is_valid(raw):
        return raw
    name = _without_url(_trimmed(unicodedata.normalize("NFKC", raw)))
    name = name.removeprefix("@").lower()
    if not is_valid(name):
        raise ValueError(f"{_quoted(raw)} is not a username: {_complaint(name)}.")
    return name


def is_valid(username: str) -> bool:
    """Is this already a normal username? `is_valid(normalize(x))` is always true."""
    return _VALID.fullmatch(username) is not None


def _trimmed(text: str) -> str:
    """Without the white space and the invisible format characters that copying from a chat leaves at the ends."""
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cf"


def _without_url(text: str) -> str:
    found = _URL.fullmatch(text)
    if not found or ("/" not in text and not found["path"]):
        return text  # a name such as `instagram.com` is a name when nothing else says address
    segments = [part for part in (found["path"] or "").split("/") if part]
    if segments and segments[0] == "_u":  # the app's deep link, /_u/NAME
        del segments[0]
    if not segments or segments[0].lower() in _ROUTES:
        raise ValueError(f"{_quoted(text)} is an address on Instagram but not a profile's.")
    return segments[0]


def _complaint(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    if re.search(r"[^a-z0-9._]", name):
        return "only letters a-z, digits, dots and underscores may be in one"
    return "a dot may not stand at either end nor next to another dot"


def _quoted(raw: str) -> str:
    shown = raw if len(raw) <= 60 else raw[:57] + "..."
    return repr(shown)
