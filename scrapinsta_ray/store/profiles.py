"""Profiles, media, scores and following lists, as they were last seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scrapinsta_ray.domain.models import Following, Media, Profile, Score
from scrapinsta_ray.store import forgotten
from scrapinsta_ray.store.database import clock, upsert
from scrapinsta_ray.store.tables import followings, media, profile_scores
from scrapinsta_ray.store.tables import profiles as profile_table


def store(tx: Connection, profiles: Sequence[Profile], scores: Sequence[Score]) -> None:
    """Replaces what is stored of these profiles; media not seen this time stay as they were. Part of a transaction.

    Of whom was forgotten, nothing is stored.
    """
    gone = forgotten.among(tx, {p.username for p in profiles} | {s.username for s in scores})
    profiles = [profile for profile in profiles if profile.username not in gone]
    scores = [score for score in scores if score.username not in gone]
    if not profiles and not scores:
        return
    at = clock(tx)
    _put(tx, profile_table, [_profile_row(p, at) for p in profiles], key=["username"])
    _put(
        tx,
        media,
        [_media_row(p.username, m, at) for p in profiles for m in p.media],
        key=["username", "code"],
    )
    _put(tx, profile_scores, [_score_row(s, at) for s in scores], key=["username", "model"])


def store_followings(tx: Connection, target: str, users: Sequence[Following], *, start: int) -> None:
    """A page of `target`'s list, whose first row has place `start`. Part of a transaction.

    The place of somebody who was forgotten stays empty.
    """
    gone = forgotten.among(tx, {target, *(user.username for user in users)})
    if target in gone:
        return
    at = clock(tx)
    rows = [
        _following_row(target, user, start + i, at)
        for i, user in enumerate(users)
        if user.username not in gone
    ]
    _put(tx, followings, rows, key=["target_username", "username"])


def _put(tx: Connection, table: Any, rows: list[dict[str, Any]], *, key: list[str]) -> None:
    if rows:
        upsert(tx, table, rows, key=key, update=[name for name in rows[0] if name not in key])


def _profile_row(profile: Profile, at: datetime) -> dict[str, Any]:
    return {
        "username": profile.username,
        "ig_id": profile.id,
        "full_name": _cut(profile.full_name, 200),
        "biography": profile.biography,
        "external_url": _cut(profile.external_url, 500),
        "category": _cut(profile.category, 100),
        "followers": profile.followers,
        "followings": profile.followings,
        "posts": profile.posts,
        "is_verified": profile.is_verified,
        "is_business": profile.is_business,
        "source": dict(profile.source),
        "missing": dict(profile.missing),
        "analyzed_at": at,
        "rubro": profile.rubro,
        "rubro_evidence": list(profile.rubro_evidence),
    }


def _media_row(username: str, one: Media, at: datetime) -> dict[str, Any]:
    return {
        "username": username,
        "code": one.code,
        "ig_id": one.id,
        "taken_at": one.taken_at,
        "kind": one.kind,
        "likes": one.likes,
        "comments": one.comments,
        "views": one.views,
        "pinned": one.pinned,
        "hidden": one.hidden,
        "seen_at": at,
    }


def _score_row(score: Score, at: datetime) -> dict[str, Any]:
    return {
        "username": score.username,
        "model": score.model,
        "engagement": score.engagement,
        "success": score.success,
        "parts": dict(score.parts),
        "scored_at": at,
        "confidence": score.confidence,
        "reason": score.reason,
    }


def _following_row(target: str, user: Following, position: int, at: datetime) -> dict[str, Any]:
    return {
        "target_username": target,
        "username": user.username,
        "position": position,
        "ig_id": user.id,
        "full_name": _cut(user.full_name, 200),
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "seen_at": at,
    }


def _cut(text: str | None, length: int) -> str | None:
    return text[:length] if text else text
