"""Charts as Plotly figures, one for notebooks and console alike: columns of numbers in, a figure out.

A column is any sequence of numbers, of a list, NumPy, pandas or Polars; a row that lacks a number is not drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from scrapinsta_ray.domain.scoring import benchmarks
from scrapinsta_ray.domain.scoring.columns import Floats
from scrapinsta_ray.domain.scoring.v2 import BENCHMARKS

Numbers = Any
"""A column: whatever NumPy takes for an array of numbers, None and NaN for what is not known."""

COLOURS = ("#3b6fd4", "#d9822b", "#2f9e6e", "#b5467c", "#7a5cc9", "#8a8d2f", "#3aa0b8", "#c0503c")
GREY = "#9aa0a6"

PARTS = ("engagement_score", "reach_score", "activity", "consistency", "coverage")
"""The parts of a score of v2 that lie between 0 and 1, in the order in which they are shown."""


def score_histogram(success: Numbers, *, title: str = "Success scores") -> go.Figure:
    """How many profiles have which score, in steps of 0.05."""
    [known] = _drawn(success)
    bins = {"start": 0, "end": 1.0001, "size": 0.05}
    bars = go.Histogram(x=known.tolist(), xbins=bins, marker={"color": COLOURS[0]}, name="profiles")
    return _figure([bars], title, "success score", "profiles", xaxis_range=[0, 1], bargap=0.05)


def engagement_scatter(
    username: Sequence[str], followers: Numbers, engagement: Numbers, success: Numbers
) -> go.Figure:
    """Each profile by its followers and engagement, both logarithmic, coloured by its score."""
    x, y, colour, name = _drawn(followers, engagement, success, names=username)
    dots = go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        text=name,
        mode="markers",
        name="profiles",
        showlegend=False,
        hovertemplate="%{text}<br>%{x}<br>%{y}<br>%{marker.color:.3f}<extra></extra>",
        marker={
            "color": colour.tolist(),
            "colorscale": "Viridis",
            "cmin": 0,
            "cmax": 1,
            "size": 8,
            "line": {"width": 1, "color": "#777"},
        },
    )
    figure = _figure([dots], "Engagement against followers", "followers", "engagement per post")
    figure.update_xaxes(type="log", dtick=1)
    return figure.update_yaxes(type="log", tickformat=".2~%", dtick="D2")


def add_usual(figure: go.Figure) -> go.Figure:
    """The engagement that v2 takes as usual, from 100 followers to 10 millions, as a line in an engagement_scatter."""
    followers = np.geomspace(1e2, 1e7, 61)
    usual = benchmarks.load(BENCHMARKS).engagement.at(followers)
    line = {"dash": "dash", "color": "#222", "width": 2.5}
    figure.add_scatter(
        x=followers.tolist(), y=usual.tolist(), mode="lines", name="usual", line=line, hoverinfo="skip"
    )
    dots = {"size": 6, "opacity": 0.75, "line_width": 0, "colorbar_title_text": "score"}
    figure.update_traces(marker=dots, selector={"mode": "markers"})
    return figure.update_layout(legend={"orientation": "h", "y": 1.08, "x": 1, "xanchor": "right"})


def score_parts(
    username: str, parts: Mapping[str, float | None], success: float | None, confidence: float | None
) -> go.Figure:
    """What one score of v2 is made of, 0 to 1; a part that is not known has its place and no bar."""
    values = {**{name: parts.get(name) for name in PARTS}, "success": success, "confidence": confidence}
    known = {
        name: None if value is None or np.isnan(value) else float(value) for name, value in values.items()
    }
    bars = go.Bar(
        x=[value or 0 for value in known.values()],
        y=[name.replace("_", " ") for name in known],
        text=["not known" if value is None else f"{value:.2f}" for value in known.values()],
        textposition="outside",
        cliponaxis=False,
        orientation="h",
        marker={"color": [COLOURS[1] if name in ("success", "confidence") else COLOURS[0] for name in known]},
    )
    figure = _figure([bars], f"Why {username} has this score", "", "", xaxis_range=[0, 1.1])
    figure.add_vline(x=0.5, line={"dash": "dot", "color": GREY})
    return figure.update_yaxes(autorange="reversed")


def models_compared(username: Sequence[str], v1: Numbers, v2: Numbers, confidence: Numbers) -> go.Figure:
    """Each profile by its scores of both models, the larger the surer; on the diagonal they agree."""
    x, y, sure, name = _drawn(v1, v2, confidence, names=username)
    dots = go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        text=name,
        mode="markers",
        hovertemplate="%{text}<br>v1 %{x:.3f}<br>v2 %{y:.3f}<extra></extra>",
        marker={"color": COLOURS[0], "size": (4 + 12 * sure).tolist(), "opacity": 0.55},
    )
    same = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": GREY}, hoverinfo="skip")
    figure = _figure([dots, same], "The same profiles by v1 and v2", "score of v1", "score of v2")
    return figure.update_layout(showlegend=False, xaxis_range=[0, 1], yaxis_range=[0, 1])


def lines(title: str, x: str, y: str, curves: Mapping[str, tuple[Numbers, Numbers]]) -> go.Figure:
    """Curves by name, each through its points; `x` and `y` name the axes."""
    drawn = [
        go.Scatter(x=a.tolist(), y=b.tolist(), mode="lines+markers", name=name, line={"color": colour})
        for (name, points), colour in zip(curves.items(), _colours(len(curves)), strict=True)
        for a, b in [_drawn(*points)]
    ]
    return _figure(drawn, title, x, y)


def followings_graph(
    places: Mapping[str, Sequence[float]],
    edges: Sequence[tuple[str, str]],
    group: Mapping[str, int],
    size: Mapping[str, float],
    named: Sequence[str] = (),
) -> go.Figure:
    """Accounts at their `places`, lines along whom they follow, coloured by group; `named` ones bear their names."""
    ends = [(places[a], places[b]) for a, b in edges]
    follows = go.Scatter(
        x=[at for (a, b) in ends for at in (a[0], b[0], None)],
        y=[at for (a, b) in ends for at in (a[1], b[1], None)],
        mode="lines",
        line={"width": 0.4, "color": GREY},
        opacity=0.6,
        hoverinfo="skip",
    )
    accounts = go.Scatter(
        x=[float(at[0]) for at in places.values()],
        y=[float(at[1]) for at in places.values()],
        mode="markers+text",
        text=[name if name in named else "" for name in places],
        hovertext=list(places),
        hoverinfo="text",
        textposition="top center",
        marker={
            "color": [COLOURS[group[name] % len(COLOURS)] for name in places],
            "size": [size[name] for name in places],
            "line": {"width": 0.5, "color": "#fff"},
        },
    )
    figure = _figure([follows, accounts], "Who follows whom", "", "", height=600, showlegend=False)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False)


def overlap(names: Sequence[str], shares: Sequence[Sequence[float]]) -> go.Figure:
    """How much of each list (row) is in each other (column), 0 to 1."""
    text = [[f"{share:.0%}" for share in row] for row in shares]
    cells = go.Heatmap(
        z=[list(row) for row in shares],
        x=list(names),
        y=list(names),
        text=text,
        texttemplate="%{text}",
        colorscale="Blues",
        zmin=0,
        zmax=1,
        showscale=False,
    )
    figure = _figure([cells], "How much of the one's list is in the other's", "", "")
    return figure.update_yaxes(autorange="reversed")


def task_timeline(worker: Sequence[str], begin_s: Numbers, end_s: Numbers) -> go.Figure:
    """Which worker was busy when: a bar a task, seconds from the first one's begin."""
    begin, end = np.asarray(begin_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    first = begin.min() if len(begin) else 0.0
    rows = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(dict.fromkeys(worker))}
    bars = go.Bar(
        x=(end - begin).tolist(),
        base=(begin - first).tolist(),
        y=list(worker),
        orientation="h",
        marker={"color": [rows[name] for name in worker], "line": {"width": 1, "color": "#fff"}},
    )
    return _figure([bars], "Which worker was busy when", "seconds", "", barmode="overlay")


def _figure(traces: Sequence[Any], title: str, x: str, y: str, **layout: Any) -> go.Figure:
    figure = go.Figure(list(traces))
    figure.update_layout(template="plotly_white", title={"text": title}, margin={"t": 60}, **layout)
    figure.update_xaxes(title={"text": x})
    return figure.update_yaxes(title={"text": y})


def _drawn(*columns: Numbers, names: Sequence[str] | None = None) -> list[Any]:
    """The rows of which every number is known, column by column, and their names last."""
    arrays: list[Floats] = [np.asarray(column, dtype=np.float64) for column in columns]
    known = np.asarray(np.isfinite(np.stack(arrays)).all(axis=0))
    kept: list[Any] = [array[known] for array in arrays]
    if names is not None:
        kept.append([name for name, there in zip(names, known.tolist(), strict=True) if there])
    return kept


def _colours(number: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(number)]
