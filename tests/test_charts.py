"""Each chart shows what it was given, leaves out what is not known, and can be sent to a browser as JSON."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from scrapinsta_ray import charts
from scrapinsta_ray.domain.scoring import benchmarks


def sent(figure: Any) -> dict[str, Any]:
    """As a browser reads it, strictly JSON."""

    def refused(word: str) -> None:
        raise AssertionError(word)

    read: dict[str, Any] = json.loads(figure.to_json(), parse_constant=refused)
    return read


@pytest.mark.parametrize(
    "column",
    [
        [0.2, None, 0.7],
        np.array([0.2, math.nan, 0.7]),
        pd.Series([0.2, None, 0.7], dtype="Float64"),
        pl.Series([0.2, None, 0.7]),
    ],
    ids=["list", "numpy", "pandas", "polars"],
)
def test_a_histogram_of_any_kind_of_column_leaves_out_what_is_not_known(column: Sequence[float]) -> None:
    [bars] = sent(charts.score_histogram(column))["data"]
    assert bars["type"] == "histogram"
    assert bars["x"] == [0.2, 0.7]


def test_the_scatter_has_a_dot_for_whoever_has_every_number() -> None:
    followers = pd.Series([100, None, 3_000], dtype="Int64")
    figure = sent(
        charts.engagement_scatter(["ana", "luz", "sol"], followers, [0.1, 0.1, 0.01], [0.6, 0.6, 0.3])
    )
    [dots] = figure["data"]
    assert (dots["text"], dots["x"], dots["y"]) == (["ana", "sol"], [100, 3_000], [0.1, 0.01])
    assert dots["marker"]["color"] == [0.6, 0.3]
    assert (figure["layout"]["xaxis"]["type"], figure["layout"]["yaxis"]["type"]) == ("log", "log")


def test_the_usual_line_is_the_models_own() -> None:
    figure = sent(charts.add_usual(charts.engagement_scatter(["ana"], [100], [0.1], [0.6])))
    _dots, line = figure["data"]
    usual = benchmarks.load("benchmarks_v2.json").engagement.at(np.array(line["x"]))
    assert line["y"] == pytest.approx(usual.tolist())


def test_the_parts_of_a_score_say_what_is_not_known() -> None:
    parts = {"engagement_score": 0.61, "reach_score": None, "activity": math.nan, "posts_per_week": 3.0}
    [bars] = sent(charts.score_parts("ana", parts, 0.58, 0.4))["data"]
    shown = dict(zip(bars["y"], bars["text"], strict=True))
    assert shown["engagement score"] == "0.61"
    assert shown["reach score"] == shown["activity"] == shown["coverage"] == "not known"
    assert (shown["success"], shown["confidence"]) == ("0.58", "0.40")
    assert "posts per week" not in shown


def test_both_models_are_compared_where_both_have_a_score() -> None:
    dots, _same = sent(charts.models_compared(["ana", "luz"], [0.3, None], [0.4, 0.5], [1.0, 0.5]))["data"]
    assert (dots["text"], dots["x"], dots["y"]) == (["ana"], [0.3], [0.4])


def test_lines_by_name() -> None:
    figure = sent(charts.lines("t", "x", "y", {"a": ([1, 2], [3, 4]), "b": ([1, 2], [5, None])}))
    assert [(line["name"], line["y"]) for line in figure["data"]] == [("a", [3, 4]), ("b", [5])]


def test_the_graph_draws_each_edge_and_names_whom_it_should() -> None:
    places = {"ana": (0.0, 0.0), "luz": (1.0, 2.0)}
    figure = charts.followings_graph(
        places, [("ana", "luz")], {"ana": 0, "luz": 9}, {"ana": 9, "luz": 4}, ["ana"]
    )
    follows, accounts = sent(figure)["data"]
    assert (follows["x"], follows["y"]) == ([0, 1, None], [0, 2, None])
    assert accounts["text"] == ["ana", ""]
    assert accounts["marker"]["size"] == [9, 4]


def test_the_overlap_is_written_into_its_cells() -> None:
    [cells] = sent(charts.overlap(["a", "b"], [[1, 0.25], [0.5, 1]]))["data"]
    assert cells["text"] == [["100%", "25%"], ["50%", "100%"]]


def test_the_timeline_begins_with_the_first_task() -> None:
    [bars] = sent(charts.task_timeline(["p", "q", "p"], [10.0, 10.5, 11.0], [11.0, 11.0, 13.0]))["data"]
    assert bars["base"] == [0, 0.5, 1]
    assert bars["x"] == [1, 0.5, 2]


def test_nothing_can_be_drawn() -> None:
    assert sent(charts.score_histogram([]))["data"][0]["x"] == []
    assert sent(charts.engagement_scatter([], [], [], []))["data"][0]["x"] == []
    assert sent(charts.task_timeline([], [], []))["data"][0]["x"] == []
