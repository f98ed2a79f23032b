"""A page of a following list: the web API's form and the GraphQL form."""

from collections.abc import Mapping
from typing import Any

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.parse import shapes


def parse_followings(text: str) -> FollowingPage:
    """A page of an answer. `completeness` is COMPLETE or CAPPED on the last page, None while there is a cursor.

    A GraphQL answer that counts some but lists none is SOFT_BLOCKED. Raises LayoutChanged for other shapes.
    """
    return followings_in(shapes.loads(text))


def followings_in(data: Any) -> FollowingPage:
    """As parse_followings, on data."""
    if isinstance(data, dict) and isinstance(data.get("users"), list):
        return _api_page(data)
    for _, edge in shapes.below(data, "edge_follow"):
        if isinstance(edge, dict) and isinstance(edge.get("edges"), list):
            return _graphql_page(edge)
    raise LayoutChanged("The answer holds no following list.", missing="users | data.user.edge_follow.edges")


def _api_page(data: Mapping[str, Any]) -> FollowingPage:
    cursor = _cursor(data.get("next_max_id"))
    users = _users(data["users"], "users")
    if cursor:
        return FollowingPage(users, cursor)
    capped = data.get("should_limit_list_of_followers") is True
    return FollowingPage(users, None, Completeness.CAPPED if capped else Completeness.COMPLETE)


def _graphql_page(edge: Mapping[str, Any]) -> FollowingPage:
    users = _users([_node(row) for row in edge["edges"]], "edge_follow.edges")
    info = edge.get("page_info")
    cursor = _cursor(info.get("end_cursor")) if isinstance(info, dict) and info.get("has_next_page") else None
    if cursor:
        return FollowingPage(users, cursor)
    blocked = not users and bool(shapes.count(edge, "count").value)
    return FollowingPage(users, None, Completeness.SOFT_BLOCKED if blocked else Completeness.COMPLETE)


def _node(row: Any) -> Any:
    return row.get("node") if isinstance(row, dict) else None


def _cursor(value: Any) -> str | None:
    """A cursor may be a number or a text; an empty one is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) or None


def _users(rows: list[Any], path: str) -> tuple[Following, ...]:
    """Rows that name somebody, each once; LayoutChanged when there are rows and none does."""
    found = {user.username: user for row in rows if isinstance(row, dict) and (user := _user(row))}
    if rows and not found:
        raise LayoutChanged("No row of the following list names anybody.", missing=f"{path}.0.username")
    return tuple(found.values())


def _user(row: Mapping[str, Any]) -> Following | None:
    name = row.get("username")
    if not isinstance(name, str) or not usernames.is_valid(name.lower()):
        return None
    return Following(
        username=name.lower(),
        id=shapes.identity(row, "pk", "pk_id", "id").value,
        full_name=shapes.text(row, "full_name").value,
        is_private=shapes.flag(row, "is_private").value,
        is_verified=shapes.flag(row, "is_verified").value,
    )
