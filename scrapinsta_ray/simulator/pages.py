"""Rendering: templates, the words of the visitor's language, inline JSON."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from scrapinsta_ray.simulator import json_shapes as shapes
from scrapinsta_ray.simulator.site import site_of, visit_of
from scrapinsta_ray.simulator.texts import TEXTS, exact, shortened


def inline(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003C").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def hue(pk: int) -> int:
    """A colour of one's own instead of a picture, 0..359."""
    return pk * 47 % 360


def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    env = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(exact=exact, shortened=shortened, hue=hue, inline=inline)
    return env


_ENVIRONMENT = _environment()


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """One page in the visitor's language; `t` are its words, `c` its class names, `viewer` who is logged in."""
    site, visit = site_of(request), visit_of(request)
    viewer = site.population.find(visit.account) if visit.account else None
    html = _ENVIRONMENT.get_template(template).render(
        t=TEXTS[visit.language],
        lang=visit.language,
        c=site.looks,
        viewer=viewer,
        viewer_json=shapes.page_viewer(viewer) if viewer else None,
        **values,
    )
    return HTMLResponse(html, status)
