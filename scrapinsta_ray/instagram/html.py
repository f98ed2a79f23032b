"""The few texts of a page in which the site itself speaks, as opposed to its users."""

import re
import unicodedata
from collections.abc import Collection, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain import usernames

# a saved page has whole addresses
_PROFILE = re.compile(r"(?:https?://(?:www\.)?instagram\.com)?/([A-Za-z0-9._]{1,30})/?(?:[?#].*)?")


def parsed(html: str) -> LexborHTMLParser:
    """The page's tree. Takes any text: lone surrogates are replaced, a broken page gives what can be read."""
    return LexborHTMLParser(html.encode("utf-8", "replace").decode())


def folded(text: str) -> str:
    """For comparing: one kind of space and apostrophe, no case, no accents' spelling, no final stop."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    return re.sub(r"\s+", " ", text).strip().rstrip(".").casefold()


def is_html(text: str) -> bool:
    """Does this look like a page rather than JSON or plain text?"""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def around(node: LexborNode) -> Iterator[LexborNode]:
    """The elements that a node lies in, the nearest first."""
    here = node.parent
    while here is not None:
        yield here
        here = here.parent


def is_a(node: LexborNode, tags: Collection[str], roles: Collection[str] = ()) -> bool:
    """Has it one of these names or roles?"""
    return node.tag in tags or (node.attributes.get("role") or "").lower() in roles


def profile_of(address: str) -> str | None:
    """Whose profile an address of the site leads to; None for its own pages, lists, posts and other sites."""
    found = _PROFILE.fullmatch(address)
    try:
        return usernames.normalize(f"https://www.instagram.com/{found[1]}/") if found else None
    except ValueError:
        return None
