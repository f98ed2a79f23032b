"""Small charts as SVG, drawn by the server: nothing inline but geometry, so that a strict policy lets them through."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 480, 120
_FOOT = 16

Column = tuple[str, Sequence[int]]
"""A label, and the parts that are stacked above it."""


def columns(title: str, data: Sequence[Column], parts: Sequence[tuple[str, str]]) -> Markup:
    """Stacked columns. `parts`: the CSS class and the name of each part; every column says its numbers as a title."""
    highest = max([sum(values) for _label, values in data] or [0]) or 1
    wide = WIDTH / max(1, len(data))
    drawn = []
    for place, (label, values) in enumerate(data):
        said = ", ".join(f"{name}: {number}" for (_css, name), number in zip(parts, values, strict=True))
        drawn.append(f"<g><title>{escape(label)}: {escape(said)}</title>")
        drawn.append(
            f'<rect class="ground" x="{place * wide:.1f}" y="0" width="{wide:.1f}" height="{HEIGHT - _FOOT}"/>'
        )
        top = float(HEIGHT - _FOOT)
        for (css, _name), number in zip(parts, values, strict=True):
            tall = number / highest * (HEIGHT - _FOOT - 10)
            top -= tall
            if tall:
                drawn.append(
                    f'<rect class="{css}" x="{place * wide + 1:.1f}" y="{top:.1f}" width="{wide - 2:.1f}"'
                    f' height="{tall:.1f}"/>'
                )
        drawn.append("</g>")
        if place % max(1, len(data) // 6) == 0:
            drawn.append(f'<text x="{place * wide + 1:.1f}" y="{HEIGHT - 3}">{escape(label)}</text>')
    drawn.append(f'<text class="top" x="0" y="9">{highest if any(sum(v) for _l, v in data) else 0}</text>')
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(drawn)}</svg>"
    )


BAR = ("ok", "error", "cancelled", "sent")
"""Parts of a progress bar from the left; what is left of it waits."""


def bar(counts: Mapping[Any, int], label: str) -> Markup:
    """A job's tasks by state, 100 wide; `job.js` changes it in place."""
    total = sum(counts.get(state, 0) for state in (*BAR, "queued")) or 1
    drawn, at = [], 0.0
    for state in BAR:
        wide = counts.get(state, 0) / total * 100
        drawn.append(
            f'<rect class="{state}" data-part="{state}" x="{at:.2f}" y="0" width="{wide:.2f}" height="4"/>'
        )
        at += wide
    return Markup(
        f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


def line(title: str, values: Sequence[float]) -> Markup:
    """A line through `values`, from the left to the right."""
    if len(values) < 2:
        return Markup("")
    highest = max(values) or 1
    step = WIDTH / (len(values) - 1)
    dots = " ".join(f"{n * step:.1f},{100 - value / highest * 90:.1f}" for n, value in enumerate(values))
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} 110" role="img" aria-label="{escape(title)}">'
        f'<polyline class="line" points="{dots}"/><text class="top" x="0" y="9">{highest:,.0f}</text></svg>'
    )
