"""Saved pages and answers, as `scrapinsta parse` reads them: text in, the normal form out.

The normal form is made of JSON's own types. Whatever the site did not tell, or hid, is None, also where the models
have a default.
"""

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from scrapinsta_ray.domain.models import FollowingPage, Media, Profile, Signal
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.followings import parse_followings
from scrapinsta_ray.instagram.parse.media import parse_media
from scrapinsta_ray.instagram.parse.profile import parse_profile
from scrapinsta_ray.instagram.signals import classify

Row = dict[str, Any]

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CALLS = ("/api/", "/graphql", "/ajax/", "/web/")
_NOTHING = (Signal.OK, Signal.RETRY)


def decoded(raw: bytes) -> str:
    """A file's text: UTF-8 unless it begins with the mark of UTF-16; bytes that are neither are replaced."""
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
    return raw.decode(encoding, "replace").removeprefix("\ufeff")


def profile(text: str, username: str | None = None) -> Row:
    """`{username, id, full_name, biography, followers, followings, posts, is_private, is_verified, media, source,
    missing}`.

    `username` says whose, where a page speaks of several. Raises LayoutChanged.
    """
    return _profile_row(parse_profile(text, username))


def media(text: str) -> Row:
    """`{media, next_cursor, source, missing}`, the posts in the file's order. Raises LayoutChanged."""
    return _media_row(text, reels=False)


def reels(text: str) -> Row:
    """As media, of a list of reels: what says nothing of its kind is one."""
    return _media_row(text, reels=True)


def followings(text: str, count: int | None = None) -> Row:
    """`{users, next_cursor, completeness}`. `count` is how many the profile counts. Raises LayoutChanged."""
    return _followings_row(parse_followings(text, count))


def signal(text: str) -> Row:
    """`{signal, reason}` of a file `{status, url, headers, body}`; also read are `dialogs` and `expects_json`.

    A `body` may be JSON itself instead of text. A `status` of null or 0 is an answer that never came. Whether JSON was
    expected is told by the address, if not by the file. Raises LayoutChanged for other files.
    """
    answer = shapes.loads(text)
    if not isinstance(answer, dict) or "status" not in answer or not ({"url", "body"} & answer.keys()):
        raise LayoutChanged("This is no file of {status, url, headers, body}.", missing=_lacking(answer))
    url = str(answer.get("url") or "")
    expects_json = answer.get("expects_json")
    verdict = classify(
        shapes.whole(answer["status"]) or 0,
        url,
        dict(_headers(answer.get("headers"))),
        _body(answer.get("body")),
        [one for one in shapes.rows(answer.get("dialogs")) if isinstance(one, str)],
        expects_json if isinstance(expects_json, bool) else _is_call(url),
    )
    return {"signal": str(verdict.signal), "reason": verdict.reason}


def told(text: str) -> str | None:
    """What the site says instead of what was looked for (`not_found`, `private`, `challenge` ...), if it does."""
    verdict = classify(200, "", {}, text, expects_json=False)
    return None if verdict.signal in _NOTHING else verdict.reason


def _profile_row(read: Profile) -> Row:
    row = {
        "username": read.username,
        "id": read.id,
        "full_name": read.full_name,
        "biography": read.biography,
        "followers": read.followers,
        "followings": read.followings,
        "posts": read.posts,
        "is_private": None if "is_private" in read.missing else read.is_private,
        "is_verified": read.is_verified,
        "media": [_post(one, read.missing) for one in read.media],
    }
    return row | {"source": _about(row, read.source), "missing": _about(row, read.missing)}


def _about(row: Row, notes: Mapping[str, str]) -> dict[str, str]:
    return {name: note for name, note in notes.items() if name.partition(".")[0] in row}


def _media_row(text: str, reels: bool) -> Row:
    page = parse_media(text, reels=reels)
    origins = {f"media.{name}": places for name, places in page.origins.items()}
    return {
        "media": [_post(one, page.missing) for one in page.media],
        "next_cursor": page.next_cursor,
        "source": {"media": page.source, **origins},
        "missing": dict(page.missing),
    }


def _post(one: Media, missing: Mapping[str, str]) -> Row:
    return {
        "code": one.code,
        "id": one.id,
        "taken_at": one.taken_at.isoformat() if one.taken_at else None,
        "kind": None if f"media.{one.code}.kind" in missing else str(one.kind),
        "likes": one.likes,
        "comments": one.comments,
        "views": one.views,
        "pinned": one.pinned,
        "hidden": one.hidden,
    }


def _followings_row(page: FollowingPage) -> Row:
    users = [
        {
            "id": user.id,
            "username": user.username,
            "full_name": user.full_name,
            "is_private": user.is_private,
            "is_verified": user.is_verified,
        }
        for user in page.users
    ]
    ended = str(page.completeness) if page.completeness else None
    return {"users": users, "next_cursor": page.next_cursor, "completeness": ended}


def _lacking(answer: Any) -> str:
    fields = answer.keys() if isinstance(answer, dict) else ()
    return " | ".join(name for name in ("status", "url", "headers", "body") if name not in fields)


def _headers(given: Any) -> Iterator[tuple[str, str]]:
    """Headers as an object, as pairs, or as {name, value}."""
    if isinstance(given, dict):
        yield from ((name, _joined(value)) for name, value in given.items())
    for row in shapes.rows(given):
        pair = [row.get("name"), row.get("value")] if isinstance(row, dict) else row
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
            yield pair[0], _joined(pair[1])


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _body(given: Any) -> str:
    return given if isinstance(given, str) else "" if given is None else json.dumps(given)


def _is_call(url: str) -> bool:
    """Is this the address of a call, as opposed to a page?"""
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    return address.path.startswith(_CALLS) or "__a=1" in address.query
