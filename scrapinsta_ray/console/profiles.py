"""Profiles and their scores: a table, two charts, and one profile's history."""

import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from plotly.graph_objects import Figure

from scrapinsta_ray import charts as figures
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console.desk import Desk, Place, Visitor, show
from scrapinsta_ray.store import board
from scrapinsta_ray.store.board import Wanted

_ROWS = 50
_OWN = ("title", "template", "margin")
_DRAWN = ("username", "followers", "engagement", "success")


@cache
def plotly_version() -> str:
    """The release that is installed."""
    return version("plotly")


@cache
def plotly_styles() -> tuple[str, ...]:
    """Ids of the styles that Plotly's file writes into any page, for maps; where there is such an id it writes none."""
    source = (files("plotly") / "package_data" / "plotly.min.js").read_text()
    return tuple(sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', source))))


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /profiles."""

    @site.get("/profiles")
    def page(
        visit: Visitor,
        text: str = "",
        score: str = "",
        followers: str = "",
        order: str = "",
        up: str = "",
        skip: Place = 0,
    ) -> Response:
        wanted = _wanted(text, score, followers, order, up)
        rows, more = board.page_of_profiles(
            desk.db, visit.sees, wanted, offset=min(skip, 100_000), limit=_ROWS
        )
        scores = [row["success"] for row in board.points(desk.db, visit.sees, wanted)]
        return show(
            visit,
            "profiles.html",
            rows=rows,
            wanted=wanted,
            back_skip=max(skip - _ROWS, 0) if skip else None,
            next_skip=skip + _ROWS if more else None,
            histogram=_histogram(scores),
            scored=len(scores),
            plotly=plotly_version(),
            plotly_styles=plotly_styles(),
            chosen={"text": text, "score": score, "followers": followers, "order": order, "up": up},
        )

    @site.get("/profiles.json")
    def points(visit: Visitor, text: str = "", score: str = "", followers: str = "") -> Response:
        found = board.points(desk.db, visit.sees, _wanted(text, score, followers, "", ""))
        columns = {name: [row[name] for row in found] for name in _DRAWN}
        return JSONResponse(
            {
                "histogram": _bare(figures.score_histogram(columns["success"])),
                "scatter": _bare(figures.engagement_scatter(**columns)),
            }
        )

    @site.get("/profiles/{username}")
    def one(visit: Visitor, username: str) -> Response:
        known = board.profile(desk.db, visit.sees, username)
        if known is None:
            raise ApiError(404, "NOT_FOUND", visit.say("There is no such profile."))
        likes = [float(post["likes"]) for post in reversed(known.posts) if post["likes"] is not None]
        return show(visit, "profile.html", known=known, likes=likes)


def _bare(figure: Figure) -> dict[str, Any]:
    """A figure without title and template: the page has its own words and colours."""
    bare: dict[str, Any] = figure.to_plotly_json()
    return {"data": bare["data"], "layout": {k: bare["layout"][k] for k in bare["layout"] if k not in _OWN}}


def _wanted(text: str, score: str, followers: str, order: str, up: str) -> Wanted:
    return Wanted(
        text=text[:60],
        min_score=_number(score),
        min_followers=None if (least := _number(followers)) is None else int(least),
        order=order if order in board.PROFILE_ORDERS else "success",
        ascending=bool(up),
    )


def _number(text: str) -> float | None:
    """What somebody typed into a filter; what is no number filters nothing."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None


def _histogram(scores: list[float]) -> list[tuple[str, list[int]]]:
    sums = [0] * 10
    for score in scores:
        sums[min(9, int(score * 10))] += 1
    return [(f"{place / 10:.1f}", [number]) for place, number in enumerate(sums)]
