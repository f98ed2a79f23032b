"""Which of its known shapes the site shows: JSON of pages and calls, labels, numbers, forms. Set by /_layout."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "profile": ("sjs", "shared_data", "additional_data", "none"),
    "api": ("web_profile_info", "graphql", "users_info", "xdt", "unknown"),
    "edges": ("full", "empty"),
    "feed": ("items", "xdt", "nodes"),
    "clips": ("items", "connection"),
    "followings": ("v1", "graphql", "dialog"),
    "pk": ("mixed", "number", "string"),
    "cursor": ("mixed", "number", "string"),
    "hidden_likes": ("mixed", "minus_one", "three"),
    "likes_edges": ("mixed", "both", "liked_by", "preview", "none"),
    "taken_at": (True, False),
    "language": (None, "en", "es"),
    "numbers": (None, "en", "es", "space", "nbsp", "narrow", "words"),
    "views": ("icon", "text"),
    "titles": (True, False),
    "links": ("plain", "encoded"),
    "strangers": ("form", "profiles"),
    "login_form": ("username", "email", "unnamed"),
}
"""Each part of the layout and its variants, the default first; docs/simulator.md says what they are."""


class UnknownLayout(ValueError):
    """There is no such part of the layout, or no such variant of it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One choice for each part."""

    profile: str = "sjs"
    api: str = "web_profile_info"
    edges: str = "full"
    feed: str = "items"
    clips: str = "items"
    followings: str = "v1"
    pk: str = "mixed"
    cursor: str = "mixed"
    hidden_likes: str = "mixed"
    likes_edges: str = "mixed"
    taken_at: bool = True
    language: str | None = None
    numbers: str | None = None
    views: str = "icon"
    titles: bool = True
    links: str = "plain"
    strangers: str = "form"
    login_form: str = "username"


PLAIN = Layout()


def checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same parts and variants. Raises UnknownLayout."""
    for name, value in asked.items():
        if name not in CHOICES:
            raise UnknownLayout(f"a layout has these parts: {', '.join(CHOICES)}")
        if not any(value is one or (isinstance(one, str) and value == one) for one in CHOICES[name]):
            raise UnknownLayout(f"{name} is one of {', '.join(map(str, CHOICES[name]))}")
    return dict(asked)


def spelled(text: str) -> dict[str, Any]:
    """ "profile:none,taken_at:false" -> {"profile": "none", "taken_at": False}. Raises UnknownLayout."""
    words = {"true": True, "false": False, "null": None}
    return checked({name: words.get(value, value) for name, value in _pairs(text)})


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(",")):
        name, _, value = part.partition(":")
        yield name.strip(), value.strip()


class Layouts:
    """The site's layout, and what some accounts see differently."""

    def __init__(self) -> None:
        self.common = PLAIN
        self.accounts: dict[str, dict[str, Any]] = {}

    def of(self, account: str | None, wished: str = "") -> Layout:
        """What a request sees: the site's, then its account's, then what it asks for itself. Raises UnknownLayout."""
        own = self.accounts.get(account or "") if self.accounts else None
        if not own and not wished:
            return self.common
        return replace(self.common, **{**(own or {}), **spelled(wished)})

    def change(self, asked: Mapping[str, Any]) -> None:
        """`account` among the parts makes it that account's alone. Raises UnknownLayout."""
        parts = dict(asked)
        account = parts.pop("account", None)
        wanted = checked(parts)
        if account is None:
            self.common = replace(self.common, **wanted)
        else:
            self.accounts[str(account)] = {**self.accounts.get(str(account), {}), **wanted}

    def clear(self) -> None:
        self.common, self.accounts = PLAIN, {}

    def shown(self) -> dict[str, Any]:
        return {
            "layout": asdict(self.common),
            "accounts": self.accounts,
            "choices": {one.name: list(CHOICES[one.name]) for one in fields(Layout)},
        }
