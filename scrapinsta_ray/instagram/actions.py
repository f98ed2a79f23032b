"""What an account does on the site: read a profile, read whom somebody follows."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from urllib.parse import quote, urlencode

from scrapinsta_ray.domain.models import Completeness, FollowingPage, Media, Profile
from scrapinsta_ray.errors import LayoutChanged, RetryLater, TaskRejected
from scrapinsta_ray.instagram.following_dialog import followings_on_page
from scrapinsta_ray.instagram.parse import media as posts
from scrapinsta_ray.instagram.parse.followings import followings_in
from scrapinsta_ray.instagram.parse.profile import inline_profile, parse_profile, profile_in, without_contents
from scrapinsta_ray.instagram.session import AccountSession
from scrapinsta_ray.instagram.thread import send_message

__all__ = ["fetch_followings", "fetch_profile", "send_message"]

FOLLOWING_PAGE = 50
"""Rows asked for at once: what the site gives at most."""
_REELS = 12
_GRID = """return !!document.querySelector('main a[href*="/p/"], main a[href*="/reel/"]')"""
_CALL_FAILS = ("status_400", "failed", "errors", "html", "broken_json")
"""Reasons for which a call may fail where the page itself does not."""


def fetch_profile(session: AccountSession, username: str, media_limit: int = 12) -> Profile:
    """A public profile with its latest `media_limit` posts, and the first page of its reels with their views.

    Two in-page calls as a rule; the page itself is opened only when no JSON of it can be read. A private profile
    comes back as `is_private` with nothing collected. Raises TaskRejected with reason not_found, LayoutChanged
    when not even the page can be read, and what the session raises.
    """
    profile = _profile(session, username)
    if profile.is_private:
        return profile
    if profile.id is None or profile.posts == 0:
        return replace(profile, media=profile.media[:media_limit])
    profile = _with_timeline(session, profile, media_limit)
    return _with_reels(session, profile)


def fetch_followings(
    session: AccountSession, username: str, limit: int, cursor: str | None = None
) -> Iterator[FollowingPage]:
    """Whom a profile follows, page by page, at most `limit` from `cursor` on.

    The last page says how the list ended: TRUNCATED at the limit, CAPPED when the site shows only a part,
    SOFT_BLOCKED when the profile counts some and the list is empty, else COMPLETE. Each page's `next_cursor`
    begins the next one, also in a later call. Raises TaskRejected with reason private or not_found at the first
    step; the caller ends a private target's task ok, with nothing collected.
    """
    profile = _profile(session, username)
    if profile.is_private:
        raise TaskRejected("This profile is private.", reason="private")
    if limit <= 0:
        yield FollowingPage((), cursor, Completeness.TRUNCATED)
        return
    try:
        if profile.id is None:
            raise _Unreadable
        yield from _listed(session, profile, limit, cursor)
    except _Unreadable:
        yield from followings_on_page(session, profile, limit)


# ---- profile ---------------------------------------------------------------------------------------------


def _profile(session: AccountSession, username: str) -> Profile:
    """The profile by the cheapest way that works; of a private one only that it is private."""
    try:
        profile = _by_call(session, username) or _by_page(session, username)
    except TaskRejected as error:
        if error.reason != "private":
            raise
        profile = Profile(username, is_private=True)
    return without_contents(profile) if profile.is_private else profile


def _by_call(session: AccountSession, username: str) -> Profile | None:
    """By the page's own call; None where that fails although the page may not."""
    path = f"/api/v1/users/web_profile_info/?username={quote(username)}"
    try:
        with session.reading("profile"):
            return profile_in(session.get_json(path), username)
    except LayoutChanged:
        return None
    except RetryLater as error:
        if error.details.get("reason") not in _CALL_FAILS:
            raise
        return None


def _by_page(session: AccountSession, username: str) -> Profile:
    """By the inline JSON of the page, else by what the page shows once its scripts ran."""
    with session.reading("profile"):
        unrendered = session.get_text(f"/{username}/")
        return inline_profile(unrendered, username) or parse_profile(_rendered(session, username), username)


def _rendered(session: AccountSession, username: str) -> str:
    """The page's HTML once its grid is there; a profile without posts never has one."""
    session.open(f"/{username}/")
    with suppress(LayoutChanged):
        session.wait_for(_GRID, "posts", limit_s=5)
    return session.page().html


def _with_timeline(session: AccountSession, profile: Profile, limit: int) -> Profile:
    """The profile with its latest posts; a call only when those that came with it are too few."""
    expected = min(limit, profile.posts if profile.posts is not None else limit)
    media, cursor = profile.media, ""
    while len(media) < expected:
        page = _feed(session, profile, limit - len(media), cursor)
        if page is None:
            return replace(profile, missing={**profile.missing, "media": "layout_changed"})
        media = posts.merged(media, page.media)
        if not page.next_cursor or not page.media:
            break
        cursor = page.next_cursor
    return replace(profile, media=media[:limit])


def _feed(session: AccountSession, profile: Profile, count: int, cursor: str) -> posts.MediaPage | None:
    # the posts that are there already come again on the first page, hence never less than one page
    query = urlencode({"count": min(max(count, 12), 33)} | ({"max_id": cursor} if cursor else {}))
    try:
        with session.reading("media"):
            return posts.media_in(session.get_json(f"/api/v1/feed/user/{profile.id}/?{query}"))
    except LayoutChanged:
        return None


def _with_reels(session: AccountSession, profile: Profile) -> Profile:
    """The profile with its reels joined to the posts: only their own list has views that can be trusted."""
    form = {
        "target_user_id": str(profile.id),
        "page_size": str(_REELS),
        "max_id": "",
        "include_feed_video": "true",
    }
    try:
        with session.reading("reels"):
            page = posts.media_in(session.post_form_json("/api/v1/clips/user/", form))
    except LayoutChanged:
        return replace(profile, missing={**profile.missing, "reels": "layout_changed"})
    return _joined(profile, posts.merged(profile.media, page.media), page)


def _joined(profile: Profile, media: tuple[Media, ...], page: posts.MediaPage) -> Profile:
    other = {name: why for name, why in profile.missing.items() if not name.startswith("media.")}
    still = dict(posts.unknown_fields(media, {**page.missing, **profile.missing}))
    source = {**profile.source, "reels": f"clips/user:{page.source}"}
    return replace(profile, media=media, source=source, missing={**other, **still})


# ---- followings ------------------------------------------------------------------------------------------


class _Unreadable(Exception):
    """The list's first page has no shape that we know."""


def _listed(
    session: AccountSession, profile: Profile, limit: int, cursor: str | None
) -> Iterator[FollowingPage]:
    """The pages of the web API's list."""
    seen: set[str] = set()
    while True:
        page = _following_page(session, profile, min(FOLLOWING_PAGE, limit - len(seen)), cursor, bool(seen))
        page = _cut(_fresh(page, seen), limit - len(seen), cursor)
        seen.update(user.username for user in page.users)
        yield page
        if page.completeness:
            return
        if page.next_cursor == cursor:
            raise RetryLater("The list does not go on from its own cursor.", reason="cursor_stuck")
        cursor = page.next_cursor


def _following_page(
    session: AccountSession, profile: Profile, count: int, cursor: str | None, begun: bool
) -> FollowingPage:
    query = urlencode({"count": count} | ({"max_id": cursor} if cursor else {}))
    shown = 0 if cursor else profile.followings  # a list that has begun may well end with an empty page
    try:
        with session.reading("followings"):
            answer = session.get_json(f"/api/v1/friendships/{profile.id}/following/?{query}")
            return followings_in(answer, shown)
    except LayoutChanged as error:
        if begun or cursor:
            raise
        raise _Unreadable from error


def _fresh(page: FollowingPage, seen: set[str]) -> FollowingPage:
    """Pages overlap when the list changes while we read it."""
    return replace(page, users=tuple(user for user in page.users if user.username not in seen))


def _cut(page: FollowingPage, room: int, cursor: str | None) -> FollowingPage:
    """At the limit, with the cursor at which nothing gets lost: the site may give more than was asked for."""
    if len(page.users) > room:
        return FollowingPage(tuple(islice(page.users, room)), cursor, Completeness.TRUNCATED)
    if len(page.users) == room and page.next_cursor:
        return replace(page, completeness=Completeness.TRUNCATED)
    return page
