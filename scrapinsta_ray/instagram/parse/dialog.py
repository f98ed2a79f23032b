"""The rows of the open following dialog."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain.models import Following
from scrapinsta_ray.instagram.html import around, folded, is_a, parsed, profile_of
from scrapinsta_ray.instagram.parse import labels

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BUTTONS = ("button", "a", "svg", "time", "script", "style")
_LONG = 60  # more than any heading with its spaces
_SEPARATORS = " ·•|"


@dataclass(frozen=True, slots=True)
class Rows:
    """Whom the dialog lists so far. `ended` is true when the list is followed by suggestions."""

    users: tuple[Following, ...]
    ended: bool


def dialog_in(tree: LexborHTMLParser) -> str | None:
    """The HTML of a page's dialog that lists people; of one without people, if it shows a list's heading."""
    dialogs = tree.css("[role=dialog]")
    listing = next((one for one in dialogs if any(_name(link) for link in one.css("a[href]"))), None)
    return (listing or _empty(dialogs)).html if listing or dialogs else None


def _empty(dialogs: list[LexborNode]) -> LexborNode:
    return next(
        (one for one in dialogs if re.search(labels.COUNTS["followings"], folded(one.text()))), dialogs[0]
    )


def parse_following_dialog(html: str) -> Rows:
    """The people in a dialog's HTML, in order, up to where the site begins to suggest others. Never raises."""
    root = parsed(html).body
    if root is None:
        return Rows((), ended=False)
    owners = _owners(root)
    nodes = list(root.traverse(include_text=False))
    end = next((place for place, node in enumerate(nodes) if _suggests(node, owners)), None)
    headed = {place.mem_id for node in nodes if _is_heading(node) for place in (node, *around(node))}
    headed |= {place.mem_id for place in around(nodes[end])} if end is not None else set()
    found: dict[str, Following] = {}
    for node in nodes[:end]:
        name = _name(node)
        if name and name not in found:
            found[name] = _user(name, _row(node, name, owners, headed))
    return Rows(tuple(found.values()), ended=end is not None)


Owners = dict[int, str | None]
"""Of each element (by its id) that has links to people: the only one they lead to, or None for several."""


def _owners(root: LexborNode) -> Owners:
    owners: Owners = {}
    for link in root.css("a[href]"):
        if name := _name(link):
            for place in (link, *around(link)):
                owners[place.mem_id] = name if owners.get(place.mem_id, name) == name else None
    return owners


def _name(node: LexborNode) -> str | None:
    """Whose profile a link leads to; a row has one around the picture and one around the name."""
    return profile_of(node.attributes.get("href") or "") if node.tag == "a" else None


def _row(link: LexborNode, name: str, owners: Owners, headed: set[int]) -> LexborNode:
    """The largest element around a link that speaks of nobody else and has no heading of the list in it."""
    row = link
    for place in around(link):
        if owners[place.mem_id] != name or place.mem_id in headed:
            break
        if place.tag in ("body", "html") or is_a(place, (), ("dialog",)):
            break
        row = place
    return row


def _is_heading(node: LexborNode) -> bool:
    return is_a(node, _HEADINGS, ("heading",))


def _suggests(node: LexborNode, owners: Owners) -> bool:
    """Does this say that suggestions follow? Somebody in a row may bear such a name."""
    if (
        node.tag in ("a", "svg", "title")
        or node.mem_id in owners
        or folded(node.text()) not in labels.SUGGESTED
    ):
        return False
    return _is_heading(node) or not _is_full_name(node, owners)


def _is_full_name(node: LexborNode, owners: Owners) -> bool:
    """In a row a person's link comes first, and nobody else's is near."""
    near = next((place for place in around(node) if place.mem_id in owners), None)
    if near is None or owners[near.mem_id] is None:
        return False
    row = near.html or ""
    return -1 < row.find("<a") < row.find(node.html or "")


def _user(name: str, row: LexborNode) -> Following:
    return Following(
        name, full_name=_full_name(row, name), is_verified=True if labels.is_verified(row) else None
    )


def _full_name(row: LexborNode, name: str) -> str | None:
    """The first text of a row that is neither a link nor a button."""
    texts = (text.strip(_SEPARATORS + "\n\t\u00a0") for text in _texts(row))
    return next((text for text in texts if text and text.lower() != name), None)


def _texts(node: LexborNode) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text()
        elif not is_a(child, _BUTTONS, ("button",)):
            yield from _texts(child)
