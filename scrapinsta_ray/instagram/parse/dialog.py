"""The rows of the open following dialog."""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Following
from scrapinsta_ray.instagram.html import folded, parsed

_SUGGESTED = ("suggested", "suggested for you", "sugerencias", "sugerencias para ti")
_PROFILE = re.compile(r"/([A-Za-z0-9._]{1,30})/?(?:\?.*)?")
_VERIFIED = ("verified", "verificado", "verificada", "cuenta verificada")


@dataclass(frozen=True, slots=True)
class Rows:
    """Whom the dialog lists so far. `ended` is true when the list is followed by suggestions."""

    users: tuple[Following, ...]
    ended: bool


def parse_following_dialog(html: str) -> Rows:
    """The people in a dialog's HTML, in order, up to where the site begins to suggest others. Never raises."""
    found: dict[str, Following] = {}
    root = parsed(html).body
    for node in root.traverse(include_text=False) if root else ():
        if node.tag not in ("a", "svg") and not node.css_first("a") and folded(node.text()) in _SUGGESTED:
            return Rows(tuple(found.values()), ended=True)
        if (user := _user(node)) and (user.is_verified or user.username not in found):
            found[user.username] = user
    return Rows(tuple(found.values()), ended=False)


def _user(node: LexborNode) -> Following | None:
    """A link to a profile; a row has one around the picture and one around the name, where the mark is."""
    target = _PROFILE.fullmatch(node.attributes.get("href") or "") if node.tag == "a" else None
    if not target or not usernames.is_valid(target[1].lower()):
        return None
    labels = (folded(svg.attributes.get("aria-label") or "") for svg in node.css("svg[aria-label]"))
    return Following(target[1].lower(), is_verified=True if any(one in _VERIFIED for one in labels) else None)
