"""A page of a following list: the web API's form, the GraphQL form, and the dialog of a saved page."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import is_html, parsed
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.dialog import dialog_in, parse_following_dialog
from scrapinsta_ray.instagram.parse.page import followings_shown

T = TypeVar("T")


def parse_followings(text: str, count: int | None = None) -> FollowingPage:
    """A page of an answer, or the dialog of a saved page.

    `completeness` is None while there is a cursor, else COMPLETE, CAPPED (the site says that it shows a part),
    SOFT_BLOCKED (the list is empty, though the profile counts some or the answer speaks of many) or TRUNCATED (it
    breaks off). `count` is how many the profile counts, when that is known; a GraphQL answer and a page tell it
    themselves. A dialog has no cursor: without a count, and without the suggestions that follow its end, nothing can
    be said.
    Raises LayoutChanged for other shapes.
    """
    return _dialog_page(text, count) if is_html(text) else followings_in(shapes.loads(text), count)


def followings_in(data: Any, count: int | None = None) -> FollowingPage:
    """As parse_followings, on data."""
    for path, rows, holder in _lists(data):
        users = _users(rows, path)
        cursor = _cursor(holder.get("next_max_id")) or _next_page(holder.get("page_info"))
        if cursor:
            return FollowingPage(users, cursor)
        told = shapes.count(holder, "count").value
        return FollowingPage(users, None, _ended(holder, users, told if told is not None else count))
    path = "data.user.edge_follow.edges"
    raise LayoutChanged("The answer holds no following list.", missing=shapes.gap(data, "users", path))


def _lists(data: Any) -> Iterator[tuple[str, list[Any], Mapping[str, Any]]]:
    """(path, rows, what holds them) of each list of people that this may be, the surest first."""
    if isinstance(data, dict) and isinstance(data.get("users"), list):
        yield "users", data["users"], data
    for path, edge in shapes.below(data, "edge_follow"):
        if isinstance(edge, dict) and isinstance(edge.get("edges"), list):
            yield f"{path}.edges", [_node(row) for row in edge["edges"]], edge
    for path, holder in shapes.objects(data, "following"):
        if "following" in path and "hashtag" not in path:
            rows = holder.get("users") or [_node(row) for row in shapes.rows(holder.get("edges"))]
            if isinstance(rows, list) and rows:
                yield path, rows, holder


def _ended(holder: Mapping[str, Any], users: tuple[Following, ...], count: int | None) -> Completeness:
    """How a list ended that has no cursor."""
    if not users and (count or (count is None and holder.get("big_list") is True)):
        return Completeness.SOFT_BLOCKED
    if holder.get("should_limit_list_of_followers") is True:
        return Completeness.CAPPED
    # the API's own `has_more` is not to be trusted, but a GraphQL page that promises another one was cut
    info = holder.get("page_info")
    cut = isinstance(info, dict) and info.get("has_next_page") is True
    return Completeness.TRUNCATED if cut else Completeness.COMPLETE


def _dialog_page(html: str, count: int | None) -> FollowingPage:
    tree = parsed(html)
    dialog = dialog_in(tree)
    if dialog is None:
        raise LayoutChanged("The page shows no following list.", missing="div[role=dialog] a[href]")
    rows = parse_following_dialog(dialog)
    count = followings_shown(tree) if count is None else count
    page = FollowingPage(rows.users)
    if count and not rows.users:
        return replace(page, completeness=Completeness.SOFT_BLOCKED)
    if count is None:
        return replace(page, completeness=Completeness.COMPLETE if rows.ended else None)
    short = Completeness.CAPPED if rows.ended else Completeness.TRUNCATED
    return replace(page, completeness=short if len(rows.users) < count else Completeness.COMPLETE)


def _node(row: Any) -> Any:
    return row.get("node") if isinstance(row, dict) else None


def _cursor(value: Any) -> str | None:
    """A cursor may be a number or a text; an empty one, or 0, is none: it would be the beginning."""
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        return None
    number = shapes.whole(value)
    return None if number == 0 else str(number if isinstance(value, float) and number else value) or None


def _next_page(info: Any) -> str | None:
    if not isinstance(info, dict) or info.get("has_next_page") is False:
        return None
    return _cursor(info.get("end_cursor"))


def _users(rows: list[Any], path: str) -> tuple[Following, ...]:
    """Rows that name somebody, each once; LayoutChanged when there are rows and none does."""
    found = {user.username: user for row in rows if isinstance(row, dict) and (user := _user(row))}
    if rows and not found:
        raise LayoutChanged("No row of the following list names anybody.", missing=f"{path}.0.username")
    return tuple(found.values())


def _user(row: Mapping[str, Any]) -> Following | None:
    row = row["user"] if isinstance(row.get("user"), dict) else row
    name = row.get("username")
    if not isinstance(name, str) or not usernames.is_valid(name.lower()):
        return None
    return Following(
        username=name.lower(),
        id=shapes.identity(row, "pk", "pk_id", "id").value,
        full_name=_given(row, "full_name", str),
        is_private=_given(row, "is_private", bool),
        is_verified=_given(row, "is_verified", bool),
    )


def _given(row: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    """As shapes.text and shapes.flag, but not where it was found: a list has thousands of rows, all of one shape."""
    value = row.get(key)
    return value if isinstance(value, kind) else None
