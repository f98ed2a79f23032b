"""What sort of page or call a path is: the words of the journal and of the rules for faults."""

import re
from collections.abc import Iterable
from functools import lru_cache

_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"/", "home"),
        (r"/favicon\.ico", "asset"),
        (r"/challenge/.*|/accounts/suspended/", "challenge"),
        (r"/accounts/.*", "login_page"),
        (r"/api/v1/web/accounts/.*", "login_call"),
        (r"/api/v1/users/web_profile_info/", "web_profile_info"),
        (r"/api/v1/users/.*", "user_info"),
        (r"/api/v1/feed/.*", "feed"),
        (r"/api/v1/clips/.*", "clips"),
        (r"/api/v1/friendships/.*|/graphql/.*", "followings"),
        (r"/api/v1/direct_v2/threads/broadcast/.*", "send_message"),
        (r"/api/v1/direct_v2/.*", "open_thread"),
        (r"/api/.*", "other_call"),
        (r"/direct/.*", "thread"),
        (r"/(p|reel)/.*|/[^/]+/(p|reel)/.*", "post"),
        (r"/[^/]+/following/", "followings_page"),
        (r"/[^/]+/reels/", "reels_page"),
        (r"/[^/]+/?", "profile"),
    )
)
KINDS = (*dict.fromkeys(kind for _, kind in _KINDS), "other")
_CALLS = (
    "web_profile_info",
    "user_info",
    "feed",
    "clips",
    "followings",
    "send_message",
    "open_thread",
    "other_call",
)
_PAGES = ("home", "profile", "followings_page", "reels_page", "post", "thread")
GROUPS = {
    "api": _CALLS,
    "page": _PAGES,
    "api_profile": ("web_profile_info", "user_info"),
    "following": ("followings", "followings_page"),
    "direct": ("thread", "open_thread", "send_message"),
    "reels": ("clips", "reels_page"),
    "login": ("login_page", "login_call"),
}
"""Words for several kinds at once."""


class UnknownKind(ValueError):
    """There is no such kind of path."""


@lru_cache(maxsize=20_000)
def kind_of(path: str) -> str:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(path)), "other")


def kinds_in(names: Iterable[str]) -> frozenset[str]:
    """The kinds that these kinds and groups stand for. Raises UnknownKind."""
    found: set[str] = set()
    for name in names:
        if name not in KINDS and name not in GROUPS:
            raise UnknownKind(f"path is one of {', '.join((*KINDS, *GROUPS))}")
        found.update(GROUPS.get(name, (name,)))
    return frozenset(found)
