"""Twenty accounts that were thought up, each with a plain neighbour: who ought to rank first, and who does.

The table of docs/scores.md is made of them: scripts/draw_scores.py writes it, a test compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scrapinsta_ray.domain.models import Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import scores_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIZE = 20_000
DOCUMENT = Path(__file__).parents[2] / "docs" / "scores.md"
BEGIN, END = "<!-- cases -->", "<!-- /cases -->"


def post(likes: int | None, days: float | None, comments: int | None = None, **other: Any) -> Media:
    """An image with a comment to forty likes, unless said otherwise."""
    said = comments if comments is not None or likes is None else likes // 40
    taken_at = None if days is None else NOW - timedelta(days=days)
    return replace(Media("c", "c", taken_at, MediaKind.IMAGE, likes, said), **other)


def reel(likes: int | None, days: float, views: int, **other: Any) -> Media:
    return post(likes, days, kind=MediaKind.REEL, views=views, **other)


def account(
    *media: Media, followers: int | None = SIZE, posts: int | None = 300, is_private: bool = False
) -> Profile:
    return Profile("somebody", followers=followers, posts=posts, media=media, is_private=is_private)


def steady(likes: int, number: int = 12, every_days: float = 3, since: float = 3) -> tuple[Media, ...]:
    """Posts with about as many likes each: a tenth more, a tenth less."""
    return tuple(post(round(likes * (1 + 0.1 * (-1) ** i)), since + every_days * i) for i in range(number))


PLAIN = account(*steady(240))
"""20,000 followers, 1.2 % of whom react to each of its twelve posts, one every three days."""


@dataclass(frozen=True, slots=True)
class Case:
    """`better` says where it belongs beside PLAIN: True not below, False below, None: no score."""

    name: str
    profile: Profile
    better: bool | None
    why: str


CASES = (
    Case(
        "plain: the measure of the others",
        PLAIN,
        True,
        "Two hundred and forty likes a post are a little more than usual.",
    ),
    Case(
        "one viral post, pinned",
        account(post(30_000, 400, pinned=True), *steady(150, 11)),
        False,
        "What is pinned was chosen by its owner; both leave it out, and the rest is modest.",
    ),
    Case(
        "one viral post, not pinned",
        account(*steady(150, 11), post(30_000, 20)),
        False,
        "Eleven of twelve posts are modest; a mean lets the twelfth speak for all.",
    ),
    Case(
        "a flop among good posts",
        account(*steady(300, 11), post(5, 12)),
        True,
        "One bad day says as little as one lucky one.",
    ),
    Case(
        "hidden likes, views shown",
        account(*(reel(None, 3 + 3 * i, 16_000, hidden=True) for i in range(12))),
        True,
        "Its views are known and high; v1 gives no score. The confidence says that likes are missing.",
    ),
    Case(
        "hidden likes, nothing else",
        account(*(post(None, 3 + 3 * i, hidden=True) for i in range(12))),
        None,
        "Nothing is known, and v2 says so.",
    ),
    Case(
        "dead account with many posts",
        account(*steady(280, 12, since=500), posts=4_000),
        False,
        "It was well liked once; nobody has been there for over a year.",
    ),
    Case(
        "new account with three posts",
        account(post(60, 4), post(66, 9), post(54, 15), followers=1_500, posts=3),
        False,
        "Usual for its size, and seen three times: a middling place with less confidence. v1 has it third.",
    ),
    Case(
        "bought followers",
        account(*steady(40), followers=100_000),
        False,
        "A hundred thousand followers, of whom one in 2,500 reacts.",
    ),
    Case(
        "bought followers, and views of its reels",
        account(*(reel(40, 3 + 3 * i, 90_000) for i in range(12)), followers=100_000),
        False,
        "Buying views too lifts it from nothing to little: they have three tenths. Neither model looks for fraud.",
    ),
    Case(
        "seasonal poster, in its season",
        account(*steady(300, 10, every_days=2), *steady(90, 6, every_days=20, since=200)),
        True,
        "The last weeks count most; the quiet months are almost forgotten.",
    ),
    Case(
        "seasonal poster, out of its season",
        account(*steady(300, 12, every_days=2, since=150)),
        False,
        "Good posts, half a year ago: who writes now finds nobody.",
    ),
    Case(
        "on its way down",
        account(*(post(60 + 60 * i, 3 + 8 * i) for i in range(12))),
        False,
        "The mean looks back at better days; by weight of age the last weeks decide.",
    ),
    Case(
        "on its way up",
        account(*(post(max(40, 500 - 60 * i), 3 + 6 * i) for i in range(12))),
        True,
        "The same from the other side.",
    ),
    Case(
        "a post of an hour ago",
        account(post(6, 0.04), post(15, 0.3), post(30, 0.8), *steady(290, 6)),
        True,
        "Likes of a young post are still coming in; v1 takes them for final.",
    ),
    Case(
        "uneven: half the posts loved, half ignored",
        account(*(post(450 if i % 2 else 10, 3 + 3 * i) for i in range(12))),
        False,
        "About the same mean, and no way to tell what the next post will do: less confidence.",
    ),
    Case(
        "one post in two months",
        account(*steady(260, 6, every_days=60, since=20)),
        False,
        "As well liked as its neighbour, but hardly ever there.",
    ),
    Case(
        "a million followers, 1.2 %",
        account(*steady(12_000), followers=1_000_000),
        True,
        "The same share of a larger crowd is rarer.",
    ),
    Case(
        "five hundred followers, 1.2 %",
        account(*steady(6, 12), followers=500),
        False,
        "Among five hundred followers, mostly friends, that is little.",
    ),
    Case(
        "private",
        account(*steady(300), is_private=True),
        None,
        "It asked not to be looked at. v1 would score what it is given.",
    ),
)


def scored(model: str) -> Sequence[Score]:
    return scores_of([case.profile for case in CASES], NOW, model)


def ranks(scores: Sequence[Score]) -> list[int | None]:
    """Places from 1 for the best; None without a score."""
    best = sorted((one.success for one in scores if one.success is not None), reverse=True)
    return [None if one.success is None else 1 + best.index(one.success) for one in scores]


def belongs(score: Score, plain: Score) -> bool | None:
    """Where a model puts it beside PLAIN, as Case.better says it."""
    if score.success is None or plain.success is None:
        return None
    return score.success >= plain.success


def table() -> str:
    """The cases in Markdown: where each belongs, what v1 and v2 make of it, and why."""
    v1, v2 = scored("v1"), scored("v2")
    words = {True: "above", False: "below", None: "no score"}
    lines = ["| account | belongs | v1 | v2 | sure | why |", "|---|---|---|---|---|---|"]
    for case, old, old_rank, new, new_rank in zip(CASES, v1, ranks(v1), v2, ranks(v2), strict=True):
        wrong = "" if belongs(old, v1[0]) == case.better else " ✗"
        where = "–" if case.profile is PLAIN else words[case.better]
        sure = "" if new.confidence is None else f"{new.confidence:.2f}"
        lines.append(
            f"| {case.name} | {where} | {_told(old, old_rank)}{wrong} | {_told(new, new_rank)} | {sure} | {case.why} |"
        )
    return "\n".join(lines) + "\n"


def _told(score: Score, rank: int | None) -> str:
    return f"{score.reason or 'none'}" if score.success is None else f"{score.success:.2f}, place {rank}"


# ---- what the table claims ---------------------------------------------------------------------------------


def by_name(model: str, name: str) -> Score:
    [found] = [score for case, score in zip(CASES, scored(model), strict=True) if case.name == name]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_v2_puts_it_where_it_belongs(case: Case) -> None:
    plain, this = scores_of([PLAIN, case.profile], NOW, "v2")
    assert belongs(this, plain) is case.better


def test_there_are_twenty_and_v1_is_wrong_in_eleven() -> None:
    plain, *_ = v1 = scored("v1")
    wrong = [case.name for case, one in zip(CASES, v1, strict=True) if belongs(one, plain) != case.better]
    assert (len(CASES), len(wrong)) == (20, 11)


@pytest.mark.parametrize(
    ("name", "at_most"),
    [
        ("hidden likes, views shown", 0.5),
        ("dead account with many posts", 0.01),
        ("new account with three posts", 0.7),
        ("seasonal poster, out of its season", 0.2),
        ("uneven: half the posts loved, half ignored", 0.75),
        ("one post in two months", 0.5),
    ],
)
def test_what_is_known_less_is_less_sure(name: str, at_most: float) -> None:
    """`at_most`: this part of the plain account's confidence."""
    confidence, usual = by_name("v2", name).confidence, scored("v2")[0].confidence
    assert confidence is not None
    assert usual is not None
    assert confidence < at_most * usual


def test_why_there_is_none() -> None:
    assert by_name("v2", "hidden likes, nothing else").reason == "counts_unknown"
    assert by_name("v2", "private").reason == "private"


def test_one_viral_post_changes_a_mean_and_not_v2() -> None:
    ordinary = account(*steady(150, 12))
    loud = account(*steady(150, 11), post(30_000, 20))
    calm, excited = (scores_of([ordinary, loud], NOW, model) for model in ("v2", "v1"))
    assert calm[1].success == pytest.approx(calm[0].success, abs=0.02)
    assert (excited[1].success or 0) > 3 * (excited[0].success or 0)


def test_the_same_share_is_worth_more_in_a_larger_crowd() -> None:
    small, middle, large = (
        by_name("v2", name).parts["engagement_score"] or 0
        for name in ("five hundred followers, 1.2 %", CASES[0].name, "a million followers, 1.2 %")
    )
    assert small < middle < large


def test_bought_views_lift_by_three_tenths_at_most() -> None:
    with_views, without = (
        by_name("v2", name).success or 0
        for name in ("bought followers, and views of its reels", "bought followers")
    )
    assert without < with_views < without + 0.3


def test_the_document_shows_what_the_code_gives() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown.strip() == table().strip(), "run scripts/draw_scores.py"
